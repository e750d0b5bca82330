//! Laws of `dbm bench`: what it times is what it says, and it answers its driver.

use crate::bench::{Bench, calm};
use serde_json::Value;
use std::fs::File;

const SIZES: [usize; 3] = [20, 12, 9];

/// Exit code, and what a worker of toy size says to these lines on its two outputs.
fn worker(task: &str, lines: impl AsRef<[u8]>) -> (Option<i32>, Vec<String>, String) {
    let bench = Bench::new();
    let input = bench.write("lines", lines);
    let mut command = bench.command(&format!("bench --worker --task {task} --sizes 20,12,9 --batch 7"));
    let output = calm(command.stdin(File::open(input).unwrap()).output().unwrap());
    let said = String::from_utf8(output.stdout).unwrap().lines().map(str::to_string).collect();
    (output.status.code(), said, String::from_utf8(output.stderr).unwrap())
}

/// A number in [0, 1) by the hash that the definition of the workloads gives.
fn hashed(row: usize, column: usize, salt: u64) -> f64 {
    let x = (row as u64 * 73_856_093) ^ (column as u64 * 19_349_663) ^ salt;
    let x = x.wrapping_mul(2_654_435_761) % (1 << 32);
    let x = (x ^ (x >> 15)).wrapping_mul(2_246_822_519) % (1 << 32);
    (x ^ (x >> 13)) as f64 / (1_u64 << 32) as f64
}

/// Mean of each hidden layer's means after ten sweeps from one half, by loops in double precision.
fn mean_field_by_hand() -> [f64; 2] {
    let [visible, first, second] = SIZES;
    let weight = |row, column, salt| (hashed(row, column, salt) - 0.5) * 0.4;
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut sums = [0.0; 2];
    for example in 0..100 {
        let state = |i| f64::from(u8::from(hashed(example, i, 6) < 0.2));
        let (mut below, mut above) = (vec![0.5; first], vec![0.5; second]);
        for _ in 0..10 {
            below = (0..first)
                .map(|j| {
                    let up: f64 = (0..visible).map(|i| state(i) * weight(i, j, 1)).sum();
                    let down: f64 = (0..second).map(|k| above[k] * weight(j, k, 2)).sum();
                    sigmoid(up + down + hashed(0, j, 4) - 0.5)
                })
                .collect();
            above = (0..second)
                .map(|k| {
                    let up: f64 = (0..first).map(|j| below[j] * weight(j, k, 2)).sum();
                    sigmoid(up + hashed(0, k, 5) - 0.5)
                })
                .collect();
        }
        sums[0] += below.iter().sum::<f64>() / (100 * first) as f64;
        sums[1] += above.iter().sum::<f64>() / (100 * second) as f64;
    }
    sums
}

#[test]
fn a_worker_answers_every_line_of_its_driver() {
    for task in ["W", "R", "G", "A"] {
        let (code, said, _) = worker(task, "RUN 2\nRUN 1\nQUIT\n");
        assert_eq!((code, said.len()), (Some(0), 3), "{said:?}");
        let ready: Value = serde_json::from_str(said[0].strip_prefix("READY ").unwrap()).unwrap();
        assert_eq!((ready["name"].as_str(), ready["task"].as_str()), (Some("dbm"), Some(task)));
        assert!(said[1..].iter().all(|line| line.strip_prefix("TIME ").unwrap().parse::<f64>().unwrap() > 0.0));
    }
}

#[test]
fn the_check_of_a_worker_is_that_of_the_definition() {
    let (code, said, _) = worker("W", "CHECK\n");
    let check: Value = serde_json::from_str(said[1].strip_prefix("CHECK ").unwrap()).unwrap();
    assert_eq!(code, Some(0));
    for (name, expected) in ["mu1", "mu2"].into_iter().zip(mean_field_by_hand()) {
        let found = check[name].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-6, "{name}: {found} for {expected}");
    }
}

#[test]
fn a_driver_that_asks_for_something_else_is_told_what_there_is() {
    let (code, _, message) = worker("G", "WALK 3\n");
    assert_eq!(code, Some(2));
    assert!(message.contains("\"WALK 3\"") && message.contains("send RUN n, CHECK or QUIT"), "{message}");
    assert_eq!(worker("G", "RUN many\n").0, Some(2));
    let (code, _, message) = worker("G", b"RUN \xff\n");
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("not UTF-8 text") && message.contains("send RUN n, CHECK or QUIT"), "{message}");
}

#[test]
fn a_worker_passes_over_empty_lines() {
    let (code, said, message) = worker("G", "\nRUN 1\n  \nRUN 1\nQUIT\n");
    assert_eq!((code, said.len()), (Some(0), 3), "{said:?} {message}");
}

#[test]
fn a_worker_serves_one_task_and_refuses_more() {
    let (code, said, message) = worker("G,W", "QUIT\n");
    assert_eq!((code, said.len()), (Some(2), 0), "{said:?}");
    assert!(message.contains("a worker serves one task, and --task names 2"), "{message}");
}

#[test]
fn sizes_that_cannot_be_timed_are_refused() {
    let bench = Bench::new();
    for sizes in ["20", "20,0", "20,x", ""] {
        assert!(bench.refusal(&format!("bench --task G --sizes {sizes}")).starts_with("exit 2\n"), "{sizes}");
    }
    let message = bench.refusal("bench --task G --sizes 100000,100000,100000");
    assert!(message.starts_with("exit 2\nerror: --sizes asks for about "), "{message}");
    // Many units, few weights: terabytes of rows.
    let message = bench.refusal(&format!("bench --task G --batch 10000 --sizes {}", ["100000,1"; 100].join(",")));
    assert!(message.starts_with("exit 2\nerror: --batch asks for about "), "{message}");
    let message = bench.refusal("bench --seconds NaN");
    assert!(message.starts_with("exit 2\n") && message.contains("a number from 0 to 86400"), "{message}");
    assert!(bench.refusal("bench --worker").starts_with("exit 2\n"));
}

#[test]
fn rates_are_printed_for_machines_too() {
    let rates = Bench::new().json("bench --task G --sizes 20,12,9 --seconds 0 --json");
    let [low, median, high] = [0, 1, 2].map(|at| rates[0]["per_second"][at].as_f64().unwrap());
    assert!(0.0 < low && low <= median && median <= high);
    // 100 chains, two products of every pair of layers, two operations each.
    let operations = 4.0 * 100.0 * (20.0 * 12.0 + 12.0 * 9.0);
    assert!((rates[0]["gflops"].as_f64().unwrap() / (median * operations / 1e9) - 1.0).abs() < 1e-9);
}
