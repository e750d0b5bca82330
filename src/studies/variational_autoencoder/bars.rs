//! A Bernoulli auto-encoder of bars and stripes: its three bounds in order, and what is lost when encoder or decoder stays as it began.

use super::{Run, VariationalAutoencoder};
use crate::evaluate::{elbo_by_quadrature, importance_weighted, log_evidence_by_quadrature};
use crate::math::{Device, Grid, Quadrature, Result, Stream, Tensor, host, larger, mean_of, smaller};
use crate::models::{Activation, Vae, VaeShape, Visible};
use crate::studies::instances::bars_and_stripes;
use crate::studies::{Axis, Figure, Findings, Laboratory};

/// Points per latent of the ELBO's integral and of that for ln p(x), and of a finer one that says how far to trust the second.
const POINTS: [usize; 3] = [91, 361, 721];

/// Which parts move: the encoder, the decoder.
const PARTS: [(&str, [f64; 2]); 3] =
    [("joint", [1.0, 1.0]), ("frozen_encoder", [0.0, 1.0]), ("frozen_decoder", [1.0, 0.0])];

/// One look at one run.
#[derive(Clone, Copy, Default)]
struct Look {
    step: u64,
    elbo: f64,
    sampled: f64,
    sampled_error: f64,
    exact: f64,
}

/// All looks at one run, and the model it ended with.
struct Trained {
    looks: Vec<Look>,
    vae: Vae,
}

impl Trained {
    fn last(&self) -> Look {
        self.looks.last().copied().unwrap_or_default()
    }
}

impl VariationalAutoencoder {
    pub(super) fn bars(&self, stream: Stream, lab: &mut dyn Laboratory, findings: &mut Findings) -> Result<()> {
        let data = bars_and_stripes(self.side)?;
        let mut runs: [Vec<Trained>; 3] = Default::default();
        for seed in 0..self.seeds {
            for (kind, (_, moving)) in PARTS.iter().enumerate() {
                lab.at("runs on bars and stripes", seed * PARTS.len() + kind, self.seeds * PARTS.len())?;
                runs[kind].push(self.run_bars(&data, *moving, stream.at(seed as u64))?);
            }
        }
        self.report_bounds(&runs[0], &data, findings)?;
        report_freezing(&runs, findings);
        Ok(())
    }

    fn run_bars(&self, data: &Tensor, moving: [f64; 2], stream: Stream) -> Result<Trained> {
        let shape = VaeShape {
            visible: self.side * self.side,
            encoder: vec![self.hidden],
            latents: 2,
            decoder: vec![self.hidden],
            activation: Activation::Tanh,
            output: Visible::Bernoulli,
        };
        let rates = |_: usize| moving.map(|share| share * self.learning_rate);
        let run = Run { data, steps: self.steps, evaluations: self.evaluations, rates: &rates };
        let mut looks = Vec::new();
        let state = run.train(&shape, stream, &mut |step: usize, vae: &Vae| {
            let elbo = mean_of(&elbo_by_quadrature(vae, data, POINTS[0])?);
            let look = Look { step: step as u64, elbo, ..Look::default() };
            // The other bounds are asked for only where both parts move.
            let all = moving.iter().all(|share| *share > 0.0);
            looks.push(if all { self.bounds(look, vae, data, stream.named("evaluation"))? } else { look });
            Ok(())
        })?;
        Ok(Trained { looks, vae: state.vae })
    }

    /// The same look with the sampled bound and the exact ln p(x).
    fn bounds(&self, look: Look, vae: &Vae, data: &Tensor, stream: Stream) -> Result<Look> {
        let stream = stream.at(look.step);
        let draws = (0..self.repeats as u64)
            .map(|repeat| Ok(mean_of(&importance_weighted(vae, data, self.samples, stream.at(repeat))?)))
            .collect::<Result<Vec<f64>>>()?;
        let sampled = mean_of(&draws);
        let spread = draws.iter().map(|draw| (draw - sampled).powi(2)).sum::<f64>() / (draws.len() as f64 - 1.0);
        Ok(Look {
            sampled,
            sampled_error: (spread / draws.len() as f64).sqrt(),
            exact: mean_of(&log_evidence_by_quadrature(vae, data, POINTS[1])?),
            ..look
        })
    }

    fn report_bounds(&self, runs: &[Trained], data: &Tensor, findings: &mut Findings) -> Result<()> {
        let looks = || runs.iter().flat_map(|run| &run.looks);
        // Nats by which the order is broken, beyond three standard errors of the sampled bound.
        let broken = |look: &Look| {
            let doubt = 3.0 * look.sampled_error;
            let sampled = larger(look.elbo - look.sampled - doubt, look.sampled - look.exact - doubt);
            larger(sampled, look.elbo - look.exact)
        };
        findings.quantity("evaluations_out_of_order", looks().filter(|look| broken(look) > 1e-9).count() as f64);
        let first = runs.iter().filter_map(|run| run.looks.first());
        findings.quantity("elbo_at_start_nats_max", first.map(|look| look.elbo).fold(f64::NEG_INFINITY, larger));
        let mut finer = 0.0_f64;
        for (seed, run) in runs.iter().enumerate() {
            let last = run.last();
            findings.quantity(format!("elbo_nats_mean_seed_{seed}"), last.elbo);
            findings.estimate(format!("sampled_bound_nats_mean_seed_{seed}"), last.sampled, last.sampled_error);
            findings.quantity(format!("log_p_nats_mean_seed_{seed}"), last.exact);
            let check = mean_of(&log_evidence_by_quadrature(&run.vae, data, POINTS[2])?);
            finer = larger(finer, (check - last.exact).abs());
            let curve = |value: fn(&Look) -> f64| run.looks.iter().map(move |look| (look.step, value(look)));
            let name = format!("joint_seed_{seed}");
            findings.series(&name, "vae/elbo_nats_mean", curve(|look| look.elbo));
            findings.series(&name, "vae/sampled_bound_nats_mean", curve(|look| look.sampled));
            findings.series(&name, "vae/log_p_nats_mean", curve(|look| look.exact));
        }
        findings.quantity("elbo_at_end_nats_min", runs.iter().map(|run| run.last().elbo).fold(f64::INFINITY, smaller));
        findings.quantity("log_p_change_with_finer_grid_nats_max", finer);
        if let Some(run) = runs.first() {
            findings.figure(self.bounds_figure(run));
            findings.figure(plane(&run.vae, self.side)?);
        }
        Ok(())
    }

    fn bounds_figure(&self, run: &Trained) -> Figure {
        let last = run.last();
        let caption = format!(
            "At every evaluation the ELBO is below the bound of {} samples, and that below the exact ln p(x): {:.3}, {:.3} and {:.3} \
             nats at the end.",
            self.samples, last.elbo, last.sampled, last.exact
        );
        let curve = |value: fn(&Look) -> f64| run.looks.iter().map(move |look| (look.step as f64, value(look)));
        Figure::new("Three bounds of a VAE", caption, Axis::linear("updates"), Axis::linear("nats per example"))
            .line("exact ln p(x)", curve(|look| look.exact))
            .line(format!("bound of {} samples", self.samples), curve(|look| look.sampled))
            .line("ELBO", curve(|look| look.elbo))
    }
}

fn report_freezing(runs: &[Vec<Trained>; 3], findings: &mut Findings) {
    let ends = |kind: usize| runs[kind].iter().map(|run| run.last().elbo).collect::<Vec<f64>>();
    let joint = ends(0);
    for (kind, (name, _)) in PARTS.iter().enumerate().skip(1) {
        let losses: Vec<f64> = joint.iter().zip(ends(kind)).map(|(joint, frozen)| joint - frozen).collect();
        findings.quantity(format!("{name}_loss_nats_min"), losses.iter().copied().fold(f64::INFINITY, smaller));
        findings.quantity(format!("{name}_elbo_nats_mean"), mean_of(&ends(kind)));
    }
    findings.quantity("joint_elbo_nats_mean", mean_of(&joint));
    let caption = format!(
        "Training both parts ends at an ELBO of {:.2} nats; with the encoder as it began {:.2}, with the decoder as it began {:.2} \
         (means over {} runs).",
        mean_of(&joint),
        mean_of(&ends(1)),
        mean_of(&ends(2)),
        joint.len()
    );
    let mut figure = Figure::new(
        "Joint against separate training",
        caption,
        Axis::linear("updates"),
        Axis::linear("ELBO, nats per example"),
    );
    for (kind, (name, _)) in PARTS.iter().enumerate() {
        for (seed, run) in runs[kind].iter().enumerate() {
            let curve: Vec<(u64, f64)> = run.looks.iter().map(|look| (look.step, look.elbo)).collect();
            let label = if seed == 0 { name.replace('_', " ") } else { String::new() };
            figure = figure.line(label, curve.iter().map(|(step, elbo)| (*step as f64, *elbo)));
            if kind > 0 {
                findings.series(format!("{name}_seed_{seed}"), "vae/elbo_nats_mean", curve);
            }
        }
    }
    findings.figure(figure);
}

/// What the decoder shows across the plane of its latents.
fn plane(vae: &Vae, side: usize) -> Result<Figure> {
    const TILES: usize = 9;
    let rule = Quadrature::trapezoid(-2.4, 2.4, TILES)?;
    let grid = Grid::product(&[rule.clone(), rule], &Device::Cpu)?;
    let pictures = host(&vae.visible_means(&grid.points)?)?.chunks(side * side).map(<[f64]>::to_vec).collect();
    let caption = "Means of the decoder for both latents from -2.4 to 2.4: neighbouring codes share bars or stripes.";
    Ok(Figure::tiles("The plane of codes", caption, pictures, [side, side], TILES, false))
}
