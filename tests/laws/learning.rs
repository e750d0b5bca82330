//! Learning: what an update does by hand, that it repeats and resumes to the bit, and that it learns.

use crate::support::{ByHand, all_states, assert_close, matrices, random_dbm, tensor};
use dbm::inference::{BottomUp, Exact, Inference, MeanField, Network, Refined, Stop};
use dbm::learning::{
    DbmWithNetwork, Gradient, Joint, MaximumLikelihood, Measurements, NegativePhase, NegativeStart, NetworkRefined,
    Parameters, PositivePhase, Pretraining, SavedTensors, SchemeAlone, Sgd, State, Trainer, Update, WakeSleep,
};
use dbm::math::{DType, Device, Stream, Tensor, Term, host, mean_of};
use dbm::models::{Dbm, ExpectedLogJoint, LatentModel};
use dbm::posterior::{Factorial, Posterior};

pub const PLAIN: Sgd = Sgd { momentum: 0.0, weight_decay: 0.0 };

pub fn update(step: u64, learning_rate: f64) -> Update<'static> {
    let stream = Stream::new(9).named("steps").at(step);
    Update::new(stream, [learning_rate, learning_rate])
}

/// `steps` updates from `from` on, all with the same batch.
pub fn train<T: Trainer>(
    trainer: &T,
    mut state: T::State,
    batch: &Tensor,
    steps: std::ops::Range<u64>,
    rate: f64,
) -> T::State {
    for step in steps {
        (state, _) = trainer.step(state, batch, update(step, rate)).unwrap();
    }
    state
}

pub fn begin<T: Trainer<State = S>, S: State<Model = DbmWithNetwork>>(trainer: &T, dbm: &Dbm) -> S {
    trainer.init(DbmWithNetwork::from_dbm(dbm.clone()).unwrap(), Stream::new(4)).unwrap()
}

pub fn values(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(|tensor| host(tensor).unwrap()).collect()
}

fn network_plus_one() -> NetworkRefined<MeanField> {
    NetworkRefined { by: MeanField::default(), stop: Stop::after(1) }
}

fn mean_field(sweeps: usize) -> SchemeAlone<Refined<BottomUp, MeanField>> {
    SchemeAlone(Refined { start: BottomUp, by: MeanField::default(), stop: Stop::after(sweeps) })
}

/// Half of all states of five visible units.
pub fn some_examples() -> Tensor {
    tensor(&all_states(5).into_iter().step_by(2).collect::<Vec<_>>())
}

#[test]
fn momentum_repeats_the_last_move_and_decay_pulls_weights_only() {
    let scalar = |weight: f64, bias: f64| Parameters {
        weights: vec![tensor(&[vec![weight]]).into()],
        biases: vec![tensor(&[vec![bias]])],
    };
    let uphill = |weight: f64, bias: f64| Gradient {
        weights: vec![vec![Term::Dense(tensor(&[vec![weight]]))]],
        biases: vec![tensor(&[vec![bias]])],
    };
    let sgd = Sgd { momentum: 0.5, weight_decay: 0.1 };
    let (at, moved) = sgd.step(scalar(2.0, 1.0), scalar(0.0, 0.0), &uphill(1.0, -1.0), 0.2).unwrap();
    // 0.2 (1 - 0.1 * 2) = 0.16; the bias moves by -0.2.
    assert_close("weight", values(&matrices(&at.weights))[0], 2.16, 1e-15);
    assert_close("bias", values(&at.biases)[0], 0.8, 1e-15);
    let (at, moved) = sgd.step(at, moved, &uphill(0.0, 0.0), 0.1).unwrap();
    // 0.5 * 0.16 - 0.1 * 0.1 * 2.16 = 0.0584; the bias moves by -0.1.
    assert_close("weight", values(&matrices(&at.weights))[0], 2.2184, 1e-15);
    assert_close("bias", values(&at.biases)[0], 0.7, 1e-15);
    assert_close("last move", values(&matrices(&moved.weights))[0], 0.0584, 1e-15);
}

fn bits(tensors: &[(String, Tensor)]) -> Vec<(String, Vec<u64>)> {
    let bits = |tensor: &Tensor| host(tensor).unwrap().iter().map(|value| value.to_bits()).collect();
    tensors.iter().map(|(name, tensor)| (name.clone(), bits(tensor))).collect()
}

/// Everything a checkpoint holds.
fn checkpoint<S: State<Model = DbmWithNetwork>>(state: &S) -> Vec<(String, Vec<u64>)> {
    let DbmWithNetwork { dbm, network } = state.model().unwrap();
    let parameters =
        [Parameters::of_dbm(&dbm).named("dbm").unwrap(), Parameters::of_network(&network).named("network").unwrap()];
    bits(&[parameters.concat(), state.tensors().unwrap()].concat())
}

fn restored<S: State>(state: &S) -> S {
    let tensors: SavedTensors = state.tensors().unwrap().into_iter().collect();
    S::restore(state.model().unwrap(), &tensors).unwrap()
}

/// Repeats, resumes, and does not care whether it is measured.
pub fn assert_reproducible<T, S>(trainer: &T, begin: impl Fn() -> S)
where
    T: Trainer<State = S>,
    S: State<Model = DbmWithNetwork>,
{
    let batch = some_examples();
    let through = train(trainer, begin(), &batch, 0..6, 0.1);
    assert_eq!(checkpoint(&through), checkpoint(&train(trainer, begin(), &batch, 0..6, 0.1)), "the same seed");
    assert_ne!(checkpoint(&through), checkpoint(&train(trainer, begin(), &batch, 1..7, 0.1)), "other steps");

    let stopped = train(trainer, begin(), &batch, 0..3, 0.1);
    let resumed = restored(&stopped);
    assert_eq!(checkpoint(&stopped), checkpoint(&resumed), "restored");
    assert_eq!(checkpoint(&through), checkpoint(&train(trainer, resumed, &batch, 3..6, 0.1)), "resumed");

    let mut measured = begin();
    let mut names: Option<Vec<String>> = None;
    for step in 0..6 {
        let Measurements(taken);
        (measured, Measurements(taken)) =
            trainer.step(measured, &batch, Update { measured: true, ..update(step, 0.1) }).unwrap();
        assert!(taken.iter().all(|(_, value)| value.is_finite()), "{taken:?}");
        let now: Vec<String> = taken.into_iter().map(|(name, _)| name).collect();
        assert_eq!(*names.get_or_insert(now.clone()), now, "the same names at every step");
    }
    assert_eq!(checkpoint(&through), checkpoint(&measured), "measuring changes nothing");
}

pub fn momentum() -> Sgd {
    Sgd { momentum: 0.7, weight_decay: 0.01 }
}

#[test]
fn stopping_and_resuming_maximum_likelihood_equals_running_through() {
    let dbm = random_dbm(&[5, 4, 3], 0.4, 0.2, 41);
    let negative = NegativePhase { chains: 7, sweeps: 2 };
    let positives: [Box<dyn PositivePhase>; 3] =
        [Box::new(network_plus_one()), Box::new(mean_field(5)), Box::new(SchemeAlone(Exact { max_bits: 12.0 }))];
    for positive in positives {
        let trainer = MaximumLikelihood { positive, negative, dbm: momentum(), network: momentum() };
        assert_reproducible(&trainer, || begin(&trainer, &dbm));
    }
}

#[test]
fn stopping_and_resuming_wake_sleep_equals_running_through() {
    let dbm = random_dbm(&[5, 4, 3], 0.4, 0.2, 42);
    let negative = NegativePhase { chains: 7, sweeps: 2 };
    let trainer = WakeSleep { negative, dbm: momentum(), network: momentum() };
    assert_reproducible(&trainer, || begin(&trainer, &dbm));
}

#[test]
fn stopping_and_resuming_pretraining_equals_running_through() {
    let dbm = random_dbm(&[5, 4, 3, 2], 0.4, 0.2, 43);
    for negative in [NegativeStart::Data, NegativeStart::Chains(7)] {
        let trainer = Pretraining { negative, sweeps: 2, sgd: momentum() };
        assert_reproducible(&trainer, || begin(&trainer, &dbm));
        let second = || {
            let first = train(&trainer, begin(&trainer, &dbm), &some_examples(), 20..23, 0.1);
            trainer.next_layer(first, Stream::new(8)).unwrap()
        };
        assert_reproducible(&trainer, second);
        let third = || trainer.next_layer(restored(&second()), Stream::new(8)).unwrap();
        assert_reproducible(&trainer, third);
        assert!(trainer.next_layer(third(), Stream::new(8)).is_err(), "nothing is above the top");
    }
}

#[test]
fn a_missing_or_misshapen_tensor_is_named() {
    let dbm = random_dbm(&[5, 4, 3], 0.4, 0.2, 44);
    let trainer = WakeSleep { negative: NegativePhase { chains: 3, sweeps: 1 }, dbm: PLAIN, network: PLAIN };
    let state = begin(&trainer, &dbm);
    let mut tensors: SavedTensors = state.tensors().unwrap().into_iter().collect();
    let restore = |tensors: &SavedTensors| {
        let model = DbmWithNetwork::from_dbm(dbm.clone()).unwrap();
        Joint::restore(model, tensors).map(|_| ()).unwrap_err().to_string()
    };
    let chains = tensors.insert("chains.1".into(), tensor(&[vec![0.0; 4]])).unwrap();
    assert!(restore(&tensors).contains("chains.1 is [1, 4]; this training needs [3, 4]"), "{}", restore(&tensors));
    tensors.insert("chains.1".into(), chains);
    tensors.remove("momentum.dbm.bias.2");
    assert!(restore(&tensors).contains("no saved tensor momentum.dbm.bias.2"), "{}", restore(&tensors));
}

#[test]
fn each_phase_of_wake_sleep_leaves_the_parameters_of_the_other_alone() {
    let dbm = random_dbm(&[5, 4, 3], 0.6, 0.3, 45);
    let trainer = WakeSleep { negative: NegativePhase { chains: 20, sweeps: 1 }, dbm: momentum(), network: momentum() };
    let after = |batch: &Tensor, learning_rate: f64, network_learning_rate: f64| {
        let update = Update { learning_rate, network_learning_rate, ..update(0, 0.0) };
        trainer.step(begin(&trainer, &dbm), batch, update).unwrap().0
    };
    let parameters = |state: &Joint| {
        [
            bits(&Parameters::of_dbm(&state.dbm).named("").unwrap()),
            bits(&Parameters::of_network(&state.network).named("").unwrap()),
        ]
    };
    let (data, other_data) = (some_examples(), tensor(&all_states(5)[..3]));
    let [dbm_after, network_after] = parameters(&after(&data, 0.1, 0.1));
    let [dbm_without_sleep, network_without_sleep] = parameters(&after(&data, 0.1, 0.0));
    let [dbm_without_wake, network_without_wake] = parameters(&after(&data, 0.0, 0.1));
    assert_eq!(dbm_after, dbm_without_sleep, "sleep does not move the machine");
    assert_eq!(network_after, network_without_wake, "wake does not move the network");
    let [untouched_dbm, untouched_network] = parameters(&begin(&trainer, &dbm));
    assert_eq!(dbm_without_wake, untouched_dbm);
    assert_eq!(network_without_sleep, untouched_network);
    assert_ne!(network_after, untouched_network);
    let [dbm_of_other_data, network_of_other_data] = parameters(&after(&other_data, 0.1, 0.1));
    assert_eq!(network_after, network_of_other_data, "the network never learns from data");
    assert_ne!(dbm_after, dbm_of_other_data, "the machine does");
}

/// All rows on or off, or all columns: 14 pictures of 3 by 3.
fn bars_and_stripes() -> Tensor {
    let pictures = |transposed: bool| {
        all_states(3).into_iter().map(move |bars| {
            (0..9).map(|pixel| bars[if transposed { pixel % 3 } else { pixel / 3 }]).collect::<Vec<f64>>()
        })
    };
    let mut all: Vec<Vec<f64>> = pictures(false).chain(pictures(true)).collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all.dedup();
    tensor(&all)
}

/// ln p(v), mean over examples, by enumeration.
fn log_likelihood(dbm: &Dbm, visible: &Tensor) -> f64 {
    let evidence = dbm.clamp(visible).unwrap().log_partition(20.0).unwrap();
    mean_of(&evidence) - dbm.free().unwrap().log_partition(20.0).unwrap()[0]
}

/// 1500 updates from small weights, with a learning rate that falls to nothing.
fn learn_bars_and_stripes(trainer: &impl Trainer<State = Joint>) -> Joint {
    const STEPS: u64 = 1500;
    let dbm = Dbm::random(&[9, 8, 4], 0.05, Stream::new(1), DType::F64, &Device::Cpu).unwrap();
    let (data, mut state) = (bars_and_stripes(), begin(trainer, &dbm));
    for step in 0..STEPS {
        let rate = 0.15 * (1.0 - step as f64 / STEPS as f64);
        (state, _) = trainer.step(state, &data, Update { network_learning_rate: 0.2, ..update(step, rate) }).unwrap();
    }
    state
}

#[test]
fn a_network_with_a_learning_rate_of_zero_rests() {
    let moving = Sgd { momentum: 0.9, weight_decay: 0.1 };
    let trainer = MaximumLikelihood { positive: network_plus_one(), negative: CHAINS, dbm: moving, network: moving };
    let dbm = random_dbm(&[5, 4, 3], 0.5, 0.5, 3);
    let bits = |state: &Joint| {
        let named = [
            Parameters::of_network(&state.network).named("at").unwrap(),
            state.network_momentum.named("last").unwrap(),
        ]
        .concat();
        named.iter().flat_map(|(_, tensor)| host(tensor).unwrap()).map(f64::to_bits).collect::<Vec<_>>()
    };
    let learn = |state, rate, measured| {
        let update = Update { network_learning_rate: rate, measured, ..update(7, 0.1) };
        trainer.step(state, &some_examples(), update).unwrap().0
    };
    // Its momentum does not carry it on either, whether it is looked at or not.
    let moved = learn(begin(&trainer, &dbm), 0.1, false);
    for measured in [false, true] {
        assert_eq!(bits(&learn(moved.clone(), 0.0, measured)), bits(&moved));
    }
    assert_ne!(bits(&learn(moved.clone(), 0.1, false)), bits(&moved));
}

const HALF: Sgd = Sgd { momentum: 0.5, weight_decay: 0.0 };
const CHAINS: NegativePhase = NegativePhase { chains: 50, sweeps: 2 };

/// E_q[ln p̃] + H(q), mean over examples.
fn elbo_unnormalized(dbm: &Dbm, visible: &Tensor, scheme: &impl Inference<Dbm, Posterior = Factorial>) -> f64 {
    let q = scheme.infer(dbm, visible, Stream::new(0)).unwrap().q;
    let joint = dbm.clamp(visible).unwrap().expected_log_joint(&q).unwrap();
    mean_of(&joint) + mean_of(&host(&q.entropy().unwrap()).unwrap())
}

#[test]
fn maximum_likelihood_learns_bars_and_stripes_as_well_with_network_plus_one_as_with_mean_field() {
    let data = bars_and_stripes();
    // Every pixel is on half of the time, so independent bits cannot do better than this; the best of all is -ln 14 = -2.64.
    let independent = -9.0 * 2_f64.ln();
    let with_mean_field = learn_bars_and_stripes(&MaximumLikelihood {
        positive: mean_field(5),
        negative: CHAINS,
        dbm: HALF,
        network: HALF,
    });
    let with_network = learn_bars_and_stripes(&MaximumLikelihood {
        positive: network_plus_one(),
        negative: CHAINS,
        dbm: HALF,
        network: HALF,
    });
    for (name, state) in [("mean field", &with_mean_field), ("network + 1", &with_network)] {
        let reached = log_likelihood(&state.dbm, &data);
        assert!(reached > independent + 2.4, "{name}: ln p(v) is {reached}, independent bits {independent}");
    }
    let apart = log_likelihood(&with_mean_field.dbm, &data) - log_likelihood(&with_network.dbm, &data);
    assert!(apart.abs() < 0.15, "mean field minus network + 1: {apart} nats");

    let Joint { dbm, network, .. } = with_network;
    let by = MeanField::default();
    let converged = Refined { start: network.clone(), by, stop: Stop::when_within(1e-10, 500) };
    let plus_one = Refined { start: network.clone(), by, stop: Stop::after(1) };
    let best = elbo_unnormalized(&dbm, &data, &converged);
    let (alone, refined) = (elbo_unnormalized(&dbm, &data, &network), elbo_unnormalized(&dbm, &data, &plus_one));
    assert!(best - alone < 0.05, "network alone is {} nats from converged mean field", best - alone);
    assert!(best - refined < 0.01, "network + 1 is {} nats from converged mean field", best - refined);
}

#[test]
fn wake_sleep_learns_bars_and_stripes() {
    let state = learn_bars_and_stripes(&WakeSleep { negative: CHAINS, dbm: HALF, network: HALF });
    let reached = log_likelihood(&state.dbm, &bars_and_stripes());
    let independent = -9.0 * 2_f64.ln();
    assert!(reached > independent + 1.8, "ln p(v) is {reached}, independent bits {independent}");
}

/// Mean over the machine's own v of KL(p(h | v) ‖ network), by summing over all states.
fn kl_on_dreams(dbm: &Dbm, network: &Network) -> f64 {
    let hand = ByHand::of(dbm);
    let (log_z, visible) = (hand.log_z(), all_states(hand.visible()));
    let inputs = network.inputs(&tensor(&visible)).unwrap();
    let rows: Vec<Vec<Vec<f64>>> = inputs.iter().map(crate::support::rows).collect();
    let mut total = 0.0;
    for (example, v) in visible.iter().enumerate() {
        let evidence = hand.log_evidence(v);
        let input: Vec<f64> = rows.iter().flat_map(|layer| layer[example].clone()).collect();
        for (h, log_joint) in all_states(hand.hidden()).iter().zip(hand.log_joints(v)) {
            let log_q: f64 = h.iter().zip(&input).map(|(h, a)| h * a - (1.0 + a.exp()).ln()).sum();
            total += (log_joint - log_z).exp() * (log_joint - evidence - log_q);
        }
    }
    total
}

#[test]
fn sleep_brings_the_network_near_the_posterior_of_dreams() {
    let dbm = random_dbm(&[5, 4, 3], 0.8, 0.4, 46);
    let trainer = WakeSleep { negative: NegativePhase { chains: 100, sweeps: 2 }, dbm: PLAIN, network: HALF };
    let network = Network::from_dbm(&random_dbm(&[5, 4, 3], 0.1, 0.1, 47)).unwrap();
    let mut state =
        trainer.init(DbmWithNetwork { dbm: dbm.clone(), network: network.clone() }, Stream::new(4)).unwrap();
    let data = some_examples();
    for step in 0..400 {
        let rate = 0.3 * (1.0 - step as f64 / 400.0);
        let update = Update { network_learning_rate: rate, ..update(step, 0.0) };
        (state, _) = trainer.step(state, &data, update).unwrap();
    }
    let (before, after) = (kl_on_dreams(&dbm, &network), kl_on_dreams(&dbm, &state.network));
    assert!(after < before / 4.0, "KL on dreams: {before} nats before, {after} after");
}
