//! What the user sees while a run goes on: one calm line on a terminal, a plain line now and then elsewhere.

use crate::experiment::clock::Stopwatch;
use indicatif::{FormattedDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use std::io::Write;
use std::time::Duration;

/// Time between plain lines.
const PAUSE: Duration = Duration::from_secs(5);
/// Redraws per second of the line on a terminal.
const REDRAWS: u8 = 8;

/// How much a run says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verbosity {
    /// Nothing.
    Quiet,
    /// Progress, and no notes.
    Calm,
    /// Progress and notes.
    Normal,
}

/// Shows how far a run is. It never fails: a closed terminal is ignored.
pub struct Progress {
    display: Display,
    stage: Option<Stage>,
    clock: Clock,
    /// Whether notes are kept to itself.
    silent: bool,
}

type Clock = Box<dyn Fn() -> Duration + Send>;

enum Display {
    Nothing,
    Line { bar: ProgressBar, writer: Box<dyn Write + Send> },
    Lines { writer: Box<dyn Write + Send>, last: Duration },
}

/// A stretch of steps with a name: pre-training of a layer, training, evaluation.
struct Stage {
    name: String,
    total: u64,
    /// Steps done before it began, here or in an earlier process.
    first: u64,
    step: u64,
    began: Duration,
    headline: String,
}

impl Progress {
    /// On standard error: a line that redraws itself on a terminal, plain lines elsewhere.
    pub fn new(verbosity: Verbosity) -> Self {
        let stopwatch = Stopwatch::start();
        let clock = Box::new(move || stopwatch.elapsed());
        if verbosity == Verbosity::Quiet {
            return Self { display: Display::Nothing, stage: None, clock, silent: false };
        }
        // Hidden when it is no terminal, or one that cannot move its cursor.
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS);
        let writer = Box::new(std::io::stderr());
        let hidden = target.is_hidden();
        let mut progress = if hidden { Self::plain(writer, clock) } else { Self::drawn(target, writer, clock) };
        progress.silent = verbosity == Verbosity::Calm;
        progress
    }

    /// Plain lines to any writer, by any clock (time since some moment).
    pub fn plain(writer: Box<dyn Write + Send>, clock: Clock) -> Self {
        Self { display: Display::Lines { writer, last: Duration::ZERO }, stage: None, clock, silent: false }
    }

    /// One line that redraws itself on any terminal; lines that stay go through `writer`, to the same place.
    pub fn on_terminal(terminal: Box<dyn TermLike>, writer: Box<dyn Write + Send>, clock: Clock) -> Self {
        Self::drawn(ProgressDrawTarget::term_like(terminal), writer, clock)
    }

    fn drawn(target: ProgressDrawTarget, writer: Box<dyn Write + Send>, clock: Clock) -> Self {
        let bar = ProgressBar::with_draw_target(None, target).with_style(style());
        // Nothing to show before the first stage.
        bar.finish_and_clear();
        Self { display: Display::Line { bar, writer }, stage: None, clock, silent: false }
    }

    /// Begins a stretch of `total_steps`, of which `done_steps` are done already; ends the one before.
    pub fn stage(&mut self, name: &str, total_steps: u64, done_steps: u64) {
        self.end_stage();
        let began = (self.clock)();
        match &mut self.display {
            Display::Nothing => {}
            Display::Line { bar, .. } => {
                // The line is hidden until it is reset, so that it is never drawn half renewed.
                bar.set_prefix(name.to_string());
                bar.set_message("");
                bar.set_length(total_steps);
                bar.reset();
                // Steps of an earlier process say nothing about the pace of this one.
                bar.update(|state| state.set_pos(done_steps));
                bar.reset_eta();
            }
            Display::Lines { last, .. } => *last = began,
        }
        self.stage = Some(Stage {
            name: name.to_string(),
            total: total_steps,
            first: done_steps,
            step: done_steps,
            began,
            headline: String::new(),
        });
    }

    /// Says that `step` steps of the stage are done, with the most telling number so far, such as "elbo -71.3".
    pub fn advance(&mut self, step: u64, headline: Option<&str>) {
        let Some(stage) = &mut self.stage else { return };
        stage.step = step;
        if let Some(headline) = headline {
            stage.headline = headline.to_string();
        }
        match &mut self.display {
            Display::Nothing => {}
            Display::Line { bar, .. } => {
                if headline.is_some() {
                    bar.set_message(stage.headline.clone());
                }
                bar.set_position(step);
            }
            Display::Lines { writer, last } => {
                let now = (self.clock)();
                if now.saturating_sub(*last) >= PAUSE {
                    *last = now;
                    print(writer, &stage.midway(now));
                }
            }
        }
    }

    /// Says how far something beside the steps is, such as "judging: network+1 400/1797", until `aside_over`.
    pub fn aside(&mut self, text: &str) {
        match &mut self.display {
            Display::Nothing => {}
            Display::Line { bar, .. } => {
                if self.stage.is_none() && bar.is_finished() {
                    bar.set_style(bare());
                    bar.reset();
                }
                bar.set_message(text.to_string());
            }
            Display::Lines { writer, last } => {
                let now = (self.clock)();
                if now.saturating_sub(*last) >= PAUSE {
                    *last = now;
                    let stage = self.stage.as_ref().map(|stage| format!("{}  ", stage.name));
                    print(writer, &format!("{}{text}", stage.unwrap_or_default()));
                }
            }
        }
    }

    /// Goes back to the steps.
    pub fn aside_over(&mut self) {
        let Display::Line { bar, .. } = &self.display else { return };
        match &self.stage {
            Some(stage) => bar.set_message(stage.headline.clone()),
            None => {
                bar.finish_and_clear();
                bar.set_style(style());
            }
        }
    }

    /// Prints a line of its own.
    pub fn note(&mut self, line: &str) {
        if self.silent {
            return;
        }
        match &mut self.display {
            Display::Nothing => {}
            Display::Line { bar, writer } => bar.suspend(|| print(writer, line)),
            Display::Lines { writer, .. } => print(writer, line),
        }
    }

    /// Ends the last stage and leaves the terminal clean.
    pub fn finish(&mut self) {
        self.aside_over();
        self.end_stage();
    }

    fn end_stage(&mut self) {
        if let Some(stage) = self.stage.take() {
            if let Display::Line { bar, .. } = &self.display {
                bar.finish_and_clear();
            }
            let line = stage.ended((self.clock)());
            self.note(&line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Stage {
    fn midway(&self, now: Duration) -> String {
        let pace = pace(self.rate(now), self.total.saturating_sub(self.step));
        self.with_headline(format!("{}  {}/{}{pace}", self.name, self.step, self.total))
    }

    fn ended(&self, now: Duration) -> String {
        let steps =
            if self.step == self.total { self.total.to_string() } else { format!("{} of {}", self.step, self.total) };
        let seconds = now.saturating_sub(self.began).as_secs_f64();
        self.with_headline(format!("{}  {steps} steps in {seconds:.1} s", self.name))
    }

    fn with_headline(&self, line: String) -> String {
        if self.headline.is_empty() { line } else { format!("{line}  {}", self.headline) }
    }

    /// Steps per second of this process.
    fn rate(&self, now: Duration) -> f64 {
        let seconds = now.saturating_sub(self.began).as_secs_f64();
        if seconds > 0.0 { self.step.saturating_sub(self.first) as f64 / seconds } else { 0.0 }
    }
}

fn print(writer: &mut Box<dyn Write + Send>, line: &str) {
    // Nobody may be listening any more.
    let _ = writeln!(writer, "{line}").and_then(|()| writer.flush());
}

/// Steps per second (or seconds per step) and the time left for the steps left; empty before anything is known.
fn pace(rate: f64, steps_left: u64) -> String {
    if rate.is_nan() || rate <= 0.0 {
        return String::new();
    }
    let speed = match rate {
        rate if rate >= 100.0 => format!("{rate:.0} steps/s"),
        rate if rate >= 1.0 => format!("{rate:.1} steps/s"),
        rate => format!("{:.1} s/step", 1.0 / rate),
    };
    match Duration::try_from_secs_f64(steps_left as f64 / rate) {
        Ok(left) => format!("  {speed}  {} left", FormattedDuration(left)),
        Err(_) => format!("  {speed}"),
    }
}

/// Nothing but a message, where no stage is on.
fn bare() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Stage, bar, steps, pace, headline (cut to the width). The terminal library drops the colour where NO_COLOR is set.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix}  {bar:24.cyan/dim}  {pos}/{len}{pace}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
        .with_key("pace", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let steps_left = state.len().unwrap_or_default().saturating_sub(state.pos());
            // A failed write of the line is not the run's concern.
            let _ = text.write_str(&pace(state.per_sec(), steps_left));
        })
}
