//! One TensorBoard event file: a name of its own, a session mark at its head, every failure an error.

use super::messages;
use crate::experiment::{Error, Result, clock};
use jiff::Timestamp;
use protobuf::Message;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tensorboard_proto::event::{Event, SessionLog, SessionLog_SessionStatus};
use tensorboard_proto::summary::{Summary, Summary_Value};
use tensorboard_rs::record_writer::RecordWriter;

/// Appends events, each framed by its length and two checksums.
pub struct EventFile<W: Write = BufWriter<File>> {
    records: RecordWriter<W>,
    path: PathBuf,
}

impl EventFile {
    /// Makes a new file in `folder`, which is made too if need be. Steps from `start_step` on in older files are void.
    pub fn create(folder: &Path, start_step: u64) -> Result<Self> {
        Self::create_at(folder, clock::now(), start_step)
    }

    /// As [`EventFile::create`], named after a given time.
    pub fn create_at(folder: &Path, time: Timestamp, start_step: u64) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io("make folder", folder))?;
        let (file, path) = own_file(folder, time)?;
        Self::on(BufWriter::new(file), &path, start_step)
    }
}

impl<W: Write> EventFile<W> {
    /// Writes to anything; `path` is what error messages name.
    pub fn on(writer: W, path: &Path, start_step: u64) -> Result<Self> {
        let mut file = Self { records: RecordWriter::new(writer), path: path.to_path_buf() };
        let mut version = Event::new();
        version.set_file_version("brain.Event:2".into());
        file.write(version)?;
        // Both loaders of TensorBoard then draw one curve through all files of a resumed run.
        let mut log = SessionLog::new();
        log.set_status(SessionLog_SessionStatus::START);
        let mut start = Event::new();
        start.set_step(signed(start_step));
        start.set_session_log(log);
        file.write(start)?;
        Ok(file)
    }

    /// Where the events go.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one event with all values of a step.
    pub(super) fn append(&mut self, step: u64, values: Vec<Summary_Value>) -> Result<()> {
        let mut summary = Summary::new();
        summary.set_value(values.into());
        let mut event = Event::new();
        event.set_step(signed(step));
        event.set_summary(summary);
        self.write(event)
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) -> Result<()> {
        self.records.flush().map_err(Error::io("write", &self.path))
    }

    fn write(&mut self, mut event: Event) -> Result<()> {
        event.set_wall_time(seconds(clock::now()));
        let bytes = event.write_to_bytes().map_err(messages::unencodable)?;
        self.records.write(&bytes).map_err(Error::io("write", &self.path))
    }
}

/// Seconds since 1970.
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

fn signed(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

/// A file that did not exist before; its name sorts by time, which is the order TensorBoard reads in.
fn own_file(folder: &Path, time: Timestamp) -> Result<(File, PathBuf)> {
    let mut taken = 0;
    loop {
        let name = format!(
            "events.out.tfevents.{:010}.{:09}.{taken:03}.{}",
            time.as_second(),
            time.subsec_nanosecond(),
            std::process::id()
        );
        let path = folder.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => taken += 1,
            Err(error) => return Err(Error::io("create", &path)(error)),
        }
    }
}
