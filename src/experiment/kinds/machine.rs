//! The deep Boltzmann machine with its inference network.
//!
//! Names in a file: `layers.{l}.weight` `[n_l, n_{l+1}]` (rows are the lower layer, l = 0 … L - 1), `bias.{l}` `[n_l]` (0 is the
//! visible layer), and for the inference network `recognition.{l}.weight` `[n_l, n_{l+1}]` and `recognition.{l}.bias` `[n_{l+1}]`.

use super::super::blocks::{in_blocks, scheme_block};
use super::super::config::{self, Model, Scheme};
use super::super::judge::{Request, Watch, judge_knowing};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record, Value};
use super::super::pictures::{grid, reconstructions, rectangle, strongest};
use super::super::results::Results;
use super::super::sampled_pictures::sampled;
use super::super::{Chosen, Known, Result};
use super::{Kind, Seen, Trained};
use crate::inference::{Inference, Network, Trace};
use crate::learning::DbmWithNetwork;
use crate::math::{DType, Device, Layers, Stream, Tensor, host};
use crate::models::{Dbm, Reconstruct};
use crate::posterior::Posterior;

/// A machine, and its inference network where a file has one.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The machine.
    pub dbm: Dbm,
    /// Its inference network.
    pub network: Option<Network>,
}

impl From<DbmWithNetwork> for Trained {
    fn from(DbmWithNetwork { dbm, network }: DbmWithNetwork) -> Self {
        Self::Machine(Machine { dbm, network: Some(network) })
    }
}

impl TryFrom<Trained> for DbmWithNetwork {
    type Error = candle_core::Error;

    fn try_from(trained: Trained) -> crate::math::Result<Self> {
        match trained {
            Trained::Machine(Machine { dbm, network: Some(network) }) => Ok(Self { dbm, network }),
            Trained::Machine(Machine { dbm, network: None }) => Self::from_dbm(dbm),
            Trained::FineTuned(tuned) => Trained::Machine(tuned.machine).try_into(),
            other => Err(other.is_not("a deep Boltzmann machine")),
        }
    }
}

impl super::Read for Machine {
    fn read(reader: &mut Reader) -> Result<Self> {
        let depth = reader.count(|l| format!("layers.{l}.weight"));
        let dtype = reader.dtype("layers.0.weight");
        let weights =
            (0..depth).map(|l| reader.take(&format!("layers.{l}.weight"), 2, dtype)).collect::<Result<Vec<_>>>()?;
        let biases = (0..=depth).map(|l| reader.take(&format!("bias.{l}"), 1, dtype)).collect::<Result<Vec<_>>>()?;
        let dbm = Dbm::binary(weights, biases).map_err(|error| reader.problem(plain(error)))?;
        let network = network(reader, &dbm, dtype)?;
        let end = format!("the weights end with layers.{}.weight", depth - 1);
        reader.nothing_left(&["layers.", "bias.", "recognition."], &end)?;
        Ok(Self { dbm, network })
    }
}

impl Machine {
    /// Means of the hidden layers by the network, where there is one.
    fn means(&self, visible: &Tensor) -> Result<Layers> {
        let answer = self.network.as_ref().map(|network| network.posterior(visible)?.means());
        Ok(answer.transpose()?.unwrap_or_default())
    }
}

fn network(reader: &mut Reader, dbm: &Dbm, dtype: DType) -> Result<Option<Network>> {
    if !reader.has_any("recognition.") {
        return Ok(None);
    }
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for l in 0..dbm.depth() {
        weights.push(reader.take(&format!("recognition.{l}.weight"), 2, dtype)?);
        biases.push(reader.take(&format!("recognition.{l}.bias"), 1, dtype)?);
        if weights[l].dims() != dbm.weights()[l].dims() {
            return Err(reader.problem(format!(
                "recognition.{l}.weight is {:?}, layers.{l}.weight is {:?}",
                weights[l].dims(),
                dbm.weights()[l].dims()
            )));
        }
    }
    let network = Network::new(dbm.units()[1..].to_vec(), weights, biases);
    Ok(Some(network.map_err(|error| reader.problem(plain(error)))?))
}

impl Kind for Machine {
    fn name(&self) -> Option<&'static str> {
        None
    }

    fn section(&self) -> Model {
        Model::Machine(config::Machine::new(self.dbm.sizes().split_off(1)))
    }

    fn usual_schemes(&self) -> Vec<Scheme> {
        match self.network {
            Some(_) => self.section().usual_schemes(),
            None => vec![Scheme::mean_field()],
        }
    }

    fn sizes(&self) -> Vec<usize> {
        self.dbm.sizes()
    }

    fn dtype(&self) -> DType {
        self.dbm.dtype()
    }

    fn device(&self) -> &Device {
        self.dbm.device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = Vec::new();
        for (l, weight) in self.dbm.weights().iter().enumerate() {
            tensors.push((format!("layers.{l}.weight"), weight.tensor()?));
        }
        for (l, bias) in self.dbm.biases().iter().enumerate() {
            tensors.push((format!("bias.{l}"), bias.clone()));
        }
        if let Some(network) = &self.network {
            for (l, (weight, bias)) in network.weights().iter().zip(network.biases()).enumerate() {
                tensors.push((format!("recognition.{l}.weight"), weight.tensor()?));
                tensors.push((format!("recognition.{l}.bias"), bias.clone()));
            }
        }
        Ok(tensors)
    }

    fn judge(
        &self,
        visible: &Tensor,
        request: &Request,
        known: &mut Known,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Results> {
        judge_knowing(&self.dbm, self.network.as_ref(), visible, request, known, stream, watch)
    }

    fn traces(
        &self,
        visible: &Tensor,
        request: &Request,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Vec<(String, Trace)>> {
        let mut traces = Vec::new();
        for (name, scheme) in &request.schemes {
            let traced = Chosen::traced(scheme, self.network.as_ref(), self.dbm.dtype())?;
            let Some(traced) = traced else { continue };
            let mut blocks = Vec::new();
            in_blocks(name, visible, scheme_block(scheme, &self.dbm)?, watch, |first, rows| {
                blocks.push((rows.dim(0)?, traced.infer(&self.dbm, rows, stream.at(first as u64))?.trace));
                Ok(())
            })?;
            traces.push((name.clone(), together(&blocks)));
        }
        Ok(traces)
    }

    fn histograms(&self, seen: Seen, record: &mut Record) -> Result<()> {
        for (l, weight) in self.dbm.weights().iter().enumerate() {
            record.push(format!("weights/layers.{l}"), Value::Histogram(host(&weight.tensor()?)?));
        }
        for (l, bias) in self.dbm.biases().iter().enumerate() {
            record.push(format!("biases/bias.{l}"), Value::Histogram(host(bias)?));
        }
        for (l, weight) in self.network.iter().flat_map(Network::weights).enumerate() {
            record.push(format!("weights/recognition.{l}"), Value::Histogram(host(&weight.tensor()?)?));
        }
        for (l, means) in self.means(seen.visible)?.iter().enumerate() {
            record.push(format!("activations/hidden_{}", l + 1), Value::Histogram(host(means)?));
        }
        Ok(())
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        let (dbm, shape) = (&self.dbm, seen.shape);
        let mut filters = dbm.weights()[0].tensor()?;
        for l in 0..dbm.depth() {
            // Deeper filters are what a unit would like to see, projected down through the weights below it; many have next to none.
            if l > 0 {
                filters = filters.matmul(&dbm.weights()[l].tensor()?)?;
            }
            let units = filters.t()?;
            let units = if l > 0 { strongest(&units)? } else { units };
            record.push(format!("filters/layer_{}", l + 1), grid(&units, shape, Range::Clipped)?);
        }
        let means = self.means(seen.visible)?;
        let again = dbm.reconstruct(&means)?;
        record.push(
            "reconstructions/data_above_reconstruction",
            reconstructions(seen.visible, &again, shape, Range::Unit)?,
        );
        for (l, means) in means.iter().enumerate() {
            let shape = rectangle(means.dim(1)?);
            record.push(format!("posterior_means/hidden_{}", l + 1), grid(means, shape, Range::Unit)?);
        }
        let chains = (0..=dbm.depth()).map(|l| seen.tensors.get(&format!("chains.{l}")).cloned());
        if let Some(chains) = chains.collect::<Option<Layers>>() {
            let probabilities = dbm.reconstruct(&chains[1..])?;
            record.push("chains/probabilities", grid(&probabilities, shape, Range::Unit)?);
            record.push("chains/states", grid(&chains[0], shape, Range::Unit)?);
        }
        if seen.finished { sampled(dbm, seen, record) } else { Ok(()) }
    }
}

/// The sweeps of blocks of examples, given with their sizes, as those of all; a block that is done stays as it is.
fn together(blocks: &[(usize, Trace)]) -> Trace {
    let longest = |of: fn(&Trace) -> &[f64]| blocks.iter().map(|(_, trace)| of(trace).len()).max().unwrap_or(0);
    let examples: usize = blocks.iter().map(|(rows, _)| rows).sum();
    let elbo = |sweep: usize| {
        let at = |elbos: &[f64]| elbos.get(sweep).or(elbos.last()).copied().unwrap_or_default();
        let sum: f64 = blocks.iter().map(|(rows, trace)| *rows as f64 * at(&trace.elbos_unnormalized)).sum();
        sum / examples as f64
    };
    let change =
        |sweep: usize| blocks.iter().filter_map(|(_, trace)| trace.changes.get(sweep).copied()).fold(0.0, f64::max);
    Trace {
        elbos_unnormalized: (0..longest(|trace| &trace.elbos_unnormalized)).map(elbo).collect(),
        changes: (0..longest(|trace| &trace.changes)).map(change).collect(),
        ..Trace::default()
    }
}
