//! What `dbm sample` drew, as numbers and as a picture.

use crate::experiment::Result;
use crate::experiment::observe::{Image, Range};
use crate::experiment::pictures::stacked;
use crate::math::{Tensor, host, mean_of};
use crate::models::Known;

/// Samples, and the examples they were told parts of.
pub struct Drawn {
    /// The visible layer at every look, `[chains, visible]` each.
    pub looks: Vec<Tensor>,
    /// Probabilities at the last look.
    pub last: Option<Tensor>,
    /// Examples whose pixels are held, `[chains, visible]`, and which of them are.
    pub told: Option<(Tensor, Known)>,
    /// Whether a column is a chain and a row a look.
    pub in_columns: bool,
    /// What its shades stand for.
    pub range: Range,
}

impl Drawn {
    /// Look after look, `[looks · chains, visible]`.
    pub fn values(&self) -> Result<Tensor> {
        Ok(Tensor::cat(&self.looks, 0)?)
    }

    /// Mean squared difference between the examples and the probabilities of the pixels that are not held; none without examples or
    /// without such pixels.
    pub fn missing_error(&self) -> Result<Option<f64>> {
        let (Some((example, known)), Some(last)) = (&self.told, &self.last) else { return Ok(None) };
        let errors = host(&(example - last)?.sqr()?)?;
        let missing = errors.iter().zip(known.held.iter().cycle()).filter(|(_, held)| !**held).map(|(error, _)| *error);
        let missing: Vec<f64> = missing.collect();
        Ok((!missing.is_empty()).then(|| mean_of(&missing)))
    }

    /// Samples side by side, or looks below each other; above them the examples, and what is held of them with the rest in grey.
    pub fn picture(&self, shape: [usize; 2]) -> Result<Image> {
        let mut sets = Vec::new();
        if let Some((example, known)) = &self.told {
            sets.extend([example.clone(), known.shown(self.range.grey())?]);
        }
        sets.extend(self.looks.iter().cloned());
        let chains = self.looks.first().map_or(Ok(0), |look| look.dim(0))?;
        let columns = if self.in_columns { chains } else { ((chains * sets.len()) as f64).sqrt().ceil() as usize };
        stacked(&sets, shape, columns.min(chains), self.range)
    }
}
