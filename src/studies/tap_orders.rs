//! The TAP equations of first (mean field), second and third order against exact answers, by strength of the weights.
//!
//! See `inference/tap.rs` for the free energy G (Plefka 1982): its order-k error falls with the power k + 1 of the couplings, and
//! it is no bound.

use super::instances::{random_binary, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::{Assess, Assessment, Reference, Yardstick};
use crate::inference::{Stop, Tap, Uninformed};
use crate::math::{Nats, Result, Stream, larger, mean_of, smaller};
use serde::{Deserialize, Serialize};

/// How many machines of which sizes and weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TapOrders {
    /// Units per layer of each architecture, visible first.
    pub sizes: Vec<Vec<usize>>,
    /// Random machines of each architecture and each weight standard deviation.
    pub models: usize,
    /// Random inputs of each machine.
    pub inputs: usize,
    /// Standard deviations of weights and biases.
    pub weight_stds: Vec<f64>,
    /// Share of the old mean that every update keeps.
    pub damping: f64,
    /// An answer has settled once a sweep changes no mean by this much.
    pub tolerance: f64,
    /// Most sweeps.
    pub max_sweeps: usize,
}

impl Default for TapOrders {
    fn default() -> Self {
        Self {
            sizes: vec![vec![8, 6, 4], vec![6, 6, 5, 4]],
            models: 60,
            inputs: 16,
            weight_stds: vec![0.25, 0.5, 1.0, 2.0, 4.0],
            damping: 0.5,
            tolerance: 1e-10,
            max_sweeps: 500,
        }
    }
}

/// Orders of the expansion.
const ORDERS: [usize; 3] = [1, 2, 3];

/// How one order does on one machine, over its inputs.
struct Fit {
    marginal_error: f64,
    evidence_error: f64,
    /// Share of the inputs whose free energy is above ln p̃(v), by more than rounding.
    above: f64,
    settled: f64,
}

/// All machines of one weight standard deviation, the fits of each order.
struct Row {
    std: f64,
    fits: [Vec<Fit>; 3],
}

impl Study for TapOrders {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut rows = Vec::new();
        for (index, &std) in self.weight_stds.iter().enumerate() {
            lab.at("weight standard deviations", index, self.weight_stds.len())?;
            rows.push(self.row(std, stream)?);
        }
        let mut findings = Findings::default();
        rows.iter().for_each(|row| row.tell(&mut findings));
        let weak = rows.iter().filter(|row| row.std <= 1.0).map(Row::better);
        findings.quantity("tap2_better_share_min_up_to_std_1", weak.fold(1.0, smaller));
        let above = |order: usize| {
            let fits = rows.iter().flat_map(|row| &row.fits[order - 1]);
            mean_of(&fits.map(|fit| fit.above).collect::<Nats>())
        };
        findings.quantity("tap2_above_share", above(2));
        findings.quantity("mean_field_above_share", above(1));
        findings.figure(errors(&rows));
        findings.figure(share_above(&rows));
        Ok(findings)
    }
}

impl TapOrders {
    fn row(&self, std: f64, stream: Stream) -> Result<Row> {
        let mut fits = [Vec::new(), Vec::new(), Vec::new()];
        for (architecture, sizes) in self.sizes.iter().enumerate() {
            for model in 0..self.models {
                let stream = stream.at(architecture as u64).at(model as u64);
                let dbm = random_dbm(sizes, std, std, stream)?;
                let visible = random_binary(self.inputs, sizes[0], stream.named("visible"))?;
                let reference = Reference::tabulate(&dbm, &visible, 20.0)?;
                let by = Yardstick { reference: Some(&reference), first: 0 };
                for order in ORDERS {
                    let stop = Stop::when_within(self.tolerance, self.max_sweeps);
                    let tap = Tap { start: Uninformed, order, damping: self.damping, stop };
                    let found = tap.assess(&dbm, &visible, by, stream, &|| 0.0)?;
                    fits[order - 1].push(Fit::of(&found, &reference));
                }
            }
        }
        Ok(Row { std, fits })
    }
}

impl Fit {
    fn of(found: &Assessment, reference: &Reference) -> Self {
        let excess =
            found.elbos_unnormalized.iter().zip(&reference.log_evidence_unnormalized).map(|(g, exact)| g - exact);
        let excess: Nats = excess.collect();
        Self {
            marginal_error: found.marginal_error().map_or(f64::NAN, |error| error.mean),
            evidence_error: mean_of(&excess.iter().map(|excess| excess.abs()).collect::<Nats>()),
            above: excess.iter().filter(|excess| **excess > 1e-10).count() as f64 / excess.len() as f64,
            settled: found.converged_fraction().unwrap_or_default(),
        }
    }
}

impl Row {
    fn mean(&self, order: usize, of: fn(&Fit) -> f64) -> f64 {
        mean_of(&self.fits[order - 1].iter().map(of).collect::<Nats>())
    }

    /// Share of machines on which the second order has the smaller marginal error.
    fn better(&self) -> f64 {
        let pairs = self.fits[0].iter().zip(&self.fits[1]);
        pairs.filter(|(first, second)| second.marginal_error < first.marginal_error).count() as f64
            / self.fits[0].len() as f64
    }

    fn tell(&self, findings: &mut Findings) {
        let Self { std, .. } = self;
        for (order, name) in ORDERS.into_iter().zip(["mean_field", "tap2", "tap3"]) {
            findings
                .quantity(format!("{name}_marginal_error_at_std_{std}"), self.mean(order, |fit| fit.marginal_error));
            findings.quantity(
                format!("{name}_evidence_error_nats_at_std_{std}"),
                self.mean(order, |fit| fit.evidence_error),
            );
            findings.quantity(format!("{name}_settled_share_at_std_{std}"), self.mean(order, |fit| fit.settled));
            findings.quantity(format!("{name}_above_share_at_std_{std}"), self.mean(order, |fit| fit.above));
        }
        let errors = [1, 2].map(|order| self.mean(order, |fit| fit.marginal_error));
        findings.quantity(format!("tap2_error_ratio_at_std_{std}"), errors[1] / errors[0]);
        findings.quantity(format!("tap2_better_share_at_std_{std}"), self.better());
    }
}

fn curve(rows: &[Row], order: usize, of: fn(&Fit) -> f64) -> Vec<(f64, f64)> {
    rows.iter().map(|row| (row.std, row.mean(order, of))).collect()
}

fn errors(rows: &[Row]) -> Figure {
    let ratio = |row: Option<&Row>| {
        row.map_or(f64::NAN, |row| row.mean(2, |fit| fit.marginal_error) / row.mean(1, |fit| fit.marginal_error))
    };
    let std = |row: Option<&Row>| row.map_or(f64::NAN, |row| row.std);
    let settled = rows.last().map_or(f64::NAN, |row| row.mean(2, |fit| fit.settled));
    let caption = format!(
        "The second order has {:.2} of mean field's error at a standard deviation of {}, and {:.2} of it at {}, where only {:.0} % of \
         the runs settle.",
        ratio(rows.first()),
        std(rows.first()),
        ratio(rows.last()),
        std(rows.last()),
        100.0 * settled
    );
    let axes = (Axis::log("standard deviation of weights"), Axis::log("error of marginals, mean"));
    let error = |fit: &Fit| fit.marginal_error;
    Figure::new("Error of the orders", caption, axes.0, axes.1)
        .line("mean field (order 1)", curve(rows, 1, error))
        .line("TAP, order 2", curve(rows, 2, error))
        .line("TAP, order 3", curve(rows, 3, error))
}

fn share_above(rows: &[Row]) -> Figure {
    let above = |fit: &Fit| fit.above;
    let second = curve(rows, 2, above);
    let (low, high) =
        second.iter().fold((1.0_f64, 0.0_f64), |(low, high), (_, x)| (smaller(low, *x), larger(high, *x)));
    let caption = format!(
        "TAP's free energy is above ln p(v) in {:.0} % to {:.0} % of the cases: it is no bound. Mean field's is one and never is.",
        100.0 * low,
        100.0 * high
    );
    let axes = (Axis::log("standard deviation of weights"), Axis::linear("share of estimates above ln p(v)"));
    Figure::new("Estimates above the truth", caption, axes.0, axes.1)
        .line("mean field (order 1)", curve(rows, 1, above))
        .line("TAP, order 2", second)
        .line("TAP, order 3", curve(rows, 3, above))
}
