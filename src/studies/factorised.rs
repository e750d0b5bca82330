//! What q(h|v) = Π q(h_i|v) leaves out: the correlations that the posterior of a machine of any depth has and mean field has not.
//!
//! Units of a depth-one machine (the restricted Boltzmann machine) are independent given v, so there mean field is exact; in deeper ones
//! layers of hidden units interact (Goodfellow, Bengio & Courville 2016, sections 19.4 and 20.4).

use super::direct_sums::{divergence, log_joints, log_probabilities, normalized};
use super::instances::{all_binary, binary_inputs, random_dbm, sizes_word};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Inference, MeanField, Refined, Stop, Uninformed};
use crate::math::{Nats, Result, Stream, Tensor, larger, mean_of, smaller};
use crate::models::LatentModel;
use serde::{Deserialize, Serialize};

/// A variance below this is that of a unit that does not vary.
const STILL: f64 = 1e-9;

/// Machines, one of each depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Factorised {
    /// Units per layer of each machine, visible first.
    pub machines: Vec<Vec<usize>>,
    /// Standard deviation of the weights.
    pub weight_std: f64,
    /// Standard deviation of the biases.
    pub bias_std: f64,
    /// Most inputs of each: all where there are no more, else random ones.
    pub inputs: usize,
}

impl Default for Factorised {
    fn default() -> Self {
        let machines = vec![vec![6, 5], vec![6, 5, 4], vec![6, 5, 4, 3], vec![6, 5, 4, 3, 2]];
        Self { machines, weight_std: 1.0, bias_std: 0.5, inputs: 64 }
    }
}

/// One machine, over all inputs.
struct Case {
    name: String,
    depth: usize,
    kl: Nats,
    /// The largest |correlation| of any pair of hidden units, of each input.
    posterior: Nats,
    mean_field: Nats,
}

impl Study for Factorised {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut cases = Vec::new();
        for (index, sizes) in self.machines.iter().enumerate() {
            lab.at("machines", index, self.machines.len())?;
            cases.push(self.case(sizes, stream.at(index as u64))?);
        }
        Ok(findings(&cases))
    }
}

impl Factorised {
    fn case(&self, sizes: &[usize], stream: Stream) -> Result<Case> {
        let dbm = random_dbm(sizes, self.weight_std, self.bias_std, stream)?;
        let visible = binary_inputs(sizes[0], self.inputs, stream.named("inputs"))?;
        let stop = Stop::when_within(1e-13, 10_000);
        let q = Refined { start: Uninformed, by: MeanField::default(), stop }.infer(&dbm, &visible, stream)?.q;
        let states = all_binary(sizes[1..].iter().sum())?;
        let log_odds = Tensor::cat(q.inputs(), 1)?;
        let log_q = log_probabilities(&log_odds, &states)?;
        let (mut kl, mut log_posteriors) = (Vec::new(), Vec::new());
        for input in 0..visible.dim(0)? {
            let clamped = dbm.clamp(&visible.narrow(0, input, 1)?)?;
            let (log_posterior, _) = normalized(&log_joints(&clamped, &states)?)?;
            kl.extend(divergence(&log_q.narrow(0, input, 1)?, &log_posterior)?);
            log_posteriors.push(log_posterior);
        }
        let posterior = strongest_correlations(&Tensor::stack(&log_posteriors, 0)?, &states)?;
        let mean_field = strongest_correlations(&log_q, &states)?;
        Ok(Case { name: sizes_word(sizes), depth: sizes.len() - 1, kl, posterior, mean_field })
    }
}

/// The largest |correlation| of any two units in each row of distributions over `states` `[states, units]`.
fn strongest_correlations(log_probs: &Tensor, states: &Tensor) -> Result<Nats> {
    let (count, units) = states.dims2()?;
    let probs = log_probs.exp()?;
    let means = probs.matmul(states)?.to_vec2::<f64>()?;
    let pairs = states.unsqueeze(2)?.broadcast_mul(&states.unsqueeze(1)?)?.reshape((count, units * units))?;
    let moments = probs.matmul(&pairs)?;
    let strongest = |(means, moments): (&Vec<f64>, Vec<f64>)| {
        let variance = |unit: usize| means[unit] * (1.0 - means[unit]);
        let mut strongest: f64 = 0.0;
        for one in 0..units {
            for other in (0..one).filter(|&other| smaller(variance(one), variance(other)) > STILL) {
                let covariance = moments[one * units + other] - means[one] * means[other];
                strongest = larger(strongest, (covariance / (variance(one) * variance(other)).sqrt()).abs());
            }
        }
        strongest
    };
    Ok(means.iter().zip(moments.to_vec2::<f64>()?).map(strongest).collect())
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, larger)
}

fn findings(cases: &[Case]) -> Findings {
    let mut findings = Findings::default();
    let (mut flat, mut deep_kl, mut deep_correlation) = (0.0, f64::INFINITY, f64::INFINITY);
    for Case { depth, kl, posterior, .. } in cases {
        findings.quantity(format!("kl_nats_mean_depth_{depth}"), mean_of(kl));
        findings.quantity(format!("posterior_correlation_mean_depth_{depth}"), mean_of(posterior));
        match depth {
            1 => flat = most(kl),
            _ => {
                deep_kl = kl.iter().copied().fold(deep_kl, smaller);
                deep_correlation = posterior.iter().copied().fold(deep_correlation, smaller);
            }
        }
    }
    let mean_field = cases.iter().map(|case| most(&case.mean_field)).fold(0.0, larger);
    findings.quantity("q_correlation_max", mean_field);
    findings.quantity("kl_nats_max_depth_1", flat);
    findings.quantity("kl_nats_min_deeper", deep_kl);
    findings.quantity("posterior_correlation_min_deeper", deep_correlation);
    let name = |case: &Case| format!("depth {} ({})", case.depth, case.name);
    let caption = format!(
        "The strongest correlation of two hidden units, mean over inputs: none at depth one, {} deeper; mean field's q has none at any depth \
         (at most {mean_field:.0e}).",
        range(cases.iter().filter(|case| case.depth > 1).map(|case| mean_of(&case.posterior)))
    );
    let axes = (Axis::linear("machine"), Axis::linear("largest |correlation| of two hidden units"));
    findings.figure(
        Figure::new("What a factorial q leaves out", caption, axes.0, axes.1)
            .bars("posterior", cases.iter().map(|case| (name(case), mean_of(&case.posterior))))
            .bars("mean field", cases.iter().map(|case| (name(case), mean_of(&case.mean_field)))),
    );
    let caption = format!(
        "What that costs: KL {flat:.0e} nats at most at depth one, where mean field is exact, and {} nats on average deeper.",
        range(cases.iter().filter(|case| case.depth > 1).map(|case| mean_of(&case.kl)))
    );
    let axes = (Axis::linear("machine"), Axis::linear("KL(q‖p), nats, mean over inputs"));
    let bars = cases.iter().map(|case| (name(case), mean_of(&case.kl)));
    findings.figure(Figure::new("What it costs", caption, axes.0, axes.1).bars("mean field", bars));
    let row = |case: &Case| {
        let number = |value: f64| format!("{value:.3e}");
        let columns = [mean_of(&case.posterior), most(&case.mean_field), mean_of(&case.kl), most(&case.kl)];
        std::iter::once(name(case)).chain(columns.map(number)).collect()
    };
    let head = ["machine", "posterior |corr.|, mean", "q |corr.|, max", "KL mean, nats", "KL max, nats"];
    findings.sheet("By depth.", &head, cases.iter().map(row).collect());
    findings
}

/// From the smallest to the largest, as words.
fn range(values: impl Iterator<Item = f64>) -> String {
    let (low, high) =
        values.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), v| (smaller(low, v), larger(high, v)));
    format!("{low:.2} to {high:.2}")
}
