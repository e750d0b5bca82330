//! The ELBO of a point mass on every hidden state: it orders the states as the posterior does, and is loose by -ln p(h | v).
//!
//! With q = δ(h - h₀) on discrete h the entropy is 0 and the ELBO is ln p(v, h₀) = ln p(v) + ln p(h₀ | v) (book section 19.3). The
//! posterior is worked out on its own, as one table over all hidden states.

use super::instances::{random_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::elbo;
use crate::inference::{Inference, Map, Stop, Structured, Tables, Uninformed};
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, larger, mean_of, smaller};
use crate::models::{Dbm, LatentModel};
use crate::posterior::PointMass;
use serde::{Deserialize, Serialize};

/// The machine, and how many inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PointMassBound {
    /// Units per layer, visible first.
    pub sizes: Vec<usize>,
    /// Standard deviation of the weights.
    pub weight_std: f64,
    /// Standard deviation of the biases.
    pub bias_std: f64,
    /// Random inputs, each with all hidden states.
    pub inputs: usize,
}

impl Default for PointMassBound {
    fn default() -> Self {
        Self { sizes: vec![8, 6, 4, 2], weight_std: 1.0, bias_std: 0.5, inputs: 8 }
    }
}

/// Most states that are drawn.
const DRAWN: usize = 400;

/// One input: the ELBO of the point mass at each state, and ln p(h | v) there.
struct Input {
    elbos: Nats,
    log_posterior: Nats,
    log_evidence: f64,
    /// The ELBO that MAP inference reaches.
    map: f64,
}

impl Study for PointMassBound {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let stream = stream.named("machine").at(0);
        let dbm = random_dbm(&self.sizes, self.weight_std, self.bias_std, stream)?;
        let visible = random_binary(self.inputs, self.sizes[0], stream.named("inputs"))?;
        let inputs = (0..self.inputs).map(|input| {
            lab.at("inputs", input, self.inputs)?;
            self.input(&dbm, &visible.narrow(0, input, 1)?, stream)
        });
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let mut findings = Findings::default();
        let worst = |of: &dyn Fn(&Input) -> f64| inputs.iter().map(of).fold(0.0_f64, larger);
        findings.quantity("elbo_difference_error_nats_max", worst(&Input::difference_error));
        findings.quantity("map_looseness_error_nats_max", worst(&Input::looseness_error));
        findings.quantity("map_below_best_nats_max", worst(&|input| input.best().0 - input.map));
        findings.quantity("order_disagreements", worst(&Input::disagreements));
        findings.quantity("looseness_of_map_nats_mean", mean_of(&inputs.iter().map(|i| -i.best().1).collect::<Nats>()));
        let Some(first) = inputs.first() else { bail!("at least one input is asked for") };
        findings.figure(first.figure());
        Ok(findings)
    }
}

impl PointMassBound {
    fn input(&self, dbm: &Dbm, visible: &Tensor, stream: Stream) -> Result<Input> {
        let (tables, stop) = (Tables::OfSize(usize::MAX), Stop::after(1));
        let table = Structured { start: Uninformed, tables, max_bits: 20.0, stop }.infer(dbm, visible, stream)?.q;
        let [block] = table.blocks() else { bail!("one table over all hidden units was asked for") };
        let states = by_layer(&block.states, &table.partition().blocks()[0], &self.sizes[1..])?;
        let repeated = visible.broadcast_as((block.states.dim(0)?, self.sizes[0]))?.contiguous()?;
        let log_partition = dbm.free()?.log_partition(20.0)?[0];
        let units = dbm.units()[1..].to_vec();
        let map = Map { max_bits: 20.0 }.infer(dbm, visible, stream)?.q;
        Ok(Input {
            elbos: elbo(dbm, &repeated, &PointMass::at(units, states), log_partition)?,
            log_posterior: host(&block.log_probs)?,
            log_evidence: dbm.clamp(visible)?.log_partition(20.0)?[0] - log_partition,
            map: elbo(dbm, visible, &map, log_partition)?[0],
        })
    }
}

/// States of units in the order of a block as states of each layer.
fn by_layer(states: &Tensor, order: &[usize], sizes: &[usize]) -> Result<Layers> {
    let mut start = 0;
    let mut layers = Layers::new();
    for &units in sizes {
        let places = (start..start + units).filter_map(|unit| order.iter().position(|&other| other == unit));
        let places: Vec<u32> = places.map(|place| place as u32).collect();
        layers.push(states.index_select(&Tensor::from_vec(places, units, states.device())?, 1)?);
        start += units;
    }
    Ok(layers)
}

impl Input {
    /// ELBO and ln p(h | v) of the state with the largest ELBO.
    fn best(&self) -> (f64, f64) {
        let states = self.elbos.iter().copied().zip(self.log_posterior.iter().copied());
        states.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::NAN, f64::NAN))
    }

    /// Largest difference between a difference of two ELBOs and that of their log posteriors: the spread of ELBO - ln p(h | v).
    fn difference_error(&self) -> f64 {
        let offsets = self.elbos.iter().zip(&self.log_posterior).map(|(elbo, log)| elbo - log);
        let (low, high) =
            offsets.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (smaller(low, x), larger(high, x)));
        high - low
    }

    /// |ln p(v) - ELBO(h*) + ln p(h* | v)|.
    fn looseness_error(&self) -> f64 {
        let (elbo, log_posterior) = self.best();
        (self.log_evidence - elbo + log_posterior).abs()
    }

    /// Neighbours in the order of the ELBO that the posterior has the other way round, by more than rounding.
    fn disagreements(&self) -> f64 {
        let mut order: Vec<usize> = (0..self.elbos.len()).collect();
        order.sort_by(|&a, &b| self.elbos[a].total_cmp(&self.elbos[b]));
        let wrong = |pair: &&[usize]| self.log_posterior[pair[1]] < self.log_posterior[pair[0]] - 1e-9;
        order.windows(2).filter(wrong).count() as f64
    }

    fn figure(&self) -> Figure {
        let caption = format!(
            "Every hidden state of one input: the ELBO of the point mass there is ln p(h|v) plus the same {:.3} nats, so the best \
             point is the mode, and its bound is loose by {:.3} nats.",
            self.log_evidence,
            -self.best().1
        );
        let every = self.elbos.len().div_ceil(DRAWN).max(1);
        let points = self.log_posterior.iter().copied().zip(self.elbos.iter().copied()).step_by(every);
        let low = self.log_posterior.iter().copied().fold(0.0, smaller);
        let line = [(low, low + self.log_evidence), (0.0, self.log_evidence)];
        let (elbo, log_posterior) = self.best();
        Figure::new("Bounds of points", caption, Axis::linear("ln p(h|v), nats"), Axis::linear("ELBO, nats"))
            .line("slope 1 through ln p(v)", line)
            .dots("point masses", points)
            .dots("the mode", [(log_posterior, elbo)])
            .level("ln p(v)", self.log_evidence)
    }
}
