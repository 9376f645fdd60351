//! `segspec doctor`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Doctor {}

pub fn execute(_: Doctor) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec doctor` is not built yet"))
}
