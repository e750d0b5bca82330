//! From settings to the rules of a stage.

use super::config::{self, PerLayer, Pretrain, Train};
use crate::learning::{Average, Rules, Sparsity};

/// The rules of joint training with so many hidden layers.
pub fn of_training(train: &Train, layers: usize) -> Rules {
    let list = |values: &Option<PerLayer>| values.as_ref().map(|values| values.list(layers)).unwrap_or_default();
    Rules {
        rates: list(&train.layer_rates),
        max_norm: list(&train.max_norm),
        l1_decay: train.l1_decay.unwrap_or_default(),
        sparsity: train.sparsity.as_ref().map(|settings| sparsity(settings, settings.targets.list(layers))),
    }
}

/// The rules of pre-training one layer, 0 the lowest RBM, by its own settings.
pub fn of_layer(pretrain: &Pretrain, layer: usize) -> Rules {
    let own = |values: &PerLayer| values.of(layer).into_iter().collect::<Vec<f64>>();
    Rules {
        rates: Vec::new(),
        max_norm: pretrain.max_norm.as_ref().map(own).unwrap_or_default(),
        l1_decay: pretrain.l1_decay.unwrap_or_default(),
        sparsity: pretrain.sparsity.as_ref().map(|settings| sparsity(settings, own(&settings.targets))),
    }
}

fn sparsity(settings: &config::Sparsity, targets: Vec<f64>) -> Sparsity {
    Sparsity { targets, cost: settings.cost, damping: settings.damping }
}

/// The mean that is asked for.
pub fn average(settings: config::Average) -> Average {
    Average { decay: settings.decay, from: settings.from }
}
