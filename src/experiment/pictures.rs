//! What people would rather look at: histograms and pictures of a machine, the same for every trainer.

use super::Result;
use super::observe::{Image, Range, Record, Value};
use crate::inference::Network;
use crate::math::{Layers, Tensor, host};
use crate::models::{Dbm, Reconstruct};
use crate::posterior::Posterior;

/// Pictures per grid.
const TILES: usize = 100;
const COLUMNS: usize = 10;
/// Examples shown beside their reconstructions.
const PAIRS: usize = 40;

/// A machine on its way, and examples to look at it with.
pub struct View<'a> {
    /// The machine.
    pub dbm: &'a Dbm,
    /// Its inference network.
    pub network: &'a Network,
    /// Held-out examples, `[examples, visible]`.
    pub visible: &'a Tensor,
    /// States of the persistent chains, visible first; none where there are none.
    pub chains: Option<Layers>,
    /// Height and width of an example.
    pub shape: [usize; 2],
}

impl View<'_> {
    /// Histograms of weights, biases and posterior means.
    pub fn histograms(&self, record: &mut Record) -> Result<()> {
        for (l, weight) in self.dbm.weights().iter().enumerate() {
            record.push(format!("weights/layers.{l}"), Value::Histogram(host(&weight.tensor()?)?));
        }
        for (l, bias) in self.dbm.biases().iter().enumerate() {
            record.push(format!("biases/bias.{l}"), Value::Histogram(host(bias)?));
        }
        for (l, weight) in self.network.weights().iter().enumerate() {
            record.push(format!("weights/recognition.{l}"), Value::Histogram(host(&weight.tensor()?)?));
        }
        for (l, means) in self.network.posterior(self.visible)?.means()?.iter().enumerate() {
            record.push(format!("activations/hidden_{}", l + 1), Value::Histogram(host(means)?));
        }
        Ok(())
    }

    /// Filters, reconstructions, chain samples and posterior means.
    pub fn images(&self, record: &mut Record) -> Result<()> {
        let mut filters = self.dbm.weights()[0].tensor()?;
        for l in 0..self.dbm.depth() {
            // Deeper filters are what a unit would like to see, projected down through the weights below it.
            if l > 0 {
                filters = filters.matmul(&self.dbm.weights()[l].tensor()?)?;
            }
            record.push(format!("filters/layer_{}", l + 1), self.grid(&filters.t()?, self.shape, Range::Symmetric)?);
        }
        let means = self.network.posterior(self.visible)?.means()?;
        record.push("reconstructions/data_above_reconstruction", self.reconstructions(&means)?);
        for (l, means) in means.iter().enumerate() {
            let shape = rectangle(means.dim(1)?);
            record.push(format!("posterior_means/hidden_{}", l + 1), self.grid(means, shape, Range::Unit)?);
        }
        if let Some(chains) = &self.chains {
            let probabilities = self.dbm.reconstruct(&chains[1..])?;
            record.push("chains/probabilities", self.grid(&probabilities, self.shape, Range::Unit)?);
            record.push("chains/states", self.grid(&chains[0], self.shape, Range::Unit)?);
        }
        Ok(())
    }

    /// Rows of data, each above the row of its reconstructions.
    fn reconstructions(&self, hidden_means: &[Tensor]) -> Result<Value> {
        let (data, again) = (pictures(self.visible, PAIRS)?, pictures(&self.dbm.reconstruct(hidden_means)?, PAIRS)?);
        let blank = vec![1.0; self.shape[0] * self.shape[1]];
        let mut tiles = Vec::new();
        for (data, again) in data.chunks(COLUMNS).zip(again.chunks(COLUMNS)) {
            tiles.extend_from_slice(data);
            tiles.extend(std::iter::repeat_n(blank.clone(), COLUMNS - data.len()));
            tiles.extend_from_slice(again);
            tiles.extend(std::iter::repeat_n(blank.clone(), COLUMNS - again.len()));
        }
        Ok(Value::Image(Image::grid(&tiles, self.shape, COLUMNS, Range::Unit)?))
    }

    fn grid(&self, rows: &Tensor, shape: [usize; 2], range: Range) -> Result<Value> {
        Ok(Value::Image(Image::grid(&pictures(rows, TILES)?, shape, COLUMNS, range)?))
    }
}

/// The first rows as pictures.
fn pictures(rows: &Tensor, most: usize) -> Result<Vec<Vec<f64>>> {
    let (count, pixels) = rows.dims2()?;
    let values = host(&rows.narrow(0, 0, count.min(most))?)?;
    Ok(values.chunks(pixels.max(1)).map(<[f64]>::to_vec).collect())
}

/// The most square height and width with this product.
pub fn rectangle(units: usize) -> [usize; 2] {
    let height = (1..=units).take_while(|h| h * h <= units).filter(|h| units.is_multiple_of(*h)).last().unwrap_or(1);
    [height, units / height]
}
