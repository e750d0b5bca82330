//! Wake-sleep on bars and stripes, beside reweighted wake-sleep and the exact gradient of the likelihood, from the same start, on the
//! same batches, with the same optimiser.
//!
//! The belief net is small, so ln p(v), the ELBO of the recognition net and the probability of the data among all dreams are exact sums
//! (Hinton, Dayan, Frey & Neal 1995; Bornschein & Bengio 2015).

use super::nets::random_nets;
use super::{Axis, Figure, Findings, Laboratory, Mark, Study, instances};
use crate::inference::Recognition;
use crate::learning::{Adam, Ascent, Parameters, ReweightedWakeSleep, Update, evidence_gradient};
use crate::math::{DType, Result, Stream, Tensor, bail, host, larger, mean_of, smaller};
use crate::models::BeliefNet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// log2 of the largest sum.
const MAX_BITS: f64 = 20.0;

/// The names of the three ways to learn.
const NAMES: [&str; 3] = ["wake_sleep", "reweighted", "exact"];

/// The net, its training and when it is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WakeSleep {
    /// Side of the pictures of bars and stripes.
    pub side: usize,
    /// Units of the hidden layers, the lowest first.
    pub hidden: Vec<usize>,
    /// Standard deviation of all weights at the start.
    pub weight_std: f64,
    /// Rate of Adam, of all three alike.
    pub rate: f64,
    /// Examples to an update, drawn with replacement.
    pub batch: usize,
    /// Updates of wake-sleep and of reweighted wake-sleep.
    pub updates: usize,
    /// Updates along the exact gradient, which serve to show how fast learning can begin.
    pub exact_updates: usize,
    /// Updates after which the likelihoods are compared.
    pub compared_at: Vec<usize>,
    /// Samples of reweighted wake-sleep, whose recognition net follows half its wake and half its sleep gradient.
    pub particles: usize,
    /// Mean ln p(v), nats, whose first passing is timed in updates.
    pub threshold: f64,
    /// Independent repetitions.
    pub seeds: usize,
}

impl Default for WakeSleep {
    fn default() -> Self {
        Self {
            side: 3,
            hidden: vec![8],
            weight_std: 0.1,
            rate: 0.01,
            batch: 20,
            updates: 20_000,
            exact_updates: 5000,
            compared_at: vec![1000, 2000],
            particles: 5,
            threshold: -4.5,
            seeds: 3,
        }
    }
}

/// What one look at a net finds; means over the data in nats.
#[derive(Clone, Copy, Debug)]
struct Look {
    update: usize,
    log_likelihood: f64,
    elbo: f64,
    data_probability: f64,
}

/// One way to learn, one look after the other, for each repetition.
struct Curves {
    name: &'static str,
    seeds: Vec<Vec<Look>>,
}

impl Study for WakeSleep {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut curves = NAMES.map(|name| Curves { name, seeds: Vec::new() });
        for seed in 0..self.seeds {
            lab.at("repetitions", seed, self.seeds)?;
            let learn = |way: usize| self.learn(way, stream.at(seed as u64));
            let looks = (0..NAMES.len()).into_par_iter().with_max_len(1).map(learn).collect::<Result<Vec<_>>>()?;
            curves.iter_mut().zip(looks).for_each(|(curve, looks)| curve.seeds.push(looks));
        }
        self.findings(&curves)
    }
}

impl WakeSleep {
    fn learn(&self, way: usize, stream: Stream) -> Result<Vec<Look>> {
        let data = instances::bars_and_stripes(self.side)?;
        let sizes = [vec![data.dim(1)?], self.hidden.clone()].concat();
        let (net, recognition) = random_nets(&sizes, self.weight_std, 0.0, stream)?;
        if NAMES[way] == "exact" {
            return self.learn_exactly(net, &recognition, &data, stream);
        }
        let adam = Ascent::Adam(Adam::default());
        let trainer = match NAMES[way] {
            "wake_sleep" => ReweightedWakeSleep::wake_sleep(adam),
            _ => {
                ReweightedWakeSleep { particles: self.particles, wake_share: 0.5, generative: adam, recognition: adam }
            }
        };
        let mut state = trainer.begin(net, recognition)?;
        let mut looks = vec![look(0, &state.generative, &state.recognition, &data)?];
        for step in 1..=self.updates {
            let update = Update::new(stream.named("updates").at(step as u64), [self.rate, self.rate]);
            (state, _) = trainer.step(state, &self.batch_of(&data, step, stream)?, update)?;
            if self.looks_at(step) {
                looks.push(look(step, &state.generative, &state.recognition, &data)?);
            }
        }
        Ok(looks)
    }

    /// The same steps along the gradient of ln p(v) itself; the recognition net rests and is not judged.
    fn learn_exactly(&self, start: BeliefNet, rests: &Recognition, data: &Tensor, stream: Stream) -> Result<Vec<Look>> {
        let (adam, mut net) = (Ascent::Adam(Adam::default()), start);
        let mut state = adam.begin(&Parameters::of_belief_net(&net))?;
        let mut looks = vec![look(0, &net, rests, data)?];
        for step in 1..=self.exact_updates {
            let (uphill, _) = evidence_gradient(&net, &self.batch_of(data, step, stream)?, MAX_BITS)?;
            let (to, next) = adam.step(Parameters::of_belief_net(&net), state, &uphill, self.rate)?;
            (net, state) = (BeliefNet::new(to.weights, to.biases)?, next);
            if self.looks_at(step) {
                looks.push(look(step, &net, rests, data)?);
            }
        }
        Ok(looks)
    }

    /// The same rows whichever way is learnt.
    fn batch_of(&self, data: &Tensor, step: usize, stream: Stream) -> Result<Tensor> {
        let draws = stream.named("batches").at(step as u64).uniform(1, self.batch, DType::F64, data.device())?;
        let rows = (draws.squeeze(0)? * data.dim(0)? as f64)?.floor()?.to_dtype(DType::U32)?;
        data.index_select(&rows, 0)
    }

    /// Often at first, when little time has passed, and then at even distances.
    fn looks_at(&self, step: usize) -> bool {
        step.is_multiple_of(250)
            || step < 1000 && step.is_multiple_of(25)
            || self.compared_at.contains(&step)
            || step == self.updates
    }

    fn findings(&self, curves: &[Curves; 3]) -> Result<Findings> {
        let mut findings = Findings::default();
        let [wake_sleep, reweighted, _] = curves;
        for curve in curves {
            for &step in &self.compared_at {
                let values = curve.at(step)?;
                let name = |what| format!("{}_log_likelihood_nats_at_{step}_{what}", curve.name);
                findings.quantity(name("min"), values.iter().copied().fold(f64::INFINITY, smaller));
                findings.quantity(name("max"), values.iter().copied().fold(f64::NEG_INFINITY, larger));
            }
            let reached = curve.seeds.iter().map(|looks| {
                let first = looks.iter().find(|look| look.log_likelihood > self.threshold);
                first.map_or(f64::INFINITY, |look| look.update as f64)
            });
            findings.quantity(format!("{}_updates_to_threshold_max", curve.name), reached.fold(0.0, larger));
        }
        let of = |looks: &[Look], value: fn(&Look) -> f64| [looks.first().map(value), looks.last().map(value)];
        let ends = |curve: &Curves, value: fn(&Look) -> f64| {
            curve.seeds.iter().filter_map(|looks| of(looks, value)[0].zip(of(looks, value)[1])).collect::<Vec<_>>()
        };
        let likelihoods = ends(wake_sleep, |look| look.log_likelihood);
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, smaller);
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, larger);
        findings.quantity("log_likelihood_nats_start_max", most(&mut likelihoods.iter().map(|pair| pair.0)));
        findings.quantity("log_likelihood_nats_start_min", least(&mut likelihoods.iter().map(|pair| pair.0)));
        findings.quantity("log_likelihood_nats_end_min", least(&mut likelihoods.iter().map(|pair| pair.1)));
        let probabilities = ends(wake_sleep, |look| look.data_probability);
        findings.quantity("data_probability_start_max", most(&mut probabilities.iter().map(|pair| pair.0)));
        findings.quantity("data_probability_end_min", least(&mut probabilities.iter().map(|pair| pair.1)));
        let others = ends(reweighted, |look| look.log_likelihood);
        let differences = likelihoods.iter().zip(&others).map(|(own, other)| (own.1 - other.1).abs());
        findings.quantity("end_difference_nats_max", most(&mut differences.into_iter()));
        self.report(&mut findings, curves);
        Ok(findings)
    }

    fn report(&self, findings: &mut Findings, curves: &[Curves; 3]) {
        let count = self.side * self.side;
        let best = -((1 << (self.side + 1)) as f64 - 2.0).ln();
        for curve in curves {
            for (seed, looks) in curve.seeds.iter().enumerate() {
                let run = format!("{}-{}", curve.name, seed + 1);
                let points = |value: fn(&Look) -> f64| looks.iter().map(move |look| (look.update as u64, value(look)));
                findings.series(&run, "learning/log_p_exact_nats_mean", points(|look| look.log_likelihood));
                findings.series(&run, "learning/p_model_of_data", points(|look| look.data_probability));
                if curve.name != "exact" {
                    findings.series(&run, "learning/elbo_nats_mean", points(|look| look.elbo));
                }
            }
        }
        let mut figure = Figure::new(
            "Learning bars and stripes",
            String::new(),
            Axis::log("updates"),
            Axis::linear("exact mean ln p(v), nats"),
        );
        let mut said = Vec::new();
        for (curve, word) in curves.iter().zip(["wake-sleep", "reweighted wake-sleep", "exact gradient"]) {
            let mean = curve.mean(|look| look.log_likelihood);
            if let Some(first) = self.compared_at.first()
                && let Some((_, value)) = mean.iter().find(|(step, _)| *step == *first as f64)
            {
                said.push(format!("{value:.2} ({word})"));
            }
            figure = figure.line(word, mean.into_iter().filter(|(step, _)| *step > 0.0));
        }
        figure.caption = format!(
            "Wake-sleep loses its time early, when its dreams are unlike the data: after {} updates the mean log-likelihood is {} nats; later the \
             curves meet. The best possible is {best:.3}. Means over {} repetitions.",
            self.compared_at.first().copied().unwrap_or(0),
            said.join(", "),
            self.seeds
        );
        findings.figure(figure.with(Mark::Level { name: "uniform over the data".into(), at: best }));
        self.report_wake_sleep(findings, &curves[0], count);
    }

    /// Likelihood and bound, and how much of what the model dreams is data.
    fn report_wake_sleep(&self, findings: &mut Findings, curve: &Curves, pixels: usize) {
        let (likelihood, elbo) = (curve.mean(|look| look.log_likelihood), curve.mean(|look| look.elbo));
        let last = |points: &[(f64, f64)]| points.last().map_or(f64::NAN, |point| point.1);
        let caption = format!(
            "Wake-sleep alone raises ln p(v) to {:.2} nats; its recognition net keeps the ELBO within {:.2} nats of it, though nothing makes \
             the ELBO rise at every update.",
            last(&likelihood),
            last(&likelihood) - last(&elbo)
        );
        findings.figure(
            Figure::new(
                "Wake-sleep: likelihood and bound",
                caption,
                Axis::linear("updates"),
                Axis::linear("mean over the data, nats"),
            )
            .line("ln p(v), exact", likelihood.clone())
            .line("ELBO of the recognition net, exact", elbo.clone()),
        );
        let probability = curve.mean(|look| look.data_probability);
        let gap = likelihood.iter().zip(&elbo).map(|(own, bound)| (own.0, own.1 - bound.1));
        let share = ((1 << (self.side + 1)) as f64 - 2.0) / (1_u64 << pixels) as f64;
        let caption = format!(
            "Of what the model dreams, {:.0} % is data in the end; at the start it is {:.1} %, the share of all {pixels}-pixel pictures that are bars \
             or stripes.",
            100.0 * last(&probability),
            100.0 * probability.first().map_or(f64::NAN, |point| point.1)
        );
        findings.figure(
            Figure::new(
                "Dreams that are data",
                caption,
                Axis::linear("updates"),
                Axis::linear("probability; gap in nats"),
            )
            .line("probability that a dream is data", probability)
            .dashed("ln p(v) - ELBO, nats", gap)
            .with(Mark::Level { name: "if all pictures were alike".into(), at: share }),
        );
    }
}

impl Curves {
    /// The mean ln p(v) of every repetition after so many updates.
    fn at(&self, update: usize) -> Result<Vec<f64>> {
        let of = |looks: &Vec<Look>| looks.iter().find(|look| look.update == update).map(|look| look.log_likelihood);
        match self.seeds.iter().map(of).collect::<Option<Vec<f64>>>() {
            Some(values) => Ok(values),
            None => bail!("nobody looked at {} after {update} updates", self.name),
        }
    }

    /// A value's mean over repetitions at every look.
    fn mean(&self, value: fn(&Look) -> f64) -> Vec<(f64, f64)> {
        let Some(first) = self.seeds.first() else { return Vec::new() };
        let at = |index: usize| mean_of(&self.seeds.iter().map(|looks| value(&looks[index])).collect::<Vec<_>>());
        first.iter().enumerate().map(|(index, look)| (look.update as f64, at(index))).collect()
    }
}

fn look(update: usize, net: &BeliefNet, recognition: &Recognition, data: &Tensor) -> Result<Look> {
    let evidence = net.log_evidence(data, MAX_BITS)?;
    let hidden = net.hidden_states(MAX_BITS)?;
    let log_q = recognition.log_prob_table(data, &hidden)?;
    let elbos = host(&((net.log_joint_table(data, &hidden)? - &log_q)? * log_q.exp()?)?.sum(1)?)?;
    Ok(Look {
        update,
        log_likelihood: mean_of(&evidence),
        elbo: mean_of(&elbos),
        data_probability: evidence.iter().map(|nats| nats.exp()).sum(),
    })
}
