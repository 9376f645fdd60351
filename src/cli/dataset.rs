//! `segspec dataset`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Dataset {}

pub fn execute(_: Dataset) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec dataset` is not built yet"))
}
