//! `segspec completions`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Completions {}

pub fn execute(_: Completions) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec completions` is not built yet"))
}
