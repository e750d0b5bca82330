//! Laws of the metrics archive: exact, one history after a resume, damage is named.

use crate::events::{message_of, record};
use dbm::experiment::observe::{Ended, Metrics, Observe, Value, read_metrics};
use tempfile::TempDir;

#[test]
fn the_metrics_archive_keeps_every_bit_of_every_number() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let odd =
        (1..2000u64).map(|k| f64::from_bits(0x3f00_0000_0000_0000 ^ (k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4)));
    let numbers: Vec<f64> = odd.chain([0.1, -0.0, 5e-324, f64::MAX]).collect();
    let mut metrics = Metrics::create(&path).unwrap();
    for (step, number) in numbers.iter().enumerate() {
        metrics.record(&record(step as u64, [("a", Value::Scalar(*number))])).unwrap();
    }
    metrics.finish(Ended::Finished).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let read = read_metrics(&path).unwrap();
    assert_eq!(read.len(), numbers.len());
    for ((line, measured), number) in text.lines().zip(read).zip(&numbers) {
        let digits = line.rsplit_once(':').unwrap().1.trim_end_matches('}');
        assert_eq!(digits.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{line}");
        // serde_json's default reading of decimals may be a few units in the last place off.
        assert!((measured.value - number).abs() <= 4.0 * f64::EPSILON * number.abs(), "{line}");
    }
}

#[test]
fn the_archive_reads_back_scalars_only_with_their_steps_and_tags() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut metrics = Metrics::create(&path).unwrap();
    let odd_ones = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5];
    for (step, number) in odd_ones.iter().enumerate() {
        let unarchived = ("config", Value::Text("x".into()));
        metrics.record(&record(step as u64, [("a/b \"c\"", Value::Scalar(*number)), unarchived])).unwrap();
    }
    metrics.finish(Ended::Finished).unwrap();
    let read = read_metrics(&path).unwrap();
    assert_eq!(read.len(), odd_ones.len());
    for (step, (measured, number)) in read.iter().zip(odd_ones).enumerate() {
        assert_eq!((measured.step, measured.tag.as_str()), (step as u64, "a/b \"c\""));
        assert_eq!(measured.value.to_bits(), number.to_bits());
    }
}

#[test]
fn a_line_of_the_archive_looks_as_documented() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut metrics = Metrics::create(&path).unwrap();
    metrics.record(&record(3, [("a", Value::Scalar(-0.5)), ("b", Value::Scalar(f64::NEG_INFINITY))])).unwrap();
    metrics.flush().unwrap();
    let expected = "{\"step\":3,\"tag\":\"a\",\"value\":-0.5}\n{\"step\":3,\"tag\":\"b\",\"value\":\"-inf\"}\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    assert!(message_of(Metrics::create(&path)).starts_with("cannot create"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn resuming_the_archive_drops_later_lines_and_a_torn_last_one() {
    let kept = "{\"step\":1,\"tag\":\"a\",\"value\":0.1}\n{\"step\":2,\"tag\":\"a\",\"value\":\"NaN\"}\n";
    let later = "{\"step\":3,\"tag\":\"a\",\"value\":1.5}\n";
    for tail in ["", later, "{\"step\":2,\"tag\":\"", "{\"step\":2,\"tag\":\"\u{e9}"] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut bytes = format!("{kept}{later}{tail}").into_bytes();
        if tail.ends_with('\u{e9}') {
            bytes.pop();
        }
        std::fs::write(&path, bytes).unwrap();
        let (mut metrics, _) = Metrics::resume(&path, 2).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
        metrics.record(&record(3, [("a", Value::Scalar(2.0))])).unwrap();
        metrics.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{kept}{}", later.replace("1.5", "2.0")));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn resuming_the_archive_drops_the_evaluation_of_its_step_and_gives_back_the_rest() {
    let line = |step: u64, tag: &str| format!("{{\"step\":{step},\"tag\":\"{tag}\",\"value\":0.5}}\n");
    let tags = ["train/a", "eval/a", "train/eval/a", "eval/b/c", "final/a", "final/b/c"];
    let text: String = (1..=3).flat_map(|step| tags.map(|tag| line(step, tag))).collect();
    let before: String = tags.iter().map(|tag| line(1, tag)).collect();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.jsonl");
    std::fs::write(&path, text).unwrap();
    let (_, present) = Metrics::resume(&path, 2).unwrap();
    let kept = format!("{before}{}{}", line(2, "train/a"), line(2, "train/eval/a"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
    assert_eq!(present, record(2, [("train/a", Value::Scalar(0.5)), ("train/eval/a", Value::Scalar(0.5))]));
}

#[test]
fn a_damaged_line_inside_the_archive_is_named_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let text = "{\"step\":1,\"tag\":\"a\",\"value\":1}\n{\"step\":2,\n{\"step\":3,\"tag\":\"a\",\"value\":1}\n";
    std::fs::write(&path, text).unwrap();
    assert!(message_of(read_metrics(&path)).contains("metrics.jsonl: line 2 is not a measurement"));
    assert!(message_of(Metrics::resume(&path, 9)).contains("line 2"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
