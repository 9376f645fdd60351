//! ONNX files of graphs.

pub mod proto;

use prost::Message;

use super::{Array, Attribute, Constant, Graph, INPUT, Logits, Node, OPSET, OUTPUT, ints};
use proto::{EXTERNAL, Entry, FLOAT, INT64, Length};

/// Version of the file format that goes with [`OPSET`].
const IR_VERSION: i64 = 8;

/// Most bytes of weights that stay inside the file: protocol buffers end at 2 GiB.
pub const MOST_INSIDE: usize = 2_000_000_000;

/// The file of weights that do not fit, beside that of the network.
pub const EXTERNAL_DATA: &str = "model.onnx.data";

/// Alignment of a weight in that file.
const ALIGNMENT: usize = 64;

/// A network as files.
pub struct Files {
    /// The ONNX file.
    pub model: Vec<u8>,
    /// The content of [`EXTERNAL_DATA`], if weights lie there.
    pub data: Option<Vec<u8>>,
}

/// The ONNX file of a graph, with these texts as its metadata. Weights lie in a second file if they have more bytes than
/// `most_inside`, usually [`MOST_INSIDE`].
pub fn files(graph: &Graph, description: &str, properties: &[(&str, String)], most_inside: usize) -> Files {
    let mut data = (4 * graph.parameters() > most_inside).then(Vec::new);
    let mut initializer: Vec<proto::Tensor> =
        graph.weights.iter().map(|(name, array)| weight(name, array, data.as_mut())).collect();
    initializer.extend(graph.constants.iter().map(|(name, constant)| fixed(name, constant)));
    let entry = |(key, value): &(&str, String)| Entry { key: (*key).into(), value: value.clone() };
    let model = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "segspec".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: description.into(),
        graph: Some(proto::Graph {
            node: graph.nodes.iter().map(node).collect(),
            name: "network".into(),
            initializer,
            input: vec![value(INPUT, graph.channels, &per_voxel(graph))],
            output: vec![match graph.logits {
                Logits::PerVoxel(outputs) => value(OUTPUT, outputs, &per_voxel(graph)),
                Logits::PerImage(outputs) => value(OUTPUT, outputs, &[]),
            }],
        }),
        opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: properties.iter().map(entry).collect(),
    };
    Files { model: model.encode_to_vec(), data }
}

/// Lengths of the spatial axes.
fn per_voxel(graph: &Graph) -> Vec<Length> {
    let length = |(name, size): (&&str, &usize)| match graph.dynamic {
        true => Length::Named((*name).into()),
        false => Length::Fixed(*size as i64),
    };
    graph.axes_names().iter().zip(graph.axes(&graph.size)).map(length).collect()
}

/// An input or output `[batch, channels, …]`.
fn value(name: &str, channels: usize, rest: &[Length]) -> proto::ValueInfo {
    let lengths = [Length::Named("batch".into()), Length::Fixed(channels as i64)];
    let dimension = |length: &Length| proto::Dimension { length: Some(length.clone()) };
    let shape = proto::Shape { dim: lengths.iter().chain(rest).map(dimension).collect() };
    let tensor = proto::TensorKind { elem_type: FLOAT, shape: Some(shape) };
    proto::ValueInfo { name: name.into(), kind: Some(proto::Kind { tensor: Some(tensor) }) }
}

fn node(node: &Node) -> proto::Node {
    proto::Node {
        input: node.inputs.clone(),
        output: vec![node.output.clone()],
        name: node.output.clone(),
        op_type: node.operation.into(),
        attribute: node.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
    }
}

fn attribute(name: &str, value: &Attribute) -> proto::Attribute {
    let empty = proto::Attribute { name: name.into(), ..proto::Attribute::default() };
    match value {
        Attribute::Float(value) => proto::Attribute { f: Some(*value), kind: 1, ..empty },
        Attribute::Int(value) => proto::Attribute { i: Some(*value), kind: 2, ..empty },
        Attribute::Text(value) => proto::Attribute { s: Some(value.as_bytes().to_vec()), kind: 3, ..empty },
        Attribute::Ints(values) => proto::Attribute { ints: values.clone(), kind: 7, ..empty },
    }
}

/// A weight, whose values are appended to `data` if there is another file for them.
fn weight(name: &str, array: &Array, data: Option<&mut Vec<u8>>) -> proto::Tensor {
    let bytes = super::safetensors::bytes(&array.values);
    let tensor = tensor(name, ints(array.shape.iter().copied()), FLOAT);
    let Some(data) = data else { return proto::Tensor { raw_data: Some(bytes), ..tensor } };
    data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
    let place = [
        ("location", EXTERNAL_DATA.to_owned()),
        ("offset", data.len().to_string()),
        ("length", bytes.len().to_string()),
    ];
    data.extend(bytes);
    let external_data = place.into_iter().map(|(key, value)| Entry { key: key.into(), value }).collect();
    proto::Tensor { external_data, data_location: Some(EXTERNAL), ..tensor }
}

fn fixed(name: &str, constant: &Constant) -> proto::Tensor {
    let (count, kind, bytes) = match constant {
        Constant::Integers(values) => {
            (values.len(), INT64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
        Constant::Numbers(values) => (values.len(), FLOAT, super::safetensors::bytes(values)),
    };
    proto::Tensor { raw_data: Some(bytes), ..tensor(name, vec![count as i64], kind) }
}

fn tensor(name: &str, dims: Vec<i64>, data_type: i32) -> proto::Tensor {
    proto::Tensor { dims, data_type, name: name.into(), ..proto::Tensor::default() }
}
