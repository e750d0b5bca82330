//! What one pass through a trained inference network is worth beside mean-field sweeps, on random and on trained machines.
//!
//! The network learns the answer of one sweep from its own (Salakhutdinov & Larochelle 2010); every KL(q ‖ p) is an exact sum. It begins
//! as a copy of the machine's own weights, doubled below the top, or at random.

use super::amortized::{Clamped, Taught, random_network, trained_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study, instances};
use crate::inference::Network;
use crate::math::{Result, Stream, larger, mean_of, smaller};
use serde::{Deserialize, Serialize};

/// A rise of the KL of an example by less than this, in nats, is rounding.
const ROUNDING: f64 = 1e-10;

/// Which machines and how the networks are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferenceNetwork {
    /// Units per layer of random machines, visible first; every visible state is an example.
    pub random: Vec<Vec<usize>>,
    /// Standard deviation of the weights and biases of random machines, and of the weights of networks that begin at random.
    pub weight_std: f64,
    /// Side of bars and stripes that trained machines have learnt.
    pub trained_sides: Vec<usize>,
    /// Their hidden units.
    pub trained_hidden: Vec<Vec<usize>>,
    /// Their updates.
    pub trained_updates: usize,
    /// Steps of each network.
    pub steps: usize,
    /// Rate of Adam.
    pub rate: f64,
    /// Sweeps of mean field from one half that the networks are held against, up to this many.
    pub sweeps: usize,
}

impl Default for InferenceNetwork {
    fn default() -> Self {
        Self {
            random: vec![vec![6, 5, 4], vec![8, 6, 4, 2]],
            weight_std: 0.9,
            trained_sides: vec![3, 4],
            trained_hidden: vec![vec![8, 4], vec![12, 8]],
            trained_updates: 6000,
            steps: 3000,
            rate: 0.01,
            sweeps: 8,
        }
    }
}

/// A network's training as it is judged: (step, mean, nats) each.
struct Judged {
    losses: Vec<(usize, f64)>,
    alone: Vec<(usize, f64)>,
    and_sweep: Vec<(usize, f64)>,
    rises: usize,
}

/// One machine and what was found on it.
struct Case {
    name: String,
    trained: bool,
    sizes: Vec<usize>,
    copied: Judged,
    random: Judged,
    /// Mean KL after 0, 1, 2 … sweeps from one half, nats.
    sweeps: Vec<f64>,
    converged: f64,
}

impl Study for InferenceNetwork {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let count = self.random.len() + self.trained_sides.len();
        let mut cases = Vec::new();
        for (index, sizes) in self.random.iter().enumerate() {
            lab.at("machines", index, count)?;
            let stream = stream.named("random").at(index as u64);
            let dbm = instances::random_dbm(sizes, self.weight_std, self.weight_std, stream)?;
            cases.push(self.case("random", Clamped::new(dbm, instances::all_binary(sizes[0])?)?, stream)?);
        }
        for (index, (&side, hidden)) in self.trained_sides.iter().zip(&self.trained_hidden).enumerate() {
            lab.at("machines", self.random.len() + index, count)?;
            let stream = stream.named("trained").at(index as u64);
            let (dbm, data) = trained_dbm(side, hidden, self.trained_updates, stream)?;
            cases.push(self.case("trained", Clamped::new(dbm, data)?, stream)?);
        }
        Ok(findings(&cases))
    }
}

impl InferenceNetwork {
    fn case(&self, word: &str, clamped: Clamped, stream: Stream) -> Result<Case> {
        let sizes = clamped.dbm.sizes();
        let copy = Network::from_dbm(&clamped.dbm)?;
        let random = random_network(&clamped.dbm, self.weight_std, stream.named("network"))?;
        let train = |network| self.judged(&clamped, network, stream.named("training"));
        let after = |sweeps| Ok(mean_of(&clamped.kl_of_mean_field(Some(sweeps), stream)?));
        Ok(Case {
            name: format!("{word} {}", instances::sizes_word(&sizes)),
            trained: word == "trained",
            copied: train(copy)?,
            random: train(random)?,
            sweeps: (0..=self.sweeps).map(after).collect::<Result<_>>()?,
            converged: mean_of(&clamped.kl_of_mean_field(None, stream)?),
            sizes,
        })
    }

    fn judged(&self, clamped: &Clamped, network: Network, stream: Stream) -> Result<Judged> {
        let looks_at = |step: usize| step.is_multiple_of(100) || step < 100 && step.is_multiple_of(5);
        let Taught { losses, looks, .. } = clamped.train(network, self.steps, self.rate, looks_at, stream)?;
        let mut judged = Judged { losses, alone: Vec::new(), and_sweep: Vec::new(), rises: 0 };
        for (step, network) in looks {
            let alone = clamped.kl_of_network(&network)?;
            let and_sweep = clamped.kl_of_network_and_sweep(&network, stream)?;
            judged.rises +=
                alone.iter().zip(&and_sweep).filter(|(before, after)| **after > **before + ROUNDING).count();
            judged.alone.push((step, mean_of(&alone)));
            judged.and_sweep.push((step, mean_of(&and_sweep)));
        }
        Ok(judged)
    }
}

impl Judged {
    fn first(curve: &[(usize, f64)]) -> f64 {
        curve.first().map_or(f64::NAN, |point| point.1)
    }

    fn last(curve: &[(usize, f64)]) -> f64 {
        curve.last().map_or(f64::NAN, |point| point.1)
    }

    /// How many times smaller the loss becomes.
    fn fall(&self) -> f64 {
        Self::first(&self.losses) / Self::last(&self.losses)
    }
}

impl Case {
    /// KL of the trained network that began as a copy.
    fn network(&self) -> f64 {
        Judged::last(&self.copied.alone)
    }

    /// Multiply-adds of so many sweeps: the visible units send once, then every pair of hidden layers both ways.
    fn cost_of_sweeps(&self, sweeps: usize) -> f64 {
        let pairs = self.sizes.windows(2).map(|pair| pair[0] * pair[1]);
        let all: usize = pairs.clone().skip(1).sum();
        (pairs.take(1).sum::<usize>() + 2 * sweeps * all) as f64
    }

    fn cost_of_network(&self) -> f64 {
        self.sizes.windows(2).map(|pair| pair[0] * pair[1]).sum::<usize>() as f64
    }
}

fn findings(cases: &[Case]) -> Findings {
    let mut findings = Findings::default();
    let of = |trained: bool| cases.iter().filter(move |case| case.trained == trained);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, larger);
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, smaller);
    for (word, trained) in [("random", false), ("trained", true)] {
        let excess = |case: &Case| case.network() - case.converged;
        findings.quantity(format!("{word}_network_excess_kl_nats_max"), most(&mut of(trained).map(excess)));
        let excess = |case: &Case| Judged::last(&case.copied.and_sweep) - case.converged;
        findings.quantity(format!("{word}_network_and_sweep_excess_kl_nats_max"), most(&mut of(trained).map(excess)));
        let excess = |case: &Case| Judged::last(&case.random.alone) - case.converged;
        findings.quantity(format!("{word}_network_from_random_excess_kl_nats_max"), most(&mut of(trained).map(excess)));
        for sweeps in [1, 2] {
            let excess = |case: &Case| case.network() - case.sweeps[sweeps];
            let name = |what| format!("{word}_network_minus_{sweeps}_sweeps_kl_nats_{what}");
            findings.quantity(name("max"), most(&mut of(trained).map(excess)));
            findings.quantity(name("min"), least(&mut of(trained).map(excess)));
        }
    }
    findings.quantity("loss_fall_factor_min", least(&mut cases.iter().map(|case| case.copied.fall())));
    findings.quantity("loss_fall_factor_from_random_min", least(&mut cases.iter().map(|case| case.random.fall())));
    let start = |case: &Case| Judged::first(&case.random.alone) / Judged::first(&case.copied.alone);
    findings.quantity("random_over_copied_start_kl_min", least(&mut cases.iter().map(start)));
    let rises: usize = cases.iter().map(|case| case.copied.rises + case.random.rises).sum();
    findings.quantity("sweep_raises_kl_count", rises as f64);
    for case in cases {
        report(&mut findings, case);
    }
    findings.figure(costs(cases));
    findings.figure(losses(cases));
    findings.sheet(
        "Mean KL(q‖p) over examples, nats.",
        &[
            "machine",
            "copied, before",
            "copied, after",
            "after + 1 sweep",
            "random, before",
            "random, after",
            "1 sweep",
            "2 sweeps",
            "converged",
        ],
        cases.iter().map(row).collect(),
    );
    findings
}

fn row(case: &Case) -> Vec<String> {
    let numbers = [
        Judged::first(&case.copied.alone),
        case.network(),
        Judged::last(&case.copied.and_sweep),
        Judged::first(&case.random.alone),
        Judged::last(&case.random.alone),
        case.sweeps[1],
        case.sweeps[2],
        case.converged,
    ];
    std::iter::once(case.name.clone()).chain(numbers.map(|number| format!("{number:.5}"))).collect()
}

fn report(findings: &mut Findings, case: &Case) {
    for (start, judged) in [("copied", &case.copied), ("random", &case.random)] {
        let run = format!("{}, {start} start", case.name);
        let curves = [("loss_kl", &judged.losses), ("kl_nu", &judged.alone), ("kl_nu_plus1", &judged.and_sweep)];
        for (tag, curve) in curves {
            let points = curve.iter().map(|(step, value)| (*step as u64, *value));
            findings.series(&run, format!("recognition/{tag}_nats_mean"), points);
        }
    }
    let points = |curve: &[(usize, f64)]| curve.iter().map(|(step, kl)| (*step as f64, *kl)).collect::<Vec<_>>();
    let caption = format!(
        "The network's answer goes from {:.3} to {:.4} nats from the posterior of the {} machine, one sweep more to {:.4}; converged mean \
         field is at {:.4}. From a random start it begins at {:.3}.",
        Judged::first(&case.copied.alone),
        case.network(),
        case.name,
        Judged::last(&case.copied.and_sweep),
        case.converged,
        Judged::first(&case.random.alone)
    );
    findings.figure(
        Figure::new(
            format!("Learning to infer: {}", case.name),
            caption,
            Axis::linear("Adam steps"),
            Axis::log("mean KL(q‖p), nats"),
        )
        .line("network, copied start", points(&case.copied.alone))
        .line("the same and one sweep", points(&case.copied.and_sweep))
        .dashed("network, random start", points(&case.random.alone))
        .with(super::Mark::Level { name: "converged mean field".into(), at: case.converged }),
    );
}

/// KL against cost: the sweeps of each machine as a line, its network as a dot.
fn costs(cases: &[Case]) -> Figure {
    let caption = "One pass through the trained network costs less than one sweep (its dot lies left of the second point of the line) and \
                   comes closer to the posterior than the first sweeps of mean field from one half."
        .to_string();
    let mut figure = Figure::new(
        "What a pass is worth",
        caption,
        Axis::log("multiply-adds an example"),
        Axis::log("mean KL(q‖p), nats"),
    );
    for case in cases {
        let sweeps = case.sweeps.iter().enumerate().map(|(sweeps, kl)| (case.cost_of_sweeps(sweeps), *kl));
        figure = figure.line(format!("sweeps, {}", case.name), sweeps);
        figure = figure.dots(format!("network, {}", case.name), [(case.cost_of_network(), case.network())]);
    }
    figure
}

fn losses(cases: &[Case]) -> Figure {
    let least = cases.iter().map(|case| case.copied.fall()).fold(f64::INFINITY, smaller);
    let mut figure = Figure::new(
        "The network learns the answer of one sweep from its own",
        format!(
            "KL from the refined answer to the network's falls by a factor of {least:.0} or more on every machine."
        ),
        Axis::linear("Adam steps"),
        Axis::log("KL(refined ‖ network), nats"),
    );
    for case in cases {
        let points = case.copied.losses.iter().map(|(step, loss)| (*step as f64, *loss));
        figure = figure.line(&case.name, points);
    }
    figure
}
