//! What the user sees while files come: one line that redraws itself on a terminal, a plain line now and then elsewhere.

use super::Verbosity;
use crate::experiment::clock::Stopwatch;
use indicatif::{FormattedDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::time::Duration;

/// Time between plain lines, in seconds.
const PAUSE: f64 = 5.0;
/// Redraws per second of the line on a terminal.
const REDRAWS: u8 = 8;

/// Shows how much of a file has come. It never fails: a closed terminal is ignored.
pub struct Transfer {
    verbosity: Verbosity,
    /// Hidden where there is no terminal.
    bar: ProgressBar,
    clock: Stopwatch,
    name: String,
    /// Bytes that were there before, bytes that are there now, bytes there will be.
    first: u64,
    done: u64,
    total: Option<u64>,
    /// When the present file began, and when the last plain line was written.
    began: f64,
    said: f64,
}

impl Transfer {
    /// On standard error.
    pub fn new(verbosity: Verbosity) -> Self {
        let target = match verbosity {
            Verbosity::Quiet => ProgressDrawTarget::hidden(),
            Verbosity::Calm | Verbosity::Normal => ProgressDrawTarget::stderr_with_hz(REDRAWS),
        };
        let style = ProgressStyle::with_template("{prefix}  {bar:24.cyan/dim}  {wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━─");
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        // Nothing to show before the first file.
        bar.finish_and_clear();
        let (name, clock) = (String::new(), Stopwatch::start());
        Self { verbosity, bar, clock, name, first: 0, done: 0, total: None, began: 0.0, said: 0.0 }
    }

    /// The next file.
    pub fn file(&mut self, name: &str) {
        self.name = name.into();
        (self.began, self.said) = (self.clock.seconds(), self.clock.seconds());
        (self.first, self.done, self.total) = (0, 0, None);
    }

    /// So many bytes of it are there, and so many there will be.
    pub fn begin(&mut self, there: u64, total: Option<u64>) {
        self.began = self.clock.seconds();
        (self.first, self.done, self.total) = (there, there, total);
        self.bar.set_prefix(self.name.clone());
        self.bar.set_length(total.unwrap_or(0));
        self.bar.reset();
        self.bar.set_position(there);
    }

    /// So many bytes more.
    pub fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        let now = self.clock.seconds();
        let line = pace(self.done, self.total, self.done - self.first, now - self.began);
        self.bar.set_position(self.done);
        self.bar.set_message(line.clone());
        if self.bar.is_hidden() && now - self.said >= PAUSE {
            self.said = now;
            self.note(&format!("{}  {line}", self.name));
        }
    }

    /// No more comes of this file.
    pub fn end(&mut self) {
        self.bar.finish_and_clear();
        if self.done > self.first {
            let seconds = self.clock.seconds() - self.began;
            self.note(&format!("{}  {} in {seconds:.1} s", self.name, size(self.done - self.first)));
        }
    }

    /// Prints a line of its own.
    pub fn note(&self, line: &str) {
        if self.verbosity == Verbosity::Normal {
            // Nobody may be listening any more.
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stderr(), "{line}");
            });
        }
    }
}

/// How far a file is, how fast it comes, and how long the rest takes, where that is known.
pub fn pace(done: u64, total: Option<u64>, came: u64, seconds: f64) -> String {
    let far = total.map_or(size(done), |total| format!("{} of {}", size(done), size(total)));
    let rate = came as f64 / seconds;
    if !rate.is_finite() || rate <= 0.0 {
        return far;
    }
    let speed = format!("{}/s", size(rate as u64));
    let left = total.map(|total| Duration::try_from_secs_f64(total.saturating_sub(done) as f64 / rate));
    match left {
        Some(Ok(left)) => format!("{far}  {speed}  {} left", FormattedDuration(left)),
        _ => format!("{far}  {speed}"),
    }
}

/// Bytes in the largest unit that leaves a number above one.
fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
