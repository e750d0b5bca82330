//! Whether the bound on ln p(v) with K samples of q tightens with K, from the ELBO at K = 1.
//!
//! L_K = E[ln (1/K) Σ_k p(v, h_k) / q(h_k | v)] (Burda, Grosse & Salakhutdinov 2016), sampled on small belief nets whose L_1, L_2 and ln p(v)
//! are sums over all hidden states.

use super::nets::random_nets;
use super::{Axis, Figure, Findings, Laboratory, Mark, Study, instances};
use crate::evaluate::{ImportanceBound, log_weights};
use crate::math::{Result, Stream, bail, larger, log_mean_exp, mean_of};
use serde::{Deserialize, Serialize};

/// Which nets, how many samples, which K.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportanceLadder {
    /// Units per layer of each net, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Standard deviation of the weights of both nets.
    pub weight_std: f64,
    /// Standard deviation of the biases of both nets.
    pub bias_std: f64,
    /// Samples for each visible state, cut into sets of K.
    pub samples: usize,
    /// The K, rising; the first two must be 1 and 2.
    pub particles: Vec<usize>,
}

impl Default for ImportanceLadder {
    fn default() -> Self {
        Self {
            sizes: vec![vec![6, 4], vec![6, 4, 3]],
            weight_std: 1.0,
            bias_std: 0.5,
            samples: 8000,
            particles: vec![1, 2, 5, 50],
        }
    }
}

/// Averages over all visible states of one net.
struct Ladder {
    name: String,
    /// (K, bound, standard error).
    rungs: Vec<(usize, f64, f64)>,
    elbo: f64,
    two: f64,
    evidence: f64,
}

impl Study for ImportanceLadder {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        if !self.particles.starts_with(&[1, 2]) {
            bail!("the ladder begins with 1 and 2 samples, where its value is known exactly");
        }
        let mut ladders = Vec::new();
        for (index, sizes) in self.sizes.iter().enumerate() {
            lab.at("belief nets", index, self.sizes.len())?;
            ladders.push(self.ladder(sizes, stream.at(index as u64))?);
        }
        Ok(findings(&ladders))
    }
}

impl ImportanceLadder {
    fn ladder(&self, sizes: &[usize], stream: Stream) -> Result<Ladder> {
        let (net, recognition) = random_nets(sizes, self.weight_std, self.bias_std, stream)?;
        let visible = instances::all_binary(sizes[0])?;
        let hidden = net.hidden_states(20.0)?;
        let log_q = recognition.log_prob_table(&visible, &hidden)?;
        let log_w = (net.log_joint_table(&visible, &hidden)? - &log_q)?.to_vec2::<f64>()?;
        let log_q = log_q.to_vec2::<f64>()?;
        let rows = || log_q.iter().zip(&log_w);
        let elbos: Vec<f64> = rows().map(|(q, w)| q.iter().zip(w).map(|(q, w)| q.exp() * w).sum()).collect();
        let weights = log_weights(&net, &recognition, &visible, self.samples, stream.named("samples"))?;
        let rung = |&particles: &usize| {
            let average = ImportanceBound::of(&weights, particles)?.average();
            Ok((particles, average.nats, average.error.unwrap_or(f64::NAN)))
        };
        Ok(Ladder {
            name: instances::sizes_word(sizes),
            rungs: self.particles.iter().map(rung).collect::<Result<_>>()?,
            elbo: mean_of(&elbos),
            two: mean_of(&rows().map(|(q, w)| of_two(q, w)).collect::<Vec<_>>()),
            evidence: mean_of(&net.log_evidence(&visible, 20.0)?),
        })
    }
}

/// L_2 by a sum over all pairs of hidden states.
fn of_two(log_q: &[f64], log_w: &[f64]) -> f64 {
    let pairs = log_q.iter().zip(log_w).enumerate().map(|(i, (q, w))| {
        let above = log_q[i + 1..].iter().zip(&log_w[i + 1..]);
        // Every pair of two different states comes in both orders.
        let different: f64 = above.map(|(q2, w2)| q2.exp() * log_mean_exp(&[*w, *w2])).sum();
        q.exp() * (q.exp() * w + 2.0 * different)
    });
    pairs.sum()
}

fn findings(ladders: &[Ladder]) -> Findings {
    let mut findings = Findings::default();
    let largest = |of: &dyn Fn(&Ladder) -> f64| ladders.iter().map(of).fold(f64::NEG_INFINITY, larger);
    let away = |rung: &(usize, f64, f64), exact: f64| (rung.1 - exact).abs() / rung.2;
    findings.quantity("one_sample_from_elbo_standard_errors_max", largest(&|one| away(&one.rungs[0], one.elbo)));
    findings.quantity("two_samples_from_exact_standard_errors_max", largest(&|one| away(&one.rungs[1], one.two)));
    let over = |one: &Ladder| {
        let excess = one.rungs.iter().map(|(_, nats, error)| (nats - one.evidence) / error);
        excess.fold(f64::NEG_INFINITY, larger)
    };
    findings.quantity("above_evidence_standard_errors_max", largest(&over));
    let rises = ladders
        .iter()
        .flat_map(|one| one.rungs.windows(2).map(|pair| (pair[1].1 - pair[0].1, pair[1].2.hypot(pair[0].2))));
    if let Some((rise, error)) = rises.min_by(|left, right| left.0.total_cmp(&right.0)) {
        findings.estimate("rise_to_next_nats_min", rise, error);
    }
    let mut figure = Figure::new(
        "Bounds with K samples",
        String::new(),
        Axis::log("samples K under the logarithm"),
        Axis::linear("nats below ln p(v), mean over all v"),
    );
    let mut gaps = Vec::new();
    for one in ladders {
        let points: Vec<(f64, f64)> =
            one.rungs.iter().map(|(particles, nats, _)| (*particles as f64, one.evidence - nats)).collect();
        let errors = one.rungs.iter().map(|(.., error)| *error).collect();
        gaps.push(format!("{:.2} to {:.3} ({})", points[0].1, points[points.len() - 1].1, one.name));
        figure = figure.line(&one.name, points.clone()).with(Mark::Dots { name: String::new(), points, errors });
        let exact = [(1.0, one.evidence - one.elbo), (2.0, one.evidence - one.two)];
        figure = figure.dots(format!("{}, exact", one.name), exact);
        let steps = one.rungs.iter().map(|(particles, nats, _)| (*particles as u64, *nats));
        findings.series(&one.name, "importance/bound_nats_mean", steps);
    }
    figure.caption = format!(
        "The bound starts at the ELBO and climbs with every further sample: from K = 1 to the largest K its distance from ln p(v) falls from {} \
         nats.",
        gaps.join(", ")
    );
    findings.figure(figure);
    let row = |one: &Ladder| {
        let rungs = one.rungs.iter().map(|(_, nats, error)| format!("{nats:.4} ± {error:.4}"));
        let exact = [format!("{:.4}", one.elbo), format!("{:.4}", one.two), format!("{:.4}", one.evidence)];
        std::iter::once(one.name.clone()).chain(rungs).chain(exact).collect::<Vec<_>>()
    };
    let names: Vec<String> =
        ladders.first().map_or(Vec::new(), |one| one.rungs.iter().map(|(k, ..)| format!("K = {k}")).collect());
    let mut head = vec!["net"];
    head.extend(names.iter().map(String::as_str));
    head.extend(["ELBO, exact", "K = 2, exact", "ln p(v), exact"]);
    findings.sheet("Means over all visible states, nats.", &head, ladders.iter().map(row).collect());
    findings
}
