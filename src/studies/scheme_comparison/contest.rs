//! The schemes, each judged against exact answers, with its cost.

use super::super::table_sizes::sweep_cost;
use super::SchemeComparison;
use crate::evaluate::{Assess, Assessment, Reference, Yardstick, elbo_unnormalized, posterior_bits};
use crate::inference::{
    BottomUp, Exact, Gibbs, IteratedModes, Map, MeanField, Network, Random, Refined, Stop, Structured, Tables, Tap,
    Uninformed,
};
use crate::math::{Nats, Result, Stream, Tensor, mean_of};
use crate::models::{Dbm, Schedule};
use crate::posterior::{Factorial, Partition};
use crate::studies::Laboratory;

/// One scheme on one machine.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub name: String,
    /// KL(q‖p) of each input, nats; none where there is no q.
    pub kl: Option<Nats>,
    pub marginal_error: f64,
    /// Sweeps made, mean over inputs, as a whole number.
    pub sweeps: u64,
    /// Multiply-adds for one input.
    pub cost: f64,
    /// Milliseconds per input; none where nothing is inferred.
    pub ms: Option<f64>,
}

impl Entry {
    pub fn kl_mean(&self) -> Option<f64> {
        self.kl.as_deref().map(mean_of)
    }

    /// The TensorBoard run: schemes that differ only in their number of sweeps share one, and their steps are the sweeps.
    pub fn run(&self, word: &str) -> String {
        let by_sweeps = ["mean field", "network", "Gibbs"].into_iter().find(|scheme| self.name.starts_with(scheme));
        format!("{word}/{}", by_sweeps.unwrap_or(&self.name).replace(' ', "-"))
    }
}

/// A machine, its inputs and the exact answers.
pub(super) struct Contest<'a> {
    pub settings: &'a SchemeComparison,
    pub dbm: &'a Dbm,
    pub visible: &'a Tensor,
    pub network: Network,
    pub reference: Reference,
    pub stream: Stream,
}

impl<'a> Contest<'a> {
    pub fn new(
        settings: &'a SchemeComparison,
        dbm: &'a Dbm,
        visible: &'a Tensor,
        network: Network,
        stream: Stream,
    ) -> Result<Self> {
        let reference = Reference::tabulate(dbm, visible, 20.0)?;
        Ok(Self { settings, dbm, visible, network, reference, stream })
    }

    pub fn examples(&self) -> usize {
        self.reference.log_evidence_unnormalized.len()
    }

    /// Mean field until converged.
    pub fn mean_field(&self) -> Refined<Uninformed, MeanField> {
        let stop = Stop::when_within(self.settings.tolerance, self.settings.max_sweeps);
        Refined { start: Uninformed, by: MeanField::default(), stop }
    }

    /// From the answer of mean field.
    pub fn structured(&self, tables: Tables) -> Structured<Refined<Uninformed, MeanField>> {
        let start = self.mean_field();
        Structured { stop: start.stop, start, tables, max_bits: 20.0 }
    }

    pub fn tap(&self, order: usize) -> Tap<Uninformed> {
        Tap { start: Uninformed, order, damping: 0.5, stop: self.mean_field().stop }
    }

    /// Every scheme, from the crudest to the exact one.
    pub fn entries(&self, lab: &dyn Laboratory) -> Result<Vec<Entry>> {
        let (pass, sweep) = (self.pass(), self.sweep());
        let exact = self.enumeration()?;
        let mut entries = vec![
            self.entry("MAP", &Map { max_bits: 20.0 }, lab, |_| exact)?,
            self.entry("ICM", &self.modes(), lab, |sweeps| {
                self.own() + self.starts() * (sweeps * sweep + sweep / 2.0)
            })?,
            self.entry("bottom-up", &BottomUp, lab, |_| pass)?,
        ];
        for sweeps in [1, 2] {
            let scheme = Refined { stop: Stop::after(sweeps), ..self.mean_field() };
            entries.push(self.entry(&format!("mean field {sweeps}"), &scheme, lab, |n| self.own() + n * sweep)?);
        }
        entries.push(self.entry("mean field converged", &self.mean_field(), lab, |n| self.own() + n * sweep)?);
        entries.push(self.entry("network", &self.network, lab, |_| pass)?);
        let refined = Refined { start: self.network.clone(), by: MeanField::default(), stop: Stop::after(1) };
        entries.push(self.entry("network+1", &refined, lab, |n| pass + self.own() + n * sweep)?);
        let start = entries[5].cost;
        let columns = sweep_cost(&Partition::columns(&self.dbm.sizes()[1..])?);
        entries.push(self.entry("structured", &self.structured(Tables::Columns), lab, |n| start + n * columns)?);
        entries.push(self.product_of_marginals(exact)?);
        for order in [2, 3] {
            let cost = |sweeps: f64| self.own() + sweeps * sweep * order as f64;
            entries.push(self.entry(&format!("TAP {order}"), &self.tap(order), lab, cost)?);
        }
        for &sweeps in &self.settings.gibbs_sweeps {
            let by = Gibbs { schedule: Schedule::OddEven, burn_in: self.settings.burn_in };
            let scheme = Refined { start: Random, by, stop: Stop::after(sweeps) };
            entries.push(self.entry(&format!("Gibbs {sweeps}"), &scheme, lab, |n| self.own() + n * sweep)?);
        }
        entries.push(self.entry("exact", &Exact { max_bits: 20.0 }, lab, |_| exact)?);
        Ok(entries)
    }

    fn modes(&self) -> IteratedModes {
        IteratedModes { starts: self.settings.mode_starts, max_sweeps: self.settings.max_sweeps }
    }

    fn starts(&self) -> f64 {
        self.settings.mode_starts as f64
    }

    fn entry(
        &self,
        name: &str,
        scheme: &dyn Assess<Dbm>,
        lab: &dyn Laboratory,
        cost: impl Fn(f64) -> f64,
    ) -> Result<Entry> {
        let by = Yardstick { reference: Some(&self.reference), first: 0 };
        let found: Assessment =
            scheme.assess(self.dbm, self.visible, by, self.stream.named(name), &|| lab.seconds())?;
        let sweeps = found.sweeps().mean;
        Ok(Entry {
            name: name.into(),
            marginal_error: found.marginal_error().map_or(f64::NAN, |error| error.mean),
            sweeps: sweeps.round() as u64,
            cost: cost(sweeps),
            ms: Some(found.time_us_per_example() / 1e3),
            kl: found.kl,
        })
    }

    /// Independent units with the exact means: no error of the marginals, and yet not the closest q.
    fn product_of_marginals(&self, cost: f64) -> Result<Entry> {
        let q = Factorial::from_means(self.dbm.units()[1..].to_vec(), &self.reference.means)?;
        let bounds = elbo_unnormalized(self.dbm, self.visible, &q)?;
        let kl = self.reference.log_evidence_unnormalized.iter().zip(bounds).map(|(evidence, bound)| evidence - bound);
        Ok(Entry {
            name: "exact marginals".into(),
            kl: Some(kl.collect()),
            marginal_error: 0.0,
            sweeps: 0,
            cost,
            ms: None,
        })
    }

    /// What v sends to the first hidden layer.
    fn own(&self) -> f64 {
        let sizes = self.dbm.sizes();
        (sizes[0] * sizes[1]) as f64
    }

    /// One pass upwards.
    fn pass(&self) -> f64 {
        self.dbm.sizes().windows(2).map(|pair| (pair[0] * pair[1]) as f64).sum()
    }

    /// One sweep over the hidden layers, which sends both ways between them.
    fn sweep(&self) -> f64 {
        2.0 * (self.pass() - self.own())
    }

    /// Running through the smaller half of alternate hidden layers: what each of its states sends to the others.
    fn enumeration(&self) -> Result<f64> {
        Ok(self.own() + posterior_bits(self.dbm)?.exp2() * self.sweep() / 2.0)
    }
}
