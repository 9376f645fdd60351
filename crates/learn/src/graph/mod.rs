//! A network as a graph of operations with named weights, for other programs. Every architecture traces its inference pass into one
//! ([`Forward::trace`](crate::model::architecture::Forward::trace)); [`onnx`] and [`safetensors`] make files of it, [`pytorch`] a
//! Python module that takes the same weights.
//!
//! The operations are those of ONNX, opset [`OPSET`]. A network for 2D patches, which is a 3D network of depth 1 here, becomes a 2D
//! graph: its images are `[batch, channel, height, width]`, as other programs expect.

pub mod onnx;
pub mod pytorch;
pub mod safetensors;
mod images;
mod tokens;

use std::collections::BTreeMap;

use burn::tensor::Tensor;

pub use images::{Convolution, Images};
pub use tokens::Tokens;

/// Version of the operations of ONNX that graphs consist of: that of 2022, which every runtime of the last years reads.
pub const OPSET: i64 = 17;

/// Name of the graph's input.
pub const INPUT: &str = "images";

/// Name of the graph's output.
pub const OUTPUT: &str = "logits";

/// Names of the axes of images.
const AXES: [&str; 3] = ["depth", "height", "width"];

/// Values in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// As many as the product of the dimensions.
    pub values: Vec<f32>,
}

impl Array {
    /// The values of a tensor, in f32.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        Self { shape, values: tensor.into_data().convert::<f32>().try_into_vec().unwrap_or_default() }
    }
}

/// Setting of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// Integers.
    Ints(Vec<i64>),
    /// A number.
    Float(f32),
    /// A word.
    Text(&'static str),
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its type in ONNX.
    pub operation: &'static str,
    /// Names of values, weights and constants; empty for one that is left out.
    pub inputs: Vec<String>,
    /// Name of the result, that of the node too.
    pub output: String,
    /// Its settings.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// A number that is no weight: a shape, or the scale of a norm without one.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// Integers, `[n]`.
    Integers(Vec<i64>),
    /// Numbers, `[n]`.
    Numbers(Vec<f32>),
}

/// Shape of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logits {
    /// `[batch, outputs, depth, height, width]`, without the depth in 2D, of the size of the input.
    PerVoxel(usize),
    /// `[batch, outputs]`.
    PerImage(usize),
}

/// A network at inference.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Channels of the images.
    pub channels: usize,
    /// Size `[z, y, x]` of the images that it was traced with.
    pub size: [usize; 3],
    /// Whether images are 2D, without depth.
    pub flat: bool,
    /// Whether it takes images of other sizes, too.
    pub dynamic: bool,
    /// Its output.
    pub logits: Logits,
    /// The operations, each after those whose results it takes.
    pub nodes: Vec<Node>,
    /// The weights by name, in the order of their use.
    pub weights: Vec<(String, Array)>,
    /// Everything else that is fixed, by name.
    pub constants: BTreeMap<String, Constant>,
    scope: Vec<String>,
    names: BTreeMap<String, usize>,
}

impl Graph {
    /// Traces a network: `trace` adds its operations and returns the name and form of the logits. The graph is 2D if the images have depth 1.
    /// `dynamic`: sizes are computed in the graph, so that it takes others, too.
    pub fn of(
        channels: usize,
        size: [usize; 3],
        dynamic: bool,
        trace: impl FnOnce(&mut Self, Images) -> (String, Logits),
    ) -> Self {
        let mut graph = Self {
            channels,
            size,
            flat: size[0] == 1,
            dynamic,
            logits: Logits::PerVoxel(0),
            nodes: Vec::new(),
            weights: Vec::new(),
            constants: BTreeMap::new(),
            scope: Vec::new(),
            names: BTreeMap::new(),
        };
        let (last, logits) = trace(&mut graph, Images { name: INPUT.into(), channels, size });
        graph.logits = logits;
        graph.rename(&last);
        graph
    }

    /// Number of spatial axes.
    pub fn dimensions(&self) -> usize {
        if self.flat { 2 } else { 3 }
    }

    /// The part of a triple `[z, y, x]` that belongs to an axis of the graph.
    pub fn axes<'a>(&self, triple: &'a [usize; 3]) -> &'a [usize] {
        if self.flat { &triple[1..] } else { triple }
    }

    /// Names of its spatial axes.
    pub fn axes_names(&self) -> &'static [&'static str] {
        if self.flat { &AXES[1..] } else { &AXES }
    }

    /// Number of weights.
    pub fn parameters(&self) -> usize {
        self.weights.iter().map(|(_, array)| array.values.len()).sum()
    }

    /// Traces a part of the network whose weights are named `name.…`.
    pub fn within<T>(&mut self, name: impl ToString, trace: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.push(name.to_string());
        let result = trace(self);
        self.scope.pop();
        result
    }

    /// The last result gets the name of the output.
    fn rename(&mut self, last: &str) {
        for node in &mut self.nodes {
            let names = node.inputs.iter_mut().chain([&mut node.output]);
            names.filter(|name| *name == last).for_each(|name| *name = OUTPUT.into());
        }
    }

    /// A name in the current scope.
    fn scoped(&self, name: &str) -> String {
        self.scope.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".")
    }

    /// Adds a weight and returns its name.
    fn weight(&mut self, name: &str, array: Array) -> String {
        let name = self.scoped(name);
        self.weights.push((name.clone(), array));
        name
    }

    /// Adds integers and returns their name.
    fn integers(&mut self, values: Vec<i64>) -> String {
        let words: Vec<String> = values.iter().map(ToString::to_string).collect();
        let name = format!("integers[{}]", words.join(","));
        self.constants.insert(name.clone(), Constant::Integers(values));
        name
    }

    /// Adds numbers and returns their name.
    fn numbers(&mut self, name: &str, values: Vec<f32>) -> String {
        let name = format!("{name}[{}]", values.len());
        self.constants.insert(name.clone(), Constant::Numbers(values));
        name
    }

    /// Adds an operation and returns the name of its result.
    fn node(&mut self, operation: &'static str, inputs: &[&str], attributes: Vec<(&'static str, Attribute)>) -> String {
        let name = self.scoped(operation);
        let seen = self.names.entry(name.clone()).or_default();
        *seen += 1;
        let output = if *seen == 1 { name } else { format!("{name}_{seen}") };
        let inputs = inputs.iter().map(|name| (*name).to_owned()).collect();
        self.nodes.push(Node { operation, inputs, output: output.clone(), attributes });
        output
    }
}

/// Integers as ONNX has them.
fn ints(values: impl IntoIterator<Item = usize>) -> Vec<i64> {
    values.into_iter().map(|value| value as i64).collect()
}
