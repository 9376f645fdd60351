//! `segspec evaluate`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Evaluate {}

pub fn execute(_: Evaluate) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec evaluate` is not built yet"))
}
