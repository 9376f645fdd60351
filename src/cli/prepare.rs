//! `segspec prepare`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Prepare {}

pub fn execute(_: Prepare) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec prepare` is not built yet"))
}
