//! The archive of a run's numbers: `metrics.jsonl`, one line per scalar, in full precision.

use super::{Ended, Observe, Record, Value};
use crate::experiment::checkpoint::write_whole;
use crate::experiment::{Error, Result};
use crate::studies::number;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Which evaluation a measurement is of. Those of one occasion are on the same examples with the same way to ln Z, so that they make
/// a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// On the held-out examples of the evaluations on the way, the last of them at the end.
    OnTheWay,
    /// At the end, on all test examples.
    Final,
}

impl Occasion {
    /// What its tags begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::OnTheWay => "eval/",
            Self::Final => "final/",
        }
    }
}

/// What is made again where a run goes on.
const EVALUATIONS: [Occasion; 2] = [Occasion::OnTheWay, Occasion::Final];

/// One line of the archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Updates made when it was measured, over all stages of the run.
    pub step: u64,
    /// What was measured and in which unit, such as `train/elbo_nats_mean`.
    pub tag: String,
    /// Written as a number, or as "NaN", "inf" or "-inf", which JSON has no numbers for.
    #[serde(with = "number")]
    pub value: f64,
}

/// Appends scalars to the archive.
pub struct Metrics<W: Write = BufWriter<File>> {
    writer: W,
    path: PathBuf,
}

impl Metrics {
    /// Starts a new archive; refuses to overwrite one.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(Error::io("create", path))?;
        Ok(Self::on(BufWriter::new(file), path))
    }

    /// Continues an archive after `step`: later lines and a torn last one are dropped, and of `step` itself the evaluation, which is
    /// made again; the others stay as they are. The old file is replaced in one move. Also gives back what it holds of `step`.
    pub fn resume(path: &Path, step: u64) -> Result<(Self, Record)> {
        let text = read(path)?;
        let (mut kept, mut present) = (String::new(), Record::new(step));
        for Line { text, measured } in lines(path, &text)? {
            let again = measured.step == step && EVALUATIONS.iter().any(|of| measured.tag.starts_with(of.prefix()));
            if measured.step > step || again {
                continue;
            }
            kept.push_str(text);
            kept.push('\n');
            if measured.step == step {
                present.scalar(measured.tag, measured.value);
            }
        }
        write_whole(path, kept.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::io("open", path))?;
        Ok((Self::on(BufWriter::new(file), path), present))
    }
}

impl<W: Write> Metrics<W> {
    /// Writes to anything; `path` is what error messages name.
    pub fn on(writer: W, path: &Path) -> Self {
        Self { writer, path: path.to_path_buf() }
    }
}

impl<W: Write> Observe for Metrics<W> {
    fn record(&mut self, record: &Record) -> Result<()> {
        for entry in &record.entries {
            if let Value::Scalar(value) = entry.value {
                let measured = Measured { step: record.step, tag: entry.tag.clone(), value };
                serde_json::to_writer(&mut self.writer, &measured)
                    .map_err(std::io::Error::from)
                    .and_then(|()| self.writer.write_all(b"\n"))
                    .map_err(Error::io("write", &self.path))?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(Error::io("write", &self.path))
    }

    fn finish(&mut self, _ended: Ended) -> Result<()> {
        self.flush()
    }
}

/// Reads an archive; a torn last line is left out.
pub fn read_metrics(path: &Path) -> Result<Vec<Measured>> {
    let text = read(path)?;
    Ok(lines(path, &text)?.into_iter().map(|line| line.measured).collect())
}

struct Line<'a> {
    text: &'a str,
    measured: Measured,
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    // A tear can split a letter; the line it is in does not parse then.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lines<'a>(path: &Path, text: &'a str) -> Result<Vec<Line<'a>>> {
    let mut lines = Vec::new();
    let mut numbered = text.lines().enumerate().peekable();
    while let Some((number, text)) = numbered.next() {
        match serde_json::from_str(text) {
            Ok(measured) => lines.push(Line { text, measured }),
            Err(_) if numbered.peek().is_none() => {}
            Err(error) => {
                return Err(Error::Model {
                    path: path.to_path_buf(),
                    problem: format!("line {} is not a measurement: {error}", number + 1),
                    remedy: "delete that line".into(),
                });
            }
        }
    }
    Ok(lines)
}
