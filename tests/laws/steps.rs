//! What bears on a step beside its gradient: the length and number of weights, rates of single layers, momentum.

use crate::gradients::flat;
use crate::learning::{PLAIN, assert_reproducible, begin, some_examples, train};
use crate::support::{assert_all_close, assert_close, converted, random_dbm, tensor};
use dbm::inference::{BottomUp, MeanField, Refined, Stop};
use dbm::learning::{
    Average, Averaged, Centred, Gradient, Joint, MaximumLikelihood, Measurements, ModelOf, Moves, NegativePhase,
    NegativeStart, Parameters, Pretraining, Rules, SchemeAlone, Sgd, Sparsity, Statistics, Trainer, Update, WakeSleep,
};
use dbm::math::{DType, Device, Result, Stream, Tensor, Term, Weight, host, sigmoid};
use dbm::models::Dbm;

/// A trainer whose updates go by rules, at a place in their stage.
#[derive(Clone, Debug)]
pub struct Ruled<T> {
    by: T,
    rules: Rules,
    progress: f64,
}

impl<T: Trainer> Trainer for Ruled<T> {
    type State = T::State;

    fn init(&self, model: ModelOf<Self>, stream: Stream) -> Result<T::State> {
        self.by.init(model, stream)
    }

    fn step(&self, state: T::State, batch: &Tensor, update: Update) -> Result<(T::State, Measurements)> {
        let moves = Moves { momentum: Some([0.6, 0.4]), rules: Some(&self.rules) };
        self.by.step(state, batch, Update { moves, progress: self.progress, ..update })
    }
}

pub fn ruled<T>(by: T, rules: Rules) -> Ruled<T> {
    Ruled { by, rules, progress: 0.5 }
}

fn everything() -> Rules {
    Rules {
        rates: vec![0.5, 2.0],
        max_norm: vec![0.7, 0.8],
        l1_decay: 0.01,
        sparsity: Some(Sparsity { targets: vec![0.2, 0.1], cost: 0.5, damping: 0.9 }),
    }
}

pub type ByMeanField = MaximumLikelihood<SchemeAlone<Refined<BottomUp, MeanField>>>;

pub fn by_mean_field(chains: usize) -> ByMeanField {
    let by = MeanField::default();
    let positive = SchemeAlone(Refined { start: BottomUp, by, stop: Stop::after(3) });
    let negative = NegativePhase { chains, sweeps: 1 };
    let sgd = Sgd { momentum: 0.5, weight_decay: 0.01 };
    MaximumLikelihood { positive, negative, dbm: sgd, network: sgd }
}

pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Lengths of the columns.
fn lengths(weight: &Weight) -> Vec<f64> {
    let matrix = weight.tensor().unwrap().to_dtype(DType::F64).unwrap();
    host(&matrix.sqr().unwrap().sum(0).unwrap().sqrt().unwrap()).unwrap()
}

/// Columns of many lengths; sizes that blocks of 32 do not divide.
fn matrix(dtype: DType) -> Weight {
    let normal = Stream::new(3).normal(70, 45, DType::F64, &Device::Cpu).unwrap();
    let lengths: Vec<f64> = (0..45).map(|column| 0.02 * (column + 1) as f64).collect();
    normal.broadcast_mul(&tensor(&[lengths])).unwrap().to_dtype(dtype).unwrap().into()
}

#[test]
fn no_column_is_longer_than_it_may_be_and_shorter_ones_are_left_alone() {
    for (dtype, rounding) in [(DType::F64, 1e-12), (DType::F32, 1e-6)] {
        let before = matrix(dtype);
        let most = 3.0;
        let long: Vec<bool> = lengths(&before).iter().map(|length| *length > most).collect();
        assert!(long.contains(&true) && long.contains(&false));
        let after = matrix(dtype).held(most).unwrap();
        let columns = |weight: &Weight| {
            let matrix = weight.tensor().unwrap();
            (0..45).map(|column| host(&matrix.narrow(1, column, 1).unwrap()).unwrap()).collect::<Vec<_>>()
        };
        for (column, (old, new)) in columns(&before).into_iter().zip(columns(&after)).enumerate() {
            let (was, is) = (lengths(&before)[column], lengths(&after)[column]);
            if long[column] {
                assert_close("length", is, most, most * rounding);
                let shorter: Vec<f64> = old.iter().map(|value| value * most / was).collect();
                assert_all_close("direction", &new, &shorter, rounding);
            } else {
                assert_eq!(bits(&old), bits(&new));
            }
        }
    }
}

#[test]
fn weights_that_were_held_shrunk_or_averaged_are_the_same_both_ways() {
    let one = |units: usize| Tensor::eye(units, DType::F32, &Device::Cpu).unwrap();
    let both_ways = |weight: Weight| {
        let (up, down) = (weight.up(&one(70)).unwrap(), weight.down(&one(45)).unwrap().t().unwrap());
        let [up, down, tensor] = [up, down, weight.tensor().unwrap()].map(|tensor| host(&tensor).unwrap());
        assert_eq!(bits(&up), bits(&tensor));
        assert_eq!(bits(&down), bits(&tensor));
        tensor
    };
    let ready = || {
        let weight = matrix(DType::F32);
        // So that both orders are there to be changed.
        both_ways(weight.clone());
        drop(weight.down(&one(45)).unwrap());
        weight
    };
    let (plain, other) = (ready(), Weight::from((ready().tensor().unwrap() * 2.0).unwrap()));
    let untouched = both_ways(plain.clone());
    let held = both_ways(ready().held(3.0).unwrap());
    let shrunk = both_ways(ready().shrunk(0.25).unwrap());
    let averaged = both_ways(ready().approached(&other, 0.25).unwrap());
    // A copy that others share is changed apart.
    assert_ne!(both_ways(plain.clone().held(3.0).unwrap()), untouched);
    assert_eq!(bits(&both_ways(plain)), bits(&untouched));
    let wide = || matrix(DType::F64);
    let composed = |weight: Weight| host(&weight.tensor().unwrap()).unwrap();
    assert_all_close("held", &held, &composed(wide().held(3.0).unwrap()), 1e-5);
    assert_all_close("shrunk", &shrunk, &composed(wide().shrunk(0.25).unwrap()), 1e-5);
    let twice: Weight = (wide().tensor().unwrap() * 2.0).unwrap().into();
    assert_all_close("averaged", &averaged, &composed(wide().approached(&twice, 0.25).unwrap()), 1e-5);
}

#[test]
fn weights_are_held_after_every_update_of_every_trainer() {
    let rules = Rules { max_norm: vec![0.5, 0.25], ..Rules::default() };
    let sizes = [5, 4, 3];
    for dtype in [DType::F64, DType::F32] {
        let dbm = Dbm::random(&sizes, 0.5, Stream::new(3), dtype, &Device::Cpu).unwrap();
        let data = some_examples().to_dtype(dtype).unwrap();
        let trainer = ruled(by_mean_field(7), rules.clone());
        let mut state = begin(&trainer, &dbm);
        let mut reached = 0;
        for step in 0..20 {
            state = train(&trainer, state, &data, step..step + 1, 0.2);
            for (weight, most) in state.dbm.weights().iter().zip(&rules.max_norm) {
                let longest = lengths(weight).into_iter().fold(0.0, f64::max);
                assert!(longest <= most * (1.0 + 1e-6), "{longest} at step {step}");
                reached += usize::from(longest > most * 0.999);
            }
        }
        assert!(reached > 0, "nothing was ever held");
    }
    let by = Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd: PLAIN };
    let trainer = ruled(by, Rules { max_norm: vec![0.3], ..Rules::default() });
    let dbm = random_dbm(&sizes, 0.5, 0.1, 3);
    let end = train(&trainer, begin(&trainer, &dbm), &some_examples(), 0..3, 0.2);
    assert!(lengths(&end.rbms()[0].weights[0]).iter().all(|length| *length <= 0.3 + 1e-12));
}

/// Where one weight comes to rest that climbs -(w - 2)² / 2 by these rules.
fn rest(l1_decay: f64) -> f64 {
    let sgd = Sgd { momentum: 0.9, weight_decay: 0.0 };
    let of = |weight: f64| Parameters { weights: vec![tensor(&[vec![weight]]).into()], biases: Vec::new() };
    let value = |at: &Parameters| host(&at.weights[0].tensor().unwrap()).unwrap()[0];
    let rules = Rules { l1_decay, ..Rules::default() };
    let (mut at, mut last) = (of(1.0), of(0.0));
    for _ in 0..3000 {
        let slope = tensor(&[vec![2.0 - value(&at)]]);
        let uphill = Gradient { weights: vec![vec![Term::Dense(slope)]], biases: Vec::new() };
        (at, last) = rules.step(&sgd, at, last, &uphill, 0.01).unwrap();
    }
    value(&at)
}

#[test]
fn l1_decay_rests_where_the_gradient_balances_it_and_makes_small_weights_zero() {
    assert_close("free", rest(0.0), 2.0, 1e-9);
    assert_close("balanced", rest(0.5), 1.5, 1e-9);
    assert_eq!(rest(3.0).to_bits(), 0.0_f64.to_bits());
}

#[test]
fn a_layer_with_a_rate_of_zero_rests_to_the_bit() {
    let dbm = random_dbm(&[5, 4, 3], 0.5, 0.3, 6);
    for dtype in [DType::F64, DType::F32] {
        let dbm = converted(&dbm, dtype);
        let data = some_examples().to_dtype(dtype).unwrap();
        let after = |rates: Vec<f64>| {
            let trainer = ruled(by_mean_field(8), Rules { rates, ..everything() });
            train(&trainer, begin(&trainer, &dbm), &data, 0..4, 0.1).dbm
        };
        let layers = |dbm: &Dbm| {
            let weights: Vec<_> = dbm.weights().iter().map(|w| bits(&host(&w.tensor().unwrap()).unwrap())).collect();
            let biases: Vec<_> = dbm.biases().iter().map(|bias| bits(&host(bias).unwrap())).collect();
            (weights, biases)
        };
        let (weights, biases) = layers(&dbm);
        let (lower, lower_biases) = layers(&after(vec![0.0, 1.0]));
        assert_eq!((&lower[0], &lower_biases[..2]), (&weights[0], &biases[..2]));
        assert!(lower[1] != weights[1] && lower_biases[2] != biases[2]);
        let (upper, upper_biases) = layers(&after(vec![1.0, 0.0]));
        assert_eq!((&upper[1], &upper_biases[2]), (&weights[1], &biases[2]));
        assert!(upper[0] != weights[0] && upper_biases[0] != biases[0] && upper_biases[1] != biases[1]);
    }
}

#[test]
fn a_rate_of_one_layer_multiplies_its_step() {
    let dbm = random_dbm(&[5, 4, 3], 0.5, 0.3, 6);
    let moved = |rates: Vec<f64>, rate: f64| {
        let by = MaximumLikelihood { dbm: PLAIN, ..by_mean_field(8) };
        let rules = Rules { rates, ..Rules::default() };
        let trainer = Ruled { by: NoMomentum(by), rules, progress: 0.0 };
        let end = train(&trainer, begin(&trainer, &dbm), &some_examples(), 0..1, rate).dbm;
        flat(&Parameters::of_dbm(&end).minus(&Parameters::of_dbm(&dbm)).unwrap())
    };
    // Weights of both layers, 20 and 12; then biases, 5 and 4 of the first layer, 3 of the second.
    let (one, by_layers) = (moved(vec![], 0.1), moved(vec![3.0, 0.5], 0.1));
    let times = [vec![3.0; 20], vec![0.5; 12], vec![3.0; 9], vec![0.5; 3]].concat();
    let expected: Vec<f64> = one.iter().zip(times).map(|(step, times)| step * times).collect();
    assert_all_close("steps", &by_layers, &expected, 1e-14);
}

/// A trainer that is given no momentum for its updates.
#[derive(Clone, Debug)]
struct NoMomentum<T>(T);

impl<T: Trainer> Trainer for NoMomentum<T> {
    type State = T::State;

    fn init(&self, model: ModelOf<Self>, stream: Stream) -> Result<T::State> {
        self.0.init(model, stream)
    }

    fn step(&self, state: T::State, batch: &Tensor, update: Update) -> Result<(T::State, Measurements)> {
        self.0.step(state, batch, Update { moves: Moves { momentum: None, ..update.moves }, ..update })
    }
}

#[test]
fn the_momentum_of_an_update_replaces_that_of_the_trainer() {
    let dbm = random_dbm(&[5, 4, 3], 0.5, 0.3, 7);
    let made_with = |momentum: [f64; 2]| {
        let [dbm, network] = momentum.map(|momentum| Sgd { momentum, weight_decay: 0.01 });
        MaximumLikelihood { dbm, network, ..by_mean_field(8) }
    };
    let end =
        |state: Joint| [flat(&Parameters::of_dbm(&state.dbm)), flat(&Parameters::of_network(&state.network))].concat();
    let told = ruled(made_with([0.1, 0.2]), Rules::default());
    let told = end(train(&told, begin(&told, &dbm), &some_examples(), 0..4, 0.1));
    let made = made_with([0.6, 0.4]);
    let made = end(train(&made, begin(&made, &dbm), &some_examples(), 0..4, 0.1));
    let other = made_with([0.1, 0.2]);
    let other = end(train(&other, begin(&other, &dbm), &some_examples(), 0..4, 0.1));
    assert_eq!(bits(&told), bits(&made));
    assert_ne!(told, other);
}

#[test]
fn rules_that_rule_nothing_change_no_bit() {
    let dbm = random_dbm(&[5, 4, 3], 0.5, 0.3, 7);
    let idle = Rules {
        rates: vec![1.0, 1.0],
        max_norm: vec![1e9, 1e9],
        l1_decay: 0.0,
        sparsity: Some(Sparsity { targets: vec![0.2, 0.1], cost: 0.0, damping: 0.9 }),
    };
    let [idle, none] = [idle, Rules::default()].map(|rules| {
        let trainer = ruled(by_mean_field(8), rules);
        bits(&flat(&Parameters::of_dbm(&train(&trainer, begin(&trainer, &dbm), &some_examples(), 0..4, 0.1).dbm)))
    });
    assert_eq!(idle, none);
}

#[test]
fn stopping_and_resuming_with_rules_and_a_mean_equals_running_through() {
    let dbm = random_dbm(&[5, 4, 3], 0.4, 0.2, 43);
    for average in [Average { decay: Some(0.8), from: 0.0 }, Average { decay: None, from: 0.0 }] {
        let centred = Centred { by: by_mean_field(7), rate: 0.1 };
        let trainer = ruled(Averaged { by: centred, average }, everything());
        assert_reproducible(&trainer, || begin(&trainer, &dbm));
    }
    let never = Average { decay: None, from: 0.9 };
    let sgd = Sgd { momentum: 0.7, weight_decay: 0.01 };
    let asleep = WakeSleep { negative: NegativePhase { chains: 7, sweeps: 1 }, dbm: sgd, network: sgd };
    let trainer = ruled(Averaged { by: asleep, average: never }, everything());
    assert_reproducible(&trainer, || begin(&trainer, &dbm));
    let by = Pretraining { negative: NegativeStart::Chains(7), sweeps: 1, sgd };
    let trainer = ruled(by, everything());
    assert_reproducible(&trainer, || begin(&trainer, &dbm));
    let second =
        || by.next_layer(train(&trainer, begin(&trainer, &dbm), &some_examples(), 20..23, 0.1), Stream::new(8));
    assert_reproducible(&trainer, || second().unwrap());
}

#[test]
fn kernels_and_tensors_take_the_same_steps_by_rules() {
    // As many chains as examples, so that a step with sparse activity stays in the kernels; the twin is in double precision.
    let wide = random_dbm(&[40, 35, 33], 0.2, 0.2, 9);
    let data = sigmoid(&Stream::new(1).normal(12, 40, DType::F64, &Device::Cpu).unwrap()).unwrap();
    let sparsity = Sparsity { targets: vec![0.2, 0.1], cost: 0.5, damping: 0.5 };
    let positive = |data: &Tensor| {
        let hidden = sigmoid(&data.narrow(1, 0, 35).unwrap()).unwrap();
        Statistics::of(&[data.clone(), hidden.clone(), hidden.narrow(1, 0, 33).unwrap()]).unwrap()
    };
    let [narrow, wide] = [DType::F32, DType::F64].map(|dtype| {
        let (dbm, data) = (converted(&wide, dtype), data.to_dtype(dtype).unwrap());
        let statistics = positive(&data);
        let activity = sparsity.follow(None, &statistics.biases[1..]).unwrap();
        let uphill = sparsity.press(&activity, &statistics).unwrap();
        let rules = Rules { max_norm: vec![1.2, 1.0], l1_decay: 0.1, ..everything() };
        let at = Parameters::of_dbm(&dbm);
        let last = at.zeros_like().unwrap();
        flat(&rules.step(&Sgd { momentum: 0.5, weight_decay: 0.01 }, at, last, &uphill, 0.1).unwrap().0)
    });
    assert_all_close("steps", &narrow, &wide, 1e-6);
    assert!(wide.contains(&0.0), "no weight was drawn to zero");
}
