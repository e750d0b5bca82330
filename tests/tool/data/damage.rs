//! Bad data files: each is refused with the file, the place, what was found and what helps; none brings the program down.

use super::files::*;
use candle_core::{DType, Device};
use dbm::experiment::config::{Amount, Data, Files, Source, Split};
use dbm::experiment::data::{FileOptions, load, load_examples};
use rand::RngExt;
use std::fmt::Write;
use std::path::Path;

fn shown(error: dbm::experiment::Error, folder: &Folder) -> String {
    let text = format!("{error}\n  help: {}\n", error.remedy().unwrap_or_default());
    text.replace(&format!("{}/", folder.0.path().display()), "")
}

fn message(name: &str, bytes: &[u8]) -> String {
    message_with(name, bytes, &FileOptions::default())
}

fn message_with(name: &str, bytes: &[u8], options: &FileOptions) -> String {
    let folder = Folder::new();
    let error = load_examples(&folder.write(name, bytes), options, stream()).err();
    shown(error.unwrap_or_else(|| panic!("{name} was read")), &folder)
}

fn valid() -> Vec<u8> {
    idx(8, &[7, 3, 5], &images())
}

#[test]
fn unreadable_files_are_named() {
    let folder = Folder::new();
    let read = |path: &Path| shown(load_examples(path, &FileOptions::default(), stream()).err().unwrap(), &folder);
    let mut table = String::new();
    table += &read(&folder.path("missing.idx"));
    table += &read(folder.0.path()).replace(&*folder.0.path().to_string_lossy(), "FOLDER");
    table += &message("empty", b"");
    table += &message("picture.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF");
    table += &message("picture.jpg.gz", &gz(b"\xff\xd8\xff\xe0\x00\x10JFIF"));
    insta::assert_snapshot!(table, @r#"
    missing.idx: there is no such file
      help: check the path; relative paths start at the working folder
    FOLDER: is a folder, not a file
      help: name the file in it
    empty: is empty
      help: make or fetch the file again
    picture.jpg: is of no known format: it begins with the bytes ff d8 ff e0 00 10 4a 46
      help: known are IDX (00 00 08 03 …), .npy (93 4e 55 4d 50 59), .npz (50 4b) and text with one example a line, values separated by blanks; each may be compressed with gzip (1f 8b)
    picture.jpg.gz: is of no known format: after decompression, it begins with the bytes ff d8 ff e0 00 10 4a 46
      help: known are IDX (00 00 08 03 …), .npy (93 4e 55 4d 50 59), .npz (50 4b) and text with one example a line, values separated by blanks; each may be compressed with gzip (1f 8b)
    "#);
}

#[test]
fn damaged_idx_files_name_the_bytes() {
    let mut table = String::new();
    table += &message("header.idx", &valid()[..10]);
    table += &message("truncated.idx", &valid()[..100]);
    table += &message("extra.idx", &[valid(), vec![1, 2, 3]].concat());
    table += &message("type.idx", &idx(7, &[7, 3, 5], &images()));
    table += &message("labels.idx", &idx(8, &[7], &[1, 2, 3, 4, 5, 6, 7]));
    table += &message("none.idx", &idx(8, &[0, 3, 5], &[]));
    table += &message("huge.idx", &idx(0x0e, &[1 << 31, 1 << 11, 1 << 10], &images()));
    table += &message("endless.idx", &idx(0x0e, &[u32::MAX; 3], &images()));
    table += &message("negative.idx", &idx(9, &[2, 2], &[0, 1, 1, 0xff]));
    table += &message("wide.idx", &idx(0x0b, &[1, 2], &[0, 0, 0x10, 0]));
    let bright = idx(0x0d, &[2, 1, 2], &[0f32, 1.0, 0.5, 3.0].map(f32::to_be_bytes).concat());
    table += &message("bright.idx", &bright);
    let maximum = Some(16.0);
    table += &message_with("ink.idx", &valid(), &FileOptions { maximum, ..FileOptions::default() });
    let shape = Some([4, 4]);
    table += &message_with("shape.idx", &valid(), &FileOptions { shape, ..FileOptions::default() });
    insta::assert_snapshot!(table, @r#"
    header.idx: the header is cut off: 12 more bytes expected, 6 found
      help: make or fetch the file again
    truncated.idx: the header promises 105 bytes of values (7 x 3 x 5) from offset 16, but the file has only 84 of them and ends at offset 100
      help: the file is cut off: make or fetch it again
    extra.idx: 3 extra bytes from offset 121, after the 105 bytes of values (7 x 3 x 5) the header promises
      help: the header or the file is damaged: make or fetch it again
    type.idx: an IDX header with the unknown type code 0x07 at offset 2
      help: known types: 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32), 0e (f64)
    labels.idx: has 1 dimension(s), which is no set of images
      help: give examples x values, or examples x height x width; one dimension alone is a file of labels
    none.idx: holds no examples
      help: give a file with at least one example of at least one value
    huge.idx: the header promises 36028797018963968 bytes of values (2147483648 x 2048 x 1024) from offset 16, but the file has only 105 of them and ends at offset 121
      help: the file is cut off: make or fetch it again
    endless.idx: the header promises 4294967295 x 4294967295 x 4294967295 values, more than a computer can address
      help: the header is damaged: make or fetch the file again
    negative.idx: the value -1 is below 0 (example 2, byte offset 15)
      help: intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity
    wide.idx: holds integers up to 4096, and nothing says which value is full intensity
      help: set `maximum` to that value, such as 65535
    bright.idx: the value 3 is above 1 (example 2, byte offset 28)
      help: intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity
    ink.idx: the value 17 is above 16 (example 2, byte offset 33)
      help: intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity
    shape.idx: its examples have 15 values, which is not 4 x 4
      help: set `shape` to the height and width of a picture in the file, or leave it out
    "#);
}

#[test]
fn damaged_compression_is_named() {
    let whole = gz(&valid());
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        bytes
    };
    let mut table = String::new();
    table += &message("start.gz", &whole[..6]);
    table += &message("truncated.gz", &whole[..whole.len() / 2]);
    table += &message("no-checksum.gz", &whole[..whole.len() - 8]);
    table += &message("checksum.gz", &flipped(whole.len() - 6));
    table += &message("extra.gz", &[whole.clone(), b"more".to_vec()].concat());
    insta::assert_snapshot!(table, @r#"
    start.gz: the compressed data end early, at its first byte
      help: make or fetch the file again; `gzip -t` and `unzip -t` check files
    truncated.gz: the compressed data end early, at byte 57 of the uncompressed data
      help: make or fetch the file again; `gzip -t` and `unzip -t` check files
    no-checksum.gz: the compressed data end early, after the last value
      help: make or fetch the file again; `gzip -t` and `unzip -t` check files
    checksum.gz: the compressed data are damaged after the last value (corrupt gzip stream does not have a matching checksum)
      help: make or fetch the file again; `gzip -t` and `unzip -t` check files
    extra.gz: the compressed data end early, after the last value
      help: make or fetch the file again; `gzip -t` and `unzip -t` check files
    "#);
}

#[test]
fn damaged_numpy_files_are_named() {
    let mut table = String::new();
    let good = npy("|u1", "False", "(7, 3, 5)", &images());
    table += &message("header.npy", &good[..30]);
    table += &message("truncated.npy", &good[..150]);
    table += &message("version.npy", b"\x93NUMPY\x09\x00\x10\x00{}");
    table += &message("long.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}");
    table += &message("keys.npy", b"\x93NUMPY\x01\x00\x03\x00{}\n");
    table += &message("complex.npy", &npy("<c8", "False", "(7, 3, 5)", &images()));
    table += &message("negative.npy", &npy("|u1", "False", "(-7, 3, 5)", &images()));
    table += &message("overflow.npy", &npy("|u1", "False", "(18446744073709551615, 3, 5)", &images()));
    table += &message("scalar.npy", &npy("|u1", "False", "()", &[1]));
    let values = [0f64, f64::NAN, 0.5, f64::INFINITY].map(f64::to_le_bytes).concat();
    table += &message("nan.npy", &npy("<f8", "False", "(2, 2)", &values));
    let several = npz(&[("x_train", good.clone()), ("x_test", good.clone())]);
    table += &message("several.npz", &several);
    let array = Some("x".to_string());
    table += &message_with("absent.npz", &several, &FileOptions { array: array.clone(), ..FileOptions::default() });
    table += &message_with("alone.npy", &good, &FileOptions { array, ..FileOptions::default() });
    table += &message("inside.npz", &npz(&[("x", good[..150].to_vec())]));
    table += &message("truncated.npz", &several[..several.len() / 2]);
    insta::assert_snapshot!(table, @r#"
    header.npy: the header is cut off: 63 more bytes expected, 20 found
      help: make or fetch the file again
    truncated.npy: the header promises 105 bytes of values (7 x 3 x 5) from offset 73, but the file has only 77 of them and ends at offset 150
      help: the file is cut off: make or fetch it again
    version.npy: is of .npy version 9, which is unknown
      help: save it with numpy.save of numpy 1 or 2
    long.npy: the .npy header claims a length of 4294967295 bytes; numpy itself refuses more than 10000
      help: the header is damaged: make or fetch the file again
    keys.npy: the .npy header has no readable 'descr': {}
      help: save the array with numpy.save
    complex.npy: holds numbers of type '<c8', which cannot be read
      help: save it as bool, integers, float32 or float64: numpy.save(FILE, array.astype("float32"))
    negative.npy: the .npy header has no readable 'shape': {'descr': '|u1', 'fortran_order': False, 'shape': (-7, 3, 5), }
      help: save the array with numpy.save
    overflow.npy: the header promises 18446744073709551615 x 3 x 5 values, more than a computer can address
      help: the header is damaged: make or fetch the file again
    scalar.npy: has 0 dimension(s), which is no set of images
      help: give examples x values, or examples x height x width; one dimension alone is a file of labels
    nan.npy: the value is NaN, not a finite number (example 1, byte offset 78)
      help: intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity
    several.npz: the archive holds several arrays: x_test, x_train
      help: name the one with the examples as `array`, or save every array in a file of its own
    absent.npz: the archive holds no array "x"
      help: name one that it holds: x_test, x_train
    alone.npy: is no .npz archive, so it holds no array "x"
      help: leave `array` out
    inside.npz: array "x": the header promises 105 bytes of values (7 x 3 x 5) from offset 73, but the file has only 77 of them and ends at offset 150
      help: the file is cut off: make or fetch it again
    truncated.npz: begins like a .npz file but is no readable zip archive (invalid Zip archive: Could not find EOCD)
      help: make or fetch the file again; `unzip -t` checks it
    "#);
}

#[test]
fn bad_text_names_line_and_value() {
    let mut table = String::new();
    table += &message("ragged.amat", b"0 1 1\n1 0 0\n1 0\n");
    table += &message("word.amat", b"0 1 1\n1 zero 0\n");
    table += &message("commas.amat", b"0,1,1\n1,0,0\n");
    table += &message("nan.amat", b"0 1 nan\n");
    table += &message("negative.amat", b"0 1 1\n0.5 -0.25 1\n");
    table += &message("bytes.amat", b"0 128 255\n");
    table += &message("blank.amat", b" \n\n");
    insta::assert_snapshot!(table, @r#"
    ragged.amat: line 3 has 2 values, the lines before it 3
      help: give every example the same number of values; the file may be cut off
    word.amat: line 2, value 2: "zero" is not a number
      help: write one example a line, values in 0..1 separated by blanks
    commas.amat: line 1, value 1: "0,1,1" is not a number
      help: write one example a line, values in 0..1 separated by blanks
    nan.amat: line 1, value 3: the value is NaN, not a finite number
      help: intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity
    negative.amat: line 2, value 2: the value -0.25 is below 0
      help: intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity
    bytes.amat: line 1, value 2: the value 128 is above 1
      help: intensities run from 0 to 1: scale the values, or set `maximum` to the value of full intensity
    blank.amat: holds no examples
      help: give a file with at least one example of at least one value
    "#);
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let folder = Folder::new();
    let train = folder.write("train.idx", &valid());
    let refuse = |data: Data| shown(load(&data, DType::F32, &Device::Cpu, stream()).err().unwrap(), &folder);
    let refuse_files = |files: Files| refuse(plain(Source::Files(files)));
    let labelled = |name: &str, bytes: &[u8]| {
        refuse_files(Files { labels: Some(folder.write(name, bytes)), ..training_file(&train) })
    };
    let mut table = String::new();
    table += &labelled("few-labels.idx", &idx(8, &[6], &[1; 6]));
    table += &labelled("large-label.idx", &idx(0x0b, &[7], &[1; 14]));
    table += &labelled("real-labels.amat", b"0.5\n1\n2\n3\n4\n5\n6\n");
    let several = npz(&[("x", npy("|u1", "False", "(7,)", &[1; 7])), ("y", npy("|u1", "False", "(7,)", &[1; 7]))]);
    table += &labelled("several-labels.npz", &several);
    let test = Some(folder.write("test.idx", &idx(8, &[7, 5, 3], &images())));
    table += &refuse_files(Files { test, ..training_file(&train) });
    let split = |validation, test| {
        let split = Split { validation, test, ..Split::default() };
        refuse(Data { split, ..plain(Source::Files(training_file(&train))) })
    };
    table += &split(Amount::Count(0), Amount::Count(0));
    table += &split(Amount::Count(5), Amount::Count(2));
    table += &split(Amount::Count(500), Amount::Fraction(0.5));
    let single = folder.write("single.idx", &idx(8, &[1, 3, 5], &images()[..15]));
    for test in [Amount::Fraction(0.2), Amount::Count(1)] {
        let split = Split { test, ..Split::default() };
        table += &refuse(Data { split, ..plain(Source::Files(training_file(&single))) });
    }
    let maximum = FileOptions { maximum: Some(0.0), ..FileOptions::default() };
    table += &shown(load_examples(&train, &maximum, stream()).err().unwrap(), &folder);
    insta::assert_snapshot!(table, @r#"
    few-labels.idx: holds 6 labels, but train.idx holds 7 examples
      help: give the labels that belong to the examples
    large-label.idx: the value 257 is above 255 (example 1, byte offset 8)
      help: labels are whole numbers 0..255, one per example
    real-labels.amat: holds no labels
      help: labels are whole numbers 0..255, one per example
    several-labels.npz: the archive holds several arrays: x, y
      help: name the one with the examples as `array`, or save every array in a file of its own
    test.idx: its examples have 5 x 3 = 15 values, those of train.idx have 3 x 5 = 15
      help: give files of the same shape
    train: there is no test set, and of 7 examples none is split off
      help: set data.split.test to how many test examples you want, such as 1
    train: of 7 examples, 2 for testing and 5 for validation leave none to train on
      help: set data.split.test or data.split.validation lower
    train: of 7 examples, 4 for testing and 500 for validation leave none to train on
      help: set data.split.test or data.split.validation lower
    single: there is no test set, and of 1 examples none is split off
      help: give more examples, or the test examples in a file of their own: data.source.files.test
    single: of 1 examples, 1 for testing and 0 for validation leave none to train on
      help: give more examples, or the test examples in a file of their own: data.source.files.test
    `maximum` is 0, which cannot be full intensity
      help: set it to a number above 0, such as 255
    "#);
}

#[test]
fn no_damage_brings_the_program_down() {
    let pixels: Vec<u8> = images().iter().map(|v| v % 2).collect();
    let rows: Vec<&[u8]> = pixels.chunks(15).collect();
    let array = npy(
        "<f4",
        "True",
        "(7, 3, 5)",
        &images().iter().flat_map(|&v| (f32::from(v) / 255.0).to_le_bytes()).collect::<Vec<_>>(),
    );
    let seeds = [
        valid(),
        gz(&valid()),
        idx(0x0e, &[3, 2], &[0.25f64; 6].map(f64::to_be_bytes).concat()),
        array.clone(),
        npz(&[("x", array.clone())]),
        npz(&[("x", array.clone()), ("y", array)]),
        amat(&rows),
        gz(&amat(&rows)),
    ];
    let folder = Folder::new();
    let mut random = stream().named("damage").generator();
    let mut outcomes = String::new();
    let (mut refused, mut read) = (0, 0);
    for _ in 0..2400 {
        let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = random.random(),
                2 => bytes[at] ^= 1 << random.random_range(0..8),
                _ => bytes.insert(at, random.random()),
            }
        }
        match folder.read(&bytes, &FileOptions::default()) {
            Ok(loaded) => {
                assert!(values(&loaded.examples).iter().all(|value| (0.0..=1.0).contains(value)));
                read += 1;
            }
            Err(error) => {
                writeln!(outcomes, "{}", shown(error, &folder)).unwrap();
                refused += 1;
            }
        }
    }
    assert!(refused > 1000 && read > 100, "{refused} refused, {read} read");
    assert!(!outcomes.contains("computation failed"), "{outcomes}");
}
