//! `segspec show`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Show {}

pub fn execute(_: Show) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec show` is not built yet"))
}
