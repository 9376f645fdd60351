//! One side of a comparison: a device, and the numbers that an operation gets on it.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::shake::Shake;
use crate::backend::Precision;
use crate::random;

/// Numerators of drawn numbers are odd and below this; the denominator of all.
const STEPS: i32 = 128;

/// Factor of a network's loss in f16: less than training begins with, because the test does not repeat a step that overflowed.
const LOSS_SCALE: f32 = 4096.0;

/// Values of a result by its name: `output`, or `gradient` with the number of its input.
pub type Results = Vec<(String, Vec<f32>)>;

/// A device with the inputs and results of an operation. Drawn numbers are the same on every side.
pub struct Side<'a> {
    device: &'a Device,
    precision: Precision,
    stream: ChaCha8Rng,
    results: Results,
    /// Sums of outputs times drawn numbers, of which gradients are taken.
    total: Option<Tensor<1>>,
    gradients: Vec<(String, Read)>,
    shake: Option<Shake>,
}

/// Reads a gradient; `None` where there is none.
type Read = Box<dyn FnOnce(&Gradients) -> Option<Vec<f32>>>;

impl<'a> Side<'a> {
    /// A side without inputs; the device is one with autodiff.
    pub fn new(device: &'a Device, precision: Precision, operation: &str) -> Self {
        let stream = random::stream(0, operation, 0, 0);
        Self { device, precision, stream, results: Vec::new(), total: None, gradients: Vec::new(), shake: None }
    }

    /// The same side with other numbers.
    pub fn with_other_numbers(self, operation: &str) -> Self {
        Self { stream: random::stream(1, operation, 0, 0), ..self }
    }

    /// The same side, whose networks and images have random errors, other ones for each seed.
    pub fn shaken(self, seed: u64) -> Self {
        Self { shake: Some(Shake::new(seed)), ..self }
    }

    /// A network as it is, or shaken.
    pub fn network<M: Module>(&mut self, network: M) -> M {
        match &mut self.shake {
            Some(shake) => shake.network(network),
            None => network,
        }
    }

    /// The device, with autodiff.
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// Floating-point type of the operation.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// An input whose gradient is compared, in the floating-point type of the operation. Its numbers are odd multiples of 1/128 between
    /// −1 and 1: never 0, where the slope of a ReLU is a convention, and the same in 32 and 16 bits, so that inputs are equal on both
    /// sides. Products of two of them and their sums up to 1024 are exact in 32 bits: whether a device multiplies in TF32 makes no
    /// difference, and what is left are mistakes.
    pub fn leaf<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let values = self.coarse(shape.iter().product());
        self.leaf_of(values, shape)
    }

    /// An input as [`Self::leaf`] whose numbers are all different and fill their range, in 32 bits only: for maxima and thresholds, which
    /// equal numbers leave undecided, and for sums of many terms, whose roundings would not be independent if the terms were few numbers.
    pub fn distinct_leaf<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let values = self.distinct(shape.iter().product());
        self.leaf_of(values, shape)
    }

    /// An input without a gradient, with numbers as in [`Self::leaf`].
    pub fn constant<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let values = self.coarse(shape.iter().product());
        self.precision.cast(Tensor::from_data(TensorData::new(values, shape), self.device))
    }

    /// Images of a network, without a gradient: numbers as in [`Self::distinct_leaf`], in 32 bits, which a network casts itself.
    pub fn distinct_images(&mut self, shape: [usize; 5]) -> Tensor<5> {
        let mut values = self.distinct(shape.iter().product());
        if let Some(shake) = &mut self.shake {
            shake.values(&mut values);
        }
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }

    /// Whole numbers from `first` to `last`.
    pub fn whole<const D: usize>(&mut self, shape: [usize; D], [first, last]: [i32; 2]) -> Tensor<D, Int> {
        let count = shape.iter().product();
        let values: Vec<i32> = (0..count).map(|_| self.stream.random_range(first..=last)).collect();
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }

    fn distinct(&mut self, count: usize) -> Vec<f32> {
        let mut order: Vec<usize> = (0..count).collect();
        order.shuffle(&mut self.stream);
        order.into_iter().map(|place| (2 * place + 1) as f32 / count as f32 - 1.0).collect()
    }

    fn coarse(&mut self, count: usize) -> Vec<f32> {
        let half = STEPS / 2;
        (0..count).map(|_| (2 * self.stream.random_range(-half..half) + 1) as f32 / STEPS as f32).collect()
    }

    fn leaf_of<const D: usize>(&mut self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        let leaf = Tensor::<D>::from_data(TensorData::new(values, shape), self.device).require_grad();
        let name = format!("gradient {}", self.gradients.len() + 1);
        let known = leaf.clone();
        self.gradients.push((name, Box::new(move |gradients| known.grad(gradients).map(host))));
        self.precision.cast(leaf)
    }

    /// A result whose gradients are compared, too: those of its sum, weighted by drawn numbers.
    pub fn output<const D: usize>(&mut self, output: Tensor<D>) {
        let output = Precision::F32.cast(output);
        let count = output.dims().iter().product();
        let weights = TensorData::new(self.coarse(count), output.dims());
        let part = (output.clone() * Tensor::from_data(weights, self.device)).sum();
        self.results.push((format!("output{}", self.ordinal()), host(output)));
        self.total = Some(match self.total.take() {
            Some(total) => total + part,
            None => part,
        });
    }

    /// A result without gradients.
    pub fn value<const D: usize>(&mut self, name: &str, value: Tensor<D>) {
        self.results.push((name.to_owned(), host(value)));
    }

    /// The gradients of a network's loss, in module order, and the loss. In f16 the loss is scaled, as in training: gradients would
    /// underflow.
    pub fn loss_of<M: Module>(&mut self, network: &M, loss: Tensor<1>) {
        self.value("loss", loss.clone());
        let scale = if self.precision.scales_loss() { LOSS_SCALE } else { 1.0 };
        let gradients = loss.mul_scalar(scale).backward();
        let mut found = Found { gradients, scale, results: Vec::new(), path: Vec::new() };
        network.visit(&mut found);
        self.results.append(&mut found.results);
    }

    /// Nothing for the first output, then its number.
    fn ordinal(&self) -> String {
        let before = self.results.iter().filter(|(name, _)| name.starts_with("output")).count();
        if before == 0 { String::new() } else { format!(" {}", before + 1) }
    }

    /// All results: outputs, then gradients.
    pub fn finish(mut self) -> Results {
        let Some(total) = self.total.take() else { return self.results };
        let gradients = total.backward();
        for (name, read) in self.gradients {
            // An input that does not reach any output has no gradient on either side.
            self.results.extend(read(&gradients).map(|values| (name, values)));
        }
        self.results
    }
}

/// The values of a tensor in f32; empty if the device did not return them.
pub(super) fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec::<f32>().unwrap_or_default()
}

/// Gradients of a module's parameters, by their paths.
struct Found {
    gradients: Gradients,
    /// They are multiplied by this.
    scale: f32,
    results: Results,
    path: Vec<String>,
}

impl ModuleVisitor for Found {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(&self.gradients) {
            let values = host(gradient).into_iter().map(|value| value / self.scale).collect();
            self.results.push((format!("gradient of {}", self.path.join(".")), values));
        }
    }
}
