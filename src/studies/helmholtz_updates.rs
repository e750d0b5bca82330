//! Whether the sampled updates of wake-sleep are what their names say: the wake update on average the gradient of the ELBO in the belief
//! net, the sleep update on average the gradient of E_p(v,h)[ln q(h | v)] in the recognition net.
//!
//! Small nets are summed over all states; updates are those of the trainer with plain steps of size one (Hinton, Dayan, Frey & Neal 1995).

use super::nets::{flat, flat_gradient, random_nets, unflat};
use super::{Axis, Figure, Findings, Laboratory, Study, instances};
use crate::inference::Recognition;
use crate::learning::{
    Ascent, Parameters, ReweightedWakeSleep, Sgd, Update, expected_sleep_gradient, expected_wake_gradient,
};
use crate::math::{Result, Stream, Tensor, host, larger, mean_of, smaller};
use crate::models::BeliefNet;
use crate::posterior::Posterior;
use serde::{Deserialize, Serialize};

/// log2 of the largest sum.
const MAX_BITS: f64 = 20.0;

/// Which nets and how many updates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HelmholtzUpdates {
    /// Units per layer of each net, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Standard deviation of the weights of both nets.
    pub weight_std: f64,
    /// Standard deviation of the biases of both nets.
    pub bias_std: f64,
    /// Sampled updates, each from the same parameters and on every visible state once.
    pub updates: usize,
    /// Size of the exact steps down the sleep objective.
    pub descent_rate: f64,
    /// Number of exact steps.
    pub descent_steps: usize,
    /// Displacement of a parameter for differences of the ELBO.
    pub difference_step: f64,
}

impl Default for HelmholtzUpdates {
    fn default() -> Self {
        Self {
            sizes: vec![vec![6, 4], vec![6, 4, 3]],
            weight_std: 1.0,
            bias_std: 0.5,
            updates: 3000,
            descent_rate: 0.1,
            descent_steps: 400,
            difference_step: 1e-5,
        }
    }
}

/// A belief net, its recognition net and every state of the visible units.
struct Machine {
    name: String,
    net: BeliefNet,
    recognition: Recognition,
    visible: Tensor,
}

/// Mean and standard error of the sampled updates of every parameter, beside the exact expectation.
struct Sampled {
    exact: Vec<f64>,
    means: Vec<f64>,
    errors: Vec<f64>,
}

impl Study for HelmholtzUpdates {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        let (mut wakes, mut sleeps, mut descents) = (Vec::new(), Vec::new(), Vec::new());
        let mut difference = 0.0_f64;
        for (index, sizes) in self.sizes.iter().enumerate() {
            lab.at("belief nets", index, self.sizes.len())?;
            let stream = stream.at(index as u64);
            let (net, recognition) = random_nets(sizes, self.weight_std, self.bias_std, stream)?;
            let name = instances::sizes_word(sizes);
            let machine = Machine { name, net, recognition, visible: instances::all_binary(sizes[0])? };
            let [wake, sleep] = self.sampled(&machine, stream.named("updates"))?;
            difference = larger(difference, self.elbo_difference(&machine, &wake.exact)?);
            descents.push((machine.name.clone(), self.descent(&machine)?));
            wakes.push((machine.name.clone(), wake));
            sleeps.push((machine.name, sleep));
        }
        findings.quantity("wake_elbo_gradient_difference_max", difference);
        report(&mut findings, "wake", "belief net", &wakes);
        report(&mut findings, "sleep", "recognition net", &sleeps);
        self.report_descent(&mut findings, &descents);
        Ok(findings)
    }
}

impl HelmholtzUpdates {
    /// The updates of both nets, from the same start, with plain steps of size one.
    fn sampled(&self, machine: &Machine, stream: Stream) -> Result<[Sampled; 2]> {
        let plain = Ascent::Sgd(Sgd { momentum: 0.0, weight_decay: 0.0 });
        let trainer = ReweightedWakeSleep::wake_sleep(plain);
        let start = trainer.begin(machine.net.clone(), machine.recognition.clone())?;
        let from =
            [flat(&Parameters::of_belief_net(&machine.net))?, flat(&Parameters::of_recognition(&machine.recognition))?];
        let mut moves = [Vec::with_capacity(self.updates), Vec::with_capacity(self.updates)];
        for step in 0..self.updates as u64 {
            let stream = stream.at(step);
            let update = Update::new(stream, [1.0, 1.0]);
            let (to, _) = trainer.step(start.clone(), &machine.visible, update)?;
            let to = [
                flat(&Parameters::of_belief_net(&to.generative))?,
                flat(&Parameters::of_recognition(&to.recognition))?,
            ];
            for ((moves, to), from) in moves.iter_mut().zip(to).zip(&from) {
                moves.push(to.iter().zip(from).map(|(to, from)| to - from).collect::<Vec<f64>>());
            }
        }
        let (wake, _) = expected_wake_gradient(&machine.net, &machine.recognition, &machine.visible, MAX_BITS)?;
        let (sleep, _) = expected_sleep_gradient(&machine.net, &machine.recognition, MAX_BITS)?;
        Ok([Sampled::new(flat_gradient(&wake)?, &moves[0]), Sampled::new(flat_gradient(&sleep)?, &moves[1])])
    }

    /// Largest difference, over parameters, of the exact wake update and central differences of the mean ELBO.
    fn elbo_difference(&self, machine: &Machine, exact: &[f64]) -> Result<f64> {
        let parameters = Parameters::of_belief_net(&machine.net);
        let at = flat(&parameters)?;
        let elbo = |index: usize, change: f64| {
            let mut values = at.clone();
            values[index] += change;
            let (weights, biases) = unflat(&values, &parameters)?;
            let net = BeliefNet::new(weights, biases)?;
            let (_, elbos) = expected_wake_gradient(&net, &machine.recognition, &machine.visible, MAX_BITS)?;
            Ok::<_, candle_core::Error>(mean_of(&elbos))
        };
        let step = self.difference_step;
        let mut largest = 0.0_f64;
        for (index, exact) in exact.iter().enumerate() {
            let slope = (elbo(index, step)? - elbo(index, -step)?) / (2.0 * step);
            largest = larger(largest, (slope - exact).abs());
        }
        Ok(largest)
    }

    /// E_p(v) KL(p(h | v) ‖ q(h | v)) before and after each exact sleep step.
    fn descent(&self, machine: &Machine) -> Result<Vec<f64>> {
        // ln p(h | v) on average over dreams: what ln q would be at best.
        let (posterior, log_evidence) = machine.net.posterior(&machine.visible, MAX_BITS)?;
        let entropies = host(&posterior.entropy()?)?;
        let best: f64 = -log_evidence.iter().zip(entropies).map(|(nats, entropy)| nats.exp() * entropy).sum::<f64>();
        let mut recognition = machine.recognition.clone();
        let mut gaps = Vec::with_capacity(self.descent_steps + 1);
        for _ in 0..=self.descent_steps {
            let (uphill, value) = expected_sleep_gradient(&machine.net, &recognition, MAX_BITS)?;
            gaps.push(best - value);
            let parameters = Parameters::of_recognition(&recognition);
            let (at, uphill) = (flat(&parameters)?, flat_gradient(&uphill)?);
            let moved: Vec<f64> = at.iter().zip(&uphill).map(|(at, up)| at + self.descent_rate * up).collect();
            let (weights, biases) = unflat(&moved, &parameters)?;
            recognition = Recognition::new(weights, biases)?;
        }
        Ok(gaps)
    }

    fn report_descent(&self, findings: &mut Findings, descents: &[(String, Vec<f64>)]) {
        let rises = |gaps: &Vec<f64>| gaps.windows(2).filter(|pair| pair[1] > pair[0] + 1e-12).count();
        findings.quantity("dream_kl_rises", descents.iter().map(|(_, gaps)| rises(gaps)).sum::<usize>() as f64);
        let mut figure = Figure::new(
            "Exact sleep descends the KL on dreams",
            String::new(),
            Axis::linear("exact sleep steps"),
            Axis::log("KL(p‖q) averaged over dreams, nats"),
        );
        let mut ends = Vec::new();
        for (name, gaps) in descents {
            let points = || gaps.iter().enumerate();
            findings.series(name, "sleep/dream_kl_nats", points().map(|(step, gap)| (step as u64, *gap)));
            figure = figure.line(name, points().map(|(step, gap)| (step as f64, *gap)));
            if let (Some(first), Some(last)) = (gaps.first(), gaps.last()) {
                ends.push(format!("{first:.2} to {last:.3} nats ({name})"));
            }
        }
        figure.caption = format!(
            "Small steps along the expected sleep update lower the KL from the true posterior to q, averaged over what the model dreams, at \
             every step: from {}.",
            ends.join(", from ")
        );
        findings.figure(figure);
    }
}

impl Sampled {
    fn new(exact: Vec<f64>, moves: &[Vec<f64>]) -> Self {
        let count = moves.len() as f64;
        let column = |index: usize| moves.iter().map(move |row| row[index]);
        let means: Vec<f64> = (0..exact.len()).map(|index| column(index).sum::<f64>() / count).collect();
        let error = |(index, mean): (usize, &f64)| {
            let squares: f64 = column(index).map(|value| (value - mean).powi(2)).sum();
            (squares / (count - 1.0) / count).sqrt()
        };
        let errors = means.iter().enumerate().map(error).collect();
        Self { exact, means, errors }
    }

    /// Distance of every mean from what is expected, in standard errors.
    fn distances(&self) -> impl Iterator<Item = f64> {
        let pairs = self.means.iter().zip(&self.exact).zip(&self.errors);
        pairs.map(|((mean, exact), error)| (mean - exact).abs() / error)
    }
}

fn report(findings: &mut Findings, phase: &str, net: &str, sampled: &[(String, Sampled)]) {
    let largest = sampled.iter().flat_map(|(_, one)| one.distances()).fold(0.0, larger);
    let parameters: usize = sampled.iter().map(|(_, one)| one.exact.len()).sum();
    findings.quantity(format!("{phase}_distance_standard_errors_max"), largest);
    findings.quantity(format!("{phase}_parameters"), parameters as f64);
    let mut figure = Figure::new(
        format!("The {phase} update, sampled and exact"),
        format!(
            "Each dot is one parameter of a {net}: the mean of its sampled {phase} updates lies on the exact expectation (broken line), at \
             most {largest:.1} standard errors away among {parameters}."
        ),
        Axis::linear("exact expectation of the update"),
        Axis::linear("mean of sampled updates"),
    );
    let ends = sampled.iter().flat_map(|(_, one)| one.exact.iter().copied());
    let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(low, high), value| (smaller(low, value), larger(high, value)));
    figure = figure.dashed("equal", [(low, low), (high, high)]);
    for (name, one) in sampled {
        let points = one.exact.iter().copied().zip(one.means.iter().copied()).collect();
        figure = figure.with(super::Mark::Dots { name: name.clone(), points, errors: one.errors.clone() });
    }
    findings.figure(figure);
}
