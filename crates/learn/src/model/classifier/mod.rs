//! A classifier of slices: which of them show a structure.

mod network;
mod spec;
#[cfg(test)]
mod tests;

pub use network::SliceClassifier;
pub use spec::{Classifier, ClassifierPlan, ResnetSize, SliceTarget};
