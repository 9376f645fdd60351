//! What the person wrote: layers, places, messages, schema.

mod auto;
pub mod experiment;

pub use auto::Auto;
pub use experiment::Experiment;
