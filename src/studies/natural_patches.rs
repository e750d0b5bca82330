//! Atoms that sparse coding learns from whitened patches of natural pictures, and whether they are localised and oriented.
//!
//! Olshausen & Field 1996 ("Emergence of simple-cell receptive field properties by learning a sparse code for natural images"). Learned
//! online, codes then atoms on each batch. How localised and how oriented an atom is stands in `studies/atoms.rs`; the same is asked of
//! random atoms, of the patches' principal components and of the patches themselves.

use super::atoms::{Shape, pictures, shapes};
use super::planted::batch_rows;
use super::{Axis, Figure, Findings, Laboratory, Study};
use crate::inference::{CoordinateDescent, Until};
use crate::learning::{Columns, DictionaryLearning, Online};
use crate::math::{
    DType, Device, Result, Stream, Tensor, Whitening, bail, host, larger, mean_of, patches, without_row_means,
};
use crate::models::{SparseCoding, unit_columns};
use serde::{Deserialize, Serialize};

/// Patches, dictionary, learning, and what counts as localised and oriented.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NaturalPatches {
    /// Height and width of a patch.
    pub side: usize,
    /// Patches.
    pub patches: usize,
    /// Leading components that whitening keeps.
    pub kept: usize,
    /// Atoms.
    pub atoms: usize,
    /// λ of the chapter's objective, λ ‖h‖₁ + ‖v - W h‖².
    pub lambda: f64,
    /// Updates, each on a batch of its own.
    pub updates: usize,
    /// Patches of each update.
    pub batch: usize,
    /// What older batches count in an update, batch by batch.
    pub remembered: f64,
    /// An atom is localised if its spread is less than this share of that of an even atom.
    pub localised_below: f64,
    /// An atom is oriented if its coherence is more than this.
    pub oriented_above: f64,
}

impl Default for NaturalPatches {
    fn default() -> Self {
        Self {
            side: 12,
            patches: 50_000,
            kept: 100,
            atoms: 144,
            lambda: 2.0,
            updates: 1500,
            batch: 256,
            remembered: 0.97,
            localised_below: 0.6,
            oriented_above: 0.5,
        }
    }
}

/// Atoms of one kind.
struct Atoms {
    name: &'static str,
    weight: Tensor,
    shapes: Vec<Shape>,
}

impl Study for NaturalPatches {
    fn run(&self, stream: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let images = lab.bundled("natural-images")?;
        let cut = patches(&images.train, images.shape, self.side, self.patches, stream.named("patches"))?;
        let cut = without_row_means(&cut)?;
        let visible = Whitening::in_place(&cut, self.kept)?.apply(&cut)?;
        let components = Whitening::to_components(&cut, self.kept)?;
        let mut findings = Findings::default();
        findings.quantity("whitened_covariance_error_max", self.covariance_error(&cut, &components)?);
        let random = self.random_atoms(stream)?;
        let model = SparseCoding::chapter(random.clone(), self.lambda)?;
        let model = self.learn(model, &visible, stream.named("batches"), lab, &mut findings)?;
        let of = |name, weight: Tensor| {
            Ok::<_, candle_core::Error>(Atoms { name, shapes: shapes(&weight, self.side)?, weight })
        };
        let examples = unit_columns(&visible.narrow(0, 0, self.atoms.min(self.patches))?.t()?.contiguous()?)?;
        let kinds = [
            of("learned", model.weight().clone())?,
            of("random", random)?,
            of("principal", unit_columns(components.map())?)?,
            of("patch", examples)?,
        ];
        self.report(&mut findings, &kinds)?;
        Ok(findings)
    }
}

impl NaturalPatches {
    /// Spread of an atom whose energy is even over the patch, pixels.
    fn even_spread(&self) -> f64 {
        ((self.side * self.side - 1) as f64 / 6.0).sqrt()
    }

    /// Normal atoms of length 1, with which learning begins.
    fn random_atoms(&self, stream: Stream) -> Result<Tensor> {
        let like = Tensor::zeros(1, DType::F64, &Device::Cpu)?;
        SparseCoding::random_atoms(self.side * self.side, self.atoms, stream.named("atoms"), &like)
    }

    /// Largest entry of the covariance of whitened components less I.
    fn covariance_error(&self, cut: &Tensor, components: &Whitening) -> Result<f64> {
        let whitened = components.apply(cut)?;
        let covariance = (whitened.t()?.contiguous()?.matmul(&whitened)? / cut.dim(0)? as f64)?;
        let away = host(&(covariance - Tensor::eye(self.kept, DType::F64, &Device::Cpu)?)?)?;
        Ok(away.iter().fold(0.0, |largest, value| larger(value.abs(), largest)))
    }

    fn learn(
        &self,
        model: SparseCoding,
        visible: &Tensor,
        stream: Stream,
        lab: &mut dyn Laboratory,
        findings: &mut Findings,
    ) -> Result<SparseCoding> {
        let learning = DictionaryLearning {
            solver: CoordinateDescent,
            until: Until::gap_within(1e-2, 200),
            columns: Columns::UnitBall { rounds: 1 },
        };
        let (mut state, mut objectives, mut used) = (Online { model, moments: None }, Vec::new(), Vec::new());
        for update in 0..self.updates {
            lab.at("updates", update, self.updates)?;
            let rows = batch_rows(self.patches, self.batch, stream.at(update as u64))?;
            let batch = visible.index_select(&rows, 0)?;
            let before = state.model.clone();
            let coded;
            (state, coded) = learning.update(state, &batch, self.remembered)?;
            objectives.push(mean_of(&before.objective(&batch, &coded.codes)?));
            let active = host(&coded.codes)?.iter().filter(|code| **code != 0.0).count();
            used.push(active as f64 / self.batch as f64);
        }
        let (Some(first), Some(last)) = (objectives.first(), objectives.last()) else { bail!("no update was made") };
        findings.quantity("objective_last_over_first", last / first);
        findings.quantity("active_atoms_per_patch", used.last().copied().unwrap_or(f64::NAN));
        let caption = format!("J of the batch of each update, from {first:.1} to {last:.1} nats per patch.");
        let points: Vec<(u64, f64)> = (0..).zip(objectives.iter().copied()).collect();
        let (x, y) = (Axis::linear("update"), Axis::linear("J, nats, mean over patches"));
        let line = points.iter().map(|(update, value)| (*update as f64, *value));
        findings.figure(Figure::new("Learning a dictionary of patches", caption, x, y).line("J", line));
        findings.series("", "sparse/J_nats", points);
        findings.series("", "sparse/active_atoms", (0..).zip(used));
        Ok(state.model)
    }

    fn report(&self, findings: &mut Findings, kinds: &[Atoms; 4]) -> Result<()> {
        let localised = |shape: &Shape| shape.spread < self.localised_below * self.even_spread();
        let oriented = |shape: &Shape| shape.coherence > self.oriented_above;
        let share = |atoms: &Atoms, what: &dyn Fn(&Shape) -> bool| {
            atoms.shapes.iter().filter(|shape| what(shape)).count() as f64 / atoms.shapes.len() as f64
        };
        let mut table = Vec::new();
        for atoms in kinds {
            let both = share(atoms, &|shape| localised(shape) && oriented(shape));
            let shares = [share(atoms, &localised), share(atoms, &oriented), both];
            for (what, share) in ["localised", "oriented", "localised_and_oriented"].into_iter().zip(shares) {
                findings.quantity(format!("{}_atoms_{what}_share", atoms.name), share);
            }
            let cells = shares.map(|share| format!("{:.0} %", 100.0 * share));
            table.push([&[atoms.name.to_string()], cells.as_slice()].concat());
        }
        findings.sheet("Atoms of each kind.", &["atoms", "localised", "oriented", "both"], table);
        let both = |atoms: &Atoms| 100.0 * share(atoms, &|shape| localised(shape) && oriented(shape));
        let caption = format!(
            "Sparse coding of whitened patches of natural pictures: {:.0} % of the atoms are localised and oriented, against {:.0} % of \
             principal components and {:.0} % of random atoms. Most oriented first.",
            both(&kinds[0]),
            both(&kinds[2]),
            both(&kinds[1])
        );
        findings.figures.insert(0, self.tiles("Learned atoms", caption, &kinds[0])?);
        let caption =
            "The directions of most variance: gratings over the whole patch, nowhere in particular.".to_string();
        findings.figure(self.tiles("Principal components", caption, &kinds[2])?);
        findings.figure(self.scatter(kinds));
        Ok(())
    }

    /// Atoms by how oriented they are; components in their own order.
    fn tiles(&self, title: &str, caption: String, atoms: &Atoms) -> Result<Figure> {
        let mut order: Vec<usize> = (0..atoms.shapes.len()).collect();
        if atoms.name == "learned" {
            order.sort_by(|a, b| atoms.shapes[*b].coherence.total_cmp(&atoms.shapes[*a].coherence));
        }
        let pictures = pictures(&atoms.weight)?;
        let sorted = order.into_iter().map(|index| pictures[index].clone()).collect();
        Ok(Figure::tiles(title, caption, sorted, [self.side, self.side], 16, true))
    }

    fn scatter(&self, kinds: &[Atoms; 4]) -> Figure {
        let caption = format!(
            "Each atom once. Learned atoms are small and point one way; an atom of even energy has a spread of {:.2} pixels.",
            self.even_spread()
        );
        let (x, y) = (Axis::linear("spread of energy, pixels"), Axis::linear("coherence of orientation, 0 to 1"));
        kinds.iter().fold(Figure::new("How localised, how oriented", caption, x, y), |figure, atoms| {
            figure.dots(atoms.name, atoms.shapes.iter().map(|shape| (shape.spread, shape.coherence)))
        })
    }
}
