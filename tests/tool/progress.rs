//! Laws of the progress line: calm, complete, harmless.

use dbm::experiment::observe::{Progress, Verbosity};
use indicatif::TermLike;
use std::io::{Error, ErrorKind, Result, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Debug, Default)]
struct Screen(Arc<Mutex<String>>);

impl Screen {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn put(&self, text: &str) -> Result<()> {
        self.0.lock().unwrap().push_str(text);
        Ok(())
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.put(std::str::from_utf8(bytes).unwrap()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A terminal of 100 columns that keeps what it is told: `<` for each line cleared.
impl TermLike for Screen {
    fn width(&self) -> u16 {
        100
    }
    fn move_cursor_up(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> Result<()> {
        self.put(&format!("{text}\n"))
    }
    fn write_str(&self, text: &str) -> Result<()> {
        self.put(text)
    }
    fn clear_line(&self) -> Result<()> {
        self.put("<")
    }
    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// A clock that stands still until told otherwise.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::Relaxed);
    }

    fn clock(&self) -> Box<dyn Fn() -> Duration + Send> {
        let hand = self.clone();
        Box::new(move || Duration::from_millis(hand.0.load(Ordering::Relaxed)))
    }
}

#[test]
fn off_a_terminal_there_is_a_plain_line_every_five_seconds_and_at_the_end_of_a_stage() {
    let (screen, hand) = (Screen::default(), Hand::default());
    let mut progress = Progress::plain(Box::new(screen.clone()), hand.clock());
    progress.stage("pre-train 1/2", 100, 0);
    for step in 1..=100 {
        hand.set(step * 120);
        progress.advance(step, (step % 10 == 0).then(|| format!("elbo -{step}")).as_deref());
    }
    progress.note("checkpoint kept");
    progress.stage("train", 10_000, 4_000);
    hand.set(17_000);
    progress.advance(6_000, None);
    hand.set(18_000);
    progress.advance(6_100, None);
    progress.finish();
    let expected = "\
pre-train 1/2  42/100  8.3 steps/s  00:00:06 left  elbo -40
pre-train 1/2  84/100  8.3 steps/s  00:00:01 left  elbo -80
checkpoint kept
pre-train 1/2  100 steps in 12.0 s  elbo -100
train  6000/10000  400 steps/s  00:00:10 left
train  6100 of 10000 steps in 6.0 s
";
    assert_eq!(screen.text(), expected);
}

#[test]
fn off_a_terminal_something_beside_the_steps_is_told_as_seldom_under_the_name_of_the_stage() {
    let (screen, hand) = (Screen::default(), Hand::default());
    let mut progress = Progress::plain(Box::new(screen.clone()), hand.clock());
    progress.stage("train", 10, 0);
    for examples in 1..=80 {
        hand.set(examples * 100);
        progress.aside(&format!("judging: network {examples}/80"));
    }
    progress.aside_over();
    progress.finish();
    for temperatures in 1..=80 {
        hand.set(8_000 + temperatures * 100);
        progress.aside(&format!("judging: log Z {temperatures}/80"));
    }
    progress.aside_over();
    let expected = "\
train  judging: network 50/80
train  0 of 10 steps in 8.0 s
judging: log Z 20/80
judging: log Z 70/80
";
    assert_eq!(screen.text(), expected);
}

#[test]
fn on_a_terminal_something_beside_the_steps_is_on_the_line_and_leaves_it_again() {
    let (screen, hand) = (Screen::default(), Hand::default());
    let mut progress = Progress::on_terminal(Box::new(screen.clone()), Box::new(screen.clone()), hand.clock());
    progress.stage("train", 10, 0);
    progress.advance(3, Some("elbo -20.5"));
    progress.aside("judging: network 50/80");
    progress.aside_over();
    progress.note("judged");
    progress.finish();
    progress.aside("judging: log Z 20/80");
    progress.aside_over();
    progress.stage("more", 5, 0);
    progress.advance(5, None);
    progress.finish();
    let text = screen.text();
    let shown: Vec<_> = text.split(['<', '\n']).map(str::trim_end).filter(|part| !part.is_empty()).collect();
    let at = |what: &dyn Fn(&str) -> bool| shown.iter().position(|part| what(part)).unwrap();
    let aside = at(&|part| part.starts_with("train  ") && part.ends_with(" judging: network 50/80"));
    let back = aside + shown[aside..].iter().position(|part| part.ends_with(" elbo -20.5")).unwrap();
    assert!(shown[back].starts_with("train  ") && shown[back].contains(" 3/10"), "{shown:?}");
    let alone = at(&|part| part == "judging: log Z 20/80");
    assert!(alone > at(&|part| part == "train  3 of 10 steps in 0.0 s  elbo -20.5"), "{shown:?}");
    assert!(shown[alone..].iter().any(|part| part.starts_with("more  ") && part.contains(" 5/5")), "{shown:?}");
    let stays: Vec<_> = text.lines().map(|line| line.rsplit('<').next().unwrap_or_default()).collect();
    assert_eq!(stays, ["judged", "train  3 of 10 steps in 0.0 s  elbo -20.5", "more  5 steps in 0.0 s"]);
}

#[test]
fn slow_steps_are_told_in_seconds_per_step() {
    let (screen, hand) = (Screen::default(), Hand::default());
    let mut progress = Progress::plain(Box::new(screen.clone()), hand.clock());
    progress.stage("ais", 4_000, 0);
    hand.set(10_000);
    progress.advance(0, None);
    hand.set(20_000);
    progress.advance(8, None);
    assert_eq!(screen.text(), "ais  0/4000\nais  8/4000  2.5 s/step  02:46:20 left\n");
}

#[test]
fn on_a_terminal_one_line_redraws_itself_and_each_stage_leaves_one() {
    let (screen, hand) = (Screen::default(), Hand::default());
    let mut progress = Progress::on_terminal(Box::new(screen.clone()), Box::new(screen.clone()), hand.clock());
    progress.note("before");
    progress.stage("train", 200, 0);
    progress.advance(50, Some("elbo -20.5"));
    progress.note("in between");
    hand.set(3_000);
    progress.advance(200, None);
    progress.finish();
    progress.note("after");
    let text = screen.text();
    // What was cleared again, and the lines that stay.
    let shown: Vec<_> = text.split(['<', '\n']).map(str::trim_end).collect();
    let bars: Vec<_> = shown.iter().filter(|part| part.contains('─') || part.contains('━')).collect();
    assert!(bars.iter().all(|bar| bar.starts_with("train  ") && bar.contains("/200")), "{bars:?}");
    assert!(bars.iter().any(|bar| bar.contains(" 50/200  ") && bar.ends_with("elbo -20.5")), "{bars:?}");
    let stays: Vec<_> = text.lines().map(|line| line.rsplit('<').next().unwrap_or_default()).collect();
    assert_eq!(stays, ["before", "in between", "train  200 steps in 3.0 s  elbo -20.5", "after"]);
}

#[test]
fn a_closed_terminal_does_not_disturb_the_run() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> Result<usize> {
            Err(Error::from(ErrorKind::BrokenPipe))
        }
        fn flush(&mut self) -> Result<()> {
            Err(Error::from(ErrorKind::BrokenPipe))
        }
    }
    let hand = Hand::default();
    let mut progress = Progress::plain(Box::new(Closed), hand.clock());
    progress.stage("train", 10, 0);
    hand.set(60_000);
    progress.advance(5, Some("elbo"));
    progress.note("note");
    progress.finish();
}

#[test]
fn impossible_orders_are_taken_calmly() {
    let (screen, hand) = (Screen::default(), Hand::default());
    let mut progress = Progress::plain(Box::new(screen.clone()), hand.clock());
    progress.advance(5, Some("no stage yet"));
    progress.finish();
    progress.stage("empty", 0, 0);
    hand.set(9_000);
    progress.advance(3, None);
    progress.stage("backwards", 10, 8);
    hand.set(20_000);
    progress.advance(2, None);
    drop(progress);
    let expected = "\
empty  3/0  3.0 s/step  00:00:00 left
empty  3 of 0 steps in 9.0 s
backwards  2/10
backwards  2 of 10 steps in 11.0 s
";
    assert_eq!(screen.text(), expected);
}

/// The name of the environment variable that makes the law below run its own other half.
const SPEAK: &str = "DBM_TEST_SPEAK";

#[test]
fn quiet_says_nothing_at_all() {
    if let Ok(verbosity) = std::env::var(SPEAK) {
        let mut progress = Progress::new(if verbosity == "quiet" { Verbosity::Quiet } else { Verbosity::Normal });
        progress.stage("train", 10, 0);
        progress.advance(10, Some("elbo -1"));
        progress.note("note");
        return progress.finish();
    }
    for (verbosity, expected) in [("quiet", None), ("normal", Some("note"))] {
        let mut this = std::process::Command::new(std::env::current_exe().unwrap());
        this.args(["--exact", "progress::quiet_says_nothing_at_all", "--nocapture"]).env(SPEAK, verbosity);
        let said = String::from_utf8(this.output().unwrap().stderr).unwrap();
        assert_eq!(said.lines().next(), expected);
    }
}
