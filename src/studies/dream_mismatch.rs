//! What it costs that the recognition net learns from dreams: the same net fitted on a fixed model's dreams and on the data.
//!
//! A belief net with one hidden layer and random weights knows nothing of the data. q(h | v) is fitted to the exact posterior, once
//! averaged over p(v) (the expected sleep phase, Hinton, Dayan, Frey & Neal 1995) and once over the data; both are judged on the data.

use super::nets::random_nets;
use super::{Axis, Figure, Findings, Laboratory, Mark, Study, instances};
use crate::inference::Recognition;
use crate::learning::{Adam, Ascent, Parameters, RowWeights, log_recognition_gradient};
use crate::math::{Result, Stream, Tensor, host, larger, mean_of, smaller};
use crate::models::BeliefNet;
use crate::posterior::Posterior;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// log2 of the largest sum.
const MAX_BITS: f64 = 20.0;

/// Which models and how the net is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DreamMismatch {
    /// Side of the pictures of bars and stripes.
    pub side: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Standard deviations of the belief net's weights; the first stands for a model at the start of training.
    pub weight_stds: Vec<f64>,
    /// Models of each standard deviation.
    pub models: usize,
    /// Adam steps of each fit.
    pub steps: usize,
    /// Their rate at the start; it falls to zero in a straight line.
    pub rate: f64,
}

impl Default for DreamMismatch {
    fn default() -> Self {
        Self { side: 3, hidden: 6, weight_stds: vec![0.1, 2.0, 3.0], models: 6, steps: 3000, rate: 0.05 }
    }
}

/// One model and both fits.
struct Fitted {
    std: f64,
    model: usize,
    probability: f64,
    likeliest: f64,
    dreamt: f64,
    on_data: f64,
}

impl Study for DreamMismatch {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut all = Vec::new();
        for (index, &std) in self.weight_stds.iter().enumerate() {
            lab.at("weight standard deviations", index, self.weight_stds.len())?;
            let fit = |model: usize| self.fit(std, model, stream.at(index as u64).at(model as u64));
            all.extend((0..self.models).into_par_iter().map(fit).collect::<Result<Vec<_>>>()?);
        }
        Ok(self.findings(&all))
    }
}

impl DreamMismatch {
    fn fit(&self, std: f64, model: usize, stream: Stream) -> Result<Fitted> {
        let sizes = [self.side * self.side, self.hidden];
        let (net, _) = random_nets(&sizes, std, 0.0, stream)?;
        let data = instances::bars_and_stripes(self.side)?;
        let every = instances::all_binary(sizes[0])?;
        let (posterior, log_evidence) = net.posterior(&every, MAX_BITS)?;
        let probs = log_evidence.iter().map(|nats| nats.exp()).collect::<Vec<_>>();
        let on_dreams = self.recognition(&every, &posterior.means()?[0], &probs)?;
        let (posterior, log_evidence) = net.posterior(&data, MAX_BITS)?;
        let equal = vec![1.0 / log_evidence.len() as f64; log_evidence.len()];
        let on_data = self.recognition(&data, &posterior.means()?[0], &equal)?;
        Ok(Fitted {
            std,
            model,
            probability: log_evidence.iter().map(|nats| nats.exp()).sum(),
            likeliest: log_evidence.iter().map(|nats| nats.exp()).fold(0.0, larger),
            dreamt: self.kl(&net, &on_dreams, &data)?,
            on_data: self.kl(&net, &on_data, &data)?,
        })
    }

    /// The net that maximises Σ_v share(v) E_p(h|v)[ln q(h | v)]: a concave problem, as there is one hidden layer.
    fn recognition(&self, visible: &Tensor, means: &Tensor, shares: &[f64]) -> Result<Recognition> {
        let weights = RowWeights::Given(Tensor::from_slice(shares, (shares.len(), 1), visible.device())?);
        let states = [visible.clone(), means.clone()];
        let zeros = Tensor::zeros((visible.dim(1)?, self.hidden), visible.dtype(), visible.device())?;
        let mut net = Recognition::new(vec![zeros], vec![means.get(0)?.zeros_like()?])?;
        let by = Ascent::Adam(Adam::default());
        let mut state = by.begin(&Parameters::of_recognition(&net))?;
        for step in 0..self.steps {
            let uphill = log_recognition_gradient(&states, &net.inputs(&states)?, &weights)?;
            let rate = self.rate * (1.0 - step as f64 / self.steps as f64);
            let (to, next) = by.step(Parameters::of_recognition(&net), state, &uphill, rate)?;
            net = Recognition::new(to.weights, to.biases)?;
            state = next;
        }
        Ok(net)
    }

    /// KL(p(h | v) ‖ q(h | v)), mean over `visible`, nats.
    fn kl(&self, net: &BeliefNet, recognition: &Recognition, visible: &Tensor) -> Result<f64> {
        let (posterior, _) = net.posterior(visible, MAX_BITS)?;
        let log_q = recognition.log_prob_table(visible, &net.hidden_states(MAX_BITS)?)?;
        let log_p = posterior.log_probs();
        Ok(mean_of(&host(&(log_p.exp()? * (log_p - log_q)?)?.sum(1)?)?))
    }

    fn findings(&self, all: &[Fitted]) -> Findings {
        let mut findings = Findings::default();
        let (early, later): (Vec<&Fitted>, Vec<&Fitted>) = all.iter().partition(|one| one.std < 1.0);
        let ratios: Vec<f64> = later.iter().map(|one| one.dreamt / one.on_data).collect();
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, larger);
        findings.quantity("data_probability_max", largest(&mut all.iter().map(|one| one.probability)));
        findings.quantity("kl_ratio_min", ratios.iter().copied().fold(f64::INFINITY, smaller));
        findings.quantity("kl_ratio_mean", mean_of(&ratios));
        let worst = largest(&mut early.iter().map(|one| larger(one.dreamt, one.on_data)));
        findings.quantity("kl_nats_max_at_small_weights", worst);
        let name = |one: &&&Fitted| format!("std {}, {}", one.std, one.model + 1);
        let bars = |of: fn(&Fitted) -> f64| later.iter().map(|one| (name(&one), of(one))).collect::<Vec<_>>();
        let caption = format!(
            "On data the model does not know, the net that learnt from dreams misses the posterior {:.2} times as far, in KL, as the same net \
             fitted on the data ({:.2} times at the least): what it saw was unlike what it is asked.",
            mean_of(&ratios),
            ratios.iter().copied().fold(f64::INFINITY, smaller)
        );
        findings.figure(
            Figure::new(
                "Learning to infer from dreams",
                caption,
                Axis::linear("model"),
                Axis::linear("KL(p‖q) on the data, nats"),
            )
            .with(Mark::Bars { name: "fitted on dreams".into(), bars: bars(|one| one.dreamt) })
            .with(Mark::Bars { name: "fitted on the data".into(), bars: bars(|one| one.on_data) }),
        );
        let row = |one: &Fitted| {
            let numbers = [one.probability, one.likeliest, one.dreamt, one.on_data, one.dreamt / one.on_data];
            let shown = numbers.map(|number| format!("{number:.4}"));
            [vec![one.std.to_string(), (one.model + 1).to_string()], shown.to_vec()].concat()
        };
        findings.sheet(
            "Probability that the model gives to the data, and KL(p‖q) on the data of both nets, nats.",
            &["weight std", "model", "P(data)", "P(likeliest example)", "fitted on dreams", "fitted on data", "ratio"],
            all.iter().map(row).collect(),
        );
        findings
    }
}
