//! `segspec report`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Report {}

pub fn execute(_: Report) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec report` is not built yet"))
}
