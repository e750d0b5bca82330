//! Laws of experiment files.

use dbm::experiment::config::*;

const QUICK: &str = include_str!("../../experiments/quickstart.toml");

#[test]
fn look() {
    let e = parse("quickstart.toml", QUICK, &[]).unwrap();
    println!("{}\n=====\n{}\n====\n{:#?}\n{}", resolved(&e), marked(&e), summary(&e), hash(&e));
    for bad in ["seed = 18446744073709551615\n", "seed=9223372036854775808\n", "seed=99999999999999999999999\n"] {
        println!(
            "{:?}",
            parse("x", &QUICK.replace("seed = 1 ", bad), &[]).map(|e| resolved(&e)).map_err(|e| e.to_string())
        );
    }
}
