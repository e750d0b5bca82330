//! ln Z of a machine in the way asked for, piece by piece, and once for all who ask in the same way.

mod search;

use super::config::LogPartition as Wanted;
use super::judge::{Request, Watch};
use super::presented::Presented;
use super::{Error, Result};
use crate::evaluate::LogPartition;
use crate::math::{Stream, Tensor};
use crate::models::Dbm;
use search::Search;

/// ln Z of one machine, by one stream and with one set of visible means, under the way it was asked for and, where those matter, the
/// examples that it was asked with.
#[derive(Clone, Debug, Default)]
pub struct Known(Option<(Wanted, Option<String>, LogPartition)>);

impl Known {
    /// What is known, or what is found now and known from then on.
    pub(super) fn log_partition(
        &mut self,
        dbm: &Dbm,
        (visible, presented): (&Tensor, &Presented),
        request: &Request,
        stream: Stream,
        watch: &mut Watch,
    ) -> Result<LogPartition> {
        let wanted = &request.log_partition;
        let examples = wanted.reads_examples().then(|| presented.sha256.clone());
        if let Some((.., known)) = self.0.as_ref().filter(|(asked, with, _)| asked == wanted && *with == examples) {
            return Ok(known.clone());
        }
        let search = Search { dbm, visible, visible_means: request.visible_means.as_deref(), stream };
        let found = search.log_partition(wanted, watch)?;
        self.0 = Some((wanted.clone(), examples, found.clone()));
        Ok(found)
    }
}
