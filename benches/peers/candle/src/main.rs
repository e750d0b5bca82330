//! A worker of the protocol in `benches/peers/workloads.py`; its options are `--task`, `--sizes` and `--batch`, and the threads are
//! those of `RAYON_NUM_THREADS`.

mod machine;

use candle_core::{DType, Device, Result, Tensor, bail};
use machine::{CHAINS, Machine, statistics};
use std::time::Instant;

const EXAMPLES: usize = 10_000;
/// Annealing estimates that the check pools.
const CHECK_ESTIMATES: usize = 4;

/// What follows a flag.
fn option(flag: &str, default: &str) -> String {
    std::env::args().skip_while(|word| word != flag).nth(1).unwrap_or_else(|| default.into())
}

fn number(text: &str) -> Result<usize> {
    text.trim().parse().map_err(|_| candle_core::Error::msg(format!("{text:?} is no number")))
}

/// Share of the examples in which each pixel is on.
fn pixel_rates(visible: usize) -> Vec<f32> {
    let place = |at: usize| 2.0 * at as f32 / 27.0 - 1.0;
    let rate = |pixel: usize| 0.75 * (-3.0 * (place(pixel / 28).powi(2) + place(pixel % 28).powi(2))).exp();
    (0..visible).map(|pixel| rate(pixel % 784).clamp(1e-3, 1.0 - 1e-3)).collect()
}

/// Small random weights, visible biases at the rates of the data.
fn machine(sizes: &[usize]) -> Result<Machine> {
    let weights = sizes.windows(2).map(|pair| Tensor::randn(0_f32, 0.05, (pair[0], pair[1]), &Device::Cpu));
    let log_odds: Vec<f32> = pixel_rates(sizes[0]).iter().map(|rate| (rate / (1.0 - rate)).ln()).collect();
    let mut biases = vec![Tensor::new(log_odds, &Device::Cpu)?];
    for &units in &sizes[1..] {
        biases.push(Tensor::zeros(units, DType::F32, &Device::Cpu)?);
    }
    Machine::new(weights.collect::<Result<_>>()?, biases)
}

/// Numbers in [0, 1) by an integer hash of row, column and salt, through a function.
fn hashed(rows: usize, columns: usize, salt: u64, through: fn(f64) -> f64) -> Result<Tensor> {
    let number = |row: u64, column: u64| {
        let word = (row * 73_856_093) ^ (column * 19_349_663) ^ salt;
        let word = word.wrapping_mul(2_654_435_761) & 0xFFFF_FFFF;
        let word = (word ^ (word >> 15)).wrapping_mul(2_246_822_519) & 0xFFFF_FFFF;
        through((word ^ (word >> 13)) as f64 / 4_294_967_296.0) as f32
    };
    let values = (0..rows as u64).flat_map(|row| (0..columns as u64).map(move |column| number(row, column)));
    Tensor::from_vec(values.collect(), (rows, columns), &Device::Cpu)
}

fn mean(tensor: &Tensor) -> Result<f64> {
    tensor.to_dtype(DType::F64)?.mean_all()?.to_scalar()
}

/// What the pieces of the workloads give on the machine and the examples of the check.
fn check(sizes: &[usize]) -> Result<String> {
    let weights = sizes.windows(2).zip(1..).map(|(pair, salt)| hashed(pair[0], pair[1], salt, |u| 0.4 * (u - 0.5)));
    let mut biases = vec![hashed(1, sizes[0], 3, |u| 2.0 * (u - 0.5) - 1.0)?.squeeze(0)?];
    for (&units, salt) in sizes[1..].iter().zip(4..) {
        biases.push(hashed(1, units, salt, |u| u - 0.5)?.squeeze(0)?);
    }
    let mut machine = Machine::new(weights.collect::<Result<_>>()?, biases)?;
    let layers = machine.mean_field(&hashed(100, sizes[0], 6, |u| f64::from(u8::from(u < 0.2)))?, 10)?;
    let mut squares = Vec::new();
    for pair in layers.windows(2) {
        squares.push(statistics(&pair[0], &pair[1])?.sqr()?.flatten_all()?);
    }
    machine.sweep(100)?;
    let mut rates = vec![0.0; sizes.len()];
    for _ in 0..200 {
        machine.sweep(1)?;
        for (rate, layer) in rates.iter_mut().zip(&machine.chains) {
            *rate += mean(layer)? / 200.0;
        }
    }
    let estimates = (0..CHECK_ESTIMATES).map(|_| machine.anneal()).collect::<Result<Vec<_>>>()?;
    let weights = Tensor::cat(&estimates, 0)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    let (most, count) = (weights.iter().copied().fold(f64::MIN, f64::max), (CHECK_ESTIMATES * CHAINS) as f64);
    let log_z = (weights.iter().map(|weight| (weight - most).exp()).sum::<f64>() / count).ln() + most;
    let centre = weights.iter().sum::<f64>() / count;
    let sd = (weights.iter().map(|weight| (weight - centre).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    let (mu1, mu2, g2) =
        (mean(&layers[1])?, mean(layers.get(2).unwrap_or(&layers[1]))?, mean(&Tensor::cat(&squares, 0)?)?);
    Ok(format!(
        r#"{{"mu1": {mu1}, "mu2": {mu2}, "g2": {g2}, "gibbs_v_h1_h2": {rates:?}, "ais_logZ": {log_z}, "ais_sd": {sd}}}"#
    ))
}

/// The function that does n units of a task.
fn unit(task: &str, sizes: &[usize], batch: usize) -> Result<Box<dyn FnMut(usize) -> Result<()>>> {
    let (sizes, [mean_field, gibbs]) = if task == "R" { (&sizes[..2], [1, 1]) } else { (sizes, [10, 5]) };
    let mut machine = machine(sizes)?;
    Ok(match task {
        "W" | "R" => {
            let rates = Tensor::new(pixel_rates(sizes[0]), &Device::Cpu)?.unsqueeze(0)?;
            let uniform = Tensor::rand(0_f32, 1.0, (EXAMPLES, sizes[0]), &Device::Cpu)?;
            let examples = uniform.broadcast_lt(&rates)?.to_dtype(DType::F32)?;
            let mut start = 0;
            Box::new(move |count| {
                (0..count).try_for_each(|_| {
                    let rows = examples.narrow(0, start, batch)?;
                    start = (start + batch) % (EXAMPLES - batch + 1);
                    machine.step(&rows, mean_field, gibbs)
                })
            })
        }
        "G" => Box::new(move |count| machine.sweep(count)),
        "A" => Box::new(move |count| (0..count).try_for_each(|_| machine.anneal().map(drop))),
        _ => bail!("no task {task:?}: W, R, G or A"),
    })
}

fn main() -> Result<()> {
    let (task, batch) = (option("--task", "W"), number(&option("--batch", "100"))?);
    let sizes = option("--sizes", "784,500,1000").split(',').map(number).collect::<Result<Vec<_>>>()?;
    let mut run = unit(&task, &sizes, batch)?;
    run(if task == "A" { 1 } else { 5 })?;
    println!(r#"READY {{"name": "candle textbook", "task": "{task}", "version": "{}"}}"#, env!("CARGO_PKG_VERSION"));
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["RUN", count] => {
                let start = Instant::now();
                run(number(count)?)?;
                println!("TIME {:.9}", start.elapsed().as_secs_f64());
            }
            ["CHECK"] => println!("CHECK {}", check(&sizes)?),
            ["QUIT"] | [] => break,
            _ => bail!("a worker does not know the request {line:?}: send RUN n, CHECK or QUIT"),
        }
    }
    Ok(())
}
