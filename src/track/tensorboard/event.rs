//! Events of TensorBoard as protocol buffers, and their records in a file.
//!
//! Source: `tensorboard/compat/proto/{event,summary,tensor,tensor_shape}.proto` and `tensorboard/plugins/hparams/plugin_data.proto` of
//! TensorBoard 2.21; only the fields that are written. A record is the TFRecord of TensorFlow: length, its checksum, bytes, their
//! checksum.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// What the first event of every file says.
pub const VERSION: &str = "brain.Event:2";

/// An event.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Training steps.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// Its content.
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

/// Content of an event.
#[derive(Clone, PartialEq, Oneof)]
pub enum What {
    /// Version of the file.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// Values of a step.
    #[prost(message, tag = "5")]
    Summary(Summary),
    /// A training begins or resumes.
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// Beginning of a training: later steps that an earlier file has are dropped.
#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    /// 1: start.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// Values.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A named value.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// Its name, with `/` between groups.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// What kind of value it is.
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
    /// The value.
    #[prost(oneof = "Content", tags = "2, 4, 8")]
    pub content: Option<Content>,
}

/// A value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Content {
    /// A scalar.
    #[prost(float, tag = "2")]
    Scalar(f32),
    /// A picture.
    #[prost(message, tag = "4")]
    Image(Image),
    /// Texts; a dummy for hyperparameters.
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

/// A picture.
#[derive(Clone, PartialEq, Message)]
pub struct Image {
    /// In pixels.
    #[prost(int32, tag = "1")]
    pub height: i32,
    /// In pixels.
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// 3: RGB.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// The PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded: Vec<u8>,
}

/// A tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// 1: float, 7: string.
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// Its shape.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
    /// Its numbers.
    #[prost(float, repeated, tag = "5")]
    pub floats: Vec<f32>,
    /// Its texts.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub strings: Vec<Vec<u8>>,
}

/// The shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    /// Its dimensions.
    #[prost(message, repeated, tag = "2")]
    pub dimensions: Vec<Dimension>,
}

/// A dimension.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    /// Its size.
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// What a plugin needs to know about a value.
#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    /// The plugin.
    #[prost(message, optional, tag = "1")]
    pub plugin: Option<Plugin>,
    /// 2: tensor.
    #[prost(int32, tag = "4")]
    pub data_class: i32,
}

/// A plugin with its data.
#[derive(Clone, PartialEq, Message)]
pub struct Plugin {
    /// `text` or `hparams`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its data.
    #[prost(bytes = "vec", tag = "2")]
    pub content: Vec<u8>,
}

/// Data of the plugin `hparams`.
#[derive(Clone, PartialEq, Message)]
pub struct HParams {
    /// What kind of data it is.
    #[prost(oneof = "Session", tags = "2, 3, 4")]
    pub session: Option<Session>,
}

/// Data of the plugin `hparams`.
#[derive(Clone, PartialEq, Oneof)]
pub enum Session {
    /// Names of hyperparameters and metrics.
    #[prost(message, tag = "2")]
    Experiment(Experiment),
    /// The values of a run.
    #[prost(message, tag = "3")]
    Start(Start),
    /// Its end.
    #[prost(message, tag = "4")]
    End(End),
}

/// Names of hyperparameters and metrics.
#[derive(Clone, PartialEq, Message)]
pub struct Experiment {
    /// The hyperparameters.
    #[prost(message, repeated, tag = "4")]
    pub hparams: Vec<HParamInfo>,
    /// The metrics.
    #[prost(message, repeated, tag = "5")]
    pub metrics: Vec<MetricInfo>,
}

/// A hyperparameter.
#[derive(Clone, PartialEq, Message)]
pub struct HParamInfo {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// 1: string, 2: bool, 3: number.
    #[prost(int32, tag = "4")]
    pub kind: i32,
}

/// A metric.
#[derive(Clone, PartialEq, Message)]
pub struct MetricInfo {
    /// Its name.
    #[prost(message, optional, tag = "1")]
    pub name: Option<MetricName>,
}

/// Name of a metric.
#[derive(Clone, PartialEq, Message)]
pub struct MetricName {
    /// The tag of its scalars.
    #[prost(string, tag = "2")]
    pub tag: String,
}

/// The values of a run.
#[derive(Clone, PartialEq, Message)]
pub struct Start {
    /// The hyperparameters.
    #[prost(btree_map = "string, message", tag = "1")]
    pub hparams: BTreeMap<String, Setting>,
    /// Name of the run.
    #[prost(string, tag = "4")]
    pub group: String,
    /// Seconds since 1970.
    #[prost(double, tag = "5")]
    pub seconds: f64,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
pub struct Setting {
    /// The value.
    #[prost(oneof = "Given", tags = "2, 3, 4")]
    pub given: Option<Given>,
}

/// Value of a hyperparameter.
#[derive(Clone, PartialEq, Oneof)]
pub enum Given {
    /// A number.
    #[prost(double, tag = "2")]
    Number(f64),
    /// A text.
    #[prost(string, tag = "3")]
    Text(String),
    /// Yes or no.
    #[prost(bool, tag = "4")]
    Flag(bool),
}

/// End of a run.
#[derive(Clone, PartialEq, Message)]
pub struct End {
    /// 1: success, 2: failure.
    #[prost(int32, tag = "1")]
    pub status: i32,
    /// Seconds since 1970.
    #[prost(double, tag = "2")]
    pub seconds: f64,
}

/// The record of an event.
pub fn record(event: &Event) -> Vec<u8> {
    let bytes = event.encode_to_vec();
    let length = (bytes.len() as u64).to_le_bytes();
    [&length, &masked(&length).to_le_bytes()[..], &bytes, &masked(&bytes).to_le_bytes()].concat()
}

/// A checksum as TFRecord masks it.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A scalar.
pub fn scalar(tag: impl Into<String>, value: f64) -> Value {
    Value { tag: tag.into(), metadata: None, content: Some(Content::Scalar(value as f32)) }
}

/// A picture, as a PNG file of a size `[height, width]`.
pub fn image(tag: impl Into<String>, encoded: Vec<u8>, [height, width]: [u32; 2]) -> Value {
    let image = Image { height: height as i32, width: width as i32, colorspace: 3, encoded };
    Value { tag: tag.into(), metadata: None, content: Some(Content::Image(image)) }
}

/// A text in Markdown.
pub fn text(tag: impl Into<String>, text: &str) -> Value {
    let shape = Shape { dimensions: vec![Dimension { size: 1 }] };
    let tensor = Tensor { dtype: 7, shape: Some(shape), floats: Vec::new(), strings: vec![text.into()] };
    plugin(tag, "text", Vec::new(), tensor)
}

/// Data of the plugin `hparams`.
pub fn hparams(session: Session) -> Value {
    let tag = match &session {
        Session::Experiment(_) => "_hparams_/experiment",
        Session::Start(_) => "_hparams_/session_start_info",
        Session::End(_) => "_hparams_/session_end_info",
    };
    let content = HParams { session: Some(session) }.encode_to_vec();
    let dummy = Tensor { dtype: 1, shape: Some(Shape::default()), floats: vec![0.0], strings: Vec::new() };
    plugin(tag, "hparams", content, dummy)
}

fn plugin(tag: impl Into<String>, name: &str, content: Vec<u8>, tensor: Tensor) -> Value {
    let metadata = Metadata { plugin: Some(Plugin { name: name.into(), content }), data_class: 2 };
    Value { tag: tag.into(), metadata: Some(metadata), content: Some(Content::Tensor(tensor)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of `tensorboard.summary.writer` 2.21 for the first record of a file written at second 1.
    #[test]
    fn the_first_record_is_that_of_tensorboard() {
        let event = Event { wall_time: 1.0, step: 0, what: Some(What::FileVersion(VERSION.into())) };
        let bytes = record(&event);
        let expected = [
            &[0x18, 0, 0, 0, 0, 0, 0, 0][..],
            &masked(&24_u64.to_le_bytes()).to_le_bytes(),
            &[0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x1a, 0x0d],
            VERSION.as_bytes(),
        ]
        .concat();
        assert_eq!(bytes[..expected.len()], expected);
        assert_eq!(bytes.len(), 8 + 4 + 24 + 4);
        // The length's checksum of every event file that TensorFlow writes.
        assert_eq!(bytes[8..12], [0xa3, 0x7f, 0x4b, 0x22]);
    }
}
