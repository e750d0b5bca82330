//! The deep Boltzmann machine with its inference network.
//!
//! Names in a file: `layers.{l}.weight` `[n_l, n_{l+1}]` (rows are the lower layer, l = 0 … L - 1), `bias.{l}` `[n_l]` (0 is the
//! visible layer), and for the inference network `recognition.{l}.weight` `[n_l, n_{l+1}]` and `recognition.{l}.bias` `[n_{l+1}]`.
//! A machine with label units has `labels.weight` `[n_L, classes]` and `labels.bias` `[classes]` besides, and its network
//! `recognition.labels.weight` and `recognition.labels.bias` of the same shapes. Gaussian visible units have their ln σ², `[n_0]`, as
//! `visible.log_variance` where training moves it, else as `visible.fixed_log_variance`; weight and bias 0 are in the units of the data.

use super::super::blocks::{in_blocks, scheme_block};
use super::super::config::{self, LabelUnits, Model, Scheme, VisibleUnits};
use super::super::judge::{Request, Watch, judge_knowing};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record, Value};
use super::super::pictures::{grid, reconstructions, rectangle, strongest};
use super::super::results::Results;
use super::super::sampled_pictures::sampled;
use super::super::{Chosen, Known, Result};
use super::{Kind, Seen, Trained};
use crate::inference::{Inference, Network, Trace};
use crate::learning::DbmWithNetwork;
use crate::math::{DType, Device, Layers, Stream, Tensor, host};
use crate::models::{Dbm, Reconstruct};
use crate::posterior::Posterior;

/// A machine, and its inference network where a file has one.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The machine.
    pub dbm: Dbm,
    /// Its inference network.
    pub network: Option<Network>,
}

impl From<DbmWithNetwork> for Trained {
    fn from(DbmWithNetwork { dbm, network }: DbmWithNetwork) -> Self {
        Self::Machine(Machine { dbm, network: Some(network) })
    }
}

impl TryFrom<Trained> for DbmWithNetwork {
    type Error = candle_core::Error;

    fn try_from(trained: Trained) -> crate::math::Result<Self> {
        match trained {
            Trained::Machine(Machine { dbm, network: Some(network) }) => Ok(Self { dbm, network }),
            Trained::Machine(Machine { dbm, network: None }) => Self::from_dbm(dbm),
            Trained::FineTuned(tuned) => Trained::Machine(tuned.machine).try_into(),
            other => Err(other.is_not("a deep Boltzmann machine")),
        }
    }
}

impl super::Read for Machine {
    fn read(reader: &mut Reader) -> Result<Self> {
        let depth = reader.count(|l| format!("layers.{l}.weight"));
        let dtype = reader.dtype("layers.0.weight");
        let weights =
            (0..depth).map(|l| reader.take(&format!("layers.{l}.weight"), 2, dtype)).collect::<Result<Vec<_>>>()?;
        let biases = (0..=depth).map(|l| reader.take(&format!("bias.{l}"), 1, dtype)).collect::<Result<Vec<_>>>()?;
        let dbm = Dbm::binary(weights, biases).map_err(|error| reader.problem(plain(error)))?;
        let dbm = match reader.has("labels.weight") {
            true => dbm.labelled(reader.take("labels.weight", 2, dtype)?, reader.take("labels.bias", 1, dtype)?),
            false => Ok(dbm),
        };
        let dbm = dbm.map_err(|error| reader.problem(plain(error)))?;
        let dbm = visible(reader, dbm, dtype)?;
        let network = network(reader, &dbm, dtype)?;
        let end = format!("the weights end with layers.{}.weight", depth - 1);
        reader.nothing_left(&["layers.", "bias.", "labels.", "visible.", "recognition."], &end)?;
        Ok(Self { dbm, network })
    }
}

impl Machine {
    /// Means of the hidden layers by the network, where there is one.
    fn means(&self, visible: &Tensor) -> Result<Layers> {
        let answer = self.network.as_ref().map(|network| network.posterior(visible)?.means());
        Ok(answer.transpose()?.unwrap_or_default())
    }
}

/// ln σ² of Gaussian visible units, if training moves it or if it does not.
const LOG_VARIANCES: [(&str, bool); 2] = [("visible.log_variance", true), ("visible.fixed_log_variance", false)];

/// The machine with Gaussian visible units where the file has their variances.
fn visible(reader: &mut Reader, dbm: Dbm, dtype: DType) -> Result<Dbm> {
    let Some((name, learned)) = LOG_VARIANCES.into_iter().find(|(name, _)| reader.has(name)) else { return Ok(dbm) };
    let log_variance = reader.take(name, 1, dtype)?;
    dbm.gaussian(&log_variance, learned).map_err(|error| reader.problem(plain(error)))
}

/// Whether the weights l lead to label units.
fn towards_labels(dbm: &Dbm, l: usize) -> bool {
    l >= dbm.unlabelled_depth()
}

fn weight_name(dbm: &Dbm, l: usize) -> String {
    if towards_labels(dbm, l) { "labels.weight".into() } else { format!("layers.{l}.weight") }
}

fn bias_name(dbm: &Dbm, layer: usize) -> String {
    if layer > dbm.unlabelled_depth() { "labels.bias".into() } else { format!("bias.{layer}") }
}

/// Weight and bias of the network from layer l to the next.
fn recognition_names(dbm: &Dbm, l: usize) -> [String; 2] {
    let to = if towards_labels(dbm, l) { "labels".into() } else { l.to_string() };
    ["weight", "bias"].map(|what| format!("recognition.{to}.{what}"))
}

fn network(reader: &mut Reader, dbm: &Dbm, dtype: DType) -> Result<Option<Network>> {
    if !reader.has_any("recognition.") {
        return Ok(None);
    }
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for l in 0..dbm.depth() {
        let [weight, bias] = recognition_names(dbm, l);
        weights.push(reader.take(&weight, 2, dtype)?);
        biases.push(reader.take(&bias, 1, dtype)?);
        let (found, of) = (weights[l].dims(), dbm.weights()[l].dims());
        if found != of {
            return Err(reader.problem(format!("{weight} is {found:?}, {} is {of:?}", weight_name(dbm, l))));
        }
    }
    let network = Network::new(dbm.units()[1..].to_vec(), weights, biases);
    Ok(Some(network.map_err(|error| reader.problem(plain(error)))?))
}

impl Kind for Machine {
    fn name(&self) -> Option<&'static str> {
        None
    }

    fn section(&self) -> Model {
        let mut hidden = self.dbm.sizes().split_off(1);
        hidden.truncate(self.dbm.unlabelled_depth());
        let labels = if self.dbm.classes().is_some() { LabelUnits::Softmax } else { LabelUnits::None };
        let visible = match self.dbm.units()[0].precision() {
            Some(_) => VisibleUnits::Gaussian,
            None => VisibleUnits::Binary,
        };
        Model::Machine(config::Machine { labels, visible, ..config::Machine::new(hidden) })
    }

    fn usual_schemes(&self) -> Vec<Scheme> {
        match self.network {
            Some(_) => self.section().usual_schemes(),
            None => vec![Scheme::mean_field()],
        }
    }

    fn sizes(&self) -> Vec<usize> {
        self.dbm.sizes()
    }

    fn dtype(&self) -> DType {
        self.dbm.dtype()
    }

    fn device(&self) -> &Device {
        self.dbm.device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = Vec::new();
        for (l, weight) in self.dbm.weights().iter().enumerate() {
            tensors.push((weight_name(&self.dbm, l), weight.tensor()?));
        }
        for (l, bias) in self.dbm.biases().iter().enumerate() {
            tensors.push((bias_name(&self.dbm, l), bias.clone()));
        }
        let visible = &self.dbm.units()[0];
        let name = LOG_VARIANCES.into_iter().find(|(_, learned)| *learned == visible.learns_variance());
        tensors.extend(name.zip(visible.log_variance()).map(|((name, _), tensor)| (name.to_string(), tensor.clone())));
        if let Some(network) = &self.network {
            for (l, (weight, bias)) in network.weights().iter().zip(network.biases()).enumerate() {
                let [weight_name, bias_name] = recognition_names(&self.dbm, l);
                tensors.push((weight_name, weight.tensor()?));
                tensors.push((bias_name, bias.clone()));
            }
        }
        Ok(tensors)
    }

    fn judge(
        &self,
        visible: &Tensor,
        request: &Request,
        known: &mut Known,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Results> {
        judge_knowing(&self.dbm, self.network.as_ref(), visible, request, known, stream, watch)
    }

    fn traces(
        &self,
        visible: &Tensor,
        request: &Request,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Vec<(String, Trace)>> {
        let visible = &self.dbm.visible_of(visible)?;
        let mut traces = Vec::new();
        for (name, scheme) in &request.schemes {
            let traced = Chosen::traced(scheme, self.network.as_ref(), self.dbm.dtype())?;
            let Some(traced) = traced else { continue };
            let mut blocks = Vec::new();
            in_blocks(name, visible, scheme_block(scheme, &self.dbm)?, watch, |first, rows| {
                blocks.push((rows.dim(0)?, traced.infer(&self.dbm, rows, stream.at(first as u64))?.trace));
                Ok(())
            })?;
            traces.push((name.clone(), together(&blocks)));
        }
        Ok(traces)
    }

    fn histograms(&self, seen: Seen, record: &mut Record) -> Result<()> {
        for (l, weight) in self.dbm.weights().iter().enumerate() {
            record.push(format!("weights/layers.{l}"), Value::Histogram(host(&weight.tensor()?)?));
        }
        for (l, bias) in self.dbm.biases().iter().enumerate() {
            record.push(format!("biases/bias.{l}"), Value::Histogram(host(bias)?));
        }
        for (l, weight) in self.network.iter().flat_map(Network::weights).enumerate() {
            record.push(format!("weights/recognition.{l}"), Value::Histogram(host(&weight.tensor()?)?));
        }
        for (l, means) in self.means(seen.visible)?.iter().enumerate() {
            record.push(format!("activations/hidden_{}", l + 1), Value::Histogram(host(means)?));
        }
        Ok(())
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        let (dbm, shape) = (&self.dbm, seen.shape);
        let mut filters = dbm.weights()[0].tensor()?;
        for l in 0..dbm.depth() {
            // Deeper filters are what a unit would like to see, projected down through the weights below it; many have next to none.
            if l > 0 {
                filters = filters.matmul(&dbm.weights()[l].tensor()?)?;
            }
            let units = filters.t()?;
            let units = if l > 0 { strongest(&units)? } else { units };
            record.push(format!("filters/layer_{}", l + 1), grid(&units, shape, Range::Clipped)?);
        }
        let means = self.means(seen.visible)?;
        let again = dbm.reconstruct(&means)?;
        record.push(
            "reconstructions/data_above_reconstruction",
            reconstructions(seen.visible, &again, shape, seen.range())?,
        );
        for (l, means) in means.iter().enumerate() {
            let shape = rectangle(means.dim(1)?);
            record.push(format!("posterior_means/hidden_{}", l + 1), grid(means, shape, Range::Unit)?);
        }
        let chains = (0..=dbm.depth()).map(|l| seen.tensors.get(&format!("chains.{l}")).cloned());
        if let Some(chains) = chains.collect::<Option<Layers>>() {
            let probabilities = dbm.reconstruct(&chains[1..])?;
            record.push("chains/probabilities", grid(&probabilities, shape, seen.range())?);
            record.push("chains/states", grid(&chains[0], shape, seen.range())?);
        }
        if seen.finished { sampled(dbm, seen, record) } else { Ok(()) }
    }
}

/// The sweeps of blocks of examples, given with their sizes, as those of all; a block that is done stays as it is.
fn together(blocks: &[(usize, Trace)]) -> Trace {
    let longest = |of: fn(&Trace) -> &[f64]| blocks.iter().map(|(_, trace)| of(trace).len()).max().unwrap_or(0);
    let examples: usize = blocks.iter().map(|(rows, _)| rows).sum();
    let elbo = |sweep: usize| {
        let at = |elbos: &[f64]| elbos.get(sweep).or(elbos.last()).copied().unwrap_or_default();
        let sum: f64 = blocks.iter().map(|(rows, trace)| *rows as f64 * at(&trace.elbos_unnormalized)).sum();
        sum / examples as f64
    };
    let change =
        |sweep: usize| blocks.iter().filter_map(|(_, trace)| trace.changes.get(sweep).copied()).fold(0.0, f64::max);
    Trace {
        elbos_unnormalized: (0..longest(|trace| &trace.elbos_unnormalized)).map(elbo).collect(),
        changes: (0..longest(|trace| &trace.changes)).map(change).collect(),
        ..Trace::default()
    }
}
