//! Nets that machines are unrolled into: what they are before fine-tuning, their gradients, and what they learn.

use crate::gradients::{examples, machines};
use crate::support::{all_states, assert_all_close, assert_close, converted, random_dbm, tensor};
use dbm::inference::{Inference, MeanField, Refined, Stop, Uninformed};
use dbm::learning::{
    Adam, Ascent, Beside, DbmWithNetwork, FineTuned, FineTuning, SavedTensors, Sgd, State, Trainer, Tuned, Update,
    class_cross_entropy, class_gradient, most_probable_classes, softmax_gradient,
};
use dbm::math::{DType, Device, Layers, Stream, Tensor, Weight, host, mean_of};
use dbm::models::{Classifier, Dbm};
use dbm::posterior::Posterior;

const CLASSES: usize = 3;
const RIGHT: [usize; 5] = [0, 2, 1, 1, 2];
const PLAIN: Ascent = Ascent::Sgd(Sgd { momentum: 0.0, weight_decay: 0.0 });

fn by(optimizer: Ascent) -> FineTuning {
    FineTuning { classes: CLASSES, by: optimizer, pull: 0.0, dropout: 0.0, only_output: false }
}

fn normal(name: &str, rows: usize, columns: usize) -> Tensor {
    Stream::new(5).named(name).normal(rows, columns, DType::F64, &Device::Cpu).unwrap()
}

/// The net of a machine with a softmax that tells the classes apart somewhat.
fn net(dbm: &Dbm) -> Classifier {
    let (units, mut weights, mut biases) = Classifier::unrolled(dbm, CLASSES).unwrap().into_parts();
    let top = dbm.sizes()[dbm.depth()];
    *weights.last_mut().unwrap() = normal("output", top, CLASSES).into();
    *biases.last_mut().unwrap() = normal("chance", 1, CLASSES).squeeze(0).unwrap();
    Classifier::new(units, weights, biases).unwrap()
}

/// Means of the hidden layers by converged mean field.
fn mean_field(dbm: &Dbm, visible: &Tensor) -> Layers {
    let by = Refined { start: Uninformed, by: MeanField::default(), stop: Stop::when_within(1e-14, 100_000) };
    by.infer(dbm, visible, Stream::new(0)).unwrap().q.means().unwrap()
}

/// Weights and biases in one list of tensors.
fn parameters(net: &Classifier) -> Vec<Tensor> {
    net.weights().iter().map(|weight| weight.tensor().unwrap()).chain(net.biases().iter().cloned()).collect()
}

fn flat(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(|tensor| host(tensor).unwrap()).collect()
}

fn with(net: &Classifier, parameters: &[Tensor]) -> Classifier {
    let (weights, biases) = parameters.split_at(net.weights().len());
    let weights = weights.iter().cloned().map(Weight::from).collect();
    Classifier::new(net.units().to_vec(), weights, biases.to_vec()).unwrap()
}

/// Mean of ln p(class | v) at these parameters.
fn objective(net: &Classifier, visible: &Tensor, above: &[Tensor], dropout: Option<(f64, Stream)>) -> f64 {
    let log_probs = net.pass(visible, above, dropout).unwrap().log_probs;
    -mean_of(&class_cross_entropy(&log_probs, &RIGHT).unwrap())
}

/// Central differences of the objective by every parameter.
fn differences(net: &Classifier, objective: impl Fn(&Classifier) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let (all, mut found) = (parameters(net), Vec::new());
    for (which, tensor) in all.iter().enumerate() {
        let values = host(tensor).unwrap();
        for index in 0..values.len() {
            let moved = |by: f64| {
                let (mut values, mut all) = (values.clone(), all.clone());
                values[index] += by;
                all[which] = Tensor::from_vec(values, tensor.shape(), tensor.device()).unwrap();
                objective(&with(net, &all))
            };
            found.push((moved(STEP) - moved(-STEP)) / (2.0 * STEP));
        }
    }
    found
}

#[test]
fn the_gradient_of_the_class_log_probability_matches_central_differences() {
    for dbm in machines() {
        let (visible, net) = (examples(dbm.sizes()[0]), net(&dbm));
        // Means that are no fixed point, and grey examples.
        let above: Layers = dbm.sizes()[2..]
            .iter()
            .enumerate()
            .map(|(l, &n)| Stream::new(3).at(l as u64).uniform(5, n, DType::F64, &Device::Cpu).unwrap())
            .collect();
        let visible = ((visible * 0.8).unwrap() + 0.1).unwrap();
        for dropout in [None, Some((0.4, Stream::new(9)))] {
            let pass = net.pass(&visible, &above, dropout).unwrap();
            let gradient = class_gradient(&net, &visible, &above, &pass, &RIGHT).unwrap().dense().unwrap();
            let found = flat(&gradient.tensors().unwrap());
            let expected = differences(&net, |net| objective(net, &visible, &above, dropout));
            assert_all_close(&format!("{:?}", dbm.sizes()), &found, &expected, 1e-9);
            let softmax = softmax_gradient(&pass, &RIGHT).unwrap().dense().unwrap();
            assert_eq!(flat(&softmax.biases), flat(&gradient.biases[dbm.depth()..]));
            let last = gradient.weights.last().unwrap().tensor().unwrap();
            assert_eq!(flat(&[softmax.weights[0].tensor().unwrap()]), flat(&[last]));
        }
    }
}

#[test]
fn fresh_from_a_machine_every_layer_of_the_net_has_the_means_of_converged_mean_field() {
    for dbm in machines() {
        let visible = examples(dbm.sizes()[0]);
        let means = mean_field(&dbm, &visible);
        let net = Classifier::unrolled(&dbm, CLASSES).unwrap();
        let pass = net.pass(&visible, &means[1..], None).unwrap();
        for (l, (found, expected)) in pass.sent.iter().zip(&means).enumerate() {
            let what = format!("{:?}, layer {l}", dbm.sizes());
            assert_all_close(&what, &host(found).unwrap(), &host(expected).unwrap(), 1e-12);
        }
        assert_eq!(pass.sent.len(), dbm.depth());
        for nats in host(&pass.log_probs).unwrap() {
            assert_close("ln p(class)", nats, -(CLASSES as f64).ln(), 1e-15);
        }
    }
}

#[test]
fn class_probabilities_sum_to_one_and_do_not_feel_what_is_added_to_the_score_of_every_class() {
    let dbm = random_dbm(&[4, 3, 2], 1.0, 0.5, 2);
    let (visible, net) = (examples(4), net(&dbm));
    let above = &mean_field(&dbm, &visible)[1..];
    let before = net.log_probs(&visible, above).unwrap();
    for row in before.to_vec2::<f64>().unwrap() {
        assert_close("sum", row.iter().map(|nats| nats.exp()).sum(), 1.0, 1e-14);
    }
    for shift in [3.0, 1000.0] {
        let (units, mut weights, mut biases) = net.clone().into_parts();
        let column = normal("column", 2, 1).broadcast_as((2, CLASSES)).unwrap();
        *weights.last_mut().unwrap() = (weights.last().unwrap().tensor().unwrap() + column).unwrap().into();
        *biases.last_mut().unwrap() = (biases.last().unwrap() + shift).unwrap();
        let moved = Classifier::new(units, weights, biases).unwrap().log_probs(&visible, above).unwrap();
        assert_all_close("ln p", &host(&moved).unwrap(), &host(&before).unwrap(), 1e-15 * (10.0 + 4.0 * shift));
    }
}

/// An update on the examples with these classes.
fn update<'a>(step: u64, rate: f64, labels: &'a Tensor, above: &'a [Tensor]) -> Update<'a> {
    Update {
        beside: Beside { labels: Some(labels), inputs: above },
        ..Update::new(Stream::new(4).at(step), [rate, 0.0])
    }
}

fn labels(classes: &[usize]) -> Tensor {
    let classes: Vec<u32> = classes.iter().map(|&class| class as u32).collect();
    Tensor::new(classes, &Device::Cpu).unwrap()
}

fn begun(trainer: &FineTuning, dbm: &Dbm) -> FineTuned {
    let machine = DbmWithNetwork::from_dbm(dbm.clone()).unwrap();
    trainer.init(Tuned { machine, classifier: None }, Stream::new(0)).unwrap()
}

/// The machine, four examples of which are told apart by two pixels, and what the net reads beside them.
fn task(dtype: DType) -> (Dbm, Tensor, Layers, Vec<usize>) {
    let (dbm, states) = (random_dbm(&[4, 6, 5], 0.5, 0.1, 8), all_states(4));
    let classes = states.iter().map(|pixels| if pixels[0] == 0.0 { 0 } else { 1 + pixels[2] as usize }).collect();
    let above = mean_field(&dbm, &tensor(&states)).split_off(1);
    let cast = |tensor: &Tensor| tensor.to_dtype(dtype).unwrap();
    (converted(&dbm, dtype), cast(&tensor(&states)), above.iter().map(cast).collect(), classes)
}

fn after(trainer: &FineTuning, mut state: FineTuned, steps: std::ops::Range<u64>, rate: f64) -> FineTuned {
    let dtype = state.machine.dbm.dtype();
    let (_, visible, above, classes) = task(dtype);
    let labels = labels(&classes);
    for step in steps {
        state = trainer.step(state, &visible, update(step, rate, &labels, &above)).unwrap().0;
    }
    state
}

fn wrong(net: &Classifier, visible: &Tensor, above: &[Tensor], classes: &[usize]) -> usize {
    let named = most_probable_classes(&net.log_probs(visible, above).unwrap()).unwrap();
    named.iter().zip(classes).filter(|(named, class)| named != class).count()
}

const ADAM: Ascent = Ascent::Adam(Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
const MOMENTUM: Ascent = Ascent::Sgd(Sgd { momentum: 0.9, weight_decay: 0.0 });

#[test]
fn classes_that_can_be_told_apart_are_and_the_machine_stays_as_it_is() {
    for (optimizer, rate, dropout) in [(ADAM, 0.02, 0.0), (ADAM, 0.02, 0.2), (MOMENTUM, 0.3, 0.0)] {
        let (dbm, visible, above, classes) = task(DType::F32);
        let trainer = FineTuning { dropout, ..by(optimizer) };
        let begun = begun(&trainer, &dbm);
        assert!(wrong(&begun.classifier, &visible, &above, &classes) > 4);
        let state = after(&trainer, begun, 0..300, rate);
        assert_eq!(wrong(&state.classifier, &visible, &above, &classes), 0, "{optimizer:?}, dropout {dropout}");
        let kept = |dbm: &Dbm| flat(&dbm.weights().iter().map(|w| w.tensor().unwrap()).collect::<Vec<_>>());
        assert_eq!(kept(&state.machine.dbm), kept(&dbm));
    }
}

#[test]
fn a_softmax_that_learns_alone_moves_as_it_does_with_the_others_and_leaves_them_as_they_are() {
    let (dbm, ..) = task(DType::F64);
    let (alone, together) = (FineTuning { only_output: true, ..by(PLAIN) }, by(PLAIN));
    let first = after(&alone, begun(&alone, &dbm), 0..1, 0.1).classifier;
    let all = after(&together, begun(&together, &dbm), 0..1, 0.1).classifier;
    let output = |net: &Classifier| flat(&[net.output().tensor().unwrap(), net.biases()[net.depth()].clone()]);
    assert_eq!(output(&first), output(&all));
    let fresh = begun(&alone, &dbm).classifier;
    let hidden = |net: &Classifier| {
        let parameters = parameters(net);
        flat(&[&parameters[..3], &parameters[4..6]].concat())
    };
    let later = after(&alone, begun(&alone, &dbm), 0..20, 0.1).classifier;
    assert_eq!(hidden(&later), hidden(&fresh));
    let moved = after(&together, begun(&together, &dbm), 0..2, 0.1).classifier;
    assert!(hidden(&moved) != hidden(&fresh));
}

#[test]
fn weight_decay_in_the_gradient_is_that_of_momentum_and_biases_do_not_decay() {
    let (dbm, ..) = task(DType::F64);
    let of_sgd = by(Ascent::Sgd(Sgd { momentum: 0.5, weight_decay: 0.3 }));
    let in_gradient = FineTuning { pull: 0.3, ..by(Ascent::Sgd(Sgd { momentum: 0.5, weight_decay: 0.0 })) };
    let [one, other] = [of_sgd, in_gradient]
        .map(|trainer| flat(&parameters(&after(&trainer, begun(&trainer, &dbm), 0..5, 0.1).classifier)));
    assert_all_close("parameters", &one, &other, 1e-14);
    let without = by(Ascent::Sgd(Sgd { momentum: 0.5, weight_decay: 0.0 }));
    let plain = flat(&parameters(&after(&without, begun(&without, &dbm), 0..5, 0.1).classifier));
    assert!(plain.iter().zip(&one).any(|(plain, decayed)| (plain - decayed).abs() > 1e-3));
}

#[test]
fn fine_tuning_goes_on_alike_from_what_is_saved_of_it() {
    for dtype in [DType::F32, DType::F64] {
        for (optimizer, only_output) in [(ADAM, false), (ADAM, true), (MOMENTUM, false), (MOMENTUM, true)] {
            let trainer = FineTuning { only_output, dropout: 0.3, pull: 0.01, ..by(optimizer) };
            let (dbm, ..) = task(dtype);
            let whole = after(&trainer, begun(&trainer, &dbm), 0..6, 0.05);
            let half = after(&trainer, begun(&trainer, &dbm), 0..3, 0.05);
            let saved: SavedTensors = half.tensors().unwrap().into_iter().collect();
            let again = after(&trainer, FineTuned::restore(half.model().unwrap(), &saved).unwrap(), 3..6, 0.05);
            assert_eq!(flat(&parameters(&again.classifier)), flat(&parameters(&whole.classifier)));
            let memory =
                |state: &FineTuned| state.tensors().unwrap().into_iter().map(|(_, one)| one).collect::<Vec<_>>();
            assert_eq!(flat(&memory(&again)), flat(&memory(&whole)));
        }
    }
}

#[test]
fn the_kernels_fine_tune_as_double_precision_does() {
    for optimizer in [MOMENTUM, by(PLAIN).by] {
        let trainer = by(optimizer);
        let [single, double] = [DType::F32, DType::F64].map(|dtype| {
            let (dbm, ..) = task(dtype);
            flat(&parameters(&after(&trainer, begun(&trainer, &dbm), 0..10, 0.1).classifier))
        });
        assert_all_close("parameters", &single, &double, 2e-5);
    }
}

#[test]
fn fine_tuning_without_classes_or_with_too_many_is_refused() {
    let (dbm, visible, above, mut classes) = task(DType::F64);
    let trainer = by(PLAIN);
    let known = labels(&classes);
    let untold = Update { beside: Beside { labels: None, inputs: &above }, ..update(0, 0.1, &known, &above) };
    assert!(trainer.step(begun(&trainer, &dbm), &visible, untold).is_err());
    let blind = Update { beside: Beside { labels: Some(&known), inputs: &[] }, ..untold };
    assert!(trainer.step(begun(&trainer, &dbm), &visible, blind).is_err());
    classes[3] = CLASSES;
    let beyond = labels(&classes);
    assert!(trainer.step(begun(&trainer, &dbm), &visible, update(0, 0.1, &beyond, &above)).is_err());
}
