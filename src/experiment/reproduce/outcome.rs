//! How claims came out.

use crate::experiment::Origin;
use crate::experiment::study::StudyResults;
use crate::studies::{Judgement, Verdict};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// How a claim came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every criterion is met.
    Holds,
    /// Some estimate is too close to the end of its interval to say.
    Undecided,
    /// Some criterion is missed.
    Refuted,
    /// Its study did not go through.
    Failed,
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Holds => Self::Holds,
            Verdict::Undecided => Self::Undecided,
            Verdict::Refuted => Self::Refuted,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Undecided => "undecided",
            Self::Refuted => "refuted",
            Self::Failed => "failed",
        })
    }
}

/// One claim that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// Its name.
    pub id: String,
    /// The statement.
    pub statement: String,
    /// The part of the chapter that it belongs to.
    pub section: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// Every criterion and what was obtained.
    pub judgements: Vec<Judgement>,
    /// Why it is known not to hold here.
    pub refuted_because: Option<String>,
    /// What went wrong, where the study did not go through.
    pub error: Option<String>,
    /// What computes it again.
    pub command: String,
    /// Seed.
    pub seed: u64,
    /// Seconds of the computation.
    pub seconds: f64,
    /// The claim whose computation this one shares; none for the first.
    pub computed_with: Option<String>,
    /// Its run, from the folder of the reproduction.
    pub run: PathBuf,
    /// The equation behind it, in LaTeX.
    #[serde(skip)]
    pub equation: String,
    /// Who says so, and where.
    #[serde(skip)]
    pub source: String,
    /// The experiment file.
    #[serde(skip)]
    pub text: String,
    /// Everything found; none where the study did not go through.
    #[serde(skip)]
    pub results: Option<StudyResults>,
}

impl Tried {
    /// What is wrong with how it came out; none where that is as its file says.
    pub fn contradiction(&self) -> Option<String> {
        match &self.results {
            Some(results) => results.contradiction(),
            None => Some(format!("{} failed", self.id)),
        }
    }

    /// A line for people.
    pub fn line(&self) -> String {
        let Self { id, outcome, seconds, statement, .. } = self;
        format!("{id:<8} {outcome:<9} {seconds:>6.1} s  {}", self.error.as_ref().unwrap_or(statement))
    }
}

/// A collection of claims that was tried: the `results.json` beside the report.
#[derive(Clone, Debug, Serialize)]
pub struct Reproduction {
    /// Which collection.
    pub collection: &'static str,
    /// Where its files are from.
    pub experiments: String,
    /// Whether at the reduced sizes.
    pub quick: bool,
    /// The command line.
    pub command: String,
    /// The program and the machine.
    pub origin: Origin,
    /// When it began, UTC.
    pub started: String,
    /// Seconds of the whole.
    pub seconds: f64,
    /// Claims that were asked for.
    pub asked: usize,
    /// Where the report is.
    pub report: PathBuf,
    /// The claims that were tried, in the order of the chapter.
    pub claims: Vec<Tried>,
}

impl Reproduction {
    /// How many claims came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.claims.iter().filter(|claim| claim.outcome == outcome).count()
    }

    /// `12 hold, 1 refuted` and so on.
    pub fn totals(&self) -> String {
        let words = [
            (Outcome::Holds, "hold"),
            (Outcome::Undecided, "undecided"),
            (Outcome::Refuted, "refuted"),
            (Outcome::Failed, "failed"),
        ];
        let counts = words.map(|(outcome, word)| (self.count(outcome), word));
        let mut said: Vec<String> =
            counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if self.claims.len() < self.asked {
            said.push(format!("{} not computed", self.asked - self.claims.len()));
        }
        if said.is_empty() { "nothing was computed".into() } else { said.join(", ") }
    }

    /// Everything that is not as the files say.
    pub fn contradictions(&self) -> Vec<String> {
        self.claims.iter().filter_map(Tried::contradiction).collect()
    }
}
