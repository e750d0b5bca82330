//! The class of an example by a machine with label units.

use crate::math::{Result, Tensor};
use crate::models::{Dbm, LatentModel};
use candle_core::D;

/// The likeliest class of each row of probabilities, or of logarithms of these, `[examples, classes]`.
pub fn likeliest(probs: &Tensor) -> Result<Vec<u32>> {
    probs.argmax(D::Minus1)?.to_vec1()
}

/// The most probable class of each example, where the topmost layer stands for classes, from the means of the hidden layers.
pub(super) fn labels_of(model: &impl LatentModel, means: &[Tensor]) -> Result<Option<Vec<u32>>> {
    let group = model.hidden().last().is_some_and(|(kind, _)| kind.is_group());
    means.last().filter(|_| group).map(likeliest).transpose()
}

/// The likeliest class of each of `visible` `[examples, visible]` by the exact p(label | v); none of machines for which that has no
/// closed form, because they have no label units or more than one layer below them.
pub fn exact_labels(dbm: &Dbm, visible: &Tensor) -> Result<Option<Vec<u32>>> {
    if dbm.classes().is_none() || dbm.unlabelled_depth() != 1 {
        return Ok(None);
    }
    likeliest(&dbm.label_log_probs(visible)?).map(Some)
}

/// How many of a hundred are not what they should be; none where there is nothing to compare.
pub fn error_percent(found: &[u32], labels: &[u32]) -> Option<f64> {
    let wrong = found.iter().zip(labels).filter(|(found, label)| found != label).count();
    (!labels.is_empty() && found.len() == labels.len()).then(|| 100.0 * wrong as f64 / labels.len() as f64)
}
