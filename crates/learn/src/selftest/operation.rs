//! What is compared.

use super::bound::Arithmetic;
use super::side::Side;
use super::{networks, operations};

/// An operation with its inputs.
pub struct Operation {
    /// What it is called in the table.
    pub name: &'static str,
    /// Its shape and settings.
    pub shape: String,
    /// What decides its error.
    pub arithmetic: Arithmetic,
    /// How its results are compared.
    pub measure: Measure,
    /// Whether networks compute it in 32 bits, whatever their precision.
    pub only_f32: bool,
    /// Whether a device is tried with it before its first use.
    pub is_critical: bool,
    /// Draws the inputs and computes the results.
    pub work: Box<dyn Fn(&mut Side)>,
}

/// How results are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Value by value.
    Values,
    /// As a whole, for networks: see [`super::bound::relative_length`].
    Length,
}

impl Operation {
    /// An operation in the network's precision.
    pub fn new(name: &'static str, shape: String, arithmetic: Arithmetic, work: impl Fn(&mut Side) + 'static) -> Self {
        let measure = Measure::Values;
        Self { name, shape, arithmetic, measure, only_f32: false, is_critical: false, work: Box::new(work) }
    }

    /// The same in 32 bits only.
    pub fn in_f32(self) -> Self {
        Self { only_f32: true, ..self }
    }

    /// The same, as a part of the trial, if it is.
    pub fn critical(self, is_critical: bool) -> Self {
        Self { is_critical, ..self }
    }
}

/// Every operation and network.
pub fn all() -> Vec<Operation> {
    let lists = [
        operations::convolutions::list(),
        operations::norms::list(),
        operations::reductions::list(),
        operations::products::list(),
        operations::elementwise::list(),
        operations::losses::list(),
        operations::optimisers::list(),
        networks::list(),
    ];
    lists.into_iter().flatten().collect()
}

/// `4×8×8` of a shape.
pub fn times(lengths: &[usize]) -> String {
    lengths.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}
