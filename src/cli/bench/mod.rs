//! `dbm bench`.

mod model;
mod worker;
mod workload;

use super::compute::Compute;
use super::{print, print_json, table};
use crate::experiment::config::{self, Kernels};
use crate::experiment::{Error, Result, clock};
use crate::math::{Device, kernels};
use model::Sizes;
use serde::Serialize;
use workload::{Task, Work};

/// Time the workloads that this program is measured by.
///
/// Rates are medians over short bursts that take turns with a product of square matrices, so that the share of what this machine
/// can do is taken at the same moment.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// Workloads, all of them unless named.
    #[arg(long = "task", value_name = "TASK", value_delimiter = ',')]
    tasks: Vec<Task>,
    /// Units per layer, visible first.
    #[arg(long, default_value = "784,500,1000")]
    sizes: Sizes,
    /// Examples of a training step.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    #[command(flatten)]
    compute: Compute,
    /// Seconds for each workload; the default is 6.
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Serve one workload to a driver: say READY, then answer RUN n and CHECK line by line until QUIT or the end of the input.
    #[arg(long, requires = "tasks", conflicts_with_all = ["seconds", "json"])]
    worker: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    text.parse()
        .ok()
        .filter(|&seconds| (0.0..=86_400.0).contains(&seconds))
        .ok_or_else(|| "expected seconds, a number from 0 to 86400".to_string())
}

/// How fast a workload was.
#[derive(Debug, Serialize)]
struct Rate {
    task: String,
    device: config::Device,
    /// Those that served; off on another device, and for P.
    kernels: Kernels,
    unit: &'static str,
    /// Units per second: lower quartile, median, upper quartile.
    per_second: [f64; 3],
    gflops: f64,
    /// Share of the rate of a product of square matrices beside it; the median over bursts.
    share_of_product: f64,
}

/// Seconds of one burst.
const BURST: f64 = 0.3;

impl Bench {
    pub fn execute(self) -> Result<()> {
        let batch = usize::from(self.batch);
        self.sizes.affordable(batch)?;
        let device = self.compute.chosen()?;
        if self.worker {
            return worker::serve(self.only()?, &self.sizes, batch, &device);
        }
        let all = vec![Task::W, Task::R, Task::G, Task::A];
        let tasks = if self.tasks.is_empty() { all } else { self.tasks.clone() };
        let mut product = self.work(Task::P, &device)?;
        let rates = tasks.into_iter().map(|task| self.rate(task, &mut product, &device)).collect::<Result<Vec<_>>>()?;
        if self.json { print_json(&rates) } else { print(&self.text(&rates)) }
    }

    /// The task of a worker.
    fn only(&self) -> Result<Task> {
        match self.tasks[..] {
            [task] => Ok(task),
            _ => Err(Error::Refused {
                problem: format!("a worker serves one task, and --task names {}", self.tasks.len()),
                remedy: "start a worker for each task".into(),
            }),
        }
    }

    fn work(&self, task: Task, device: &Device) -> Result<Work> {
        Ok(Work::new(task, &self.sizes, usize::from(self.batch), device)?)
    }

    /// The kernels that serve a task; none do on another device, and P is a product of the tensor library.
    fn kernels(&self, task: Task) -> Kernels {
        Kernels::of(kernels::chosen().filter(|_| self.compute.device == config::Device::Cpu && task != Task::P))
    }

    fn rate(&self, task: Task, product: &mut Work, device: &Device) -> Result<Rate> {
        let (mut work, limit) = (self.work(task, device)?, self.seconds.unwrap_or(6.0));
        let units = calibrated(&mut work)?;
        let operations = |task: Task| task.operations(&self.sizes, usize::from(self.batch));
        let (mut rates, mut shares) = (Vec::new(), Vec::new());
        let watch = clock::Stopwatch::start();
        while rates.len() < 3 || watch.seconds() < limit {
            let own = units as f64 / burst(&mut work, units)?;
            let squares = 1.0 / burst(product, 1)?;
            rates.push(own);
            shares.push(own * operations(task) / (squares * operations(Task::P)));
        }
        rates.sort_by(f64::total_cmp);
        shares.sort_by(f64::total_cmp);
        let per_second = [rates[rates.len() / 4], rates[rates.len() / 2], rates[rates.len() * 3 / 4]];
        Ok(Rate {
            task: format!("{task:?}"),
            device: self.compute.device,
            kernels: self.kernels(task),
            unit: task.unit(),
            per_second,
            gflops: per_second[1] * operations(task) / 1e9,
            share_of_product: shares[shares.len() / 2],
        })
    }

    fn text(&self, rates: &[Rate]) -> String {
        let rows = rates.iter().map(|rate| {
            let [low, median, high] = rate.per_second;
            vec![
                rate.task.clone(),
                rate.unit.to_string(),
                format!("{median:.2}"),
                format!("{low:.2} to {high:.2}"),
                format!("{:.1}", rate.gflops),
                format!("{:.0} %", 100.0 * rate.share_of_product),
            ]
        });
        let head = ["task", "unit", "per second", "quartiles", "GFLOP/s", "of a 2048³ product"];
        let memory = peak_memory().map_or(String::new(), |mib| format!("\npeak memory: {mib:.0} MiB"));
        let kernels = rates.iter().map(|rate| rate.kernels).find(|kernels| *kernels != Kernels::Off);
        let (device, kernels) = (self.compute.device.word(), kernels.unwrap_or(Kernels::Off).word());
        format!("{}\ndevice: {device}, kernels: {kernels}{memory}", table::table(&head, rows.collect()))
    }
}

/// Units that fill a burst.
fn calibrated(work: &mut Work) -> Result<usize> {
    let mut units = 1;
    loop {
        let seconds = burst(work, units)?;
        if seconds > BURST / 4.0 {
            return Ok(((units as f64 * BURST / seconds) as usize).max(1));
        }
        units *= 4;
    }
}

fn burst(work: &mut Work, units: usize) -> Result<f64> {
    let watch = clock::Stopwatch::start();
    work.run(units)?;
    Ok(watch.seconds())
}

/// Most memory held so far, MiB; only where the system tells.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}
