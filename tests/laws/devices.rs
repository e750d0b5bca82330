//! What a place computes: the processor in single and in double precision, and a GPU where there is one, agree up to rounding.

use crate::learning::values;
use crate::support::{assert_close, matrices};
use dbm::evaluate::{Annealing, Spacing, ais, elbo_unnormalized, exact};
use dbm::experiment::model_file::{read, to_bytes};
use dbm::inference::{Exact, Gibbs, Inference, MeanField, Network, Random, Refine, Refined, Stop};
use dbm::learning::{
    Chains, DbmWithNetwork, MaximumLikelihood, NegativePhase, NegativeStart, NetworkRefined, Pretraining, SavedTensors,
    SchemeAlone, Sgd, State, Trainer, Update, WakeSleep,
};
use dbm::math::{DType, Device, Stream, Tensor, host};
use dbm::models::{Dbm, LatentModel, Schedule};
use dbm::posterior::Posterior;

/// Where values are, and in which precision.
struct Place {
    device: Device,
    dtype: DType,
}

const SIZES: [usize; 3] = [20, 12, 9];

impl Place {
    fn processor(dtype: DType) -> Self {
        Self { device: Device::Cpu, dtype }
    }

    fn tensor(&self, tensor: &Tensor) -> Tensor {
        tensor.to_dtype(self.dtype).unwrap().to_device(&self.device).unwrap()
    }

    fn machine(&self, sizes: &[usize]) -> Dbm {
        Dbm::random(sizes, 0.4, Stream::new(1), self.dtype, &self.device).unwrap()
    }

    fn visible(&self) -> Tensor {
        let uniform = Stream::new(2).uniform(17, SIZES[0], DType::F64, &Device::Cpu).unwrap();
        self.tensor(&uniform.lt(0.4).unwrap().to_dtype(DType::F64).unwrap())
    }

    fn here(&self, tensors: &[Tensor]) {
        for tensor in tensors {
            assert!(tensor.device().same_device(&self.device), "a result of {:?} is elsewhere", self.device);
        }
    }
}

/// Something computed at a place, as numbers.
type Work = fn(&Place) -> Vec<f64>;

fn means(place: &Place, q: &impl Posterior) -> Vec<f64> {
    let means = q.means().unwrap();
    place.here(&means);
    values(&means)
}

fn mean_field(place: &Place) -> Vec<f64> {
    let (dbm, visible) = (place.machine(&SIZES), place.visible());
    let mut found = Vec::new();
    let damped = MeanField { damping: 0.3, ..MeanField::default() };
    let parallel = MeanField { schedule: Schedule::Parallel, ..MeanField::default() };
    // The loose tolerance is met by all examples at once: then nobody is left.
    let loose = (MeanField::default(), Stop::when_within(2.0, 50));
    let tight = (MeanField::default(), Stop::when_within(1e-3, 50).traced());
    for (by, stop) in
        [(MeanField::default(), Stop::after(7)), (damped, Stop::after(3)), (parallel, Stop::after(3)), loose, tight]
    {
        let inferred = Refined { start: Random, by, stop }.infer(&dbm, &visible, Stream::new(3)).unwrap();
        found.extend(means(place, &inferred.q));
        found.extend(inferred.trace.elbos_unnormalized);
        found.extend(elbo_unnormalized(&dbm, &visible, &inferred.q).unwrap());
    }
    found
}

fn gibbs(place: &Place) -> Vec<f64> {
    let (dbm, visible) = (place.machine(&SIZES), place.visible());
    let by = Gibbs { schedule: Schedule::OddEven, burn_in: 2 };
    let q = Refined { start: Random, by, stop: Stop::after(20) }.infer(&dbm, &visible, Stream::new(3)).unwrap().q;
    let (chains, layers) =
        Chains::from_biases(&dbm, 15, Stream::new(4)).unwrap().advance(&dbm, 20, Stream::new(5)).unwrap();
    place.here(chains.states());
    [means(place, &q), values(chains.states()), values(&layers)].concat()
}

fn network(place: &Place) -> Vec<f64> {
    let (dbm, visible) = (place.machine(&SIZES), place.visible());
    let q = Network::from_dbm(&dbm).unwrap().posterior(&visible).unwrap();
    let refined = MeanField::default().refine(&dbm.clamp(&visible).unwrap(), q.clone(), Stop::after(1), Stream::new(0));
    [means(place, &q), means(place, &refined.unwrap().q), host(&q.entropy().unwrap()).unwrap()].concat()
}

fn exactly(place: &Place) -> Vec<f64> {
    let mut found = Vec::new();
    // The exact posterior of a machine with one hidden layer has no layer in its table.
    for sizes in [&SIZES[..], &SIZES[..2]] {
        let (dbm, visible) = (place.machine(sizes), place.visible());
        let q = Exact { max_bits: 20.0 }.infer(&dbm, &visible, Stream::new(0)).unwrap().q;
        found.extend(means(place, &q));
        found.extend(host(&q.entropy().unwrap()).unwrap());
        found.extend(elbo_unnormalized(&dbm, &visible, &q).unwrap());
        found.push(exact(&dbm, 20.0).unwrap().value.nats);
    }
    found
}

fn annealing(place: &Place) -> Vec<f64> {
    let means = place.visible().mean(0).unwrap();
    let settings =
        Annealing { temperatures: 40, spacing: Spacing::Uniform, chains: 11, kept: None, base_means: vec![means] };
    let found = ais(&place.machine(&SIZES), &settings, Stream::new(6)).unwrap();
    [found.ais.unwrap().log_weights, vec![found.value.nats]].concat()
}

/// The state after some updates, one of them after a rest on the disk, and what was measured.
fn trained<T: Trainer<State = S>, S: State<Model = DbmWithNetwork>>(place: &Place, trainer: &T) -> Vec<f64> {
    let (dbm, visible) = (place.machine(&SIZES), place.visible());
    let mut state = trainer.init(DbmWithNetwork::from_dbm(dbm).unwrap(), Stream::new(7)).unwrap();
    let mut measured = Vec::new();
    for step in 0..4 {
        let stream = Stream::new(8).at(step);
        let update = Update { measured: step == 2, ..Update::new(stream, [0.05, 0.05]) };
        let (next, measurements) = trainer.step(state, &visible, update).unwrap();
        measured.extend(measurements.0.into_iter().map(|(_, value)| value));
        state = if step == 1 { rested(place, &next) } else { next };
    }
    let tensors: Vec<Tensor> = state.tensors().unwrap().into_iter().map(|(_, tensor)| tensor).collect();
    let DbmWithNetwork { dbm, network } = state.model().unwrap();
    let all =
        [&tensors, &matrices(dbm.weights())[..], dbm.biases(), &matrices(network.weights()), network.biases()].concat();
    place.here(&all);
    [values(&all), measured].concat()
}

/// A state written to a checkpoint and read again at the same place.
fn rested<S: State<Model = DbmWithNetwork>>(place: &Place, state: &S) -> S {
    let DbmWithNetwork { dbm, network } = state.model().unwrap();
    let mut tensors = state.tensors().unwrap();
    for (name, all) in [("layers.{}.weight", &matrices(dbm.weights())[..]), ("bias.{}", dbm.biases())] {
        tensors.extend(all.iter().enumerate().map(|(l, one)| (name.replace("{}", &l.to_string()), one.clone())));
    }
    for (name, all) in [("weight", &matrices(network.weights())[..]), ("bias", network.biases())] {
        tensors.extend(all.iter().enumerate().map(|(l, one)| (format!("recognition.{l}.{name}"), one.clone())));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    std::fs::write(&path, to_bytes(&tensors, None).unwrap()).unwrap();
    let file = read(&path, None, &place.device).unwrap();
    S::restore(file.model.try_into().unwrap(), &file.other.into_iter().collect::<SavedTensors>()).unwrap()
}

fn training(place: &Place) -> Vec<f64> {
    let (sgd, negative) = (Sgd { momentum: 0.9, weight_decay: 1e-3 }, NegativePhase { chains: 13, sweeps: 2 });
    let refined = NetworkRefined { by: MeanField::default(), stop: Stop::after(1) };
    let exact = SchemeAlone(Exact { max_bits: 20.0 });
    [
        trained(place, &MaximumLikelihood { positive: refined, negative, dbm: sgd, network: sgd }),
        trained(place, &MaximumLikelihood { positive: exact, negative, dbm: sgd, network: sgd }),
        trained(place, &WakeSleep { negative, dbm: sgd, network: sgd }),
        trained(place, &Pretraining { negative: NegativeStart::Data, sweeps: 1, sgd }),
        trained(place, &Pretraining { negative: NegativeStart::Chains(13), sweeps: 1, sgd }),
    ]
    .concat()
}

const WORKS: [(&str, Work); 6] = [
    ("mean field", mean_field),
    ("Gibbs sampling", gibbs),
    ("the network", network),
    ("exact sums", exactly),
    ("annealing", annealing),
    ("training", training),
];

/// The same draws decide at both places, so only rounding may differ.
fn agree(one: &Place, other: &Place, tolerance: f64) {
    for (name, work) in WORKS {
        let (one, other) = (work(one), work(other));
        assert_eq!(one.len(), other.len(), "{name}");
        for (one, other) in one.iter().zip(other) {
            assert_close(name, *one, other, tolerance * (1.0 + other.abs()));
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    agree(&Place::processor(DType::F32), &Place::processor(DType::F64), 2e-5);
}

#[cfg(feature = "cuda")]
#[test]
fn a_gpu_agrees_with_the_processor() {
    let Ok(device) = Device::new_cuda(0) else { return eprintln!("not tested: there is no GPU") };
    for (dtype, tolerance) in [(DType::F32, 2e-5), (DType::F64, 1e-10)] {
        agree(&Place { device: device.clone(), dtype }, &Place::processor(dtype), tolerance);
    }
}
