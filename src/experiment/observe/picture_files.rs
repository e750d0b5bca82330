//! Pictures as PNG files, for those who look without TensorBoard: of each name the newest.

use super::{Ended, Image, Observe, Record, Value};
use crate::experiment::checkpoint::write_whole;
use crate::experiment::{Error, Result};
use std::path::{Path, PathBuf};

/// A folder of pictures, made with the first of them.
pub struct PictureFiles {
    folder: PathBuf,
}

impl PictureFiles {
    /// Into this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes one picture under its tag, `filters/layer_1` as `filters-layer_1.png`.
    pub fn write(&self, tag: &str, image: &Image) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.folder).map_err(Error::io("create the folder", &self.folder))?;
        let path = self.folder.join(Path::new(&format!("{}.png", tag.replace('/', "-"))));
        write_whole(&path, &image.png()?)?;
        Ok(path)
    }
}

impl Observe for PictureFiles {
    fn record(&mut self, record: &Record) -> Result<()> {
        for entry in &record.entries {
            if let Value::Image(image) = &entry.value {
                self.write(&entry.tag, image)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: Ended) -> Result<()> {
        Ok(())
    }
}
