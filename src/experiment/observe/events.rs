//! Reads TensorBoard event files back, checksums verified.

use super::messages::{END_TAG, START_TAG};
use super::{Ended, Hyperparameter};
use crate::experiment::{Error, Result};
use protobuf::well_known_types::Value_oneof_kind;
use protobuf::{Message, ProtobufError};
use std::collections::BTreeMap;
use std::path::Path;
use tensorboard_proto::event::{Event as ProtoEvent, Event_oneof_what, SessionLog_SessionStatus};
use tensorboard_proto::plugin_hparams::{HParamsPluginData, HParamsPluginData_oneof_data};
use tensorboard_proto::summary::{Summary_Value, Summary_Value_oneof_value};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_rs::masked_crc32c::masked_crc32c;

/// The content of an event file.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// Every whole event, in file order.
    pub events: Vec<Event>,
    /// Where a last, incomplete record starts (bytes), if the writer was stopped in the middle of one or is still at it.
    pub torn_at: Option<u64>,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time: f64,
    /// Updates made; of a session's start, the first step the session may write.
    pub step: i64,
    /// Its content.
    pub logged: Logged,
}

/// What an event holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Logged {
    /// The format, at the head of the file.
    Version(String),
    /// A session starts: steps from this one on in older files are void.
    Start,
    /// Values by tag, in file order.
    Values(Vec<(String, LoggedValue)>),
    /// Something this program does not write.
    Other,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum LoggedValue {
    /// A point of a curve, read from single precision.
    Scalar(f64),
    /// Buckets from left to right; each begins where the one before it ends.
    Histogram(Vec<Bucket>),
    /// A picture.
    Image {
        /// Pixels per line.
        width: usize,
        /// Lines.
        height: usize,
        /// The picture as a PNG file.
        png: Vec<u8>,
    },
    /// Markdown.
    Text(String),
    /// The settings of the run, by their dotted paths.
    Hyperparameters(BTreeMap<String, Hyperparameter>),
    /// The run is over, finished or failed.
    End(Ended),
    /// Something this reader does not decode.
    Other,
}

/// One bar of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Smallest value counted.
    pub left: f64,
    /// Where the next bucket begins; the last one counts this value too.
    pub right: f64,
    /// How many values lie between.
    pub count: f64,
}

/// Reads a whole event file. An incomplete last record is reported in the result; any damage is an error.
pub fn read_events(path: &Path) -> Result<Events> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let mut events = Vec::new();
    let mut rest = bytes.as_slice();
    loop {
        let offset = (bytes.len() - rest.len()) as u64;
        let damaged = |what: String| Error::Model {
            path: path.to_path_buf(),
            problem: format!("{what} in the record at byte {offset}"),
            remedy: "restore the file from a backup; the run's metrics.jsonl holds the same numbers".into(),
        };
        match take_record(rest).map_err(|what| damaged(what.into()))? {
            Taken::End => return Ok(Events { events, torn_at: None }),
            Taken::Torn => return Ok(Events { events, torn_at: Some(offset) }),
            Taken::Record { payload, after } => {
                events.push(event(payload).map_err(|error| damaged(format!("no event ({error})")))?);
                rest = after;
            }
        }
    }
}

enum Taken<'a> {
    End,
    Torn,
    Record { payload: &'a [u8], after: &'a [u8] },
}

/// A record is: length (8 bytes), its checksum (4), that many bytes, their checksum (4); all little-endian.
fn take_record(bytes: &[u8]) -> std::result::Result<Taken<'_>, &'static str> {
    if bytes.is_empty() {
        return Ok(Taken::End);
    }
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return Ok(Taken::Torn) };
    let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return Ok(Taken::Torn) };
    if masked_crc32c(length) != u32::from_le_bytes(*sum) {
        return Err("wrong checksum of the length");
    }
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let Some((payload, rest)) = rest.split_at_checked(length) else { return Ok(Taken::Torn) };
    let Some((sum, after)) = rest.split_first_chunk::<4>() else { return Ok(Taken::Torn) };
    if masked_crc32c(payload) != u32::from_le_bytes(*sum) {
        return Err("wrong checksum of the content");
    }
    Ok(Taken::Record { payload, after })
}

fn event(payload: &[u8]) -> std::result::Result<Event, ProtobufError> {
    let message = parse::<ProtoEvent>(payload)?;
    let logged = match message.what {
        Some(Event_oneof_what::file_version(version)) => Logged::Version(version),
        Some(Event_oneof_what::session_log(log)) if log.status == SessionLog_SessionStatus::START => Logged::Start,
        Some(Event_oneof_what::summary(summary)) => {
            let values = summary.value.into_iter().map(|value| Ok((value.tag.clone(), logged_value(value)?)));
            Logged::Values(values.collect::<std::result::Result<_, ProtobufError>>()?)
        }
        _ => Logged::Other,
    };
    Ok(Event { wall_time: message.wall_time, step: message.step, logged })
}

fn logged_value(message: Summary_Value) -> std::result::Result<LoggedValue, ProtobufError> {
    let data = message.get_metadata().get_plugin_data();
    let (plugin, content) = (data.plugin_name.clone(), data.content.clone());
    Ok(match message.value {
        Some(Summary_Value_oneof_value::simple_value(number)) => LoggedValue::Scalar(number.into()),
        Some(Summary_Value_oneof_value::image(image)) => LoggedValue::Image {
            width: image.width.try_into().unwrap_or(0),
            height: image.height.try_into().unwrap_or(0),
            png: image.encoded_image_string,
        },
        Some(Summary_Value_oneof_value::tensor(tensor)) => match plugin.as_str() {
            "histograms" => LoggedValue::Histogram(buckets(&tensor)),
            "text" => LoggedValue::Text(
                tensor.string_val.iter().map(|line| String::from_utf8_lossy(line)).collect::<Vec<_>>().join("\n"),
            ),
            "hparams" if message.tag == START_TAG || message.tag == END_TAG => session(&content)?,
            _ => LoggedValue::Other,
        },
        _ => LoggedValue::Other,
    })
}

fn buckets(tensor: &TensorProto) -> Vec<Bucket> {
    let (numbers, _) = tensor.tensor_content.as_chunks::<8>();
    let (rows, _) = numbers.as_chunks::<3>();
    rows.iter()
        .map(|row| row.map(f64::from_le_bytes))
        .map(|[left, right, count]| Bucket { left, right, count })
        .collect()
}

fn session(content: &[u8]) -> std::result::Result<LoggedValue, ProtobufError> {
    Ok(match parse::<HParamsPluginData>(content)?.data {
        Some(HParamsPluginData_oneof_data::session_start_info(start)) => LoggedValue::Hyperparameters(
            start.hparams.into_iter().filter_map(|(name, value)| Some((name, hyperparameter(value.kind?)?))).collect(),
        ),
        Some(HParamsPluginData_oneof_data::session_end_info(end)) => {
            let success = end.status == tensorboard_proto::api::Status::STATUS_SUCCESS;
            LoggedValue::End(if success { Ended::Finished } else { Ended::Failed })
        }
        _ => LoggedValue::Other,
    })
}

fn hyperparameter(kind: Value_oneof_kind) -> Option<Hyperparameter> {
    match kind {
        Value_oneof_kind::number_value(number) => Some(Hyperparameter::Number(number)),
        Value_oneof_kind::string_value(word) => Some(Hyperparameter::Word(word)),
        Value_oneof_kind::bool_value(on) => Some(Hyperparameter::Switch(on)),
        _ => None,
    }
}

fn parse<M: Message>(bytes: &[u8]) -> std::result::Result<M, ProtobufError> {
    M::parse_from_bytes(bytes)
}
