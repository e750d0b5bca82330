//! What every machine must satisfy: its energy, its conditionals, its ln Z by three routes, its marginals and pair moments.
//!
//! ln p̃(x_0 … x_L) = Σ_l b_l · x_l + Σ_l x_lᵀ W_l x_{l+1}, p(x_l | neighbours) = σ(b_l + x_{l-1} W_{l-1} + W_l x_{l+1}) (book equations
//! 20.24 to 20.28, any depth, with biases). ln Z: over all states; over one half of alternate layers, the other summed out; and layer
//! after layer, m_{l+1}(x') = ln Σ_x exp(m_l(x) + xᵀ W_l x') + b_{l+1} · x'.

use super::instances::{all_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::learning::Statistics;
use crate::math::{Layers, Nats, Result, Stream, Tensor, bail, host, log_sum_exp, mean_of, sigmoid};
use crate::models::{Conditionals, Dbm};
use serde::{Deserialize, Serialize};

/// Machines small enough to list every state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MachineIdentities {
    /// Units per layer of each machine, visible first.
    pub machines: Vec<Vec<usize>>,
    /// Standard deviations of weights and biases.
    pub weight_stds: Vec<f64>,
}

impl Default for MachineIdentities {
    fn default() -> Self {
        let machines = vec![vec![7, 5], vec![6, 4, 3], vec![4, 3, 3, 2], vec![3, 3, 2, 2, 2]];
        Self { machines, weight_stds: vec![0.5, 1.0, 3.0] }
    }
}

/// Largest differences between routes.
#[derive(Default)]
struct Worst {
    energy: f64,
    conditional: f64,
    log_partition: f64,
    moments: f64,
    /// (over all states, layer after layer) for the picture of moments: exact pairs by both routes.
    pairs: Vec<(f64, f64)>,
    /// ln Z by three routes, for the table.
    rows: Vec<Vec<String>>,
}

impl Study for MachineIdentities {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut worst = Worst::default();
        for (index, sizes) in self.machines.iter().enumerate() {
            lab.at("machines", index, self.machines.len())?;
            for (place, &std) in self.weight_stds.iter().enumerate() {
                let dbm = random_dbm(sizes, std, std, stream.at(index as u64).at(place as u64))?;
                worst.look(&dbm, std)?;
            }
        }
        Ok(worst.findings())
    }
}

impl Worst {
    fn look(&mut self, dbm: &Dbm, std: f64) -> Result<()> {
        let states = listed(dbm)?;
        let free = dbm.free()?;
        let log_joint = host(&free.log_joint(&states)?)?;
        raise(&mut self.energy, &log_joint, &by_hand(dbm, &states)?);
        for layer in 0..states.len() {
            let input = host(&sigmoid(&free.input(&states, layer)?)?)?;
            raise(&mut self.conditional, &input, &conditional_by_joint(dbm, &states, layer)?);
        }
        let routes = [log_sum_exp(&log_joint), mean_of(&free.log_partition(20.0)?), layer_after_layer(dbm)?];
        routes.iter().for_each(|route| raise(&mut self.log_partition, &[*route], &routes[..1]));
        let log_probs: Nats = log_joint.iter().map(|log| log - routes[0]).collect();
        let found = moments(&Statistics::of_model(dbm, 20.0)?)?;
        let expected = moments_of(&states, &log_probs)?;
        raise(&mut self.moments, &found, &expected);
        self.pairs.extend(expected.into_iter().zip(found));
        let sizes: Vec<String> = dbm.sizes().iter().map(usize::to_string).collect();
        let numbers = routes.iter().map(|route| format!("{route:.10}"));
        self.rows.push([sizes.join("-"), std.to_string()].into_iter().chain(numbers).collect());
        Ok(())
    }

    fn findings(self) -> Findings {
        let mut findings = Findings::default();
        findings.quantity("energy_difference_nats_highest", self.energy);
        findings.quantity("conditional_difference_highest", self.conditional);
        findings.quantity("log_partition_difference_nats_highest", self.log_partition);
        findings.quantity("moment_difference_highest", self.moments);
        let caption = format!(
            "{} marginals and pair moments of machines with one to {} hidden layers: summing out half of the layers gives what the \
             list of all states gives, to {:.0e}.",
            self.pairs.len(),
            4,
            self.moments
        );
        let (x, y) = (Axis::linear("by the list of all states"), Axis::linear("by the smaller half of the layers"));
        findings.figure(
            Figure::new("Exact moments by two routes", caption, x, y)
                .dashed("equal", [(0.0, 0.0), (1.0, 1.0)])
                .dots("E[x], E[x xᵀ]", self.pairs),
        );
        let head = ["machine", "weight std", "all states", "smaller half", "layer after layer"];
        findings.sheet("ln Z by three routes, nats.", &head, self.rows);
        findings
    }
}

/// The largest of `worst` and the differences, relative to numbers above one.
fn raise(worst: &mut f64, left: &[f64], right: &[f64]) {
    for (left, right) in left.iter().zip(right) {
        let difference = (left - right).abs() / right.abs().max(1.0);
        if difference.is_nan() || difference > *worst {
            *worst = difference;
        }
    }
}

/// Every state of the whole machine, one tensor a layer.
fn listed(dbm: &Dbm) -> Result<Layers> {
    let (sizes, mut first) = (dbm.sizes(), 0);
    let all = all_binary(sizes.iter().sum())?;
    let cut = |units| {
        first += units;
        all.narrow(1, first - units, units)?.contiguous()
    };
    sizes.into_iter().map(cut).collect()
}

/// ln p̃ by plain loops over units.
fn by_hand(dbm: &Dbm, states: &[Tensor]) -> Result<Nats> {
    let layers = states.iter().map(Tensor::to_vec2::<f64>).collect::<Result<Vec<_>>>()?;
    let biases = dbm.biases().iter().map(host).collect::<Result<Vec<_>>>()?;
    let weights = dbm.weights().iter().map(|weight| weight.tensor()?.to_vec2::<f64>()).collect::<Result<Vec<_>>>()?;
    let one = |row: usize| {
        let mut total = 0.0;
        for (l, layer) in layers.iter().enumerate() {
            for (i, x) in layer[row].iter().enumerate().filter(|(_, x)| **x > 0.0) {
                total += biases[l][i] * x;
                if let Some(weights) = weights.get(l) {
                    total +=
                        weights[i].iter().zip(&layers[l + 1][row]).map(|(weight, above)| weight * above).sum::<f64>();
                }
            }
        }
        total
    };
    Ok((0..layers[0].len()).map(one).collect())
}

/// p(unit on | all others) of every unit of a layer in every state, from the joint with the unit on and off.
fn conditional_by_joint(dbm: &Dbm, states: &[Tensor], layer: usize) -> Result<Vec<f64>> {
    let (rows, units) = states[layer].dims2()?;
    let mut found = vec![0.0; rows * units];
    for unit in 0..units {
        let joint = |value: f64| {
            let mut states = states.to_vec();
            let mut values = host(&states[layer])?;
            values.iter_mut().skip(unit).step_by(units).for_each(|state| *state = value);
            states[layer] = Tensor::from_vec(values, (rows, units), dbm.device())?;
            by_hand(dbm, &states)
        };
        let (on, off) = (joint(1.0)?, joint(0.0)?);
        for (row, (on, off)) in on.iter().zip(off).enumerate() {
            found[row * units + unit] = 1.0 / (1.0 + (off - on).exp());
        }
    }
    Ok(found)
}

/// ln Z by the recursion over whole layers.
fn layer_after_layer(dbm: &Dbm) -> Result<f64> {
    let own = |l: usize, states: &Tensor| host(&states.matmul(&dbm.biases()[l].unsqueeze(1)?)?);
    let mut below = all_binary(dbm.sizes()[0])?;
    let mut messages = own(0, &below)?;
    for (l, weight) in dbm.weights().iter().enumerate() {
        let above = all_binary(dbm.sizes()[l + 1])?;
        let joined = above.matmul(&below.matmul(&weight.tensor()?)?.t()?)?.to_vec2::<f64>()?;
        let biases = own(l + 1, &above)?;
        let summed = |row: &Vec<f64>| log_sum_exp(&row.iter().zip(&messages).map(|(s, m)| s + m).collect::<Vec<_>>());
        messages = joined.iter().zip(biases).map(|(row, bias)| summed(row) + bias).collect();
        below = above;
    }
    if messages.is_empty() {
        bail!("a machine has at least one state");
    }
    Ok(log_sum_exp(&messages))
}

fn moments(statistics: &Statistics) -> Result<Vec<f64>> {
    let dense = statistics.dense()?;
    let weights = dense.weights.iter().map(|weight| host(&weight.tensor()?));
    Ok(weights.chain(dense.biases.iter().map(host)).collect::<Result<Vec<_>>>()?.concat())
}

/// The same moments as weighted sums over all listed states.
fn moments_of(states: &[Tensor], log_probs: &[f64]) -> Result<Vec<f64>> {
    let probs: Vec<f64> = log_probs.iter().map(|log| log.exp()).collect();
    let probs = Tensor::from_vec(probs, (log_probs.len(), 1), states[0].device())?;
    let mut found = Vec::new();
    for pair in states.windows(2) {
        found.extend(host(&pair[0].broadcast_mul(&probs)?.t()?.matmul(&pair[1])?)?);
    }
    for layer in states {
        found.extend(host(&probs.t()?.matmul(layer)?)?);
    }
    Ok(found)
}
