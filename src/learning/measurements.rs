//! What an update tells people; the same names for every trainer where they make sense.

use super::{Gradient, Parameters, Statistics};
use crate::math::{Result, Tensor, host, mean_of, mean_square_differences, norm};

/// Named values in the order they were taken; names are `quantity_unit_statistic`, `/{l}` for a layer. Empty unless asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements(pub Vec<(String, f64)>);

impl Measurements {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    pub(super) fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), value));
    }

    /// `reconstruction_error_mean`: mean squared difference between the states and means of the visible units.
    pub(super) fn add_reconstruction(&mut self, visible: &Tensor, means: &Tensor) -> Result<()> {
        self.add("reconstruction_error_mean", mean_of(&mean_square_differences(visible, means)?));
        Ok(())
    }

    /// `positive_phase_mean/{l}`, `negative_phase_mean/{l}`: mean state of a layer's units in each phase.
    pub(super) fn add_phases(
        &mut self,
        positive: &Statistics,
        negative: &Statistics,
        first_layer: usize,
    ) -> Result<()> {
        for (phase, statistics) in [("positive", positive), ("negative", negative)] {
            for (l, bias) in statistics.biases.iter().enumerate() {
                self.add(format!("{phase}_phase_mean/{}", first_layer + l), mean_of(&host(bias)?));
            }
        }
        Ok(())
    }

    /// `{prefix}weight_norm/{l}`, `{prefix}gradient_norm/{l}`: Frobenius norms of the weight matrices and their gradients.
    pub(super) fn add_norms(
        &mut self,
        prefix: &str,
        parameters: &Parameters,
        gradient: &Gradient,
        first_layer: usize,
    ) -> Result<()> {
        for (quantity, matrices) in [("weight", &parameters.weights), ("gradient", &gradient.dense()?.weights)] {
            for (l, matrix) in matrices.iter().enumerate() {
                self.add(format!("{prefix}{quantity}_norm/{}", first_layer + l), norm(&matrix.tensor()?)?);
            }
        }
        Ok(())
    }
}
