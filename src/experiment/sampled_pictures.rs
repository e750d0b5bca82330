//! Pictures that a finished machine draws: chains on their way, and halves of examples that it fills in.

use super::Result;
use super::clamping::{Clamp, Side, held};
use super::kinds::Seen;
use super::observe::{Record, Value};
use super::pictures::stacked;
use super::sampling::{Look, Sampling};
use super::setup::some_of;
use crate::math::Tensor;
use crate::models::Dbm;

/// Chains side by side, and how often they are looked at.
const CHAINS: usize = 10;
const LOOKS: usize = 10;
/// Sweeps from one look to the next.
const SWEEPS: usize = 100;
/// Examples that are filled in, and the sweeps before the look at them.
const FILLED: usize = 20;
const FILLING: usize = 200;

/// Chains from independent random starts and from the data, a column each, with 100 sweeps from one row to the next; and examples,
/// each above what is told of it and above the probabilities of the rest after 200 sweeps.
pub fn sampled(dbm: &Dbm, seen: Seen, record: &mut Record) -> Result<()> {
    let (stream, shape, range) = (seen.stream.named("samples"), seen.shape, seen.range());
    let picture = |sets: &[Tensor], columns| Ok::<_, super::Error>(Value::Image(stacked(sets, shape, columns, range)?));
    let chains = Sampling { dbm, held: &[], start: None, sweeps: SWEEPS, looks: LOOKS, stream };
    let looks = chains.run(CHAINS)?;
    record.push("samples/from_random_starts_probabilities", picture(&all(&looks, |look| &look.probabilities), CHAINS)?);
    record.push("samples/from_random_starts_states", picture(&all(&looks, |look| &look.states), CHAINS)?);
    if seen.visible.dim(0)? == 0 {
        return Ok(());
    }
    let data = some_of(seen.visible, CHAINS)?;
    let looks = Sampling { start: Some(&data), looks: LOOKS - 1, ..chains.clone() }.run(data.dim(0)?)?;
    let rows = [vec![data], all(&looks, |look| &look.probabilities)].concat();
    record.push("samples/from_data_probabilities", picture(&rows, CHAINS)?);
    let data = some_of(seen.visible, FILLED)?;
    for (name, side) in [("left", Side::Left), ("top", Side::Top)] {
        let held = held(&[Clamp::Half(side)], dbm, shape, Some(&data))?;
        let Some(known) = held.first().cloned().flatten() else { continue };
        let filled = Sampling { held: &held, sweeps: FILLING, looks: 1, ..chains.clone() }.run(data.dim(0)?)?;
        let sets = [vec![data.clone(), known.shown(range.grey())?], all(&filled, |look| &look.probabilities)].concat();
        record.push(format!("samples/given_the_{name}_half"), picture(&sets, CHAINS)?);
    }
    Ok(())
}

fn all(looks: &[Look], of: impl Fn(&Look) -> &Tensor) -> Vec<Tensor> {
    looks.iter().map(|look| of(look).clone()).collect()
}
