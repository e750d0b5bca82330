//! Families of q by how much they hold together: a point, independent units, tables over more and more units, all of them.
//!
//! A family that holds another reaches at least its ELBO, so its KL(q‖p) is no larger; what it costs is 2 to the units of a table
//! (book section 19.4).

use super::instances::{binary_inputs, random_dbm};
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::evaluate::elbo_unnormalized;
use crate::inference::{Inference, Map, MeanField, Refined, Stop, Structured, Tables, Uninformed};
use crate::math::{Nats, Result, Stream, Tensor, larger, mean_of};
use crate::models::{Dbm, LatentModel};
use crate::posterior::Partition;
use serde::{Deserialize, Serialize};

/// The machine and the tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableSizes {
    /// Units per layer, visible first.
    pub sizes: Vec<usize>,
    /// Standard deviation of the weights.
    pub weight_std: f64,
    /// Standard deviation of the biases.
    pub bias_std: f64,
    /// Most inputs: all of them where there are no more, else random ones.
    pub inputs: usize,
    /// Units of a table, ascending; tables are filled column by column and start from the answer of mean field.
    pub tables: Vec<usize>,
    /// An answer is done once a sweep changes no mean by this much.
    pub tolerance: f64,
    /// Most sweeps.
    pub max_sweeps: usize,
}

impl Default for TableSizes {
    fn default() -> Self {
        Self {
            sizes: vec![8, 6, 4, 2],
            weight_std: 1.0,
            bias_std: 0.5,
            inputs: 256,
            tables: vec![1, 2, 3, 4, 5, 6, 12],
            tolerance: 1e-12,
            max_sweeps: 5000,
        }
    }
}

/// The answers of one family.
struct Family {
    /// Units of a table.
    units: usize,
    /// KL(q‖p) of each input, nats.
    kl: Nats,
    /// Multiply-adds of one sweep for one input.
    cost: f64,
    /// Seconds for all inputs.
    seconds: f64,
}

impl Study for TableSizes {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let stream = stream.named("machine").at(0);
        let dbm = random_dbm(&self.sizes, self.weight_std, self.bias_std, stream)?;
        let visible = binary_inputs(self.sizes[0], self.inputs, stream.named("inputs"))?;
        let evidence = dbm.clamp(&visible)?.log_partition(20.0)?;
        let below = |bounds: Nats| -> Nats { evidence.iter().zip(bounds).map(|(a, b)| a - b).collect() };
        let point = Map { max_bits: 20.0 }.infer(&dbm, &visible, stream)?.q;
        let point = below(elbo_unnormalized(&dbm, &visible, &point)?);
        let mean_field = self.mean_field().infer(&dbm, &visible, stream)?.q;
        let factorial = below(elbo_unnormalized(&dbm, &visible, &mean_field)?);
        let columns = self.structured(Tables::Columns).infer(&dbm, &visible, stream)?.q;
        let columns = below(elbo_unnormalized(&dbm, &visible, &columns)?);
        let mut families = Vec::new();
        for (index, &units) in self.tables.iter().enumerate() {
            lab.at("sizes of tables", index, self.tables.len())?;
            families.push(self.family(&dbm, &visible, units, stream, lab, &below)?);
        }
        let mut findings = Findings::default();
        ladder(&mut findings, [&point, &factorial, &columns], families.last());
        self.trade(&mut findings, &families);
        Ok(findings)
    }
}

impl TableSizes {
    fn mean_field(&self) -> Refined<Uninformed, MeanField> {
        let stop = Stop::when_within(self.tolerance, self.max_sweeps);
        Refined { start: Uninformed, by: MeanField::default(), stop }
    }

    fn structured(&self, tables: Tables) -> Structured<Refined<Uninformed, MeanField>> {
        let start = self.mean_field();
        Structured { stop: start.stop, start, tables, max_bits: 20.0 }
    }

    fn family(
        &self,
        dbm: &Dbm,
        visible: &Tensor,
        units: usize,
        stream: Stream,
        lab: &mut dyn Laboratory,
        below: &dyn Fn(Nats) -> Nats,
    ) -> Result<Family> {
        let scheme = self.structured(Tables::OfSize(units));
        let before = lab.seconds();
        let q = scheme.infer(dbm, visible, stream)?.q;
        let seconds = lab.seconds() - before;
        let kl = below(elbo_unnormalized(dbm, visible, &q)?);
        Ok(Family { units, kl, cost: sweep_cost(&Partition::of_size(&self.sizes[1..], units)?), seconds })
    }

    /// What larger tables gain and cost.
    fn trade(&self, findings: &mut Findings, families: &[Family]) {
        for family in families {
            findings.quantity(format!("kl_nats_mean_tables_of_{}", family.units), mean_of(&family.kl));
            findings.quantity(format!("sweep_multiply_adds_tables_of_{}", family.units), family.cost);
            findings.quantity(format!("ms_per_input_tables_of_{}", family.units), family.ms());
        }
        let rise = |pair: &[Family]| mean_of(&pair[1].kl) - mean_of(&pair[0].kl);
        findings.quantity("kl_rise_nats_max", families.windows(2).map(rise).fold(f64::NEG_INFINITY, larger));
        if let Some(last) = families.last() {
            findings.quantity("whole_kl_nats_max", last.kl.iter().map(|kl| kl.abs()).fold(0.0, larger));
        }
        if let [.., before, last] = families {
            let doublings = (last.units - before.units) as f64;
            findings.quantity("cost_growth_per_unit_at_the_end", (last.cost / before.cost).powf(1.0 / doublings));
        }
        let points = families.iter().map(|family| (family.units as u64, mean_of(&family.kl)));
        findings.series("", "structured/kl_nats_mean", points);
        findings.series("", "structured/sweep_multiply_adds", families.iter().map(|f| (f.units as u64, f.cost)));
        findings.figure(trade_figure(families));
    }
}

impl Family {
    fn ms(&self) -> f64 {
        1e3 * self.seconds / self.kl.len().max(1) as f64
    }
}

/// Multiply-adds of one sweep over all blocks: what every unit sends to a block, the log weight and the share in the means of each
/// of its states.
pub fn sweep_cost(partition: &Partition) -> f64 {
    let units: usize = partition.sizes().iter().sum();
    let blocks = partition.blocks().iter().map(|block| block.len() as f64);
    blocks.map(|of_block| units as f64 * of_block + 2.0 * of_block * of_block.exp2()).sum()
}

/// One family inside the next: a point, independent units, columns, everything.
fn ladder(findings: &mut Findings, [point, factorial, columns]: [&Nats; 3], whole: Option<&Family>) {
    let means = [point, factorial, columns].map(|kl| mean_of(kl));
    let exact = whole.map_or(f64::NAN, |family| mean_of(&family.kl));
    for (name, kl) in ["point_mass", "factorial", "columns", "exact"].iter().zip(means.iter().chain([&exact])) {
        findings.quantity(format!("kl_nats_mean_{name}"), *kl);
    }
    findings.quantity("point_less_factorial_kl_nats_mean", means[0] - means[1]);
    findings.quantity("factorial_less_columns_kl_nats_mean", means[1] - means[2]);
    let rises = columns.iter().zip(factorial).map(|(columns, factorial)| columns - factorial);
    findings.quantity("columns_above_factorial_kl_nats_max", rises.fold(f64::NEG_INFINITY, larger));
    let caption = format!(
        "Each family holds the one before it, and its best q is closer to the posterior: {:.3}, {:.4}, {:.4} and 0 nats away.",
        means[0], means[1], means[2]
    );
    let axes = (Axis::linear("family of q"), Axis::linear("KL(q‖p), nats, mean over inputs"));
    let bars = ["point mass", "independent units", "tables over columns", "all of them"];
    let heights = means.into_iter().chain([larger(exact, 0.0)]);
    findings.figure(Figure::new("Families of q", caption, axes.0, axes.1).bars("", bars.into_iter().zip(heights)));
}

fn trade_figure(families: &[Family]) -> Figure {
    let kl = |family: Option<&Family>| family.map_or(f64::NAN, |family| mean_of(&family.kl));
    let (first, last) = (families.first(), families.iter().rev().nth(1));
    let caption = format!(
        "Tables of one unit leave {:.4} nats, tables of {} units {:.4}; one table over everything leaves none and costs \
         2 to the number of units.",
        kl(first),
        last.map_or(0, |family| family.units),
        kl(last)
    );
    let axes = (Axis::log("multiply-adds of one sweep for one input"), Axis::linear("KL(q‖p), nats, mean over inputs"));
    let points: Vec<(f64, f64)> = families.iter().map(|family| (family.cost, mean_of(&family.kl))).collect();
    let labels = families.iter().map(|family| (family.cost, mean_of(&family.kl), family.units.to_string()));
    Figure::new("What larger tables gain and cost", caption, axes.0, axes.1)
        .line("units of a table", points)
        .with(super::Mark::Labels { points: labels.collect() })
}
