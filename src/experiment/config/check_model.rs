//! Checks of the section `[model]`, and of what must go with the kind of model.

use super::check::Problems;
use super::{Algorithm, BeliefNet, Experiment, Model, Scheme, WakeSleep};

pub fn model(experiment: &Experiment, problems: &mut Problems) {
    match &experiment.model {
        Model::Machine(machine) => {
            layers("model.hidden", &machine.hidden, problems);
            problems.not_negative("model.weight_std", machine.weight_std);
        }
        Model::BeliefNet(BeliefNet { hidden, weight_std, .. }) => {
            layers("model.belief_net.hidden", hidden, problems);
            problems.not_negative("model.belief_net.weight_std", *weight_std);
        }
    }
    training(experiment, problems);
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
    if let (false, Algorithm::WakeSleep(settings)) = (is_machine, &train.algorithm) {
        let message = format!("sets chains, and dreams of {} are drawn without any", fitting.name);
        let remedy = "leave chains and gibbs_sweeps out";
        problems.require(*settings == WakeSleep::default(), "train.algorithm.wake_sleep", message, remedy);
    }
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
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}
