//! Whether the point that maximises the Dirac objective is the most probable code: on a grid, by a lasso solver, in closed form.
//!
//! E_q[ln p(h, v)] for q all at μ is ln p(μ, v); the entropy, -∞ whatever μ, is dropped. Its maximum over μ is therefore the mode of
//! p(h | v) (Goodfellow, Bengio & Courville 2016, section 19.3). With Laplace priors and positive codes the mode is
//! (Wᵀ W)⁻¹ (Wᵀ v - (λ/β) 1).

use super::{Axis, Figure, Findings, Laboratory, Mark, Study};
use crate::evaluate::elbo_of_point;
use crate::inference::{CoordinateDescent, SolveCodes, Until};
use crate::math::{Device, Result, Stream, Tensor, bail, host, larger, log_sum_exp, solve_positive};
use crate::models::SparseCoding;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// One model of one latent and one of two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SparseMap {
    /// λ of the chapter's objective, λ ‖h‖₁ + ‖v - W h‖².
    pub lambda: f64,
    /// The example of the model of one latent and one visible unit, with weight 1.
    pub visible_of_one: f64,
    /// Dictionary of the model of two latents, one row for each visible unit.
    pub weight_of_two: Vec<[f64; 2]>,
    /// Its example.
    pub visible_of_two: Vec<f64>,
    /// Ends of the grid on every axis.
    pub grid: [f64; 2],
    /// Points of the grid on every axis.
    pub points: usize,
}

impl Default for SparseMap {
    fn default() -> Self {
        Self {
            lambda: 1.0,
            visible_of_one: 1.6,
            weight_of_two: vec![[1.0, 0.6], [0.2, 0.8]],
            visible_of_two: vec![1.6, 1.1],
            grid: [-1.0, 2.5],
            points: 701,
        }
    }
}

/// The answers for one model.
struct Answers {
    model: SparseCoding,
    visible: Tensor,
    /// Codes on the grid and ln p(h, v) of each.
    grid: Vec<Vec<f64>>,
    log_joints: Vec<f64>,
    /// Where the Dirac objective is largest on the grid.
    best_point: Vec<f64>,
    /// Where p(h | v), normalised over the grid, is largest.
    mode: Vec<f64>,
    /// By coordinate descent.
    lasso: Vec<f64>,
    /// In closed form, if all codes are positive.
    closed: Vec<f64>,
    kkt: f64,
}

impl Study for SparseMap {
    fn run(&self, _: Stream, lab: &mut dyn Laboratory) -> Result<Findings> {
        let mut findings = Findings::default();
        lab.at("models", 0, 2)?;
        let one = self.answers(&[vec![1.0]], &[self.visible_of_one])?;
        lab.at("models", 1, 2)?;
        let rows: Vec<Vec<f64>> = self.weight_of_two.iter().map(|row| row.to_vec()).collect();
        let two = self.answers(&rows, &self.visible_of_two)?;
        let mut table = Vec::new();
        for (name, answers) in [("one_latent", &one), ("two_latents", &two)] {
            self.report(&mut findings, name, answers)?;
            table.push(answers.row(name));
        }
        findings.sheet(
            "The same code by every route.",
            &["model", "grid, Dirac objective", "grid, p(h | v)", "lasso", "closed form"],
            table,
        );
        findings.remark(
            "The differential entropy of a point is minus infinity, and so is the bound of every point: only with the entropy \
             dropped does the objective tell one point from another.",
        );
        findings.figure(one_latent(&one));
        findings.figure(two_latents(&two)?);
        Ok(findings)
    }
}

impl SparseMap {
    fn step(&self) -> f64 {
        (self.grid[1] - self.grid[0]) / (self.points - 1) as f64
    }

    fn answers(&self, weight: &[Vec<f64>], visible: &[f64]) -> Result<Answers> {
        let (rows, atoms) = (weight.len(), weight.first().map_or(0, Vec::len));
        let weight = Tensor::from_vec(weight.concat(), (rows, atoms), &Device::Cpu)?;
        let visible = Tensor::from_slice(visible, (1, rows), &Device::Cpu)?;
        let model = SparseCoding::chapter(weight.clone(), self.lambda)?;
        let grid = self.on_grid(atoms);
        let codes = Tensor::from_vec(grid.concat(), (grid.len(), atoms), &Device::Cpu)?;
        let log_joints = model.log_joint(&visible.broadcast_as((grid.len(), rows))?.contiguous()?, &codes)?;
        let evidence = log_sum_exp(&log_joints);
        let posterior: Vec<f64> = log_joints.iter().map(|joint| (joint - evidence).exp()).collect();
        let lasso = CoordinateDescent.infer(&model, &visible, Until::after(2000))?.codes;
        let pull = (visible.matmul(&weight)? - model.penalty())?.t()?.contiguous()?;
        let closed = host(&solve_positive(&weight.t()?.contiguous()?.matmul(&weight)?, &pull)?)?;
        if closed.iter().any(|code| *code <= 0.0) {
            bail!("the closed form is for codes that are all positive; it gives {closed:?}");
        }
        Ok(Answers {
            best_point: largest(&grid, &log_joints),
            mode: largest(&grid, &posterior),
            kkt: model.clamp(&visible)?.kkt_residual(&lasso)?[0],
            lasso: host(&lasso)?,
            closed,
            log_joints,
            grid,
            model,
            visible,
        })
    }

    /// Every point of the grid.
    fn on_grid(&self, atoms: usize) -> Vec<Vec<f64>> {
        let axis: Vec<f64> = (0..self.points).map(|index| self.grid[0] + index as f64 * self.step()).collect();
        let longer = |points: Vec<Vec<f64>>, _: usize| {
            points
                .iter()
                .flat_map(|point| axis.iter().map(move |value| [point.as_slice(), &[*value]].concat()))
                .collect()
        };
        (0..atoms).fold(vec![Vec::new()], longer)
    }

    fn report(&self, findings: &mut Findings, name: &str, answers: &Answers) -> Result<()> {
        let away = |other: &[f64]| {
            answers.lasso.iter().zip(other).map(|(lasso, other)| (lasso - other).abs()).fold(0.0, larger)
        };
        findings.quantity(format!("{name}_grid_from_lasso_steps"), away(&answers.best_point) / self.step());
        findings.quantity(format!("{name}_mode_from_lasso_steps"), away(&answers.mode) / self.step());
        findings.quantity(format!("{name}_closed_form_from_lasso_max"), away(&answers.closed));
        findings.quantity(format!("{name}_kkt_residual_max"), answers.kkt);
        for (index, code) in answers.lasso.iter().enumerate() {
            findings.quantity(format!("{name}_code_{index}"), *code);
        }
        let codes = Tensor::from_slice(&answers.lasso, (1, answers.lasso.len()), &Device::Cpu)?;
        let bounds = elbo_of_point(&answers.model, &answers.visible, &codes)?;
        findings.quantity(format!("{name}_elbo_of_the_point_nats"), bounds[0].nats);
        Ok(())
    }
}

impl Answers {
    fn row(&self, name: &str) -> Vec<String> {
        let shown = |code: &[f64]| code.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ");
        let found = [&self.best_point, &self.mode, &self.lasso, &self.closed];
        std::iter::once(name.replace('_', " ")).chain(found.map(|code| shown(code))).collect()
    }
}

fn largest(grid: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    let best = grid.iter().zip(values).max_by(|a, b| a.1.total_cmp(b.1));
    best.map(|(point, _)| point.clone()).unwrap_or_default()
}

fn one_latent(answers: &Answers) -> Figure {
    let code = answers.lasso[0];
    let top = answers.log_joints.iter().copied().fold(f64::NEG_INFINITY, larger);
    let caption =
        format!("The Dirac objective, its entropy dropped, is largest at μ = {code:.3}: where the lasso solver ends.");
    let (x, y) = (Axis::linear("μ, the place of the point"), Axis::linear("ln p(h = μ, v), nats"));
    Figure::new("One latent: the Dirac objective", caption, x, y)
        .line("ln p(μ, v)", answers.grid.iter().zip(&answers.log_joints).map(|(point, joint)| (point[0], *joint)))
        .dots("lasso", [(code, top)])
}

/// Contours about the mode: ln p(h, v) is concave, so each direction meets a level once.
fn two_latents(answers: &Answers) -> Result<Figure> {
    const DIRECTIONS: usize = 120;
    const LEVELS: [f64; 4] = [0.1, 0.5, 1.0, 2.0];
    let mode = [answers.lasso[0], answers.lasso[1]];
    let caption = format!(
        "Contours of ln p(h = μ, v) about its maximum ({:.3}, {:.3}): the best point of the grid and the lasso solution coincide. \
         The prior pulls both codes below the least-squares code.",
        mode[0], mode[1]
    );
    let (x, y) = (Axis::linear("μ₁"), Axis::linear("μ₂"));
    let mut figure = Figure::new("Two latents: the Dirac objective", caption, x, y);
    let joint = |points: &[[f64; 2]]| {
        let codes = Tensor::from_vec(points.concat(), (points.len(), 2), &Device::Cpu)?;
        let visible = answers.visible.broadcast_as((points.len(), answers.visible.dim(1)?))?.contiguous()?;
        answers.model.log_joint(&visible, &codes)
    };
    let top = joint(&[mode])?[0];
    let directions: Vec<[f64; 2]> = (0..=DIRECTIONS)
        .map(|index| (TAU * index as f64 / DIRECTIONS as f64).sin_cos())
        .map(|(sine, cosine)| [cosine, sine])
        .collect();
    let at = |radii: &[f64]| -> Vec<[f64; 2]> {
        let points = directions.iter().zip(radii);
        points.map(|(to, radius)| [mode[0] + radius * to[0], mode[1] + radius * to[1]]).collect()
    };
    for level in LEVELS {
        let (mut near, mut far) = (vec![0.0; directions.len()], vec![10.0; directions.len()]);
        for _ in 0..40 {
            let middle: Vec<f64> = near.iter().zip(&far).map(|(near, far)| 0.5 * (near + far)).collect();
            for (index, found) in joint(&at(&middle))?.into_iter().enumerate() {
                if top - found < level { near[index] = middle[index] } else { far[index] = middle[index] }
            }
        }
        figure = figure.line(format!("{level} nats below"), at(&near).into_iter().map(|[x, y]| (x, y)));
    }
    let weight = answers.model.weight();
    let pull = answers.visible.matmul(weight)?.t()?.contiguous()?;
    let least = host(&solve_positive(&weight.t()?.contiguous()?.matmul(weight)?, &pull)?)?;
    Ok(figure
        .dots("grid", [(answers.best_point[0], answers.best_point[1])])
        .dots("lasso", [(mode[0], mode[1])])
        .dots("least squares", [(least[0], least[1])])
        .with(Mark::Labels { points: vec![(mode[0], mode[1], "MAP".into())] }))
}
