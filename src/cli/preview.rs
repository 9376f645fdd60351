//! `segspec preview`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Preview {}

pub fn execute(_: Preview) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec preview` is not built yet"))
}
