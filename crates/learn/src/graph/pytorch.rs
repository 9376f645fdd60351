//! A network as a Python module that needs PyTorch alone. An architecture supplies its definition in Python; the module is that text,
//! the plan's values, and a function that loads the weights.

use serde_json::Value;

use super::{Graph, Logits};

/// Norms, activations and convolutions; every architecture needs them.
pub const BLOCKS: &str = include_str!("../model/block/torch.py");
/// Residual blocks.
pub const RESIDUAL: &str = include_str!("../model/block/torch_residual.py");
/// Stages of blocks.
pub const STAGE: &str = include_str!("../model/block/torch_stage.py");

/// An architecture in PyTorch.
pub struct Source {
    /// Definitions in the order of their use.
    pub definitions: Vec<&'static str>,
    /// Class of the network.
    pub class: &'static str,
    /// Its arguments.
    pub arguments: Vec<(&'static str, Argument)>,
}

/// An argument of a class.
pub enum Argument {
    /// A number, a word, a list.
    Value(Value),
    /// Triples `[z, y, x]`, which lose their first number in 2D.
    Triples(Vec<[usize; 3]>),
}

impl<T: Into<Value>> From<T> for Argument {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// The file of the weights, beside the module.
pub const WEIGHTS: &str = "model.safetensors";

/// The text of the module. `about`: the network in a few words.
pub fn module(graph: &Graph, source: &Source, about: &str) -> String {
    let dimensions = graph.dimensions();
    let definitions = source.definitions.iter().map(|text| text.trim_end()).collect::<Vec<_>>().join("\n\n\n");
    let arguments = source.arguments.iter().map(|(name, value)| format!("        {name}={},\n", python(graph, value)));
    let arguments: String = arguments.collect();
    let (shape, found) = shapes(graph);
    let about = about.replace(['\\', '"'], "'");
    let class = source.class;
    format!(
        r#""""{about}

`load()` returns the network with its weights, which lie in {WEIGHTS} beside this file. It takes float32 images
{shape}, prepared as metadata.json says, and returns logits
{found}. Needs torch and safetensors.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

DIMENSIONS = {dimensions}
Conv = nn.Conv{dimensions}d
ConvTranspose = nn.ConvTranspose{dimensions}d
AvgPool = nn.AvgPool{dimensions}d
InstanceNorm = nn.InstanceNorm{dimensions}d
BatchNorm = nn.BatchNorm{dimensions}d


{definitions}


def build():
    """The network with random weights."""
    return {class}(
{arguments}    )


def load(path=Path(__file__).with_name("{WEIGHTS}")):
    """The network with its weights, for inference."""
    network = build()
    network.load_state_dict(load_file(path))
    return network.eval()
"#
    )
}

/// Shapes of images and logits, in words.
fn shapes(graph: &Graph) -> (String, String) {
    let axis = |(name, size): (&&str, &usize)| if graph.dynamic { (*name).to_owned() } else { size.to_string() };
    let size = graph.axes_names().iter().zip(graph.axes(&graph.size)).map(axis).collect::<Vec<_>>().join(", ");
    let found = match graph.logits {
        Logits::PerVoxel(outputs) => format!("[batch, {outputs}, {size}]"),
        Logits::PerImage(outputs) => format!("[batch, {outputs}]"),
    };
    (format!("[batch, {}, {size}]", graph.channels), found)
}

fn python(graph: &Graph, argument: &Argument) -> String {
    match argument {
        Argument::Value(value) => literal(value),
        Argument::Triples(triples) => {
            let lists = triples.iter().map(|triple| graph.axes(triple)).map(Value::from);
            literal(&Value::Array(lists.collect()))
        }
    }
}

/// A literal of Python.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Array(values) => format!("[{}]", values.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_literals_of_python() {
        let value = json!([true, false, null, 1, 0.5, "leaky-relu", [[1, 2]]]);
        assert_eq!(literal(&value), "[True, False, None, 1, 0.5, \"leaky-relu\", [[1, 2]]]");
    }

    #[test]
    fn a_name_cannot_end_the_docstring() {
        let graph = Graph::of(1, [1, 8, 8], false, |_, images| images.logits());
        let source = Source {
            definitions: vec!["class Net:\n    pass\n"],
            class: "Net",
            arguments: vec![("strides", Argument::Triples(vec![[1, 2, 3]]))],
        };
        let text = module(&graph, &source, "a \"\"\" and \\ b");
        assert!(text.starts_with("\"\"\"a ''' and ' b\n"), "{text}");
        assert!(text.contains("strides=[[2, 3]],") && text.contains("nn.Conv2d"), "{text}");
    }
}
