//! What is on record of a run ([`record`]), and why the numbers of two runs differ ([`explain`]).

pub mod explain;
pub mod record;

pub use explain::{Difference, Part, explain};
pub use record::Record;
