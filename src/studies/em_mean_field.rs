//! EM where the posterior is replaced by mean field: the bound is what rises, and the likelihood need not.
//!
//! Binary sparse coding on images of bars. With q restricted to products F(q, θ) = ELBO ≤ ln p(v; θ); a mean field that goes on from the
//! last means raises F in q, one that starts afresh may land in another optimum (Goodfellow, Bengio & Courville 2016, section 19.4.1).

use super::em_course::largest_fall;
use super::em_instances::bars;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{Exact, Inference, MeanField, Random, Stop};
use crate::learning::{
    EmStop, Expect, ExpectationMaximization, InClosedForm, Maximize, WarmMeanField, binary_sparse_coding_start,
};
use crate::math::{Nats, Result, Stream, Tensor, larger, mean_of};
use crate::models::{BinarySparseCoding, Evidence, ExpectedJoint};
use serde::{Deserialize, Serialize};

/// How long EM runs on how many images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmMeanField {
    /// Images of bars, 3 x 3 pixels.
    pub images: usize,
    /// Iterations of EM.
    pub iterations: usize,
    /// Sweeps of mean field in each E step, at most.
    pub sweeps: usize,
}

impl Default for EmMeanField {
    fn default() -> Self {
        Self { images: 60, iterations: 120, sweeps: 100 }
    }
}

/// The mean ELBO after each E step and the mean ln p(v) of the same parameters, nats.
struct Curves {
    elbo: Nats,
    /// The ELBO after every half step.
    half_steps: Nats,
    evidence: Nats,
    /// Largest ELBO less ln p(v) of any example: never above zero but for rounding.
    above: f64,
    /// The parameters at the end.
    model: BinarySparseCoding,
}

impl Study for EmMeanField {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let (data, _) = bars()?.sample(self.images, stream.named("bars"))?;
        let start = binary_sparse_coding_start(&data, 6, stream.named("start of the bars"))?;
        let first = Random.infer(&start, &data, stream.named("means"))?.q;
        let mean_field = |warm| WarmMeanField {
            by: MeanField::default(),
            stop: Stop::when_within(1e-10, self.sweeps),
            start: Some(first.clone()),
            warm,
        };
        lab.at("E steps", 0, 3)?;
        let warm = self.curves(start.clone(), &data, mean_field(true))?;
        lab.at("E steps", 1, 3)?;
        let cold = self.curves(start.clone(), &data, mean_field(false))?;
        lab.at("E steps", 2, 3)?;
        let exact = self.curves(start, &data, Exact { max_bits: 6.0 })?;
        let mut findings = findings(&warm, &cold, &exact);
        let begun = WarmMeanField { start: None, ..mean_field(true) };
        let from_there = self.curves(exact.model.clone(), &data, begun)?;
        let apart = (end(&from_there.evidence) - end(&exact.evidence)).abs();
        findings.quantity("begun_at_the_exact_optimum_log_likelihood_difference_nats", apart);
        findings.remark(format!(
            "Begun at the parameters that the exact posterior leads to, mean field settles {apart:.3} nats from them; begun at random \
             weights, {:.3} nats.",
            (end(&warm.evidence) - end(&exact.evidence)).abs()
        ));
        Ok(findings)
    }
}

impl EmMeanField {
    fn curves<E>(&self, start: BinarySparseCoding, data: &Tensor, expect: E) -> Result<Curves>
    where
        E: Expect<BinarySparseCoding>,
        BinarySparseCoding: ExpectedJoint<E::Posterior>,
        InClosedForm: Maximize<BinarySparseCoding, E::Posterior>,
    {
        let em = ExpectationMaximization { expect, maximize: InClosedForm, stop: EmStop::after(self.iterations) };
        let (mut model, mut last) = (start, None);
        let (mut elbo, mut half_steps, mut evidences, mut most_above) = (vec![], vec![], vec![], f64::NEG_INFINITY);
        for _ in 0..self.iterations {
            let evidence = model.log_evidence(data)?;
            let iteration = em.iterate(&model, data, last)?;
            let bounds = model.free_energy(data, &iteration.q)?;
            let above = bounds.iter().zip(&evidence).map(|(bound, evidence)| bound - evidence);
            most_above = above.fold(most_above, larger);
            elbo.push(iteration.after_expect);
            half_steps.extend([iteration.after_expect, iteration.after_maximize]);
            evidences.push(mean_of(&evidence));
            (model, last) = (iteration.model, Some(iteration.q));
        }
        Ok(Curves { elbo, half_steps, evidence: evidences, above: most_above, model })
    }
}

fn end(curve: &[f64]) -> f64 {
    curve.last().copied().unwrap_or(f64::NAN)
}

fn findings(warm: &Curves, cold: &Curves, exact: &Curves) -> Findings {
    let mut findings = Findings::default();
    findings.quantity("elbo_above_log_likelihood_nats_max", larger(warm.above, cold.above));
    findings.quantity("warm_elbo_fall_nats_max", largest_fall(&warm.half_steps));
    findings.quantity("cold_elbo_fall_nats_max", largest_fall(&cold.half_steps));
    findings.quantity("mean_field_log_likelihood_fall_nats_max", largest_fall(&warm.evidence));
    findings.quantity("exact_log_likelihood_fall_nats_max", largest_fall(&exact.evidence));
    findings.quantity("mean_field_elbo_nats_mean", end(&warm.elbo));
    findings.quantity("mean_field_log_likelihood_nats_mean", end(&warm.evidence));
    findings.quantity("exact_log_likelihood_nats_mean", end(&exact.evidence));
    findings.quantity("final_log_likelihood_difference_nats", (end(&warm.evidence) - end(&exact.evidence)).abs());
    let numbered = |curve: &[f64]| curve.iter().enumerate().map(|(t, nats)| (t as u64, *nats)).collect::<Vec<_>>();
    for (run, curves) in [("mean-field", warm), ("mean-field from scratch", cold), ("exact", exact)] {
        findings.series(run, "em/elbo_nats_mean", numbered(&curves.elbo));
        findings.series(run, "em/log_p_v_nats_mean", numbered(&curves.evidence));
    }
    let points = |curve: &[f64]| curve.iter().enumerate().map(|(t, nats)| (t as f64, *nats)).collect::<Vec<_>>();
    let caption = format!(
        "The ELBO of mean field rises at every half step and stays below ln p(v) of the same parameters: {:.3} against {:.3} at the \
         end. EM with the exact posterior from the same start ends at {:.3}.",
        end(&warm.elbo),
        end(&warm.evidence),
        end(&exact.evidence)
    );
    findings.figure(
        Figure::new(
            "EM with mean field in the E step",
            caption,
            Axis::linear("iteration"),
            Axis::linear("nats per image"),
        )
        .line("ELBO, mean field", points(&warm.elbo))
        .line("ln p(v), learnt by mean field", points(&warm.evidence))
        .line("ELBO, mean field from scratch in every E step", points(&cold.elbo))
        .dashed("ln p(v), learnt by the exact posterior", points(&exact.evidence)),
    );
    findings
}
