//! An experiment file that holds a study: what is computed, and what must come out for its statement to hold.

use super::check::{Problem, Problems};
use crate::studies::{AnyStudy, Criterion};
use serde::{Deserialize, Serialize};
use toml::Table;

/// One statement, the computation that tests it, and the numbers expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyExperiment {
    /// What the run is called; part of the name of its folder.
    pub name: String,
    /// Master seed: every random number of the study follows from it.
    #[serde(default)]
    pub seed: u64,
    /// The equation behind the statement, in LaTeX.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub equation: String,
    /// Who says so, and where: author, year, section or equation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Why the statement is known not to hold here; only for one whose verdict is `refuted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuted_because: Option<String>,
    /// Whether it measures time, and so is computed while nothing else is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// What is computed.
    pub study: AnyStudy,
    /// What must come out; all of it.
    #[serde(default)]
    pub expect: Vec<Criterion>,
    /// Settings of the study that the quick size replaces, by their names.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub quick: Table,
}

impl StudyExperiment {
    /// The same study at its quick size; the criteria stay. An error names a setting that the study does not have.
    pub fn quickened(&self) -> Result<Self, String> {
        let mut study = Table::try_from(&self.study).map_err(|error| error.to_string())?;
        if let Some(settings) = study.iter_mut().next().and_then(|(_, settings)| settings.as_table_mut()) {
            settings.extend(self.quick.clone());
        }
        let study = study.try_into().map_err(|error: toml::de::Error| error.message().to_string())?;
        Ok(Self { study, quick: Table::new(), ..self.clone() })
    }
}

/// Every problem of a study; none = it can be run.
pub fn check_study(experiment: &StudyExperiment) -> Vec<Problem> {
    let mut problems = Problems::default();
    super::check::name(&experiment.name, &mut problems);
    if let Err(message) = experiment.quickened() {
        problems.add("quick", message, "name settings of the study, with values they can take");
    }
    for (index, criterion) in experiment.expect.iter().enumerate() {
        let path = format!("expect.{index}");
        let conditions = [criterion.at_least, criterion.at_most, criterion.equals];
        let some = conditions.iter().any(Option::is_some);
        problems.require(some, &path, "asks nothing", "add at_least, at_most, or equals with within");
        let lone = criterion.within.is_some() && criterion.equals.is_none();
        problems.require(!lone, format!("{path}.within"), "stands without equals", "add equals");
        let (low, high) = criterion.interval();
        problems.require(low <= high, &path, "can never be met", "make the interval hold at least one number");
    }
    problems.found()
}
