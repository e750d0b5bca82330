//! Many random q on several models: the bound, and what it leaves to ln p(v).
//!
//! ln p(v) = L(q) + KL(q(h|v) ‖ p(h|v)) (Goodfellow, Bengio & Courville 2016, equations 19.1 to 19.7). L is worked out by its formula,
//! ln p̃(v) by summing out units, and the KL by summing over every state of the hidden units: three ways that know nothing of each other.
//! ln Z is on both sides and left out.

use super::direct_sums::{average, divergence, log_joints, log_probabilities, normalized, split};
use super::instances::{all_binary, random_binary, random_dbm, sizes_word};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Exact, Inference};
use crate::math::{DType, Device, Nats, Result, Stream, Tensor, bail, host, larger, smaller};
use crate::models::{BeliefNet, BinarySparseCoding, Evidence, ExpectedJoint, LatentModel, Multilinear};
use crate::posterior::{Factorial, Posterior, Table};
use crate::units::{Binary, Kind};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// log2 of the most states of an exact sum.
const MAX_BITS: f64 = 20.0;
/// Points of each model in the figure of the identity.
const SHOWN: usize = 200;

/// The models, and how many q.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EveryQ {
    /// Boltzmann machines: units per layer, visible first.
    pub machines: Vec<Vec<usize>>,
    /// Visible and hidden units of binary sparse coding.
    pub sparse_coding: [usize; 2],
    /// Units per layer of a sigmoid belief net, visible first.
    pub belief_net: Vec<usize>,
    /// Standard deviation of all weights.
    pub weight_std: f64,
    /// Inputs of each model.
    pub inputs: usize,
    /// Random q of each input.
    pub posteriors: usize,
}

impl Default for EveryQ {
    fn default() -> Self {
        Self {
            machines: vec![vec![6, 5, 4], vec![8, 6, 4, 2]],
            sparse_coding: [12, 8],
            belief_net: vec![6, 4, 3],
            weight_std: 1.0,
            inputs: 4,
            posteriors: 1000,
        }
    }
}

/// What one model gives, over all its inputs.
struct Case {
    name: String,
    /// ln p(v) - L and KL of every random q, input after input.
    pairs: Vec<(f64, f64)>,
    /// ln p(v) - L of the exact posterior of each input.
    exact: Nats,
    /// Of each input, whether the q of the largest L is that of the smallest KL.
    agreeing: Vec<bool>,
}

impl Study for EveryQ {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let of = self.machines.len() + 2;
        let mut cases = Vec::new();
        for (index, sizes) in self.machines.iter().enumerate() {
            lab.at("models", index, of)?;
            cases.push(self.machine(sizes, stream.named("machine").at(index as u64))?);
        }
        lab.at("models", of - 2, of)?;
        cases.push(self.binary_sparse_coding(stream.named("sparse coding"))?);
        lab.at("models", of - 1, of)?;
        cases.push(self.sigmoid_belief_net(stream.named("belief net"))?);
        self.findings(&cases)
    }
}

impl EveryQ {
    fn machine(&self, sizes: &[usize], stream: Stream) -> Result<Case> {
        let dbm = random_dbm(sizes, self.weight_std, 0.5 * self.weight_std, stream)?;
        let visible = random_binary(self.inputs, sizes[0], stream.named("inputs"))?;
        let evidence = dbm.clamp(&visible)?.log_partition(MAX_BITS)?;
        let exact = Exact { max_bits: MAX_BITS }.infer(&dbm, &visible, stream)?.q;
        self.multilinear(format!("DBM {}", sizes_word(sizes)), &dbm, &visible, evidence, &exact, stream)
    }

    fn binary_sparse_coding(&self, stream: Stream) -> Result<Case> {
        let [visible, hidden] = self.sparse_coding;
        let draw = |name: &str, rows, columns| stream.named(name).normal(rows, columns, DType::F64, &Device::Cpu);
        let weight = (draw("weights", visible, hidden)? * self.weight_std)?;
        let bias = draw("biases", 1, hidden)?.squeeze(0)?;
        let model = BinarySparseCoding::new(weight, bias, Tensor::ones(visible, DType::F64, &Device::Cpu)?)?;
        let (inputs, _) = model.sample(self.inputs, stream.named("inputs"))?;
        let evidence = model.log_evidence(&inputs)?;
        let exact = Exact { max_bits: MAX_BITS }.infer(&model, &inputs, stream)?.q;
        self.multilinear(format!("sparse coding {visible}-{hidden}"), &model, &inputs, evidence, &exact, stream)
    }

    /// A model whose bound of a factorial q has a closed form.
    fn multilinear<M>(
        &self,
        name: String,
        model: &M,
        visible: &Tensor,
        evidence: Nats,
        exact: &Table,
        stream: Stream,
    ) -> Result<Case>
    where
        M: LatentModel + ExpectedJoint<Table> + ExpectedJoint<Factorial>,
        M::Clamped: Multilinear,
    {
        let sizes: Vec<usize> = model.hidden().into_iter().map(|(_, units)| units).collect();
        let states = all_binary(sizes.iter().sum())?;
        let exact = difference(&evidence, &model.free_energy(visible, exact)?);
        let mut case = Case { name, pairs: Vec::new(), exact, agreeing: Vec::new() };
        for (input, evidence) in evidence.iter().enumerate() {
            let clamped = model.clamp(&visible.narrow(0, input, 1)?)?;
            let (log_posterior, _) = normalized(&log_joints(&clamped, &states)?)?;
            let log_odds = self.log_odds(states.dim(1)?, stream.named("q").at(input as u64))?;
            let q = factorial(&log_odds, &sizes)?;
            let many = visible.narrow(0, input, 1)?.broadcast_as((self.posteriors, visible.dim(1)?))?.contiguous()?;
            let bounds = model.free_energy(&many, &q)?;
            case.add(*evidence, &bounds, &divergence(&log_probabilities(&log_odds, &states)?, &log_posterior)?)?;
        }
        Ok(case)
    }

    /// The bound of a factorial q on a belief net has no closed form and is summed up.
    fn sigmoid_belief_net(&self, stream: Stream) -> Result<Case> {
        let net = BeliefNet::random(&self.belief_net, self.weight_std, stream, DType::F64, &Device::Cpu)?;
        let visible = random_binary(self.inputs, self.belief_net[0], stream.named("inputs"))?;
        let evidence = net.log_evidence(&visible, MAX_BITS)?;
        let exact = Exact { max_bits: MAX_BITS }.infer(&net, &visible, stream)?.q;
        let exact = difference(&evidence, &net.free_energy(&visible, &exact)?);
        let states = all_binary(self.belief_net[1..].iter().sum())?;
        let name = format!("belief net {}", sizes_word(&self.belief_net));
        let mut case = Case { name, pairs: Vec::new(), exact, agreeing: Vec::new() };
        for (input, evidence) in evidence.iter().enumerate() {
            let mut layers = split(&states, &self.belief_net[1..])?;
            let clamped = visible.narrow(0, input, 1)?.broadcast_as((states.dim(0)?, visible.dim(1)?))?.contiguous()?;
            layers.insert(0, clamped);
            let joints = net.log_joint(&layers)?;
            let log_odds = self.log_odds(states.dim(1)?, stream.named("q").at(input as u64))?;
            let log_q = log_probabilities(&log_odds, &states)?;
            let q = factorial(&log_odds, &self.belief_net[1..])?;
            let entropies = host(&q.entropy()?)?;
            let bounds: Nats = average(&log_q, &joints)?.iter().zip(entropies).map(|(joint, h)| joint + h).collect();
            case.add(*evidence, &bounds, &divergence(&log_q, &normalized(&joints)?.0)?)?;
        }
        Ok(case)
    }

    /// Log-odds of means that are uniform in (0, 1), `[posteriors, units]`.
    fn log_odds(&self, units: usize, stream: Stream) -> Result<Tensor> {
        let draws = stream.uniform(self.posteriors, units, DType::F64, &Device::Cpu)?;
        draws.log()? - (1.0 - draws)?.log()?
    }

    fn findings(&self, cases: &[Case]) -> Result<Findings> {
        let mut findings = Findings::default();
        let pairs = || cases.iter().flat_map(|case| case.pairs.iter().copied());
        let least = pairs().map(|(gap, _)| gap).fold(f64::INFINITY, smaller);
        let apart = pairs().map(|(gap, kl)| (gap - kl).abs()).fold(0.0, larger);
        let exact = cases.iter().flat_map(|case| &case.exact).fold(0.0, |most: f64, gap| larger(most, gap.abs()));
        let inputs = cases.iter().flat_map(|case| &case.agreeing);
        let agreeing = inputs.clone().filter(|agrees| **agrees).count() as f64 / inputs.count() as f64;
        findings.quantity("gap_nats_min", least);
        findings.quantity("exact_posterior_gap_nats_max", exact);
        findings.quantity("identity_error_nats_max", apart);
        findings.quantity("same_best_q_share", agreeing);
        findings.figure(self.gaps(cases, least, exact));
        findings.figure(identity(cases, apart));
        let row = |case: &Case| {
            let gaps = || case.pairs.iter().map(|(gap, _)| *gap);
            let mean = gaps().sum::<f64>() / case.pairs.len() as f64;
            let least = gaps().fold(f64::INFINITY, smaller);
            let apart = case.pairs.iter().map(|(gap, kl)| (gap - kl).abs()).fold(0.0, larger);
            vec![case.name.clone(), format!("{least:.4}"), format!("{mean:.4}"), format!("{apart:.1e}")]
        };
        let head = ["model", "smallest gap, nats", "mean gap, nats", "|gap - KL|, at most"];
        findings.sheet("Random q: what the bound leaves to ln p(v).", &head, cases.iter().map(row).collect());
        Ok(findings)
    }

    /// How many q leave how much.
    fn gaps(&self, cases: &[Case], least: f64, exact: f64) -> Figure {
        const BINS: usize = 40;
        let most = cases.iter().flat_map(|case| &case.pairs).map(|(gap, _)| *gap).fold(0.0, larger);
        let caption = format!(
            "No random q reaches log p(v): the smallest gap of {} is {least:.3} nats. The exact posterior leaves {exact:.0e} nats.",
            cases.iter().map(|case| case.pairs.len()).sum::<usize>()
        );
        let axes = (Axis::linear("log p(v) − L(q), nats"), Axis::linear("share of random q"));
        let mut figure = Figure::new("What random q leave to log p(v)", caption, axes.0, axes.1);
        for case in cases {
            let mut counts = [0.0; BINS];
            for (gap, _) in &case.pairs {
                counts[((gap / most * BINS as f64) as usize).min(BINS - 1)] += 1.0 / case.pairs.len() as f64;
            }
            let middle = |bin: usize| (bin as f64 + 0.5) * most / BINS as f64;
            figure = figure.line(&case.name, counts.into_iter().enumerate().map(|(bin, share)| (middle(bin), share)));
        }
        figure
    }
}

/// The gap against the KL, on the diagonal.
fn identity(cases: &[Case], apart: f64) -> Figure {
    let caption = format!(
        "What the bound leaves is the KL to the posterior, summed over every state of the hidden units: they differ by at most {apart:.0e} \
         nats, so the largest L is the smallest KL."
    );
    let axes = (Axis::log("KL(q‖p) by summation, nats"), Axis::log("log p(v) − L(q), nats"));
    let mut figure = Figure::new("The gap is the KL", caption, axes.0, axes.1);
    for case in cases {
        let stride = case.pairs.len().div_ceil(SHOWN).max(1);
        figure = figure.dots(&case.name, case.pairs.iter().step_by(stride).map(|(gap, kl)| (*kl, *gap)));
    }
    let ends = cases.iter().flat_map(|case| &case.pairs).map(|(_, kl)| *kl);
    let ends = ends.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), kl| (smaller(low, kl), larger(high, kl)));
    figure.dashed("equal", [(ends.0, ends.0), (ends.1, ends.1)])
}

impl Case {
    /// Adds the random q of one input.
    fn add(&mut self, evidence: f64, bounds: &[f64], divergences: &[f64]) -> Result<()> {
        let best = |values: &[f64], sign: f64| {
            (0..values.len()).max_by(|&a, &b| (sign * values[a]).total_cmp(&(sign * values[b])))
        };
        let (Some(highest), Some(nearest)) = (best(bounds, 1.0), best(divergences, -1.0)) else {
            bail!("at least one random q has to be tried")
        };
        self.agreeing.push(highest == nearest);
        self.pairs.extend(bounds.iter().zip(divergences).map(|(bound, kl)| (evidence - bound, *kl)));
        Ok(())
    }
}

/// A factorial q of binary units from the log-odds of all of them.
fn factorial(log_odds: &Tensor, sizes: &[usize]) -> Result<Factorial> {
    let units = sizes.iter().map(|_| Arc::new(Binary) as Kind).collect();
    Ok(Factorial::from_inputs(units, split(log_odds, sizes)?))
}

fn difference(evidence: &[f64], bounds: &[f64]) -> Nats {
    evidence.iter().zip(bounds).map(|(evidence, bound)| evidence - bound).collect()
}
