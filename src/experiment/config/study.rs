//! An experiment file that holds a study: what is computed, and what must come out for its statement to hold.

use super::check::{Problem, Problems};
use crate::studies::{AnyStudy, Criterion};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

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
    /// Whether it measures time, and so is computed while nothing else is.
    pub fn timed(&self) -> bool {
        self.expect.iter().any(|criterion| criterion.timed)
    }

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
    settings(experiment, &mut problems);
    for (index, criterion) in experiment.expect.iter().enumerate() {
        let path = format!("expect.{index}");
        let conditions = [criterion.at_least, criterion.at_most, criterion.equals];
        let some = conditions.iter().any(Option::is_some);
        problems.require(some, &path, "asks nothing", "add at_least, at_most, or equals with within");
        let lone = criterion.within.is_some() && criterion.equals.is_none();
        problems.require(!lone, format!("{path}.within"), "stands without equals", "add equals");
        let both = criterion.equals.is_some() && (criterion.at_least.is_some() || criterion.at_most.is_some());
        problems.require(!both, &path, "has equals beside an end", "keep equals with within, or at_least and at_most");
        let given = [criterion.at_least, criterion.at_most, criterion.equals, criterion.within];
        let numbers = given.iter().flatten().all(|value| !value.is_nan());
        problems.require(numbers, &path, "holds something that is no number", "give numbers");
        let (low, high) = criterion.interval();
        problems.require(low <= high, &path, "can never be met", "make the interval hold at least one number");
    }
    problems.found()
}

/// Settings with which a study would compute nothing, and so find nothing wrong: counts of 0, empty lists, negative numbers, where
/// the defaults have none of these.
fn settings(experiment: &StudyExperiment, problems: &mut Problems) {
    let table = |study: &AnyStudy| Table::try_from(study).ok();
    let Some((word, Value::Table(given))) = table(&experiment.study).and_then(|study| study.into_iter().next()) else {
        return;
    };
    let plain: Option<AnyStudy> = Table::from_iter([(word.clone(), Value::Table(Table::new()))]).try_into().ok();
    let default = plain.as_ref().and_then(table).and_then(|mut study| study.remove(&word));
    for (name, value) in &given {
        let Some(usual) = default.as_ref().and_then(|settings| settings.get(name)) else { continue };
        // Numbers of either sign may be negative.
        let signed = usual.to_string().contains('-');
        if let Some(message) = vacuous(value, usual, signed) {
            problems.add(format!("study.{word}.{name}"), message, format!("the default is {usual}"));
        }
    }
}

/// What is wrong with a value, beside one that serves.
fn vacuous(value: &Value, usual: &Value, signed: bool) -> Option<String> {
    match (value, usual) {
        (Value::Integer(0), Value::Integer(1..)) => Some("is 0".into()),
        (Value::Float(given), Value::Float(_)) => {
            let wrong = !given.is_finite() || (*given < 0.0 && !signed);
            wrong.then(|| format!("is {given}"))
        }
        (Value::Array(given), Value::Array(usual)) if given.is_empty() && !usual.is_empty() => {
            Some("is an empty list".into())
        }
        (Value::Array(given), Value::Array(usual)) => given
            .iter()
            .find_map(|item| vacuous(item, usual.first()?, signed))
            .map(|message| format!("has an item that {message}")),
        _ => None,
    }
}
