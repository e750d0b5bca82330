//! A deep Boltzmann machine and the net it was unrolled into, which names classes.
//!
//! Names in a file, beside those of the machine: `classifier.{l}.weight` `[n_l, n_{l+1}]` from l = 0, `classifier.{l}.bias` `[n_{l+1}]`,
//! `classifier.{l}.top_down` `[n_{l+1}, n_{l+2}]` of every hidden layer but the topmost, which takes the means of the second hidden layer and
//! of those above it to the layer below each, and `classifier.output.weight` `[n_L, classes]`, `classifier.output.bias` `[classes]`.

use super::super::config::{Model, Scheme};
use super::super::judge::{Request, Watch};
use super::super::model_file::{Reader, plain};
use super::super::observe::{Range, Record, Value};
use super::super::pictures::grid;
use super::super::results::Results;
use super::super::{Known, Result};
use super::{Kind, Machine, Read, Seen, Trained};
use crate::inference::Trace;
use crate::learning::{DbmWithNetwork, Tuned};
use crate::math::{DType, Device, Stream, Tensor, host};
use crate::models::Classifier;

/// A machine, which is judged as any other, and its net.
#[derive(Clone, Debug)]
pub struct FineTuned {
    /// The machine.
    pub machine: Machine,
    /// The net.
    pub classifier: Classifier,
}

impl From<Tuned> for Trained {
    fn from(Tuned { machine: DbmWithNetwork { dbm, network }, classifier }: Tuned) -> Self {
        let machine = Machine { dbm, network: Some(network) };
        match classifier {
            Some(classifier) => Self::FineTuned(FineTuned { machine, classifier }),
            None => Self::Machine(machine),
        }
    }
}

impl TryFrom<Trained> for Tuned {
    type Error = candle_core::Error;

    fn try_from(trained: Trained) -> crate::math::Result<Self> {
        let (trained, classifier) = match trained {
            Trained::FineTuned(FineTuned { machine, classifier }) => (Trained::Machine(machine), Some(classifier)),
            other => (other, None),
        };
        Ok(Self { machine: trained.try_into()?, classifier })
    }
}

impl Read for FineTuned {
    fn read(reader: &mut Reader) -> Result<Self> {
        let machine = Machine::read(reader)?;
        let (depth, dtype) = (machine.dbm.depth(), machine.dbm.dtype());
        let mut matrices = |what: &str, layers: usize| {
            let names = (0..layers).map(|l| format!("classifier.{l}.{what}"));
            names.map(|name| Ok(reader.take(&name, 2, dtype)?.into())).collect::<Result<Vec<_>>>()
        };
        let mut weights = [matrices("weight", depth)?, matrices("top_down", depth - 1)?].concat();
        weights.push(reader.take("classifier.output.weight", 2, dtype)?.into());
        let layers = (0..depth).map(|l| l.to_string()).chain(["output".into()]);
        let biases = layers.map(|layer| reader.take(&format!("classifier.{layer}.bias"), 1, dtype));
        let biases = biases.collect::<Result<_>>()?;
        reader.nothing_left(&["classifier."], &format!("the machine has {depth} hidden layers"))?;
        let units = machine.dbm.units()[1..].to_vec();
        let classifier = Classifier::new(units, weights, biases).map_err(|error| reader.problem(plain(error)))?;
        if classifier.visible() != machine.dbm.sizes()[0] {
            return Err(reader.problem(format!("the classifier reads {} visible units", classifier.visible())));
        }
        Ok(Self { machine, classifier })
    }
}

impl Kind for FineTuned {
    fn name(&self) -> Option<&'static str> {
        self.machine.name()
    }

    fn section(&self) -> Model {
        self.machine.section()
    }

    fn usual_schemes(&self) -> Vec<Scheme> {
        self.machine.usual_schemes()
    }

    fn sizes(&self) -> Vec<usize> {
        self.machine.sizes()
    }

    fn dtype(&self) -> DType {
        self.machine.dtype()
    }

    fn device(&self) -> &Device {
        self.machine.device()
    }

    fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let (mut tensors, net) = (self.machine.tensors()?, &self.classifier);
        for l in 0..net.depth() {
            tensors.push((format!("classifier.{l}.weight"), net.up(l).tensor()?));
            tensors.push((format!("classifier.{l}.bias"), net.biases()[l].clone()));
            if let Some(down) = net.down(l) {
                tensors.push((format!("classifier.{l}.top_down"), down.tensor()?));
            }
        }
        tensors.push(("classifier.output.weight".into(), net.output().tensor()?));
        tensors.push(("classifier.output.bias".into(), net.biases()[net.depth()].clone()));
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
        self.machine.judge(visible, request, known, stream, watch)
    }

    fn traces(
        &self,
        visible: &Tensor,
        request: &Request,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<Vec<(String, Trace)>> {
        self.machine.traces(visible, request, stream, watch)
    }

    fn histograms(&self, seen: Seen, record: &mut Record) -> Result<()> {
        for (l, weight) in self.classifier.weights().iter().enumerate() {
            record.push(format!("weights/classifier.{l}"), Value::Histogram(host(&weight.tensor()?)?));
        }
        self.machine.histograms(seen, record)
    }

    fn images(&self, seen: Seen, record: &mut Record) -> Result<()> {
        let filters = self.classifier.up(0).tensor()?.t()?;
        record.push("filters/classifier_1", grid(&filters, seen.shape, Range::Symmetric)?);
        self.machine.images(seen, record)
    }
}
