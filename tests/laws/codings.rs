//! Binary sparse coding under the schemes that know only conditionals, pairs and modes; every unit is a layer of its own.

use crate::latent_models::{coding, normal};
use crate::support::{assert_all_close, assert_close, rows};
use dbm::evaluate::elbo;
use dbm::inference::{
    Exact, Gibbs, Inference, IteratedModes, Map, MeanField, Refine, Refined, Stop, Structured, Tables, Uninformed,
};
use dbm::math::{Stream, Tensor, host};
use dbm::models::{BinarySparseCoding, Conditionals, Evidence, LatentModel, Reading, Schedule, Swept};
use dbm::posterior::Posterior;

#[test]
fn one_table_of_all_causes_is_exact_and_smaller_ones_lie_between() {
    let (model, visible) = (coding(5, 4, 1.0, 1), normal("v", 6, 5, 1));
    let evidence = model.log_evidence(&visible).unwrap();
    let stop = Stop::when_within(1e-12, 500);
    let mean_field = || Refined { start: Uninformed, by: MeanField::default(), stop };
    let start = mean_field().infer(&model, &visible, Stream::new(0)).unwrap().q;
    let factorial = elbo(&model, &visible, &start, 0.0).unwrap();
    let structured = |size| {
        let scheme = Structured { start: mean_field(), tables: Tables::OfSize(size), max_bits: 10.0, stop };
        let q = scheme.infer(&model, &visible, Stream::new(0)).unwrap().q;
        elbo(&model, &visible, &q, 0.0).unwrap()
    };
    assert_all_close("one table", &structured(4), &evidence, 1e-9);
    for (example, pairs) in structured(2).into_iter().enumerate() {
        assert!(pairs >= factorial[example] - 1e-10, "tables from a solution of mean field are no worse");
        assert!(pairs <= evidence[example] + 1e-10);
    }
}

#[test]
fn the_most_probable_causes_are_the_peak_of_the_table() {
    let (model, visible) = (coding(4, 5, 1.5, 2), normal("v", 8, 4, 2));
    let (table, evidence) = model.clamp(&visible).unwrap().tabulate(8.0).unwrap();
    let peaks: Vec<f64> = rows(table.log_probs())
        .iter()
        .zip(&evidence)
        .map(|(row, evidence)| row.iter().copied().fold(f64::MIN, f64::max) + evidence)
        .collect();
    let log_joint = |states: &[Tensor]| host(&model.clamp(&visible).unwrap().log_joint(states).unwrap()).unwrap();
    let best = Map { max_bits: 8.0 }.infer(&model, &visible, Stream::new(0)).unwrap().q;
    assert_all_close("enumeration", &log_joint(&best.means().unwrap()), &peaks, 1e-10);
    let search = IteratedModes { starts: 20, max_sweeps: 100 };
    let found = search.infer(&model, &visible, Stream::new(0)).unwrap().q;
    for (found, peak) in log_joint(&found.means().unwrap()).into_iter().zip(&peaks) {
        assert!(found <= peak + 1e-10, "a search went above the peak");
    }
    // One by one, each cause takes its better state: the joint never falls.
    let conditionals = model.clamp(&visible).unwrap();
    let mut swept = Swept::from_states(vec![Tensor::zeros((8, 1), visible.dtype(), visible.device()).unwrap(); 5]);
    let mut before = log_joint(&swept.states);
    for _ in 0..6 {
        swept = conditionals.sweep(swept, Schedule::Ascending, Reading::Mode).unwrap();
        let after = log_joint(&swept.states);
        assert!(before.iter().zip(&after).all(|(before, after)| *after >= before - 1e-12));
        before = after;
    }
}

#[test]
fn gibbs_sampling_of_causes_finds_their_means() {
    let (model, visible) = (coding(4, 3, 0.6, 3), normal("v", 2, 4, 3));
    let exact = Exact { max_bits: 4.0 }.infer(&model, &visible, Stream::new(0)).unwrap().q;
    let by = Gibbs { schedule: Schedule::Ascending, burn_in: 50 };
    let start = Uninformed.infer(&model, &visible, Stream::new(0)).unwrap().q;
    let found = by.refine(&model.clamp(&visible).unwrap(), start, Stop::after(4000), Stream::new(3)).unwrap().q;
    for (found, exact) in found.means().unwrap().iter().zip(exact.means().unwrap()) {
        // Rao-Blackwellised averages of a slowly mixing chain: within a few times 1 / sqrt(sweeps).
        for (found, exact) in host(found).unwrap().into_iter().zip(host(&exact).unwrap()) {
            assert_close("E[h]", found, exact, 0.05);
        }
    }
}

#[test]
fn a_model_is_the_tensors_it_is_saved_as() {
    let model = coding(4, 3, 0.6, 3);
    let again = BinarySparseCoding::from_named(&model.named().into_iter().collect()).unwrap();
    let visible = normal("v", 3, 4, 3);
    assert_eq!(model.log_evidence(&visible).unwrap(), again.log_evidence(&visible).unwrap());
    let without = model.named().into_iter().filter(|(name, _)| name != "beta").collect();
    assert!(BinarySparseCoding::from_named(&without).unwrap_err().to_string().contains("beta"));
}
