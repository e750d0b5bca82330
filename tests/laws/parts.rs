//! What a trainer tells of an update while it goes on.

use crate::learning::{PLAIN, begin, some_examples};
use crate::support::random_dbm;
use dbm::inference::{MeanField, Refined, Stop, Uninformed};
use dbm::learning::{
    DbmWithNetwork, Listener, MaximumLikelihood, NegativePhase, NegativeStart, Part, Pretraining, SchemeAlone, State,
    Trainer, Update, WakeSleep,
};
use dbm::math::Stream;
use std::cell::RefCell;

#[derive(Default)]
struct Heard(RefCell<Vec<Part>>);

impl Listener for Heard {
    fn begins(&self, part: Part) {
        self.0.borrow_mut().push(part);
    }
}

/// The parts of one update, in order.
fn parts<T: Trainer<State = S>, S: State<Model = DbmWithNetwork>>(trainer: &T, measured: bool) -> Vec<Part> {
    let heard = Heard::default();
    let update = Update { measured, listener: Some(&heard), ..Update::new(Stream::new(3), [0.1, 0.1]) };
    trainer.step(begin(trainer, &random_dbm(&[5, 4, 3], 0.4, 0.2, 41)), &some_examples(), update).unwrap();
    heard.0.into_inner()
}

fn assert_tells<S: State<Model = DbmWithNetwork>>(trainer: &impl Trainer<State = S>, phases: [Part; 2]) {
    assert_eq!(parts(trainer, false), [&phases[..], &[Part::Gradient; 2]].concat());
    let end = [Part::Gradient, Part::Measurements, Part::Gradient];
    assert_eq!(parts(trainer, true), [&phases[..], &end].concat());
}

#[test]
fn every_trainer_tells_of_every_part_of_an_update() {
    let negative = NegativePhase { chains: 3, sweeps: 2 };
    let positive = SchemeAlone(Refined { start: Uninformed, by: MeanField::default(), stop: Stop::after(2) });
    let likelihood = MaximumLikelihood { positive, negative, dbm: PLAIN, network: PLAIN };
    assert_tells(&likelihood, [Part::Positive, Part::Negative]);
    assert_tells(&WakeSleep { negative, dbm: PLAIN, network: PLAIN }, [Part::Negative, Part::Positive]);
    for negative in [NegativeStart::Data, NegativeStart::Chains(3)] {
        assert_tells(&Pretraining { negative, sweeps: 1, sgd: PLAIN }, [Part::Positive, Part::Negative]);
    }
}
