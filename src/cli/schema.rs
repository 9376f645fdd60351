//! `segspec schema`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Schema {}

pub fn execute(_: Schema) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec schema` is not built yet"))
}
