//! A slice classifier: predicts which slices show a structure.

mod network;
mod spec;
#[cfg(test)]
mod tests;

pub use network::SliceClassifier;
pub use spec::{Classifier, ClassifierPlan, ResnetSize, SliceTarget};
