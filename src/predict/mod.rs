//! Prediction: sliding window, test-time augmentation, post-processing, export.

pub mod spec;
pub use spec::{Predict, PredictPlan};
