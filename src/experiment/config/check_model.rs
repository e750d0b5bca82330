//! Checks of the section `[model]`, and of what must go with the kind of model.

use super::check::Problems;
use super::{
    Algorithm, BeliefNet, Binarize, Expectation, ExpectationMaximization, Experiment, Model, Scheme, VisibleUnits,
    WakeSleep,
};
use crate::models::Visible;

pub fn model(experiment: &Experiment, problems: &mut Problems) {
    match &experiment.model {
        Model::Machine(machine) => {
            layers("model.hidden", &machine.hidden, problems);
            problems.not_negative("model.weight_std", machine.weight_std);
            let anew = machine.from.is_some() && experiment.pretrain.is_some();
            let remedy = "leave out [pretrain], to train the machine of the file further, or model.from";
            problems.require(
                !anew,
                "model.from",
                "stands beside [pretrain], which makes parameters of its own",
                remedy,
            );
            visible(machine.visible, experiment, problems);
        }
        Model::BeliefNet(BeliefNet { hidden, weight_std, .. }) => {
            layers("model.belief_net.hidden", hidden, problems);
            problems.not_negative("model.belief_net.weight_std", *weight_std);
        }
        Model::Vae(vae) => {
            problems.count("model.vae.latents", vae.latents);
            vae.hidden.iter().for_each(|&units| problems.count("model.vae.hidden", units));
            let binary = vae.output == Visible::Bernoulli && experiment.data.source.is_real();
            let remedy = "set model.vae.output = \"gaussian\"";
            problems.require(!binary, "model.vae", "has Bernoulli outputs, and the data are real numbers", remedy);
        }
        Model::BinarySparseCoding(model) => problems.count("model.binary_sparse_coding.hidden", model.hidden),
        Model::GaussianMixture(model) => problems.count("model.gaussian_mixture.components", model.components),
        Model::BernoulliMixture(model) => problems.count("model.bernoulli_mixture.components", model.components),
        Model::FactorAnalysis(model) => problems.count("model.factor_analysis.factors", model.factors),
        Model::ProbabilisticPca(model) => problems.count("model.probabilistic_pca.factors", model.factors),
        Model::SparseCoding(model) => {
            problems.count("model.sparse_coding.atoms", model.atoms);
            for (key, value) in [("lambda", model.lambda), ("precision", model.precision)] {
                let path = format!("model.sparse_coding.{key}");
                let positive = value > 0.0 && value.is_finite();
                problems.require(positive, path, format!("is {value:?}"), "set it to a number above 0");
            }
        }
    }
    let fitting = experiment.model.fitting();
    let message = format!("gives real numbers, and the model is {}, of examples in [0, 1]", fitting.name);
    let machine = experiment.model.machine().is_some();
    let fits = fitting.real || machine && experiment.model.is_real() || !experiment.data.source.is_real();
    let remedy = match machine {
        true => "set model.visible = \"gaussian\", or take a model of real numbers, such as [model.factor_analysis]",
        false => "take a model of real numbers, such as [model.factor_analysis]",
    };
    problems.require(fits, "data.source", message, remedy);
    training(experiment, problems);
}

/// What goes with Gaussian visible units.
fn visible(units: VisibleUnits, experiment: &Experiment, problems: &mut Problems) {
    if units != VisibleUnits::Gaussian {
        return;
    }
    let kept = experiment.data.binarize == Binarize::None;
    let message = "cuts the values that Gaussian visible units are of";
    problems.require(kept, "data.binarize", message, "set data.binarize = \"none\"");
    let algorithm = experiment.train.as_ref().map(|train| &train.algorithm);
    let binary = matches!(algorithm, Some(Algorithm::MultiPrediction(_)));
    let message = "is of binary units, and the visible ones are Gaussian";
    let remedy = "train by maximum_likelihood, or set model.visible = \"binary\"";
    problems.require(!binary, "train.algorithm.multi_prediction", message, remedy);
    if let Some(Algorithm::MaximumLikelihood(settings)) = algorithm {
        let path = "train.algorithm.maximum_likelihood.centring";
        problems.require(settings.centring.is_none(), path, message, "leave it out, and centre the data beforehand");
    }
}

fn layers(path: &str, hidden: &[usize], problems: &mut Problems) {
    let remedy = "name at least one layer, such as hidden = [128, 64]";
    problems.require(!hidden.is_empty(), path, "is empty", remedy);
    for (layer, &units) in hidden.iter().enumerate() {
        let path = format!("{path}.{layer}");
        problems.require(units <= 1_000_000, path.clone(), format!("is {units} units"), "use a million at most");
        problems.require(units > 0, path, "is a layer of 0 units", "set it to 1 or more, or leave the layer out");
    }
}

/// The stages of training must be those of the model.
fn training(experiment: &Experiment, problems: &mut Problems) {
    let (fitting, is_machine) = (experiment.model.fitting(), experiment.model.machine().is_some());
    let message = format!("is of deep Boltzmann machines, and the model is {}", fitting.name);
    problems.require(is_machine || experiment.pretrain.is_none(), "pretrain", message, "leave [pretrain] out");
    let Some(train) = &experiment.train else {
        let remedy = format!("add [train.algorithm.{}]", fitting.algorithms[0]);
        problems.require(is_machine, "", "has no section [train], so nothing would be learned", &remedy);
        return;
    };
    let key = train.algorithm.key();
    let remedy = format!("set train.algorithm to {}", one_of(fitting.algorithms));
    let message = format!("is {key}, which does not train {}", fitting.name);
    problems.require(fitting.algorithms.contains(&key), "train.algorithm", message, &remedy);
    if let Algorithm::ExpectationMaximization(settings) = &train.algorithm {
        let fits =
            matches!(experiment.model, Model::BinarySparseCoding(_)) || settings.expectation == Expectation::Exact;
        let path = "train.algorithm.expectation_maximization.expectation";
        let message = format!("is mean_field, and the posterior of {} is known", fitting.name);
        problems.require(fits, path, message, "set it to exact, or take [model.binary_sparse_coding]");
    }
    if let (false, Algorithm::WakeSleep(settings)) = (is_machine, &train.algorithm) {
        let message = format!("sets chains, and dreams of {} are drawn without any", fitting.name);
        let remedy = "leave negative, chains and gibbs_sweeps out";
        problems.require(*settings == WakeSleep::default(), "train.algorithm.wake_sleep", message, remedy);
    }
}

/// Stop rules and gradient steps of EM.
pub fn iterations(path: &str, settings: &ExpectationMaximization, problems: &mut Problems) {
    problems.not_negative(format!("{path}.stop_elbo"), settings.stop_elbo.unwrap_or(0.0));
    problems.not_negative(format!("{path}.stop_parameters"), settings.stop_parameters.unwrap_or(0.0));
    problems.count(format!("{path}.gradient_steps"), settings.gradient_steps.unwrap_or(1));
}

/// A scheme must be one that infers in the model.
pub fn scheme(path: &str, scheme: &Scheme, experiment: &Experiment, problems: &mut Problems) {
    let fitting = experiment.model.fitting();
    let refined = experiment.model.machine().is_none() && scheme.refines();
    if !fitting.schemes.contains(&scheme.key()) || refined {
        let words: Vec<String> = fitting.schemes.iter().map(|key| key.replace('_', "-")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        problems.add(
            path,
            format!("is `{scheme}`, which does not infer in {}", fitting.name),
            format!("use {}", one_of(&words)),
        );
    }
    let by_pairs = experiment.model.has_labels() && ["structured", "tap"].contains(&scheme.key());
    let message = format!("is `{scheme}`, which takes units one by one, and label units are one group");
    problems.require(!by_pairs, path, message, "leave it out, or set model.labels = \"none\"");
    if let (Model::BeliefNet(net), Some(most)) = (&experiment.model, scheme.table_bits()) {
        // What is enumerated at once is a hidden layer and the one above it.
        let tops = net.hidden.iter().skip(1).copied().chain([0]);
        let bits = net.hidden.iter().zip(tops).map(|(below, above)| below + above).max().unwrap_or(0);
        let message = format!("sums over 2^{bits} states of this belief net; the limit is 2^{most}");
        problems.require(bits <= most, path, message, "ask for importance:particles=1000, an estimate from below");
    }
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}
