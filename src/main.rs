//! Arguments in, exit code out.

use std::process::ExitCode;

use segspec::{backend, cli};

fn main() -> ExitCode {
    if let Some(warning) = backend::set_up() {
        eprintln!("warning: {warning}");
    }
    match cli::execute(cli::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.show().into(),
    }
}
