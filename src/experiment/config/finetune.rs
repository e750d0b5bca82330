//! The section `[finetune]`: the machine unrolled into a net that names classes.

use super::check::Problems;
use super::{Experiment, LabelUnits, LearningRate, Optimizer, Scheme, VisibleUnits, choice};
use serde::{Deserialize, Serialize};

/// Discriminative fine-tuning (Salakhutdinov and Hinton 2009): the machine is unrolled into a net whose hidden layers read the layer below
/// and the means of q(h | v) above, a softmax reads the topmost, and all weights climb the log-probability of the class. The machine
/// itself stays as it is. Needs data with classes. Without `[pretrain]` and `[train]` the net starts from small random weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Finetune {
    /// Passes over the training examples by which all weights move.
    pub epochs: usize,
    /// Passes before those by which the softmax alone moves.
    pub warm_up_epochs: usize,
    /// Examples per update.
    pub batch_size: usize,
    /// How weights follow the gradient.
    #[serde(deserialize_with = "choice::word")]
    pub optimizer: Optimizer,
    /// Step size, over the updates of the warm-up and again over those that follow.
    pub learning_rate: LearningRate,
    /// Share of the previous update that is repeated; of `sgd`.
    pub momentum: f64,
    /// Pull of the weights towards zero, as a part of the gradient; biases are not decayed.
    pub weight_decay: f64,
    /// Share of the hidden units that are silent in an update (Srivastava et al. 2014).
    pub dropout: f64,
    /// How q(h | v), whose means are inputs of the net, is found: once for every example.
    pub posterior: Scheme,
    /// What the net, and the inference before it, sees of an example.
    #[serde(deserialize_with = "choice::word")]
    pub inputs: Inputs,
}

/// What a net sees of an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// The values of the source, as probabilities of the visible units, whatever `data.binarize` says.
    #[default]
    Grey,
    /// The examples as the test presents them: binary where `data.binarize` makes them so, each drawn once.
    Binarized,
}

impl Inputs {
    /// The word in a file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Binarized => "binarized",
        }
    }
}

impl Default for Finetune {
    fn default() -> Self {
        Self {
            epochs: 30,
            warm_up_epochs: 5,
            batch_size: 100,
            optimizer: Optimizer::Adam,
            learning_rate: LearningRate::constant(0.001),
            momentum: 0.9,
            weight_decay: 0.0,
            dropout: 0.0,
            posterior: Scheme::mean_field(),
            inputs: Inputs::default(),
        }
    }
}

impl Finetune {
    /// A note on a momentum that is set and not read.
    pub fn idle(&self) -> Option<String> {
        let set = self.momentum != Self::default().momentum && self.optimizer == Optimizer::Adam;
        set.then(|| "note: finetune.momentum changes nothing: adam does not read it".into())
    }
}

/// Every problem of the section.
pub fn finetune(settings: &Finetune, experiment: &Experiment, problems: &mut Problems) {
    let fitting = experiment.model.fitting();
    let message = format!("is of deep Boltzmann machines, and the model is {}", fitting.name);
    let is_machine = experiment.model.machine().is_some();
    problems.require(is_machine, "finetune", message, "leave [finetune] out");
    if let Some(machine) = experiment.model.machine() {
        let unlabelled = machine.labels == LabelUnits::None;
        let message = "reads a machine without label units, and model.labels is \"softmax\"";
        problems.require(unlabelled, "finetune", message, "set model.labels = \"none\", or leave [finetune] out");
        let binary = machine.visible == VisibleUnits::Binary;
        let message = "reads a machine of binary visible units, and model.visible is \"gaussian\"";
        problems.require(binary, "finetune", message, "set model.visible = \"binary\", or leave [finetune] out");
    }
    problems.count("finetune.epochs", settings.epochs);
    problems.limit("finetune.warm_up_epochs", settings.warm_up_epochs);
    problems.count("finetune.batch_size", settings.batch_size);
    problems.learning_rate("finetune.learning_rate", &settings.learning_rate);
    problems.share("finetune.momentum", settings.momentum);
    problems.not_negative("finetune.weight_decay", settings.weight_decay);
    problems.share("finetune.dropout", settings.dropout);
    if is_machine {
        super::check::scheme("finetune.posterior", &settings.posterior, experiment, problems);
    }
    let message = format!("is `{}`, whose answers are judged but not learned from", settings.posterior);
    let remedy = "use exact, mean-field, gibbs, network or network+K";
    problems.require(!settings.posterior.only_judged(), "finetune.posterior", message, remedy);
}
