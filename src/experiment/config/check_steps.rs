//! Checks of how parameters move: rates, momentum, what holds a step, when training stops.

use super::check::Problems;
use super::{Chains, Course, Decay, Experiment, PerLayer, Pretrain, Sparsity, Train};

impl Problems {
    /// A step size: nowhere negative, and on a way that can be gone.
    pub fn learning_rate(&mut self, path: &str, rate: &Course) {
        self.course(path, rate, Self::not_negative);
    }

    /// A momentum: a share everywhere.
    pub fn momentum(&mut self, path: &str, momentum: &Course) {
        self.course(path, momentum, Self::share);
    }

    fn course(&mut self, path: &str, course: &Course, check: fn(&mut Self, String, f64)) {
        let constant = course.start.to_bits() == course.end.to_bits();
        let ends: &[(&str, f64)] =
            if constant { &[("", course.start)] } else { &[(".start", course.start), (".end", course.end)] };
        for (end, value) in ends {
            check(self, format!("{path}{end}"), *value);
        }
        let (message, remedy) = match course.decay {
            Decay::Inverse => ("decays inversely from or to 0, which takes for ever", "set start and end above 0"),
            _ => ("decays exponentially from or to 0, which no factor does", "set start and end above 0"),
        };
        let by_factors = matches!(course.decay, Decay::Exponential | Decay::Inverse);
        let reachable = !by_factors || constant || (course.start > 0.0 && course.end > 0.0);
        self.require(reachable, path, message, &format!("{remedy}, or decay = \"linear\""));
        if let Some(epochs) = course.epochs {
            self.count(format!("{path}.epochs"), epochs);
        }
        let remedy = "say after how many epochs, such as epochs = 5, or set decay = \"linear\"";
        let placed = course.decay != Decay::Step || constant || course.epochs.is_some();
        self.require(placed, path, "changes at once, but does not say when", remedy);
    }

    /// One number for each hidden layer.
    fn per_layer(&mut self, path: &str, values: &PerLayer, layers: usize, check: impl Fn(&mut Self, String, f64)) {
        match values {
            PerLayer::All(value) => check(self, path.into(), *value),
            PerLayer::Each(values) => {
                let message = format!("has {} numbers for {layers} hidden layers", values.len());
                let remedy = "give one for each hidden layer, bottom first, or one number for all";
                self.require(values.len() == layers, path, message, remedy);
                for (i, value) in values.iter().enumerate() {
                    check(self, format!("{path}.{i}"), *value);
                }
            }
        }
    }

    fn max_norm(&mut self, path: &str, most: Option<&PerLayer>, layers: usize) {
        let positive = |problems: &mut Self, path: String, value: f64| {
            let holds = value.is_finite() && value > 0.0;
            problems.require(holds, path, format!("is {value:?}"), "set it to a positive number, such as 6.0");
        };
        if let Some(most) = most {
            self.per_layer(path, most, layers, positive);
        }
    }

    fn sparsity(&mut self, path: &str, sparsity: Option<&Sparsity>, layers: usize) {
        let Some(Sparsity { targets, cost, damping }) = sparsity else { return };
        let inside = |problems: &mut Self, path: String, value: f64| {
            let holds = value > 0.0 && value < 1.0;
            problems.require(holds, path, format!("is {value:?}"), "set it between 0 and 1, such as 0.1");
        };
        self.per_layer(&format!("{path}.targets"), targets, layers, inside);
        self.not_negative(format!("{path}.cost"), *cost);
        self.share(format!("{path}.damping"), *damping);
    }
}

/// `[pretrain]` and each of `[[pretrain.layers]]`.
pub fn pretrain(pretrain: &Pretrain, experiment: &Experiment, problems: &mut Problems) {
    let layers = experiment.model.hidden().len();
    let mut of_all = Problems::default();
    stage("pretrain", pretrain, layers, &mut of_all);
    let of_all = of_all.found();
    // What is wrong for all layers is said once.
    let sound = of_all.is_empty();
    of_all.into_iter().for_each(|problem| problems.add(problem.path, problem.message, problem.remedy));
    let (given, path) = (pretrain.layers.len(), "pretrain.layers");
    let message = format!("has settings of {given} layers, and the model has {layers} hidden ones");
    problems.require(given <= layers, path, message, "give settings for the hidden layers at most, bottom first");
    for layer in (0..given).filter(|_| sound) {
        stage(&format!("{path}.{layer}"), &pretrain.of_layer(layer), layers, problems);
    }
}

fn stage(path: &str, pretrain: &Pretrain, layers: usize, problems: &mut Problems) {
    problems.count(format!("{path}.epochs"), pretrain.epochs);
    problems.count(format!("{path}.batch_size"), pretrain.batch_size);
    problems.learning_rate(&format!("{path}.learning_rate"), &pretrain.learning_rate);
    problems.momentum(&format!("{path}.momentum"), &pretrain.momentum);
    problems.not_negative(format!("{path}.weight_decay"), pretrain.weight_decay);
    problems.not_negative(format!("{path}.l1_decay"), pretrain.l1_decay.unwrap_or_default());
    problems.max_norm(&format!("{path}.max_norm"), pretrain.max_norm.as_ref(), layers);
    problems.sparsity(&format!("{path}.sparsity"), pretrain.sparsity.as_ref(), layers);
    pretrain.gibbs_sweeps.check(&format!("{path}.gibbs_sweeps"), problems);
    let remedy = "set chains = \"persistent\", or leave it out";
    let chains = format!("{path}.persistent_chains");
    problems.count(chains.clone(), pretrain.persistent_chains.unwrap_or(1));
    let read = pretrain.persistent_chains.is_none() || pretrain.chains == Chains::Persistent;
    problems.require(read, chains, "is set, and no chain of this pre-training is persistent", remedy);
}

/// What `[train]` says beyond rate, momentum, weight decay and algorithm.
pub fn train(train: &Train, experiment: &Experiment, problems: &mut Problems) {
    let layers = experiment.model.hidden().len();
    if let Some(rates) = &train.layer_rates {
        problems
            .per_layer("train.layer_rates", rates, layers, |problems, path, value| problems.not_negative(path, value));
    }
    problems.not_negative("train.l1_decay", train.l1_decay.unwrap_or_default());
    problems.max_norm("train.max_norm", train.max_norm.as_ref(), layers);
    problems.sparsity("train.sparsity", train.sparsity.as_ref(), layers);
    if let Some(average) = &train.average {
        problems.share("train.average.decay", average.decay.unwrap_or_default());
        problems.share("train.average.from", average.from);
    }
    let judged = experiment.evaluate.every_epochs > 0;
    if let Some(stop) = &train.stop {
        problems.count("train.stop.patience", stop.patience);
        let remedy = "set evaluate.every_epochs to 1 or more";
        problems.require(judged, "train.stop", "counts evaluations, and there are none on the way", remedy);
    }
    problems.require(
        train.conclude.is_last() || (judged && experiment.checkpoint.best),
        "train.conclude",
        "is best, and no best model is kept",
        "set checkpoint.best = true and evaluate.every_epochs to 1 or more",
    );
}
