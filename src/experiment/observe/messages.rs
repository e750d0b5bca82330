//! What TensorBoard calls things: our values as its protocol buffers.

use super::layout::Curves;
use super::{Chart, Hyperparameter, Image, Section, Value};
use crate::experiment::{Error, Result};
use protobuf::well_known_types::Value as ProtoValue;
use protobuf::{Message, ProtobufError};
use std::collections::BTreeMap;
use tensorboard_proto::api::Status;
use tensorboard_proto::layout::{
    Category, Chart as ProtoChart, Layout, MarginChartContent, MarginChartContent_Series, MultilineChartContent,
};
use tensorboard_proto::plugin_hparams::{HParamsPluginData, SessionEndInfo, SessionStartInfo};
use tensorboard_proto::plugin_text::TextPluginData;
use tensorboard_proto::summary::{Summary_Image, Summary_Value, SummaryMetadata, SummaryMetadata_PluginData};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::tensor_shape::{TensorShapeProto, TensorShapeProto_Dim};
use tensorboard_proto::types::DataType;

pub(super) const START_TAG: &str = "_hparams_/session_start_info";
pub(super) const END_TAG: &str = "_hparams_/session_end_info";
pub(super) const LAYOUT_TAG: &str = "custom_scalars__config__";

/// Buckets of a histogram; as many as TensorBoard's own writer makes.
const BUCKETS: usize = 30;

/// A value under its name, or nothing where there is nothing to draw (a histogram without a finite value).
pub(super) fn value(tag: &str, value: &Value) -> Result<Option<Summary_Value>> {
    Ok(match value {
        Value::Scalar(number) => Some(scalar(tag, *number)),
        Value::Histogram(values) => histogram(tag, values),
        Value::Image(picture) => Some(image(tag, picture)?),
        Value::Text(markdown) => Some(text(tag, markdown)?),
    })
}

/// The plain form, single precision: of all forms the one every loader shows, NaN and infinities included.
fn scalar(tag: &str, number: f64) -> Summary_Value {
    let mut value = named(tag);
    value.set_simple_value(number as f32);
    value
}

fn image(tag: &str, picture: &Image) -> Result<Summary_Value> {
    let mut message = Summary_Image::new();
    // A PNG of more than 2^31 pixels a side cannot be encoded at all.
    message.set_width(i32::try_from(picture.width()).unwrap_or(i32::MAX));
    message.set_height(i32::try_from(picture.height()).unwrap_or(i32::MAX));
    message.set_colorspace(1);
    message.set_encoded_image_string(picture.png()?);
    let mut value = named(tag);
    value.set_image(message);
    Ok(value)
}

pub(super) fn text(tag: &str, markdown: &str) -> Result<Summary_Value> {
    let content = TextPluginData::new().write_to_bytes().map_err(unencodable)?;
    Ok(plugin(tag, "text", content, string_tensor(markdown.as_bytes().to_vec())))
}

/// Rows of (left, right, count): equal widths from the smallest to the largest finite value.
fn histogram(tag: &str, values: &[f64]) -> Option<Summary_Value> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let (low, high) =
        finite.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let width = (high / BUCKETS as f64) - (low / BUCKETS as f64);
    let rows: Vec<[f64; 3]> = if finite.is_empty() {
        return None;
    } else if width > 0.0 {
        let mut counts = [0.0; BUCKETS];
        for value in &finite {
            let bucket = ((value / width - low / width) as usize).min(BUCKETS - 1);
            counts[bucket] += 1.0;
        }
        let edge = |k: usize| if k == BUCKETS { high } else { low + width * k as f64 };
        counts.iter().enumerate().map(|(k, count)| [edge(k), edge(k + 1), *count]).collect()
    } else {
        vec![[low - 0.5, high + 0.5, finite.len() as f64]]
    };
    let mut tensor = tensor(DataType::DT_DOUBLE, &[rows.len() as i64, 3]);
    tensor.set_tensor_content(rows.iter().flatten().flat_map(|number| number.to_le_bytes()).collect());
    Some(plugin(tag, "histograms", Vec::new(), tensor))
}

/// The head of a session: makes the run a row of the HParams table.
pub(super) fn session_start(settings: &BTreeMap<String, Hyperparameter>, seconds: f64) -> Result<Summary_Value> {
    let mut info = SessionStartInfo::new();
    info.set_hparams(settings.iter().map(|(name, setting)| (name.clone(), proto_value(setting))).collect());
    info.set_start_time_secs(seconds);
    let mut data = HParamsPluginData::new();
    data.set_session_start_info(info);
    session(START_TAG, &data)
}

/// The end of a session: its status in the HParams table.
pub(super) fn session_end(status: Status, seconds: f64) -> Result<Summary_Value> {
    let mut info = SessionEndInfo::new();
    info.set_status(status);
    info.set_end_time_secs(seconds);
    let mut data = HParamsPluginData::new();
    data.set_session_end_info(info);
    session(END_TAG, &data)
}

fn session(tag: &str, data: &HParamsPluginData) -> Result<Summary_Value> {
    let content = data.write_to_bytes().map_err(unencodable)?;
    Ok(plugin(tag, "hparams", content, tensor(DataType::DT_FLOAT, &[0])))
}

fn proto_value(setting: &Hyperparameter) -> ProtoValue {
    let mut value = ProtoValue::new();
    match setting {
        Hyperparameter::Number(number) => value.set_number_value(*number),
        Hyperparameter::Word(word) => value.set_string_value(word.clone()),
        Hyperparameter::Switch(on) => value.set_bool_value(*on),
    }
    value
}

/// The page of combined charts.
pub(super) fn layout(sections: &[Section]) -> Result<Summary_Value> {
    let mut layout = Layout::new();
    for section in sections {
        let mut category = Category::new();
        category.set_title(section.title.clone());
        category.set_chart(section.charts.iter().map(chart).collect());
        layout.mut_category().push(category);
    }
    let bytes = layout.write_to_bytes().map_err(unencodable)?;
    Ok(plugin(LAYOUT_TAG, "custom_scalars", Vec::new(), string_tensor(bytes)))
}

fn chart(chart: &Chart) -> ProtoChart {
    let mut message = ProtoChart::new();
    message.set_title(chart.title.clone());
    match &chart.curves {
        Curves::Lines(tags) => {
            let mut content = MultilineChartContent::new();
            content.set_tag(tags.clone().into());
            message.set_multiline(content);
        }
        Curves::Band { value, lower, upper } => {
            let mut series = MarginChartContent_Series::new();
            series.set_value(value.clone());
            series.set_lower(lower.clone());
            series.set_upper(upper.clone());
            let mut content = MarginChartContent::new();
            content.set_series(vec![series].into());
            message.set_margin(content);
        }
    }
    message
}

fn named(tag: &str) -> Summary_Value {
    let mut value = Summary_Value::new();
    value.set_tag(tag.to_string());
    value
}

fn plugin(tag: &str, name: &str, content: Vec<u8>, tensor: TensorProto) -> Summary_Value {
    let mut data = SummaryMetadata_PluginData::new();
    data.set_plugin_name(name.to_string());
    data.set_content(content);
    let mut metadata = SummaryMetadata::new();
    metadata.set_plugin_data(data);
    let mut value = named(tag);
    value.set_metadata(metadata);
    value.set_tensor(tensor);
    value
}

fn string_tensor(bytes: Vec<u8>) -> TensorProto {
    let mut tensor = tensor(DataType::DT_STRING, &[]);
    tensor.set_string_val(vec![bytes].into());
    tensor
}

fn tensor(dtype: DataType, shape: &[i64]) -> TensorProto {
    let mut dimensions = TensorShapeProto::new();
    for size in shape {
        let mut dimension = TensorShapeProto_Dim::new();
        dimension.set_size(*size);
        dimensions.mut_dim().push(dimension);
    }
    let mut tensor = TensorProto::new();
    tensor.set_dtype(dtype);
    tensor.set_tensor_shape(dimensions);
    tensor
}

pub(super) fn unencodable(error: ProtobufError) -> Error {
    Error::Compute { problem: format!("an event cannot be encoded: {error}") }
}
