//! `segspec run`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Run {}

pub fn execute(_: Run) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec run` is not built yet"))
}
