//! Random streams: a draw is a function of its address alone, and draws at different addresses are independent.

use crate::support::{assert_close, rows};
use dbm::math::{DType, Device, Stream, Tensor, host, philox, sample_binary};
use rand::Rng;
use rand::seq::SliceRandom;

/// More values than one thread takes on its own.
const MANY: (usize, usize) = (700, 101);

fn uniform(stream: Stream, rows: usize, columns: usize) -> Tensor {
    stream.uniform(rows, columns, DType::F64, &Device::Cpu).unwrap()
}

fn normal(stream: Stream, rows: usize, columns: usize) -> Tensor {
    stream.normal(rows, columns, DType::F64, &Device::Cpu).unwrap()
}

/// States of units with input -1.
fn binary(stream: Stream, rows: usize, columns: usize) -> Tensor {
    sample_binary(&Tensor::full(-1.0, (rows, columns), &Device::Cpu).unwrap(), stream).unwrap()
}

type Draw = fn(Stream, usize, usize) -> Tensor;

/// Everything that is drawn from a stream by row and column.
const DRAWS: [(&str, Draw); 3] = [("uniform", uniform), ("normal", normal), ("binary", binary)];

#[test]
fn draws_are_the_same_numbers_in_single_and_double_precision() {
    let stream = Stream::new(1);
    let (n, m) = MANY;
    let narrow = |t: dbm::math::Result<Tensor>| host(&t.unwrap()).unwrap();
    let wide = host(&uniform(stream, n, m)).unwrap();
    assert_eq!(narrow(stream.uniform(n, m, DType::F32, &Device::Cpu)), wide, "uniform draws are exact in f32");
    for (narrow, wide) in
        narrow(stream.normal(n, m, DType::F32, &Device::Cpu)).iter().zip(host(&normal(stream, n, m)).unwrap())
    {
        assert_eq!(*narrow, f64::from(wide as f32), "normal draws are rounded once");
    }
    let states =
        |dtype| host(&sample_binary(&Tensor::zeros(MANY, dtype, &Device::Cpu).unwrap(), stream).unwrap()).unwrap();
    assert_eq!(states(DType::F32), states(DType::F64));
}

#[test]
fn rows_do_not_depend_on_how_they_are_cut_into_batches() {
    for (name, draw) in DRAWS {
        let stream = Stream::new(2).named("chains").at(3);
        let whole = rows(&draw(stream, MANY.0, MANY.1));
        for batch in [1, 7, 350, 699] {
            let cut: Vec<Vec<f64>> = (0..MANY.0)
                .step_by(batch)
                .flat_map(|from| rows(&draw(stream.from_row(from as u64), batch.min(MANY.0 - from), MANY.1)))
                .collect();
            assert!(cut == whole, "{name} in batches of {batch}");
        }
    }
}

#[test]
fn the_first_row_stays_with_a_stream_and_its_sub_streams() {
    let stream = Stream::new(3);
    for (name, draw) in DRAWS {
        let late = |whole: Stream| rows(&draw(whole, 9, 5))[4..].to_vec();
        assert_eq!(rows(&draw(stream.from_row(1).from_row(3), 5, 5)), late(stream), "{name}: offsets add");
        assert_eq!(rows(&draw(stream.from_row(4).named("x"), 5, 5)), late(stream.named("x")), "{name}: named");
        assert_eq!(rows(&draw(stream.from_row(4).at(8), 5, 5)), late(stream.at(8)), "{name}: at");
    }
}

#[test]
fn a_column_does_not_depend_on_the_columns_after_it() {
    for (name, draw) in DRAWS {
        let wide = rows(&draw(Stream::new(4), 6, 11));
        for columns in 1..11 {
            let narrow = rows(&draw(Stream::new(4), 6, columns));
            assert!(narrow.iter().zip(&wide).all(|(n, w)| *n == w[..columns]), "{name}, {columns} columns");
        }
    }
}

#[test]
fn draws_do_not_depend_on_the_number_of_threads() {
    for (name, draw) in DRAWS {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| host(&draw(Stream::new(5), MANY.0, MANY.1)).unwrap())
        };
        let one = on(1);
        assert!(on(2) == one && on(4) == one, "{name}");
    }
}

#[test]
fn other_seeds_names_steps_and_rows_give_uncorrelated_draws() {
    let root = Stream::new(6);
    let streams = [
        ("root", root),
        ("another seed", Stream::new(7)),
        ("a seed beyond 32 bits", Stream::new(6 + (1 << 32))),
        ("name a", root.named("a")),
        ("name b", root.named("b")),
        ("name of two letters", root.named("ab")),
        ("empty name", root.named("")),
        ("step 0", root.at(0)),
        ("step 1", root.at(1)),
        ("a step beyond 32 bits", root.at(1 << 32)),
        ("a then 1", root.named("a").at(1)),
        ("1 then a", root.at(1).named("a")),
        ("later rows", root.from_row(1000)),
        ("rows beyond 32 bits", root.from_row(1 << 32)),
    ];
    let (n, m) = (1000, 20);
    for (what, draw) in &DRAWS[..2] {
        let draws: Vec<Vec<f64>> = streams.iter().map(|(_, stream)| standardised(&draw(*stream, n, m))).collect();
        for i in 0..streams.len() {
            for j in 0..i {
                let (one, other) = (streams[i].0, streams[j].0);
                let correlation: f64 = draws[i].iter().zip(&draws[j]).map(|(a, b)| a * b).sum::<f64>() / (n * m) as f64;
                assert_close(&format!("{what}: {one}, {other}"), correlation, 0.0, 4.0 / ((n * m) as f64).sqrt());
            }
        }
    }
}

#[test]
fn neighbouring_rows_and_columns_are_uncorrelated() {
    let (n, m) = (2000, 24);
    for (what, draw) in &DRAWS[..2] {
        let values = standardised(&draw(Stream::new(8), n, m));
        // One column to the right, one block of four to the right, one row down.
        for shift in [1, 2, 3, 4, m, 2 * m] {
            let pairs = values.len() - shift;
            let correlation = values.iter().zip(&values[shift..]).map(|(a, b)| a * b).sum::<f64>() / pairs as f64;
            assert_close(&format!("{what}, {shift} apart"), correlation, 0.0, 4.0 / (pairs as f64).sqrt());
        }
    }
}

fn standardised(draws: &Tensor) -> Vec<f64> {
    let values = host(draws).unwrap();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
    values.iter().map(|x| (x - mean) / variance.sqrt()).collect()
}

#[test]
fn uniform_draws_fill_the_open_unit_interval_evenly() {
    let values = host(&uniform(Stream::new(9), 1000, 200)).unwrap();
    let n = values.len() as f64;
    assert!(values.iter().all(|&u| 0.0 < u && u < 1.0));
    for power in 1..=4 {
        let p = f64::from(power);
        let moment = values.iter().map(|u| u.powi(power)).sum::<f64>() / n;
        // E[u^p] = 1 / (p + 1), Var[u^p] = 1 / (2p + 1) - 1 / (p + 1)².
        let error = ((1.0 / (2.0 * p + 1.0) - (p + 1.0).powi(-2)) / n).sqrt();
        assert_close(&format!("moment {power}"), moment, 1.0 / (p + 1.0), 4.0 * error);
    }
    let bins = 100;
    let mut counts = vec![0.0; bins];
    values.iter().for_each(|u| counts[(u * bins as f64) as usize] += 1.0);
    let expected = n / bins as f64;
    let chi_squared: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
    let freedom = (bins - 1) as f64;
    assert_close("chi squared of the bins", chi_squared, freedom, 4.0 * (2.0 * freedom).sqrt());
}

#[test]
fn normal_draws_have_normal_moments_and_tails() {
    let values = host(&normal(Stream::new(10), 1000, 200)).unwrap();
    let n = values.len() as f64;
    // E[x^p] and Var[x^p] = E[x^2p] - E[x^p]².
    for (power, moment, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        let found = values.iter().map(|x| x.powi(power)).sum::<f64>() / n;
        assert_close(&format!("moment {power}"), found, moment, 4.0 * f64::sqrt(variance / n));
    }
    // Two-sided tails of the normal distribution.
    for (bound, tail) in [(1.0, 0.317_310_5), (2.0, 0.045_500_3), (3.0, 0.002_699_8)] {
        let found = values.iter().filter(|x| x.abs() > bound).count() as f64 / n;
        assert_close(&format!("beyond {bound}"), found, tail, 4.0 * f64::sqrt(tail / n));
    }
}

#[test]
fn a_generator_repeats_and_shuffles_evenly() {
    let stream = Stream::new(11).named("shuffle");
    let words = |stream: Stream, count: usize| {
        let mut generator = stream.generator();
        (0..count).map(|_| generator.next_u32()).collect::<Vec<_>>()
    };
    assert_eq!(words(stream, 100), words(stream, 100));
    assert_ne!(words(stream, 10), words(stream.at(1), 10));
    let mut bytes = [0; 11];
    stream.generator().fill_bytes(&mut bytes);
    let expected: Vec<u8> = words(stream, 3).iter().flat_map(|word| word.to_le_bytes()).take(11).collect();
    assert_eq!(bytes[..], expected[..]);
    // 6000 shuffles of three: each of six orders a thousand times.
    let mut counts = std::collections::HashMap::new();
    let mut generator = stream.generator();
    for _ in 0..6000 {
        let mut order = [0, 1, 2];
        order.shuffle(&mut generator);
        *counts.entry(order).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 6);
    let error = (6000.0 * (1.0 / 6.0) * (5.0 / 6.0_f64)).sqrt();
    counts.iter().for_each(|(order, &count)| {
        assert_close(&format!("{order:?}"), f64::from(count), 1000.0, 4.0 * error);
    });
}

#[test]
fn no_rows_or_no_columns_are_drawn_without_complaint() {
    for (rows, columns) in [(0, 3), (3, 0), (0, 0)] {
        for (name, draw) in DRAWS {
            assert_eq!(draw(Stream::new(0), rows, columns).dims(), [rows, columns], "{name}");
        }
    }
}

#[test]
fn philox_gives_the_published_vectors() {
    assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
}
