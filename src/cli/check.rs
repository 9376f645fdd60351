//! `segspec check`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Check {}

pub fn execute(_: Check) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec check` is not built yet"))
}
