//! Variational auto-encoders: gradients by differences, bounds by quadrature, the linear one at the optimum of probabilistic PCA.

use crate::support::{all_states, assert_all_close, assert_close, tensor};
use dbm::evaluate::{elbo_by_quadrature, importance_weighted, log_evidence_by_quadrature, sampled_elbo};
use dbm::learning::{State, Trainer, Update, VaeState, VaeTraining, vae_gradient};
use dbm::math::{DType, Device, Quadrature, Stream, Tensor, eigen_symmetric, host, log_sum_exp, mean_of};
use dbm::models::{Activation, Mlp, Vae, VaeShape, Visible};
use dbm::posterior::{DiagonalGaussian, Posterior};

const ACTIVATIONS: [Activation; 4] = [Activation::Tanh, Activation::Relu, Activation::SoftPlus, Activation::Logistic];

fn normal(rows: usize, columns: usize, seed: u64) -> Tensor {
    Stream::new(seed).normal(rows, columns, DType::F64, &Device::Cpu).unwrap()
}

fn shape(output: Visible, activation: Activation) -> VaeShape {
    VaeShape { visible: 5, encoder: vec![4, 3], latents: 2, decoder: vec![4], activation, output }
}

fn vae(output: Visible, activation: Activation, seed: u64) -> Vae {
    let fresh = Vae::random(&shape(output, activation), Stream::new(seed), DType::F64, &Device::Cpu).unwrap();
    // Biases and ln σ² that are not zero, so that a forgotten one shows.
    let shift = |tensors: Vec<Tensor>| -> Vec<Tensor> {
        tensors
            .iter()
            .zip(100..)
            .map(|(t, s)| (t + (normal(1, t.elem_count(), s).reshape(t.shape()).unwrap() * 0.3).unwrap()).unwrap())
            .collect()
    };
    fresh.with_parameters(&shift(fresh.encoder().parameters()), &shift(fresh.generative_parameters())).unwrap()
}

fn examples(output: Visible) -> Tensor {
    match output {
        Visible::Bernoulli => tensor(&all_states(5)[3..12]),
        Visible::Gaussian => normal(9, 5, 77),
    }
}

#[test]
fn the_gradient_of_the_reparameterised_elbo_is_that_of_differences() {
    for output in [Visible::Bernoulli, Visible::Gaussian] {
        for activation in ACTIVATIONS {
            let (model, data, noise) = (vae(output, activation, 1), examples(output), normal(9, 2, 3));
            let found = vae_gradient(&model, &data, &noise, [true, true]).unwrap();
            let elbo = |model: &Vae| host(&model.mean_elbo_at(&data, &noise).unwrap()).unwrap()[0];
            assert_close("ELBO of the gradient", found.elbo, elbo(&model), 1e-12);
            let parts = [model.encoder().parameters(), model.generative_parameters()];
            let slopes = [found.encoder, found.generative];
            for (part, tensors) in parts.iter().enumerate() {
                for (index, at) in tensors.iter().enumerate() {
                    let along = normal(1, at.elem_count(), index as u64 + 9).reshape(at.shape()).unwrap();
                    let moved = |t: f64| {
                        let mut to = parts.clone();
                        to[part][index] = (at + (&along * t).unwrap()).unwrap();
                        elbo(&model.with_parameters(&to[0], &to[1]).unwrap())
                    };
                    // So short that no unit passes the corner of max(x, 0) on the way.
                    let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    let product = (&slopes[part][index] * &along).unwrap().sum_all().unwrap();
                    let what = format!("{output:?}, {activation:?}, part {part}, tensor {index}");
                    assert_close(&what, host(&product).unwrap()[0], expected, 1e-6 * expected.abs().max(0.1));
                }
            }
        }
    }
}

#[test]
fn a_part_that_is_not_asked_for_has_no_gradient() {
    let (model, data, noise) =
        (vae(Visible::Bernoulli, Activation::Tanh, 1), examples(Visible::Bernoulli), normal(9, 2, 3));
    let both = vae_gradient(&model, &data, &noise, [true, true]).unwrap();
    let up = vae_gradient(&model, &data, &noise, [true, false]).unwrap();
    let down = vae_gradient(&model, &data, &noise, [false, true]).unwrap();
    assert!(up.generative.is_empty() && down.encoder.is_empty());
    let flat = |tensors: &[Tensor]| tensors.iter().flat_map(|t| host(t).unwrap()).collect::<Vec<_>>();
    assert_eq!(flat(&up.encoder), flat(&both.encoder));
    assert_eq!(flat(&down.generative), flat(&both.generative));
}

#[test]
fn gaussian_posteriors_agree_with_quadrature() {
    let q = DiagonalGaussian::new(tensor(&[vec![0.7], vec![-1.2]]), tensor(&[vec![-0.4], vec![0.9]])).unwrap();
    let rule = Quadrature::trapezoid(-15.0, 15.0, 3001).unwrap();
    let (kls, entropies) = (host(&q.kl_to_standard().unwrap()).unwrap(), host(&q.entropy().unwrap()).unwrap());
    for example in 0..2 {
        let points = Tensor::from_slice(rule.points(), (3001, 1), &Device::Cpu).unwrap();
        let row =
            |of: &Tensor| of.narrow(0, example, 1).unwrap().broadcast_as((3001, 1)).unwrap().contiguous().unwrap();
        let wide = DiagonalGaussian::new(row(q.mean()), row(q.log_variance())).unwrap();
        let log_q = host(&wide.log_density(&points).unwrap()).unwrap();
        let integral = |of: &dyn Fn(f64, f64) -> f64| {
            rule.integral(&log_q.iter().zip(rule.points()).map(|(l, x)| l.exp() * of(*l, *x)).collect::<Vec<_>>())
        };
        let log_prior = |x: f64| -0.5 * (x * x + std::f64::consts::TAU.ln());
        assert_close("mass of q", integral(&|_, _| 1.0), 1.0, 1e-12);
        assert_close("KL to N(0, 1)", kls[example], integral(&|l, x| l - log_prior(x)), 1e-12);
        assert_close("entropy", entropies[example], integral(&|l, _| -l), 1e-12);
    }
}

#[test]
fn likelihoods_by_quadrature_sum_to_one() {
    for activation in ACTIVATIONS {
        let model = vae(Visible::Bernoulli, activation, 4);
        let all = log_evidence_by_quadrature(&model, &tensor(&all_states(5)), 181).unwrap();
        assert_close("ln Σ p(x)", log_sum_exp(&all), 0.0, 1e-10);
    }
}

#[test]
fn tables_of_likelihoods_are_likelihoods_of_pairs() {
    for output in [Visible::Bernoulli, Visible::Gaussian] {
        let (model, data, latents) = (vae(output, Activation::Tanh, 6), examples(output), normal(9, 2, 8));
        let table = model.log_likelihood_table(&data, &latents).unwrap().to_vec2::<f64>().unwrap();
        let pairs = host(&model.log_likelihood(&data, &latents).unwrap()).unwrap();
        let diagonal: Vec<f64> = (0..9).map(|i| table[i][i]).collect();
        assert_all_close("ln p(x | z)", &diagonal, &pairs, 1e-10);
    }
}

#[test]
fn bounds_climb_from_the_elbo_to_the_evidence() {
    for output in [Visible::Bernoulli, Visible::Gaussian] {
        let (model, data) = (vae(output, Activation::Tanh, 7), examples(output));
        let elbo = mean_of(&elbo_by_quadrature(&model, &data, 91).unwrap());
        let evidence = mean_of(&log_evidence_by_quadrature(&model, &data, 181).unwrap());
        // (mean, standard error) over independent draws of the bound.
        let draws = |of: &dyn Fn(Stream) -> Vec<f64>| {
            let means: Vec<f64> = (0..200).map(|repeat| mean_of(&of(Stream::new(5).at(repeat)))).collect();
            let mean = mean_of(&means);
            let spread = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 199.0;
            (mean, (spread / 200.0).sqrt())
        };
        let (sampled, error) = draws(&|stream| sampled_elbo(&model, &data, 1, stream).unwrap());
        assert_close("sampled ELBO", sampled, elbo, 4.0 * error);
        let mut last = (elbo, 0.0);
        for samples in [1, 2, 5, 50] {
            let (bound, error) = draws(&|stream| importance_weighted(&model, &data, samples, stream).unwrap());
            let doubt = 4.0 * (error + last.1);
            if samples == 1 {
                assert_close("bound of one sample", bound, elbo, doubt);
            } else {
                assert!(bound > last.0 - doubt, "{samples} samples: {bound} below {}", last.0);
            }
            assert!(bound < evidence + 4.0 * error, "{samples} samples: {bound} above {evidence}");
            last = (bound, error);
        }
        // Fifty samples are nearly there, one is not: the ladder climbs.
        assert!(evidence - last.0 < 0.5 * (evidence - elbo));
    }
}

/// Centred examples near a plane; the largest mean log-likelihood of probabilistic PCA (Tipping & Bishop 1999) and the linear
/// auto-encoder that has it.
fn linear_optimum() -> (Tensor, f64, Vae) {
    let data = (normal(60, 2, 1).matmul(&normal(2, 5, 2)).unwrap() + (normal(60, 5, 3) * 0.6).unwrap()).unwrap();
    let data = data.broadcast_sub(&data.mean_keepdim(0).unwrap()).unwrap();
    let (values, vectors) = eigen_symmetric(&(data.t().unwrap().matmul(&data).unwrap() / 60.0).unwrap()).unwrap();
    let noise = mean_of(&values[..3]);
    let optimum =
        -0.5 * (5.0 * (std::f64::consts::TAU.ln() + 1.0) + values[3].ln() + values[4].ln() + 3.0 * noise.ln());
    let vectors = vectors.narrow(1, 3, 2).unwrap();
    let row = |of: &dyn Fn(f64) -> f64| Tensor::new(&[[of(values[3]), of(values[4])]], &Device::Cpu).unwrap();
    let decoder = vectors.broadcast_mul(&row(&|value| (value - noise).sqrt())).unwrap();
    // E[z | x] = M⁻¹ Wᵀ x and Var[z | x] = σ² M⁻¹, with M = WᵀW + σ² I diagonal: the eigenvalues.
    let mean = decoder.broadcast_div(&row(&|value| value)).unwrap().t().unwrap();
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F64, &Device::Cpu).unwrap();
    let encoder = Tensor::cat(&[&mean.contiguous().unwrap(), &zeros(&[2, 5])], 0).unwrap();
    let biases = Tensor::cat(&[&zeros(&[2]), &row(&|value| (noise / value).ln()).squeeze(0).unwrap()], 0).unwrap();
    let mlp =
        |weight: &Tensor, bias: Tensor| Mlp::new(&[weight.contiguous().unwrap(), bias], Activation::Tanh).unwrap();
    let log_variance = Tensor::new(&[noise.ln()], &Device::Cpu).unwrap();
    let vae = Vae::new(mlp(&encoder, biases), mlp(&decoder, zeros(&[5])), Some(log_variance)).unwrap();
    (data, optimum, vae)
}

#[test]
fn a_linear_vae_at_the_optimum_of_ppca_has_no_gap_and_nowhere_to_climb() {
    let (data, optimum, vae) = linear_optimum();
    let elbo = |vae: &Vae| mean_of(&elbo_by_quadrature(vae, &data, 41).unwrap());
    assert_close(
        "ln p(x) by quadrature",
        mean_of(&log_evidence_by_quadrature(&vae, &data, 241).unwrap()),
        optimum,
        1e-9,
    );
    assert_close("ELBO", elbo(&vae), optimum, 1e-9);
    let parts = [vae.encoder().parameters(), vae.generative_parameters()];
    for part in 0..2 {
        for index in 0..parts[part].len() {
            let along =
                normal(1, parts[part][index].elem_count(), index as u64).reshape(parts[part][index].shape()).unwrap();
            let at = |t: f64| {
                let mut to = parts.clone();
                to[part][index] = (&to[part][index] + (&along * t).unwrap()).unwrap();
                elbo(&vae.with_parameters(&to[0], &to[1]).unwrap())
            };
            let what = format!("part {part}, tensor {index}");
            assert_close(&format!("slope, {what}"), (at(1e-4) - at(-1e-4)) / 2e-4, 0.0, 1e-6);
            assert!(at(0.02) < optimum && at(-0.02) < optimum, "{what} can climb");
        }
    }
}

fn update(step: u64) -> Update<'static> {
    Update::new(Stream::new(8).at(step), [0.01, 0.02])
}

fn trained(mut state: VaeState, from: u64, to: u64) -> VaeState {
    for step in from..to {
        state = VaeTraining::default().step(state, &examples(Visible::Gaussian), update(step)).unwrap().0;
    }
    state
}

fn everything(state: &VaeState) -> Vec<(String, Vec<f64>)> {
    let all = [state.vae.named().unwrap(), state.tensors().unwrap()].concat();
    all.into_iter().map(|(name, tensor)| (name, host(&tensor).unwrap())).collect()
}

fn fresh() -> VaeState {
    VaeTraining::default().init(vae(Visible::Gaussian, Activation::SoftPlus, 2), Stream::new(0)).unwrap()
}

#[test]
fn a_restored_vae_goes_on_as_if_nothing_had_happened() {
    let straight = trained(fresh(), 0, 8);
    assert_eq!(everything(&straight), everything(&trained(fresh(), 0, 8)), "same seed, same bits");
    let half = trained(fresh(), 0, 4);
    let saved = half.vae.named().unwrap().into_iter().collect();
    let model = Vae::from_named(Activation::SoftPlus, &saved).unwrap();
    let restored = VaeState::restore(model, &half.tensors().unwrap().into_iter().collect()).unwrap();
    assert_eq!(everything(&trained(restored, 4, 8)), everything(&straight));
    assert_ne!(everything(&half), everything(&straight));
}

#[test]
fn what_has_rate_zero_stays_as_it_is() {
    let flat = |tensors: &[Tensor]| tensors.iter().flat_map(|t| host(t).unwrap()).collect::<Vec<_>>();
    let step = |learning_rate, network_learning_rate| {
        let update = Update { learning_rate, network_learning_rate, ..update(0) };
        VaeTraining::default().step(fresh(), &examples(Visible::Gaussian), update).unwrap().0.vae
    };
    let (before, encoder_only, decoder_only) = (fresh().vae, step(0.0, 0.1), step(0.1, 0.0));
    let up = |vae: &Vae| flat(&vae.encoder().parameters());
    let down = |vae: &Vae| flat(&vae.generative_parameters());
    assert!(up(&before) != up(&encoder_only) && down(&before) == down(&encoder_only));
    assert!(up(&before) == up(&decoder_only) && down(&before) != down(&decoder_only));
}

#[test]
fn measuring_a_vae_changes_nothing() {
    let step = |measured| {
        VaeTraining::default().step(fresh(), &examples(Visible::Gaussian), Update { measured, ..update(3) }).unwrap()
    };
    let ((plain, none), (seen, some)) = (step(false), step(true));
    assert_eq!(everything(&plain), everything(&seen));
    assert!(none.0.is_empty() && some.get("elbo_nats_mean").is_some_and(f64::is_finite));
}
