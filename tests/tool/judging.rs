//! Laws of judging: in pieces that can be watched and stopped, with the numbers of the whole.

use candle_core::{DType, Device, Tensor};
use dbm::evaluate::{self, Annealing, Assess, Reference, Spacing, Yardstick};
use dbm::experiment::config::{Ais, ExactPartition, LogPartition};
use dbm::experiment::judge::{Portion, Request, judge, judge_knowing};
use dbm::experiment::results::Results;
use dbm::experiment::{Chosen, Error, Known, Result};
use dbm::inference::Network;
use dbm::math::Stream;
use dbm::models::Dbm;
use sha2::{Digest, Sha256};

const SCHEMES: [&str; 4] = ["network+1", "mean-field", "gibbs:sweeps=3,burn-in=1", "exact"];

fn machine(sizes: &[usize]) -> Dbm {
    Dbm::random(sizes, 1.0, Stream::new(5), DType::F64, &Device::Cpu).unwrap()
}

/// Random states `[count, units]`.
fn images(count: usize, units: usize) -> Tensor {
    let uniform = Stream::new(6).uniform(count, units, DType::F64, &Device::Cpu).unwrap();
    uniform.gt(0.5).unwrap().to_dtype(DType::F64).unwrap()
}

fn annealing(temperatures: usize) -> LogPartition {
    LogPartition::Ais(Ais { temperatures, chains: 20, ..Ais::default() })
}

fn request(words: &[&str], log_partition: LogPartition) -> Request<'static> {
    Request {
        data: "noise",
        schemes: words.iter().map(|word| (word.to_string(), word.parse().unwrap())).collect(),
        log_partition,
        visible_means: None,
        per_example: true,
    }
}

/// Judges while every portion is noted: what, done, of.
fn watched(
    dbm: &Dbm,
    visible: &Tensor,
    request: &Request,
    mut stop: impl FnMut(usize) -> bool,
) -> (Result<Results>, Vec<(String, usize, usize)>) {
    let mut seen = Vec::new();
    let network = Network::from_dbm(dbm).unwrap();
    let watch = &mut |portion: Portion<'_>| {
        seen.push((portion.what.to_string(), portion.done, portion.of));
        let run = std::path::PathBuf::from("here");
        if stop(seen.len()) { Err(Error::Interrupted { run, step: seen.len() as u64 }) } else { Ok(()) }
    };
    let results = judge(dbm, Some(&network), visible, request, Stream::new(1), watch);
    (results, seen)
}

#[test]
fn every_part_is_watched_from_its_beginning_to_its_end() {
    let (dbm, visible) = (machine(&[7, 9, 6]), images(2100, 7));
    let (results, seen) = watched(&dbm, &visible, &request(&SCHEMES, annealing(30)), |_| false);
    results.unwrap();
    let mut parts: Vec<&[(String, usize, usize)]> = seen.chunk_by(|a, b| a.0 == b.0).collect();
    let names: Vec<&str> = parts.iter().map(|part| part[0].0.as_str()).collect();
    assert_eq!(names, ["log Z", "exact answers", "network+1", "mean-field", "gibbs:sweeps=3,burn-in=1", "exact"]);
    for part in &parts {
        let (_, _, of) = part[0];
        assert_eq!((part[0].1, part[part.len() - 1].1), (0, of));
        assert!(part.windows(2).all(|pair| pair[0].1 < pair[1].1 && pair[1].2 == of), "{part:?}");
    }
    assert_eq!(parts.remove(0).len(), 4, "a word before every ten temperatures and one after the last");
    parts.iter().for_each(|part| assert!(part[0].2 == 2100 && part.len() >= 4, "{part:?}"));
    // An exact sum runs through chunks of 4096 states: here 2^13 of them.
    let exact = LogPartition::Exact(ExactPartition { max_bits: 20 });
    let (_, seen) = watched(&machine(&[13, 13]), &images(3, 13), &request(&["network"], exact), |_| false);
    assert_eq!(seen.iter().filter(|(what, ..)| what == "log Z").count(), 3);
}

#[test]
fn log_z_that_is_known_is_not_found_again() {
    let (dbm, network, visible) =
        (machine(&[7, 9, 6]), Network::from_dbm(&machine(&[7, 9, 6])).unwrap(), images(20, 7));
    let mut known = Known::default();
    let judged = |count: usize, how: LogPartition, known: &mut Known| {
        let mut work = 0;
        let watch = &mut |portion: Portion<'_>| {
            work += usize::from(portion.what == "log Z");
            Ok(())
        };
        let (rows, request) = (visible.narrow(0, 0, count).unwrap(), request(&["network+1"], how));
        let results = judge_knowing(&dbm, Some(&network), &rows, &request, known, Stream::new(1), watch);
        let mut results = results.unwrap();
        results.schemes.iter_mut().for_each(|scheme| scheme.time_us_per_example = 0.0);
        (work, results)
    };
    let exact = || LogPartition::Exact(ExactPartition { max_bits: 20 });
    // Other examples, the same question; then other questions.
    for (count, how, work) in [(20, annealing(30), 4), (7, annealing(30), 0), (7, annealing(20), 3), (7, exact(), 2)] {
        let (found, anew) = (judged(count, how.clone(), &mut known), judged(count, how, &mut Known::default()));
        assert_eq!(found.0, work);
        assert!(anew.0 > 0);
        assert_eq!(found.1, anew.1);
    }
}

#[test]
fn an_error_of_the_watch_stops_the_work_at_once() {
    let (dbm, visible) = (machine(&[5, 4, 3]), images(1500, 5));
    let request = request(&SCHEMES, annealing(5));
    let (_, whole) = watched(&dbm, &visible, &request, |_| false);
    for at in 1..=whole.len() {
        let (results, seen) = watched(&dbm, &visible, &request, |calls| calls == at);
        assert!(matches!(results, Err(Error::Interrupted { step, .. }) if step == at as u64), "{at}");
        assert_eq!(seen, whole[..at]);
    }
}

#[test]
fn exact_answers_nobody_asked_for_take_so_much_work_and_no_more() {
    let machine = |sizes: &[usize]| Dbm::random(sizes, 0.1, Stream::new(5), DType::F32, &Device::Cpu).unwrap();
    let tabulated = |dbm: &Dbm, examples: usize, words: &[&str]| {
        let visible = images(examples, 4).to_dtype(DType::F32).unwrap();
        // Three words about log Z; the fourth is the first about whatever follows it.
        let (_, seen) = watched(dbm, &visible, &request(words, annealing(2)), |calls| calls == 4);
        seen[3].0 == "exact answers"
    };
    // 2^6 states of 14 hidden units each: 2^25 / 2^6 / 14 is 37449.1 examples.
    let small = machine(&[4, 8, 6]);
    assert!(tabulated(&small, 37_449, &["network"]) && !tabulated(&small, 37_450, &["network"]));
    // Asked for, they are found however much work it is.
    assert!(tabulated(&small, 37_450, &["network", "exact"]));
    // More states and units, fewer examples: what is counted is work.
    let larger = machine(&[4, 8, 16]);
    assert!(tabulated(&larger, 5461, &["network"]) && !tabulated(&larger, 5462, &["network"]));
}

#[test]
fn a_block_of_long_gibbs_on_a_large_machine_is_small() {
    let dbm = Dbm::random(&[784, 500, 1000], 0.01, Stream::new(1), DType::F32, &Device::Cpu).unwrap();
    let visible = images(40, 784).to_dtype(DType::F32).unwrap();
    let ais = LogPartition::Ais(Ais { temperatures: 1, chains: 1, ..Ais::default() });
    let request = request(&["gibbs:sweeps=400,burn-in=100"], ais);
    let (_, seen) = watched(&dbm, &visible, &request, |calls| calls == 4);
    // A word before and after log Z, one before the first block, one after it.
    let (what, block, of) = &seen[3];
    assert_eq!((what.as_str(), of), ("gibbs:sweeps=400,burn-in=100", &40));
    // Half a million couplings, read upwards and downwards in every sweep: at ten thousand million multiplications a second, which two
    // slow cores manage, less than half a second.
    let multiplications = block * 500 * 2 * 500 * 1000;
    assert!((1..5_000_000_000).contains(&multiplications), "{block} examples at once");
}

#[test]
fn in_pieces_the_numbers_are_those_of_the_whole() {
    let (dbm, visible) = (machine(&[7, 9, 6]), images(2100, 7));
    let stream = Stream::new(1);
    let (results, _) = watched(&dbm, &visible, &request(&SCHEMES, annealing(30)), |_| false);
    let results = results.unwrap();
    let settings =
        Annealing { temperatures: 30, chains: 20, spacing: Spacing::default(), kept: None, base_means: Vec::new() };
    let whole = evaluate::ais(&dbm, &settings, stream.named("ais")).unwrap();
    assert_eq!(results.log_partition.nats.to_bits(), whole.value.nats.to_bits());
    let reference = Reference::tabulate(&dbm, &visible, 20.0).unwrap();
    let by = Yardstick { reference: Some(&reference), first: 0 };
    let network = Network::from_dbm(&dbm).unwrap();
    for (row, word) in results.schemes.iter().zip(SCHEMES) {
        let stream = stream.named("infer").named(word);
        let whole = match Chosen::new(&word.parse().unwrap(), Some(&network), DType::F64).unwrap() {
            Chosen::Factorial(scheme) => scheme.assess(&dbm, &visible, by, stream, &|| 0.0),
            Chosen::Exact(scheme) => scheme.assess(&dbm, &visible, by, stream, &|| 0.0),
            Chosen::Judged(scheme) => scheme.assess(&dbm, &visible, by, stream, &|| 0.0),
        };
        let (whole, found) = (whole.unwrap(), row.per_example.as_ref().unwrap());
        close(word, &found.elbo_unnormalized_nats, &whole.elbos_unnormalized);
        close(word, found.kl_nats.as_ref().unwrap(), whole.kl.as_ref().unwrap());
        close(word, found.marginal_error.as_ref().unwrap(), whole.marginal_errors.as_ref().unwrap());
        close(word, &found.reconstruction_error, &whole.reconstruction_errors);
        assert_eq!((&found.sweeps, &found.converged), (&whole.sweeps, &whole.converged), "{word}");
    }
}

fn close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    // Matrix kernels may add the terms of a product in another order for another number of rows.
    found.iter().zip(expected).for_each(|(found, expected)| assert!((found - expected).abs() < 1e-11, "{what}"));
}

#[test]
fn examples_are_known_by_their_values_whatever_the_precision() {
    let sum = |rows: &Tensor| {
        let dbm = machine(&[4, 3]);
        let in_precision = |tensor: &Tensor| tensor.to_dtype(rows.dtype()).unwrap();
        let weights: Vec<Tensor> = dbm.weights().iter().map(|weight| in_precision(&weight.tensor().unwrap())).collect();
        let dbm = Dbm::binary(weights, dbm.biases().iter().map(in_precision).collect()).unwrap();
        watched(&dbm, rows, &request(&["network"], annealing(2)), |_| false).0.unwrap().examples_sha256
    };
    let narrow = |rows: &Tensor| rows.to_dtype(DType::F32).unwrap();
    let rows = images(1003, 4);
    let mut bytes = [1003_u64.to_le_bytes(), 4_u64.to_le_bytes()].concat();
    let values = narrow(&rows).flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    let by_hand: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sum(&rows), by_hand);
    assert_eq!(sum(&narrow(&rows)), by_hand);
    assert_ne!(sum(&rows.narrow(0, 0, 1002).unwrap()), by_hand);
    let flipped =
        Tensor::cat(&[&rows.narrow(0, 0, 1002).unwrap(), &(1.0 - rows.narrow(0, 1002, 1).unwrap()).unwrap()], 0);
    assert_ne!(sum(&flipped.unwrap()), by_hand);
    // Grey values are kept in 32 bits.
    let grey = Tensor::new(&[[0.25_f64, f64::from(1.0_f32 / 3.0), 0.0, 1.0]], &Device::Cpu).unwrap();
    assert_eq!(sum(&grey), sum(&narrow(&grey)));
}
