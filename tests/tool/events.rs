//! Laws of the logs: what is written is read back, damage is noticed, nothing is overwritten, a full disk is a message.

use dbm::experiment::Error;
use dbm::experiment::observe::{
    Chart, Ended, EventFile, Hyperparameter, Image, Logged, LoggedValue, Metrics, Observe, Observers, Range, Record,
    Section, TensorBoard, Value, read_events, read_metrics,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) fn record(step: u64, entries: impl IntoIterator<Item = (&'static str, Value)>) -> Record {
    let mut record = Record::new(step);
    entries.into_iter().for_each(|(tag, value)| record.push(tag, value));
    record
}

/// Every value of an event file: (step, tag, value).
fn values(path: &Path) -> Vec<(i64, String, LoggedValue)> {
    let events = read_events(path).unwrap();
    assert_eq!(events.torn_at, None);
    let of = |logged| match logged {
        Logged::Values(values) => values,
        _ => Vec::new(),
    };
    let each = |step, (tag, value)| (step, tag, value);
    events.events.into_iter().flat_map(|event| of(event.logged).into_iter().map(move |v| each(event.step, v))).collect()
}

fn written(records: &[Record]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let mut board = TensorBoard::create(folder.path(), 0).unwrap();
    records.iter().for_each(|record| board.record(record).unwrap());
    board.flush().unwrap();
    let path = board.path().to_path_buf();
    (folder, path)
}

fn full_disk() -> BufWriter<std::fs::File> {
    BufWriter::new(OpenOptions::new().write(true).open("/dev/full").unwrap())
}

pub(crate) fn message_of<T>(result: Result<T, Error>) -> String {
    let error = result.err().expect("a failure");
    assert!(matches!(error, Error::Io { .. } | Error::Model { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn every_file_starts_with_its_version_and_a_session_at_the_resume_step() {
    let folder = TempDir::new().unwrap();
    for step in [0, 31] {
        let mut board = TensorBoard::create(folder.path(), step).unwrap();
        board.flush().unwrap();
        let events = read_events(board.path()).unwrap().events;
        assert_eq!(events[0].logged, Logged::Version("brain.Event:2".into()));
        assert_eq!((events[1].step, &events[1].logged), (step as i64, &Logged::Start));
        assert_eq!(events.len(), 2);
    }
}

#[test]
fn scalars_are_read_back_in_single_precision_not_a_number_included() {
    let numbers = [0.1, -71.25, 0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let (_folder, path) = written(&[record(7, numbers.map(|number| ("train/elbo_nats_mean", Value::Scalar(number))))]);
    for ((step, tag, value), expected) in values(&path).into_iter().zip(numbers) {
        let LoggedValue::Scalar(value) = value else { panic!("{value:?}") };
        assert_eq!((step, tag.as_str()), (7, "train/elbo_nats_mean"));
        assert_eq!((value as f32).to_bits(), (expected as f32).to_bits());
    }
    assert_eq!(values(&path).len(), numbers.len());
}

#[test]
fn histogram_buckets_touch_span_the_values_and_sum_to_the_count() {
    let cases: [(&[f64], f64); 6] = [
        (&[-1.5, 0.0, 0.25, 0.25, 3.0], 5.0),
        (&[2.0, 2.0, 2.0], 3.0),
        (&[1.0, f64::NAN, f64::INFINITY, 5.0], 2.0),
        (&[-1e308, 1e308, 0.0], 3.0),
        (&[1.0, 1.0 + f64::EPSILON], 2.0),
        (&[0.0, 5e-324], 2.0),
    ];
    for (numbers, count) in cases {
        let (_folder, path) = written(&[record(1, [("weights", Value::Histogram(numbers.to_vec()))])]);
        let logged = values(&path).remove(0).2;
        let LoggedValue::Histogram(buckets) = logged else { panic!("{logged:?}") };
        assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<f64>(), count, "{numbers:?}");
        assert!(buckets.windows(2).all(|pair| pair[0].right == pair[1].left && pair[0].left <= pair[0].right));
        for number in numbers.iter().filter(|number| number.is_finite()) {
            assert!(buckets[0].left <= *number && *number <= buckets[buckets.len() - 1].right, "{numbers:?}");
        }
    }
}

#[test]
fn each_value_is_counted_in_the_bucket_that_holds_it() {
    let numbers: Vec<f64> = (0..3000).map(|k| f64::from(k) / 100.0).chain([30.0]).collect();
    let (_folder, path) = written(&[record(1, [("weights", Value::Histogram(numbers))])]);
    let LoggedValue::Histogram(buckets) = values(&path).remove(0).2 else { panic!() };
    assert_eq!(buckets.len(), 30);
    for (k, bucket) in buckets.iter().enumerate() {
        assert!((bucket.left - k as f64).abs() < 1e-12);
        // Values on an edge may round to either side.
        assert!((bucket.count - 100.0).abs() <= 2.0, "{bucket:?}");
    }
}

#[test]
fn a_histogram_without_a_finite_value_is_left_out() {
    let empty = record(1, [("a", Value::Histogram(vec![])), ("b", Value::Histogram(vec![f64::NAN]))]);
    assert_eq!(values(&written(&[empty]).1), vec![]);
}

#[test]
fn every_pixel_of_a_grid_is_where_it_belongs_for_any_shape() {
    for (height, width, scale) in [(3, 7, 5), (7, 3, 5), (8, 8, 4), (1, 40, 1), (28, 28, 2), (1, 1, 32)] {
        let pixel = |n: usize, y: usize, x: usize| ((n * 31 + y * 7 + x * 3) % 10) as f64 / 10.0;
        let picture = |n| (0..height * width).map(|i| pixel(n, i / width, i % width)).collect();
        let pictures: Vec<Vec<f64>> = (0..5).map(picture).collect();
        let grid = Image::grid(&pictures, [height, width], 3, Range::Unit).unwrap();
        let (_folder, path) = written(&[record(1, [("samples", Value::Image(grid))])]);
        let LoggedValue::Image { width: stated_width, height: stated_height, png } = values(&path).remove(0).2 else {
            panic!()
        };
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let (grid_height, grid_width) = (2 * (height * scale + 1) + 1, 3 * (width * scale + 1) + 1);
        assert_eq!((info.height as usize, info.width as usize), (grid_height, grid_width));
        assert_eq!((stated_height, stated_width), (grid_height, grid_width));
        let mut expected = vec![96; grid_height * grid_width];
        for (n, y, x) in (0..5).flat_map(|n| (0..height).flat_map(move |y| (0..width).map(move |x| (n, y, x)))) {
            let top = 1 + n / 3 * (height * scale + 1) + y * scale;
            let left = 1 + n % 3 * (width * scale + 1) + x * scale;
            for (dy, dx) in (0..scale).flat_map(|dy| (0..scale).map(move |dx| (dy, dx))) {
                expected[(top + dy) * grid_width + left + dx] = (255.0 * pixel(n, y, x)).round() as u8;
            }
        }
        assert_eq!(pixels, expected, "{height} x {width}");
    }
}

#[test]
fn a_filter_shows_zero_as_mid_grey_and_the_largest_weight_as_black_or_white() {
    let filters = [vec![0.0, 0.5], vec![-2.0, 2.0]];
    let grid = Image::grid(&filters, [1, 2], 2, Range::Symmetric).unwrap();
    let at = |x: usize| grid.pixels()[grid.width() + x];
    assert_eq!([at(1), at(17), at(34), at(50)], [128, 160, 1, 255]);
    let dead = Image::grid(&[vec![0.0; 4]], [2, 2], 1, Range::Symmetric).unwrap();
    assert!(dead.pixels().iter().all(|grey| [0, 128].contains(grey)));
}

#[test]
fn pictures_that_do_not_fit_their_shape_are_refused() {
    assert!(Image::grid(&[vec![0.0; 5]], [2, 3], 1, Range::Unit).is_err());
    assert!(Image::grid(&[], [2, 3], 1, Range::Unit).is_err());
    assert!(Image::grid(&[vec![]], [0, 3], 1, Range::Unit).is_err());
    assert!(Image::new(2, 2, vec![0; 3]).is_err());
    assert!(Image::grid(&[vec![f64::NAN; 6]], [2, 3], 0, Range::Unit).is_ok());
}

#[test]
fn text_and_hyperparameters_are_read_back_with_their_types() {
    let folder = TempDir::new().unwrap();
    let settings = BTreeMap::from([
        ("train.learning_rate".to_string(), Hyperparameter::Number(0.01)),
        ("train.phase".to_string(), Hyperparameter::Word("network+1".into())),
        ("data.shuffle".to_string(), Hyperparameter::Switch(true)),
    ]);
    let mut board = TensorBoard::create(folder.path(), 0).unwrap();
    board.describe(&settings, "# é\n\n| a | b |").unwrap();
    board.lay_out(&[Section { title: "all".into(), charts: vec![Chart::lines("ELBO", &["eval/elbo.*"])] }]).unwrap();
    board.record(&record(3, [("note", Value::Text("**done**".into()))])).unwrap();
    board.finish(Ended::Finished).unwrap();
    let found = values(board.path());
    assert_eq!(found[0].2, LoggedValue::Hyperparameters(settings));
    assert_eq!((found[1].1.as_str(), &found[1].2), ("config", &LoggedValue::Text("# é\n\n| a | b |".into())));
    assert_eq!(found[2].2, LoggedValue::Other);
    assert_eq!(found[3], (3, "note".into(), LoggedValue::Text("**done**".into())));
    assert_eq!((found[4].0, &found[4].2), (3, &LoggedValue::End(Ended::Finished)));
}

#[test]
fn only_a_described_run_that_is_over_has_an_end() {
    for (described, ended, expected) in [
        (true, Ended::Failed, Some(LoggedValue::End(Ended::Failed))),
        (true, Ended::Interrupted, None),
        (false, Ended::Finished, None),
    ] {
        let folder = TempDir::new().unwrap();
        let mut board = TensorBoard::create(folder.path(), 0).unwrap();
        if described {
            board.describe(&BTreeMap::new(), "").unwrap();
        }
        board.finish(ended).unwrap();
        let end =
            values(board.path()).into_iter().map(|(_, _, value)| value).rfind(|v| matches!(v, LoggedValue::End(_)));
        assert_eq!(end, expected);
    }
}

#[test]
fn a_torn_file_yields_all_whole_records() {
    let (_folder, path) = written(&[1, 2, 3].map(|step| record(step, [("a", Value::Scalar(step as f64))])));
    let bytes = std::fs::read(&path).unwrap();
    let whole = read_events(&path).unwrap().events;
    let mut starts = vec![0];
    while *starts.last().unwrap() < bytes.len() {
        let start = *starts.last().unwrap();
        starts.push(start + 16 + u64::from_le_bytes(bytes[start..start + 8].try_into().unwrap()) as usize);
    }
    assert_eq!(starts.len(), whole.len() + 1);
    for cut in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let events = read_events(&path).unwrap();
        let complete = starts.iter().filter(|start| **start <= cut).count() - 1;
        assert_eq!(events.events, whole[..complete]);
        assert_eq!(events.torn_at, (starts[complete] != cut).then_some(starts[complete] as u64));
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_the_record_named() {
    let (_folder, path) = written(&[record(1, [("a", Value::Scalar(1.0))])]);
    let bytes = std::fs::read(&path).unwrap();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        std::fs::write(&path, damaged).unwrap();
        let message = message_of(read_events(&path));
        assert!(message.contains("checksum") && message.contains("record at byte"), "{message}");
    }
}

#[test]
fn a_second_writer_at_the_same_moment_gets_its_own_later_file() {
    let folder = TempDir::new().unwrap();
    let moment = "2026-01-02T03:04:05.000000006Z".parse().unwrap();
    let mut files: Vec<_> = (0..12).map(|k| EventFile::create_at(folder.path(), moment, k).unwrap()).collect();
    files.iter_mut().for_each(|file| file.flush().unwrap());
    let paths: Vec<_> = files.iter().map(|file| file.path().to_path_buf()).collect();
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), paths.iter().collect::<Vec<_>>());
    for (k, path) in paths.iter().enumerate() {
        assert!(path.file_name().unwrap().to_str().unwrap().contains("tfevents"));
        assert_eq!(read_events(path).unwrap().events[1].step, k as i64);
    }
    let later = EventFile::create_at(folder.path(), "2026-01-02T03:04:05.1Z".parse().unwrap(), 0).unwrap();
    assert!(later.path() > paths.last().unwrap().as_path());
}

#[test]
fn flushed_events_are_in_the_file_while_the_writer_is_still_open() {
    let folder = TempDir::new().unwrap();
    let mut board = TensorBoard::create(folder.path(), 0).unwrap();
    for step in 1..=1000 {
        board.record(&record(step, [("a", Value::Scalar(0.5))])).unwrap();
    }
    board.flush().unwrap();
    assert_eq!(values(board.path()).len(), 1000);
}

#[test]
fn a_full_disk_is_a_message_not_a_panic() {
    let path = Path::new("runs/x/events");
    let mut board = TensorBoard::on(EventFile::on(full_disk(), path, 0).unwrap(), 0);
    let large = Value::Text("x".repeat(100_000));
    for result in [board.record(&record(1, [("a", large)])), board.flush(), board.finish(Ended::Failed)] {
        assert!(message_of(result).starts_with("cannot write runs/x/events: No space left on device"));
    }
    let mut metrics = Metrics::on(full_disk(), Path::new("runs/x/metrics.jsonl"));
    metrics.record(&record(1, [("a", Value::Scalar(1.0))])).unwrap();
    assert!(message_of(metrics.flush()).starts_with("cannot write runs/x/metrics.jsonl: No space left"));
}

#[test]
fn a_folder_that_is_a_file_is_a_message() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(message_of(TensorBoard::create(file.path(), 0)).starts_with("cannot make folder"));
}

#[test]
fn a_list_of_observers_tells_all_of_them_and_reports_the_failure() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let full = Metrics::on(full_disk(), Path::new("full"));
    let mut observers = Observers(vec![Box::new(full), Box::new(Metrics::create(&path).unwrap())]);
    observers.record(&record(1, [("a", Value::Scalar(1.0))])).unwrap();
    assert!(message_of(observers.finish(Ended::Finished)).starts_with("cannot write full"));
    assert_eq!(read_metrics(&path).unwrap().len(), 1);
}
