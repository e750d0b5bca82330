//! How soon mean field is there, and that its answer is not the marginals.
//!
//! KL(q ‖ p(h | v)) after so many ascending sweeps from 1/2, on a random machine over all inputs and on one trained on bars and stripes over its
//! examples; and the KL of the product of the exact marginals, which has every marginal right. KL is ln p̃(v) - (E_q[ln p̃] + H(q)), with
//! ln p̃(v) by enumeration.

use super::instances::{all_binary, bars_and_stripes, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::elbo_unnormalized;
use crate::inference::{Inference, MeanField, Refined, Stop, Uninformed};
use crate::learning::{DbmWithNetwork, Joint, MaximumLikelihood, NegativePhase, SchemeAlone, Sgd, Trainer, Update};
use crate::math::{DType, Device, Layers, Result, Stream, Tensor, host, mean_of};
use crate::models::{Dbm, LatentModel};
use crate::posterior::{Factorial, Posterior};
use serde::{Deserialize, Serialize};

/// Both machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanFieldSweeps {
    /// Units per layer of the random machine, visible first.
    pub sizes: Vec<usize>,
    /// Standard deviation of its weights.
    pub weight_std: f64,
    /// Standard deviation of its biases.
    pub bias_std: f64,
    /// Rows of the bars and stripes that the other machine learns.
    pub side: usize,
    /// Units of its hidden layers.
    pub hidden: Vec<usize>,
    /// Updates of its training.
    pub updates: usize,
    /// Learning rate at the first update; it falls to a tenth.
    pub learning_rate: f64,
    /// Numbers of sweeps after which the KL is worked out.
    pub sweeps: Vec<usize>,
}

impl Default for MeanFieldSweeps {
    fn default() -> Self {
        Self {
            sizes: vec![8, 6, 4, 2],
            weight_std: 1.0,
            bias_std: 0.5,
            side: 4,
            hidden: vec![12, 8],
            updates: 3000,
            learning_rate: 0.05,
            sweeps: vec![1, 2, 3, 4, 5, 7, 10, 20, 50],
        }
    }
}

/// log2 of the most states that are enumerated.
const MAX_BITS: f64 = 16.0;

/// A q of every example, measured against the exact posterior: means over examples.
#[derive(Clone, Copy)]
struct Measured {
    kl: f64,
    marginal_error: f64,
}

/// A machine, inputs, and the exact answers.
struct Problem {
    dbm: Dbm,
    visible: Tensor,
    log_evidence: Vec<f64>,
    marginals: Layers,
}

impl Study for MeanFieldSweeps {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let random = random_dbm(&self.sizes, self.weight_std, self.bias_std, stream)?;
        let random = Problem::new(random, all_binary(self.sizes[0])?)?;
        let examples = bars_and_stripes(self.side)?;
        let trained = Problem::new(self.trained(&examples, stream.named("trained"), lab)?, examples)?;
        let limit = random.measure(&random.mean_field(Stop::when_within(1e-12, 10_000))?)?;
        let axes = (Axis::log("sweeps"), Axis::log("KL(q‖p) above its limit, nats"));
        let mut figure = Figure::new("Mean field converges in few sweeps", "", axes.0, axes.1);
        for (name, problem) in [("random", &random), ("trained", &trained)] {
            let curve = self.excesses(name, problem, &mut findings)?;
            figure = figure.line(format!("{name} machine"), curve);
        }
        figure.caption = format!(
            "After 5 sweeps the KL is {:.0e} nats above its limit of {:.3} on the random machine and {:.0e} above one of {:.3} on the \
             trained one.",
            found(&findings, "random_kl_excess_after_5_sweeps_nats"),
            found(&findings, "random_kl_limit_nats"),
            found(&findings, "trained_kl_excess_after_5_sweeps_nats"),
            found(&findings, "trained_kl_limit_nats"),
        );
        let log_partition = trained.dbm.free()?.log_partition(MAX_BITS)?[0];
        findings.quantity("trained_log_likelihood_nats_mean", mean_of(&trained.log_evidence) - log_partition);
        findings.figure(figure);
        marginals_against(&random, limit, &mut findings)?;
        Ok(findings)
    }
}

impl MeanFieldSweeps {
    /// Stochastic maximum likelihood with ten mean-field sweeps in the positive phase.
    fn trained(&self, examples: &Tensor, stream: Stream, lab: &mut dyn Laboratory) -> Result<Dbm> {
        let sizes = [&[self.side * self.side], self.hidden.as_slice()].concat();
        let sgd = Sgd { momentum: 0.5, weight_decay: 0.0 };
        let training = MaximumLikelihood {
            positive: SchemeAlone(Refined { start: Uninformed, by: MeanField::default(), stop: Stop::after(10) }),
            negative: NegativePhase { chains: 100, sweeps: 5 },
            dbm: sgd,
            network: sgd,
        };
        let dbm = Dbm::random(&sizes, 0.05, stream.named("weights"), DType::F64, &Device::Cpu)?;
        let mut state: Joint = training.init(DbmWithNetwork::from_dbm(dbm)?, stream.named("chains"))?;
        for step in 0..self.updates {
            if step % 250 == 0 {
                lab.at("updates of the trained machine", step, self.updates)?;
            }
            let update = Update::new(
                stream.named("updates").at(step as u64),
                [self.learning_rate * (1.0 - 0.9 * step as f64 / self.updates as f64), 0.0],
            );
            state = training.step(state, examples, update)?.0;
        }
        Ok(state.dbm)
    }

    /// (sweeps, KL above its limit).
    fn excesses(&self, name: &str, problem: &Problem, findings: &mut Findings) -> Result<Vec<(f64, f64)>> {
        let limit = problem.measure(&problem.mean_field(Stop::when_within(1e-12, 10_000))?)?.kl;
        findings.quantity(format!("{name}_kl_limit_nats"), limit);
        let (mut curve, mut series) = (Vec::new(), Vec::new());
        for &sweeps in &self.sweeps {
            let kl = problem.measure(&problem.mean_field(Stop::after(sweeps))?)?.kl;
            findings.quantity(format!("{name}_kl_after_{sweeps}_sweeps_nats"), kl);
            findings.quantity(format!("{name}_kl_excess_after_{sweeps}_sweeps_nats"), kl - limit);
            series.push((sweeps as u64, kl));
            // Below this, rounding is all that is left to see.
            if kl - limit > 1e-13 {
                curve.push((sweeps as f64, kl - limit));
            }
        }
        findings.series(name, "inference/kl_nats_mean", series);
        Ok(curve)
    }
}

impl Problem {
    fn new(dbm: Dbm, visible: Tensor) -> Result<Self> {
        let (table, log_evidence) = dbm.clamp(&visible)?.tabulate(MAX_BITS)?;
        Ok(Self { marginals: table.means()?, dbm, visible, log_evidence })
    }

    fn mean_field(&self, stop: Stop) -> Result<Factorial> {
        let scheme = Refined { start: Uninformed, by: MeanField::default(), stop };
        Ok(scheme.infer(&self.dbm, &self.visible, Stream::new(0))?.q)
    }

    fn measure(&self, q: &Factorial) -> Result<Measured> {
        let bounds = elbo_unnormalized(&self.dbm, &self.visible, q)?;
        let kls: Vec<f64> = self.log_evidence.iter().zip(bounds).map(|(evidence, bound)| evidence - bound).collect();
        let mut errors = Vec::new();
        for (mean, marginal) in q.means()?.iter().zip(&self.marginals) {
            errors.extend(host(&(mean - marginal)?.abs()?)?);
        }
        Ok(Measured { kl: mean_of(&kls), marginal_error: mean_of(&errors) })
    }
}

/// The number of a name; none where nothing was found under it.
fn found(findings: &Findings, name: &str) -> f64 {
    findings.get(name).map_or(f64::NAN, |quantity| quantity.value)
}

/// The product of the exact marginals beside the limit of mean field.
fn marginals_against(problem: &Problem, mean_field: Measured, findings: &mut Findings) -> Result<()> {
    let product = Factorial::from_means(problem.dbm.units()[1..].to_vec(), &problem.marginals)?;
    let product = problem.measure(&product)?;
    for (name, measured) in [("mean_field", mean_field), ("product_of_marginals", product)] {
        findings.quantity(format!("{name}_kl_nats_mean"), measured.kl);
        findings.quantity(format!("{name}_marginal_error_mean"), measured.marginal_error);
    }
    findings.quantity("product_kl_above_mean_field_nats", product.kl - mean_field.kl);
    let caption = format!(
        "The product of the exact marginals has no marginal error and a KL(q‖p) of {:.4} nats; mean field has marginals wrong by {:.4} on \
         average and a KL of {:.4}: it does not look for the marginals.",
        product.kl, mean_field.marginal_error, mean_field.kl
    );
    let axes = (Axis::linear("q"), Axis::linear("KL(q‖p) in nats; mean marginal error"));
    let names = ["mean field", "product of exact marginals"];
    let both = [mean_field, product];
    let bars = |value: fn(&Measured) -> f64| names.into_iter().zip(both.iter().map(value)).collect::<Vec<_>>();
    let figure = Figure::new("Mean field is not the marginals", caption, axes.0, axes.1)
        .bars("KL(q‖p)", bars(|measured| measured.kl))
        .bars("marginal error", bars(|measured| measured.marginal_error));
    findings.figure(figure);
    Ok(())
}
