//! `segspec predict`.

use clap::Args;

use super::{Exit, Failure};

/// (to be described)
#[derive(Debug, Args)]
pub struct Predict {}

pub fn execute(_: Predict) -> Result<Exit, Failure> {
    Err(Failure::message(Exit::Usage, "`segspec predict` is not built yet"))
}
