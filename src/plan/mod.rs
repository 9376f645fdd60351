//! Everything resolved: every default, every `"auto"`, every fold and trial.

pub mod intensity;
pub mod spacing;
pub mod topology;
mod feature_memory;
mod pooling;
