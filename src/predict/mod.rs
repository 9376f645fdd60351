//! Prediction: sliding window, test-time augmentation, post-processing, export.

pub mod spec;
pub mod components;
pub mod window;
pub use spec::{Predict, PredictPlan};
