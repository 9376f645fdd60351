//! `segspec ls`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Ls {}

pub fn execute(_: Ls) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec ls` is not built yet"))
}
