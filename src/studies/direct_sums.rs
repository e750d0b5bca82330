//! Expectations under a factorial q by summing over every state of the hidden units: the slow twin of closed forms.
//!
//! ln q(h) = Σ_i [h_i z_i - ln(1 + e^{z_i})] for binary units of log-odds z, and KL(q‖p) = Σ_h q(h) [ln q(h) - ln p(h|v)].

use crate::math::{Layers, Nats, Result, Tensor, host, ln_one_plus_exp, log_sum_exp, sum_units};
use crate::models::Conditionals;

/// ln q(h) of every state, `[examples, states]`, of factorial q with log-odds `[examples, units]`; `states` `[states, units]`.
pub fn log_probabilities(log_odds: &Tensor, states: &Tensor) -> Result<Tensor> {
    let base = sum_units(&ln_one_plus_exp(log_odds)?)?.unsqueeze(1)?;
    log_odds.matmul(&states.t()?)?.broadcast_sub(&base)
}

/// ln p̃(v, h) of every state `[states, units]` for the one example that is clamped, `[states]`, nats.
pub fn log_joints<C: Conditionals>(clamped: &C, states: &Tensor) -> Result<Tensor> {
    clamped.log_joint(&split(states, &clamped.sizes())?)
}

/// Columns cut into layers of these sizes.
pub fn split(columns: &Tensor, sizes: &[usize]) -> Result<Layers> {
    let mut from = 0;
    let mut layer = |units: usize| {
        from += units;
        columns.narrow(1, from - units, units)?.contiguous()
    };
    sizes.iter().map(|&units| layer(units)).collect()
}

/// Σ_h q(h) f(h) of each example for values `[states]`, with `log_q` `[examples, states]`.
pub fn average(log_q: &Tensor, values: &Tensor) -> Result<Nats> {
    host(&log_q.exp()?.matmul(&values.unsqueeze(1)?)?.squeeze(1)?)
}

/// Σ_h q(h) [ln q(h) - ln p(h)] of each example, where `log_p` is normalised, `[states]`; nats.
pub fn divergence(log_q: &Tensor, log_p: &Tensor) -> Result<Nats> {
    let ratio = log_q.broadcast_sub(&log_p.unsqueeze(0)?)?;
    host(&(log_q.exp()? * ratio)?.sum(1)?)
}

/// ln p(h|v) of every state and ln p̃(v), from ln p̃(v, h) of every state.
pub fn normalized(log_joints: &Tensor) -> Result<(Tensor, f64)> {
    let evidence = log_sum_exp(&host(log_joints)?);
    Ok(((log_joints - evidence)?, evidence))
}
