//! A network's parameters by name: listing them and replacing their values.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::Network;

/// A parameter or running statistic: `Unet.encoder.0.Plain.0.conv.weight`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Path of module names, joined by dots.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Whether it is trained by gradient descent.
    pub trained: bool,
}

impl Network {
    /// All parameters and running statistics, in module order.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut list = List { path: Vec::new(), found: Vec::new() };
        self.visit(&mut list);
        list.found
    }

    /// The values that a forward pass in training changes: running statistics of batch norm.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics(Vec::new());
        self.visit(&mut statistics);
        statistics
    }

    /// Whether layers keep statistics of the batches: batch norms. Of a network with autodiff.
    pub fn has_running_statistics(&self) -> bool {
        !self.statistics().0.is_empty()
    }

    /// Sets the running statistics back to what they were.
    pub fn with_statistics(self, statistics: Statistics) -> Self {
        self.map(&mut PutBack(statistics.0.into_iter()))
    }

    /// Replaces the values of every parameter for which `values` returns as many as it holds; others are unchanged.
    pub fn with_values(self, values: impl FnMut(&Parameter) -> Option<Vec<f32>>) -> Self {
        self.map(&mut Replace { path: Vec::new(), values })
    }
}

/// Running statistics of a network, in module order.
pub struct Statistics(Vec<Tensor<1>>);

impl ModuleVisitor for Statistics {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !value.is_require_grad() {
            self.0.push(value.flatten(0, D - 1));
        }
    }
}

struct PutBack(std::vec::IntoIter<Tensor<1>>);

impl ModuleMapper for PutBack {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.val().is_require_grad() {
            return param;
        }
        match self.0.next() {
            Some(value) => param.map(|old| value.reshape(old.dims())),
            None => param,
        }
    }
}

struct List {
    path: Vec<String>,
    found: Vec<Parameter>,
}

impl ModuleVisitor for List {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(described(&self.path, param));
    }
}

fn described<const D: usize>(path: &[String], param: &Param<Tensor<D>>) -> Parameter {
    let value = param.val();
    Parameter { name: path.join("."), shape: value.dims().to_vec(), trained: value.is_require_grad() }
}

struct Replace<F> {
    path: Vec<String>,
    values: F,
}

impl<F: FnMut(&Parameter) -> Option<Vec<f32>>> ModuleMapper for Replace<F> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let parameter = described(&self.path, &param);
        let count: usize = parameter.shape.iter().product();
        match (self.values)(&parameter).filter(|values| values.len() == count) {
            Some(values) => param.map(|old| {
                let new = Tensor::from_data(TensorData::new(values, old.dims()), &old.device());
                if parameter.trained { new.require_grad() } else { new }
            }),
            None => param,
        }
    }
}
