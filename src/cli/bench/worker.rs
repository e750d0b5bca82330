//! The worker protocol: `READY`, then an answer to every `RUN n` and `CHECK` until `QUIT`, so that one driver can interleave
//! programs in any language. Empty lines are passed over.

use super::model::{Sizes, check_data, check_model};
use super::workload::{CHAINS, Task, Work, annealing, scheme};
use crate::cli::print;
use crate::evaluate::ais;
use crate::experiment::{Error, Result, clock};
use crate::inference::Inference;
use crate::learning::{Chains, Statistics};
use crate::math::{Device, Stream, host, mean_of};
use crate::posterior::Posterior;
use serde::Serialize;
use std::io::BufRead;

/// Units done before a worker says that it is ready.
fn warm_up(task: Task) -> usize {
    if task == Task::A { 1 } else { 5 }
}

/// Serves the protocol on standard input and output.
pub fn serve(task: Task, sizes: &Sizes, batch: usize, device: &Device) -> Result<()> {
    let mut work = Work::new(task, sizes, batch, device)?;
    work.run(warm_up(task))?;
    print(&format!(
        "READY {{\"name\": \"dbm\", \"task\": \"{task:?}\", \"version\": \"{}\"}}",
        env!("CARGO_PKG_VERSION")
    ))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(unread)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["RUN", units] => {
                let units = units.parse().map_err(|_| refused(&line))?;
                let watch = clock::Stopwatch::start();
                work.run(units)?;
                print(&format!("TIME {:.9}", watch.seconds()))?;
            }
            ["CHECK"] => {
                let check = serde_json::to_string(&check(sizes, device)?);
                print(&format!("CHECK {}", check.map_err(|error| Error::Compute { problem: error.to_string() })?))?;
            }
            [] => {}
            ["QUIT"] => break,
            _ => return Err(refused(&line)),
        }
    }
    Ok(())
}

fn refused(line: &str) -> Error {
    unknown(format!("a worker does not know the request {line:?}"))
}

fn unread(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::InvalidData => unknown("a worker was sent a line that is not UTF-8 text".into()),
        _ => Error::io("read", std::path::Path::new("standard input"))(error),
    }
}

fn unknown(problem: String) -> Error {
    Error::Refused { problem, remedy: "send RUN n, CHECK or QUIT".into() }
}

/// Results on the closed-form machine and examples, by the same calls that are timed.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Mean of the first hidden layer's means after 10 mean-field sweeps.
    mu1: f64,
    /// The same of the second layer.
    mu2: f64,
    /// Mean squared statistic of the pairs of layers under the data.
    g2: f64,
    /// Mean state of each layer over 200 Gibbs sweeps.
    gibbs_v_h1_h2: Vec<f64>,
    /// ln Z, nats.
    #[serde(rename = "ais_logZ")]
    ais_log_partition: f64,
    /// Standard deviation of the log weights, nats.
    ais_sd: f64,
}

/// The check; where there is no second hidden layer its mean is that of the first.
pub fn check(sizes: &Sizes, device: &Device) -> Result<Check> {
    let dbm = check_model(sizes, device)?;
    let visible = check_data(100, sizes.0[0], device)?;
    let means = scheme(10).infer(&dbm, &visible, Stream::new(3))?.q.means()?;
    let mut layers = vec![visible];
    layers.extend(means.iter().cloned());
    let mut squares = Vec::new();
    for statistic in Statistics::of(&layers)?.dense()?.weights {
        squares.extend(host(&statistic.tensor()?)?.iter().map(|value| value * value));
    }
    let mut chains = Chains::from_biases(&dbm, CHAINS, Stream::new(4))?.advance(&dbm, 100, Stream::new(5))?.0;
    let mut states = vec![Vec::new(); sizes.0.len()];
    for sweep in 0..200 {
        chains = chains.advance(&dbm, 1, Stream::new(6).at(sweep))?.0;
        for (states, layer) in states.iter_mut().zip(chains.states()) {
            states.push(mean_of(&host(layer)?));
        }
    }
    let found = ais(&dbm, &annealing(), Stream::new(7))?;
    let weights = found.ais.map(|report| report.log_weights).unwrap_or_default();
    let mean = mean_of(&weights);
    let variance = weights.iter().map(|weight| (weight - mean).powi(2)).sum::<f64>() / (weights.len() as f64 - 1.0);
    Ok(Check {
        mu1: mean_of(&host(&means[0])?),
        mu2: mean_of(&host(means.get(1).unwrap_or(&means[0]))?),
        g2: mean_of(&squares),
        gibbs_v_h1_h2: states.iter().map(|states| mean_of(states)).collect(),
        ais_log_partition: found.value.nats,
        ais_sd: variance.sqrt(),
    })
}
