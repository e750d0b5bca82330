//! A line on the terminal that says how far a computation is; nothing where standard error is no terminal.

use crate::experiment::judge::Portion;
use indicatif::{ProgressBar, ProgressStyle};

/// The line. It goes when this is dropped.
pub struct Line(ProgressBar);

impl Line {
    /// Shows nothing yet.
    pub fn new() -> Self {
        let style = ProgressStyle::with_template("{prefix}  {bar:24.cyan/dim}  {pos}/{len}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━─");
        Self(ProgressBar::new(0).with_style(style))
    }

    /// Shows what is being done and how much of it is done.
    pub fn show(&self, portion: Portion<'_>) {
        self.0.set_length(portion.of as u64);
        self.0.set_position(portion.done as u64);
        if self.0.prefix() != portion.what {
            self.0.set_prefix(portion.what.to_string());
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
