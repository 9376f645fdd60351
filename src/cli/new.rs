//! `segspec new`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct New {}

pub fn execute(_: New) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec new` is not built yet"))
}
