//! `segspec phantom`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Phantom {}

pub fn execute(_: Phantom) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec phantom` is not built yet"))
}
