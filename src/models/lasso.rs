//! The most probable codes of sparse coding as a convex problem, and the two certificates of its solution.
//!
//! P(h) = λ ‖h‖₁ + (β/2) ‖v - W h‖² for each example. With r = v - W h and κ = λ/β, h is optimal if and only if W_jᵀ r = κ sign(h_j)
//! where h_j ≠ 0 and |W_jᵀ r| ≤ κ elsewhere (Karush, Kuhn, Tucker). For every θ with ‖Wᵀ θ‖_∞ ≤ κ the dual value
//! D(θ) = (β/2) (‖v‖² - ‖v - θ‖²) lies below P; θ is r, scaled as far as the constraint allows (Kim, Koh, Lustig, Boyd & Gorinevsky
//! 2007, section III-A). The gap P(h) - D(θ) bounds how far P(h) is above its minimum.
//!
//! Everything but P is made of `gram` Wᵀ W, `projections` V W and `squares` ‖v‖², so that solvers never go back to the examples.

use crate::math::{Nats, Result, Tensor, bail, host, inner, larger, spectral_norm_squared, sum_units};

/// The problem of each example.
#[derive(Clone, Debug)]
pub struct Lasso {
    gram: Tensor,
    projections: Tensor,
    squares: Nats,
    lambda: f64,
    precision: f64,
}

/// What P and D are made of, for one example.
#[derive(Clone, Copy, Debug)]
pub struct CodeSums {
    /// ‖v‖².
    pub square: f64,
    /// h · Wᵀ v.
    pub explained: f64,
    /// h · Wᵀ r.
    pub back: f64,
    /// ‖h‖₁.
    pub size: f64,
    /// ‖Wᵀ r‖_∞.
    pub steepest: f64,
}

impl CodeSums {
    /// ‖r‖².
    fn error(&self) -> f64 {
        self.square - self.explained - self.back
    }

    /// P/β = ½ ‖r‖² + κ ‖h‖₁.
    pub fn objective(&self, penalty: f64) -> f64 {
        0.5 * self.error() + penalty * self.size
    }

    /// (P - D)/β at θ = s r.
    pub fn gap(&self, penalty: f64) -> f64 {
        let (along, error) = (self.square - self.explained, self.error());
        if error <= 0.0 {
            return self.objective(penalty);
        }
        // `clamp` would panic where codes have become no numbers.
        let limit = penalty / self.steepest;
        let scale = (along / error).min(limit).max(-limit);
        // ‖v‖² - ‖v - s r‖² = 2 s r · v - s² r · r.
        self.objective(penalty) - 0.5 * (2.0 * scale * along - scale * scale * error)
    }
}

impl Lasso {
    /// The problem for a dictionary `[visible, atoms]` and `visible` `[examples, visible]`.
    pub fn new(weight: &Tensor, visible: &Tensor, lambda: f64, precision: f64) -> Result<Self> {
        Ok(Self {
            gram: weight.t()?.contiguous()?.matmul(weight)?,
            projections: visible.matmul(weight)?,
            squares: host(&inner(visible, visible)?)?,
            lambda,
            precision,
        })
    }

    /// With (β/2) γ ‖h - target‖² added, `target` `[examples, atoms]`: the lasso on W over √γ I and v beside √γ target.
    pub fn drawn_to(&self, target: &Tensor, gamma: f64) -> Result<Self> {
        let atoms = self.gram.dim(0)?;
        let identity = Tensor::eye(atoms, self.gram.dtype(), self.gram.device())?;
        let lengths = host(&inner(target, target)?)?;
        if lengths.len() != self.squares.len() {
            bail!("{} examples are drawn to {} targets", self.squares.len(), lengths.len());
        }
        Ok(Self {
            gram: (&self.gram + (identity * gamma)?)?,
            projections: (&self.projections + (target * gamma)?)?,
            squares: self.squares.iter().zip(lengths).map(|(square, length)| square + gamma * length).collect(),
            ..*self
        })
    }

    /// Wᵀ W, `[atoms, atoms]`.
    pub fn gram(&self) -> &Tensor {
        &self.gram
    }

    /// V W, `[examples, atoms]`.
    pub fn projections(&self) -> &Tensor {
        &self.projections
    }

    /// ‖v‖² of each example.
    pub fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// β.
    pub fn precision(&self) -> f64 {
        self.precision
    }

    /// κ = λ/β.
    pub fn penalty(&self) -> f64 {
        self.lambda / self.precision
    }

    /// Largest eigenvalue of Wᵀ W: the Lipschitz constant of the gradient of ½ ‖v - W h‖².
    pub fn lipschitz(&self) -> Result<f64> {
        // Of a matrix that is its own Wᵀ W the singular values are those of W, squared.
        Ok(spectral_norm_squared(&self.gram)?.sqrt())
    }

    /// Codes of zero, `[examples, atoms]`.
    pub fn zeros(&self) -> Result<Tensor> {
        self.projections.zeros_like()
    }

    /// Wᵀ r of each example, `[examples, atoms]`: minus the gradient of ½ ‖v - W h‖².
    pub fn pull(&self, codes: &Tensor) -> Result<Tensor> {
        &self.projections - codes.matmul(&self.gram)?
    }

    /// What the certificates need of each example, given the pull at `codes`.
    fn sums(&self, codes: &Tensor, pull: &Tensor) -> Result<Vec<CodeSums>> {
        let (explained, back) = (host(&inner(codes, &self.projections)?)?, host(&inner(codes, pull)?)?);
        let (size, steepest) = (host(&sum_units(&codes.abs()?)?)?, host(&pull.abs()?.max(1)?)?);
        let of = |example: usize| CodeSums {
            square: self.squares[example],
            explained: explained[example],
            back: back[example],
            size: size[example],
            steepest: steepest[example],
        };
        Ok((0..self.squares.len()).map(of).collect())
    }

    /// P of each example, given the pull at `codes`.
    pub fn objective_at(&self, codes: &Tensor, pull: &Tensor) -> Result<Nats> {
        let sums = self.sums(codes, pull)?;
        Ok(sums.iter().map(|sums| self.precision * sums.objective(self.penalty())).collect())
    }

    /// P of each example.
    pub fn objective(&self, codes: &Tensor) -> Result<Nats> {
        self.objective_at(codes, &self.pull(codes)?)
    }

    /// The duality gap of each example, given the pull at `codes`: never less than P(h) - min P, but for rounding.
    pub fn gap_at(&self, codes: &Tensor, pull: &Tensor) -> Result<Nats> {
        let sums = self.sums(codes, pull)?;
        Ok(sums.iter().map(|sums| self.precision * sums.gap(self.penalty())).collect())
    }

    /// The duality gap of each example.
    pub fn gap(&self, codes: &Tensor) -> Result<Nats> {
        self.gap_at(codes, &self.pull(codes)?)
    }

    /// Largest violation of the conditions of optimality over the atoms of each example, in units of the gradient of P.
    pub fn kkt_residual(&self, codes: &Tensor) -> Result<Nats> {
        let (atoms, penalty) = (self.gram.dim(0)?, self.penalty());
        let (codes, pulls) = (host(codes)?, host(&self.pull(codes)?)?);
        let violation = |(code, pull): (&f64, &f64)| {
            if *code == 0.0 { (pull.abs() - penalty).max(0.0) } else { (pull - penalty * code.signum()).abs() }
        };
        let rows = codes.chunks(atoms).zip(pulls.chunks(atoms));
        Ok(rows
            .map(|(codes, pulls)| self.precision * codes.iter().zip(pulls).map(violation).fold(0.0, larger))
            .collect())
    }
}
