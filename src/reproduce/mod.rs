//! What is on record of a run ([`record`]), the same computed again ([`again`]) and compared ([`verdict`]), and why the numbers of two runs
//! differ ([`mod@explain`]).

pub mod again;
pub mod explain;
pub mod locate;
pub mod pack;
pub mod record;
pub mod verdict;
pub mod verify;

pub use explain::{Difference, Part, explain};
pub use record::Record;
