//! The section `[quick]` of an experiment file: settings that take others' places at the quick size of a collection.

use super::Experiment;
use super::check::{Problems, check_anywhere};
use super::overrides::{Override, merge};
use super::report::NOTE;
use toml::Table;

impl Experiment {
    /// The experiment without its section `[quick]`: at its full size.
    pub fn full(self) -> Self {
        Self { quick: Table::new(), ..self }
    }

    /// The experiment with the settings of its section `[quick]` in their places; an error names one that has none.
    pub fn quickened(&self) -> Result<Self, String> {
        let full = self.clone().full();
        let changes = Override::of(&self.quick);
        if changes.is_empty() {
            return Ok(full);
        }
        let table = Table::try_from(&full).map_err(|error| error.to_string())?;
        let joined =
            |problems: Vec<Vec<String>>| problems.iter().map(|one| one.join(NOTE)).collect::<Vec<_>>().join("; ");
        merge(&table, &changes).map_err(joined)
    }
}

/// The quick size must be an experiment too.
pub fn check(experiment: &Experiment, problems: &mut Problems) {
    if experiment.quick.is_empty() {
        return;
    }
    match experiment.quickened() {
        Err(message) => {
            let remedy = "name settings of this file by section, with values they can take";
            problems.add("quick", format!("cannot take its places: {message}"), remedy);
        }
        Ok(quick) => {
            for problem in check_anywhere(&quick) {
                problems.add(format!("quick.{}", problem.path), problem.message, problem.remedy);
            }
        }
    }
}
