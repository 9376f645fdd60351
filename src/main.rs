//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use segspec::cli;

fn main() -> ExitCode {
    match cli::execute(cli::Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("error: {:#}", failure.error);
            failure.exit.into()
        }
    }
}
