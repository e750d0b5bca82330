//! log Z on the command line: how it is asked for, and how it is shown.

use super::table::{number, with_error};
use crate::evaluate::{Bounded, Guarantee};
use crate::experiment::config::{Ais, BaseRates, ExactPartition, LogPartition, Raise, Reverse, Sandwich};
use crate::experiment::results::LogPartitionResult;
use crate::experiment::{Error, Result};

/// How log Z is found.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    /// How log Z is found; the default is what the options below ask for, else exact where that is cheap, else ais. ais: forward
    /// annealing, below log Z on average; reverse: from samples of the machine, above on average; sandwich: both; raise: from bounds of
    /// log p(v) by chains that begin at examples.
    #[arg(long, value_name = "METHOD", value_parser = ["exact", "ais", "reverse", "raise", "sandwich"])]
    log_partition: Option<String>,
    /// Temperatures of annealing (ais, reverse, raise, sandwich).
    #[arg(long, value_name = "N", value_parser = positive)]
    temperatures: Option<usize>,
    /// Chains of annealing, of each example for raise.
    #[arg(long, value_name = "N", value_parser = positive)]
    chains: Option<usize>,
    /// Rates of the units where annealing begins: data (visible means of the training examples, or of --data), activity (the same, and
    /// hidden means over the examples judged on), uniform or biases
    #[arg(long, value_name = "RATES", value_parser = ["data", "activity", "uniform", "biases"])]
    base: Option<String>,
    /// Gibbs sweeps from the examples to where reverse chains begin (reverse, sandwich); machines that can be enumerated need none.
    #[arg(long, value_name = "N", value_parser = positive)]
    sweeps: Option<usize>,
    /// Most examples whose log p(v) is bounded (raise).
    #[arg(long, value_name = "N", value_parser = positive)]
    raise_examples: Option<usize>,
    /// Warn where the ends of a sandwich are further apart than this, in nats.
    #[arg(long, value_name = "NATS", value_parser = not_negative)]
    widest: Option<f64>,
    /// Most bits an exact log Z may enumerate, 30 at most (exact).
    #[arg(long, value_name = "BITS", value_parser = bits)]
    max_bits: Option<usize>,
}

/// A whole number, 1 or more.
pub fn positive(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|&count| count > 0).ok_or_else(|| "expected a whole number, 1 or more".to_string())
}

fn not_negative(text: &str) -> std::result::Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| *value >= 0.0 && value.is_finite());
    value.ok_or_else(|| "expected a number, 0 or more".to_string())
}

/// Each bit more doubles the work of an exact sum.
fn bits(text: &str) -> std::result::Result<usize, String> {
    const MOST_BITS: usize = ExactPartition::MOST_BITS;
    let within = text.parse().ok().filter(|&bits| bits <= MOST_BITS);
    within.ok_or_else(|| {
        format!("expected a whole number, {MOST_BITS} at most: more states than 2^{MOST_BITS} take days")
    })
}

impl Wanted {
    /// The way that the options name or imply.
    pub fn way(&self) -> Result<LogPartition> {
        self.consistent()?;
        let base = match self.base.as_deref() {
            Some("activity") => BaseRates::Activity,
            Some("uniform") => BaseRates::Uniform,
            Some("biases") => BaseRates::Biases,
            _ => BaseRates::Data,
        };
        let temperatures = |default: usize| self.temperatures.unwrap_or(default);
        let chains = |default: usize| self.chains.unwrap_or(default);
        Ok(match self.method() {
            Some("exact") => LogPartition::Exact(ExactPartition {
                max_bits: self.max_bits.unwrap_or(ExactPartition::default().max_bits),
            }),
            Some("reverse") => {
                let Reverse { temperatures: t, chains: c, sweeps, .. } = Reverse::default();
                let sweeps = self.sweeps.unwrap_or(sweeps);
                LogPartition::Reverse(Reverse { temperatures: temperatures(t), chains: chains(c), base, sweeps })
            }
            Some("sandwich") => {
                let Sandwich { temperatures: t, chains: c, sweeps, widest, .. } = Sandwich::default();
                let (sweeps, widest) = (self.sweeps.unwrap_or(sweeps), self.widest.unwrap_or(widest));
                LogPartition::Sandwich(Sandwich {
                    temperatures: temperatures(t),
                    chains: chains(c),
                    base,
                    sweeps,
                    widest,
                })
            }
            Some("raise") => {
                let default = Raise::default();
                LogPartition::Raise(Raise {
                    temperatures: temperatures(default.temperatures),
                    chains: chains(default.chains),
                    base,
                    examples: self.raise_examples.unwrap_or(default.examples),
                    ..default
                })
            }
            Some(_) => {
                let Ais { temperatures: t, chains: c, .. } = Ais::default();
                LogPartition::Ais(Ais { temperatures: temperatures(t), chains: chains(c), base })
            }
            None => LogPartition::Auto {},
        })
    }

    /// Whether annealing, if there is any, begins at the rates of the data.
    pub fn starts_at_the_data(&self) -> bool {
        self.base.as_deref().is_none_or(|base| ["data", "activity"].contains(&base))
    }

    /// The method named, or that the options are of.
    fn method(&self) -> Option<&str> {
        let implied = match (self.annealing(), self.max_bits) {
            (Some(_), _) => Some("ais"),
            (None, Some(_)) => Some("exact"),
            (None, None) => None,
        };
        self.log_partition.as_deref().or(implied)
    }

    /// An option of annealing that is given.
    fn annealing(&self) -> Option<&'static str> {
        let options = [
            ("--temperatures", self.temperatures.is_some()),
            ("--chains", self.chains.is_some()),
            ("--base", self.base.is_some()),
        ];
        options.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }

    /// Refuses options of one method beside another.
    fn consistent(&self) -> Result<()> {
        let named = self.log_partition.as_deref();
        let summing = self.max_bits.map(|_| "--max-bits");
        let conflict = match (named, self.annealing(), summing) {
            (Some("exact"), Some(flag), _) => Some((flag, "--log-partition exact".to_string(), "ais")),
            (Some(method), _, Some(flag)) if method != "exact" => {
                Some((flag, format!("--log-partition {method}"), method))
            }
            (_, Some(flag), Some(other)) => Some((flag, other.to_string(), "ais")),
            _ => None,
        };
        if let Some((flag, other, method)) = conflict {
            return Err(Error::Refused {
                problem: format!("{flag} does not go with {other}: one is of {method}, the other of exact"),
                remedy: "leave one of them out".into(),
            });
        }
        let own: [(&str, bool, &[&str]); 3] = [
            ("--sweeps", self.sweeps.is_some(), &["reverse", "sandwich"]),
            ("--raise-examples", self.raise_examples.is_some(), &["raise"]),
            ("--widest", self.widest.is_some(), &["sandwich"]),
        ];
        for (flag, given, methods) in own {
            if given && !methods.iter().any(|method| named == Some(*method)) {
                let methods = methods.join(" or ");
                return Err(Error::Refused {
                    problem: format!("{flag} is read by --log-partition {methods} alone"),
                    remedy: format!("add --log-partition {methods}, or leave {flag} out"),
                });
            }
        }
        Ok(())
    }
}

/// How ln Z was found, in words.
pub fn method(value: &LogPartitionResult) -> String {
    let name = |method: &str| match method {
        "ais" | "raise" => method.to_uppercase(),
        "reverse" => "reverse annealing".to_string(),
        other => other.to_string(),
    };
    let worth = |chains: Option<f64>, what: &str| {
        chains.map(|chains| format!("worth {} independent {what}chains", number(chains, 0)))
    };
    let forward = worth(value.effective_chains, "");
    let reverse = worth(value.effective_reverse_chains, "reverse ");
    let known: Vec<String> = forward.into_iter().chain(reverse).collect();
    match (value.method.as_str(), known.is_empty()) {
        ("exact", _) => "enumeration of alternate layers".into(),
        (method, true) => name(method),
        (method, false) => format!("{} ({})", name(method), known.join(", ")),
    }
}

/// Lines on both ends of a sandwich, on where reverse chains began, and on RAISE.
pub fn details(value: &LogPartitionResult) -> String {
    let mut text = String::new();
    if let (Some(width), Some(lower), Some(upper)) = (value.width, value.lower, value.upper) {
        text += &format!(
            "log Z lies between {} and {}, {} nats apart ({}, {})\n",
            number(lower, 2),
            number(upper, 2),
            number(width, 2),
            Guarantee::StochasticLowerBound,
            value.upper_guarantee.unwrap_or(Guarantee::Approximation)
        );
    } else if let (Some(upper), Some(guarantee)) = (value.stochastic_upper_bound, value.upper_guarantee) {
        text += &format!("upper end, the mean over reverse chains: {} ({guarantee})\n", number(upper, 2));
    }
    if let Some(samples) = &value.samples {
        text += &match samples.as_str() {
            "exact" => "reverse chains began at exact samples of the machine\n".to_string(),
            chains => {
                format!(
                    "reverse chains began at the ends of {chains}: the upper end is only as good as these samples\n"
                )
            }
        };
    }
    if let Some(raise) = &value.raise {
        let mean = with_error(raise.log_likelihood_nats_mean, 2, raise.error, 2);
        text += &format!(
            "RAISE: mean log p(v) = {mean} nats on {} examples ({} of the annealing run's log p(v), which tends to the machine's as \
             temperatures grow); each worth {:.0} % of its chains\n",
            raise.examples,
            raise.guarantee,
            100.0 * raise.effective_share
        );
    }
    text
}

/// ln Z as it is shown everywhere.
pub fn bounded(value: &LogPartitionResult) -> Bounded {
    Bounded { nats: value.nats, error: value.error, guarantee: value.guarantee }
}
