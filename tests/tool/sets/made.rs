//! Laws of reading the sets that have a format of their own, on files made by hand.

use crate::data::files::{Folder, plain, stream, values};
use candle_core::{DType, Device};
use dbm::experiment::config::Source;
use dbm::experiment::data::{Dataset, load_from};
use dbm::experiment::{Error, Result};
use flate2::{Compression, write::ZlibEncoder};
use std::fs;
use std::io::Write;

fn loaded(folder: &Folder, source: Source) -> Result<Dataset> {
    load_from(Some(folder.0.path()), &plain(source), DType::F64, &Device::Cpu, stream())
}

/// An element of a MATLAB file, filled up to whole words; short ones within their tag, as MATLAB writes them.
fn element(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = if (1..=4).contains(&body.len()) {
        (((body.len() as u32) << 16) | kind).to_le_bytes().to_vec()
    } else {
        [kind.to_le_bytes(), (body.len() as u32).to_le_bytes()].concat()
    };
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A matrix of numbers of a class, given down its columns.
fn matrix(name: &str, class: u8, kind: u32, dims: [usize; 2], body: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| (dim as u32).to_le_bytes()).collect();
    let flags = [class, 0, 0, 0, 0, 0, 0, 0];
    element(14, &[element(6, &flags), element(5, &dims), element(1, name.as_bytes()), element(kind, body)].concat())
}

fn bytes(name: &str, dims: [usize; 2], body: &[u8]) -> Vec<u8> {
    matrix(name, 9, 2, dims, body)
}

fn doubles(name: &str, dims: [usize; 2], values: &[f64]) -> Vec<u8> {
    matrix(name, 6, 9, dims, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// A file of these elements, every second of them compressed.
fn matlab(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"MATLAB 5.0 MAT-file, made by hand".to_vec();
    file.resize(124, b' ');
    file.extend([0, 1, b'I', b'M']);
    for (place, plain) in elements.iter().enumerate() {
        if place % 2 == 0 {
            file.extend(plain);
            continue;
        }
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(plain).unwrap();
        let packed = packed.finish().unwrap();
        file.extend([15u32.to_le_bytes(), (packed.len() as u32).to_le_bytes()].concat());
        file.extend(packed);
    }
    file
}

/// Picture number `n` of 28 x 28, upright: only the pixel in row `n` and column 27 is 1.
fn upright(count: usize) -> Vec<f64> {
    (0..count).flat_map(|n| (0..784).map(move |pixel| f64::from(u8::from(pixel == n * 28 + 27)))).collect()
}

/// The same picture down its columns.
fn down(n: usize) -> Vec<f64> {
    (0..784).map(|pixel| f64::from(u8::from(pixel == 27 * 28 + n))).collect()
}

#[test]
fn characters_of_omniglot_are_turned_upright_and_have_their_alphabets() {
    let folder = Folder::new();
    fs::create_dir(folder.path("OMNIGLOT")).unwrap();
    let pictures = |count: usize| (0..count).flat_map(down).collect::<Vec<f64>>();
    let one_hot = |classes: &[usize]| -> Vec<f64> {
        classes.iter().flat_map(|&class| (0..50).map(move |flag| f64::from(u8::from(flag == class)))).collect()
    };
    let elements = [
        doubles("data", [784, 3], &pictures(3)),
        doubles("target", [50, 3], &one_hot(&[49, 0, 7])),
        doubles("testdata", [784, 2], &pictures(2)),
        bytes("testtarget", [50, 2], &one_hot(&[1, 2]).iter().map(|&flag| flag as u8).collect::<Vec<u8>>()),
    ];
    folder.write("OMNIGLOT/chardata.mat", &matlab(&elements));
    let set = loaded(&folder, Source::Omniglot {}).unwrap();
    assert_eq!((values(&set.train), values(&set.test)), (upright(3), upright(2)));
    assert_eq!((set.train.labels(), set.test.labels()), (Some([49u8, 0, 7].as_slice()), Some([1u8, 2].as_slice())));
    assert!(set.notes.iter().any(|note| note.contains("chardata.mat: not verified")), "{:?}", set.notes);
    assert_eq!(set.files[0].path.to_str(), Some("omniglot/chardata.mat"), "named without the data folder");
    for cut in [100, 140, 5000, 20_000] {
        folder.write("OMNIGLOT/chardata.mat", &matlab(&elements)[..cut]);
        let error = loaded(&folder, Source::Omniglot {}).unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{cut}: {error:?}");
    }
}

#[test]
fn silhouettes_have_their_official_split() {
    let folder = Folder::new();
    fs::create_dir(folder.path("caltech_silhouettes")).unwrap();
    let pictures = |name: &str, count: usize| {
        let columns: Vec<Vec<f64>> = (0..count).map(down).collect();
        let body: Vec<u8> = (0..784).flat_map(|k| columns.iter().map(move |picture| picture[k] as u8)).collect();
        bytes(name, [count, 784], &body)
    };
    let elements = [
        bytes("classnames", [1, 2], &[0, 0]),
        pictures("train_data", 4),
        bytes("train_labels", [4, 1], &[1, 2, 3, 101]),
        pictures("val_data", 2),
        bytes("val_labels", [2, 1], &[5, 6]),
        pictures("test_data", 3),
        bytes("test_labels", [3, 1], &[7, 8, 9]),
    ];
    folder.write("caltech_silhouettes/caltech101_silhouettes_28_split1.mat", &matlab(&elements));
    let set = loaded(&folder, Source::CaltechSilhouettes { official_split: true }).unwrap();
    let validation = set.validation.unwrap();
    assert_eq!(values(&set.train), upright(4));
    assert_eq!((values(&validation), values(&set.test)), (upright(2), upright(3)));
    let labels = [set.train.labels(), validation.labels(), set.test.labels()].map(|labels| labels.unwrap().to_vec());
    assert_eq!(labels, [vec![1, 2, 3, 101], vec![5, 6], vec![7, 8, 9]]);
    let whole = loaded(&folder, Source::CaltechSilhouettes { official_split: false }).unwrap_err();
    assert!(whole.to_string().contains("caltech101_silhouettes_28.mat is not there"), "{whole}");
}

#[test]
fn letters_come_in_the_order_that_their_figures_are_published_for() {
    let folder = Folder::new();
    fs::create_dir(folder.path("ocr_letters")).unwrap();
    let mut text = Vec::new();
    for number in 0..52_152u32 {
        let letter = char::from(b'a' + (number % 26) as u8);
        write!(text, "{}\t{letter}\t-1\t1\t1\t0\t", number + 1).unwrap();
        (0..128).for_each(|pixel| write!(text, "{}\t", if pixel < 16 { number >> pixel & 1 } else { 0 }).unwrap());
        text.push(b'\n');
    }
    folder.write("ocr_letters/letter.data", &text);
    let set = loaded(&folder, Source::OcrLetters {}).unwrap();
    let validation = set.validation.unwrap();
    assert_eq!([set.train.len(), validation.len(), set.test.len()], [32_152, 10_000, 10_000]);
    // Python: random.seed(12345), then for i in reversed(range(1, 52152)): swap i and int(random.random() * (i + 1)).
    for (examples, rows, expected) in [
        (&set.train, [0, 1, 2, 3, 4], [8110, 9346, 20302, 2071, 22904]),
        (&validation, [0, 1, 2, 3, 4], [33766, 40261, 28756, 17957, 19857]),
        (&set.test, [0, 1, 2, 3, 4], [48045, 38908, 42186, 44385, 42163]),
        (&set.test, [9997, 9998, 9999, 9999, 9999], [43034, 530, 21727, 21727, 21727]),
    ] {
        let batch = examples.batch(&rows, stream()).unwrap().to_vec2::<f64>().unwrap();
        let number = |pixels: &Vec<f64>| (0..16).map(|bit| (pixels[bit] as u32) << bit).sum::<u32>();
        assert_eq!(batch.iter().map(number).collect::<Vec<_>>(), expected);
        let labels = rows.map(|row| u32::from(examples.labels().unwrap()[row]));
        assert_eq!(labels, expected.map(|number| number % 26));
    }
    let end = text.len() - 2;
    folder.write("ocr_letters/letter.data", &text[..end / 2]);
    assert!(loaded(&folder, Source::OcrLetters {}).is_err());
}
