//! Exit codes and the failures that lead to them.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::files;
use crate::spec::Diagnostics;
use crate::volume::ReadError;

/// Shown below `segspec --help`.
pub const HELP: &str = "\
Exit codes: 0 ok, 2 usage, 3 bad spec, 4 bad data, 5 a run failed, 6 reproduction differs,
7 environment (disk full, device missing or wrong, no permission, run folder in use), 130 interrupted (state saved).

Settings: SEGSPEC_DATA (folder of the datasets, default data/), SEGSPEC_DEVICE (default auto),
SEGSPEC_KERNEL_CACHE (folder of compiled GPU kernels),
SEGSPEC__TRAIN__BATCH_SIZE=4 (any key of the experiment: __ is a dot, _ a hyphen).";

/// Ends the process where the terminal or a pipe takes no more text; `println!` would panic.
///
/// Where the reader has closed the pipe, as `segspec ls | head` does, it has what it wanted: exit code 0, without a word. A full disk
/// behind stdout is exit code 7. What a run has saved is on disk in either case.
pub(super) fn exit_on_closed_output() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        let Some(reason) = message.strip_prefix("failed printing to ") else { return others(panic) };
        if reason.contains("os error 32") || reason.contains("Broken pipe") {
            std::process::exit(Exit::Ok as i32);
        }
        // Stderr may be what is full.
        let _ = writeln!(std::io::stderr(), "error: cannot write to {reason}");
        std::process::exit(Exit::Environment as i32);
    }));
}

/// Writes text to stdout whose loss must not go unnoticed: `print!` alone keeps the end of the text in its buffer.
///
/// # Errors
/// [`Failure`] with exit code 7 where stdout takes no more; a closed pipe is none.
pub(super) fn flush() -> Result<(), Failure> {
    match std::io::stdout().flush() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::message(
            Exit::Environment,
            format!("cannot write to stdout: {}", crate::files::reason(&error)),
        )),
        _ => Ok(()),
    }
}

/// Exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Success.
    Ok = 0,
    /// The command line is wrong.
    Usage = 2,
    /// A spec has errors; nothing was computed.
    BadSpec = 3,
    /// Data is missing, unreadable or does not fit the spec.
    BadData = 4,
    /// A trial failed while it ran.
    TrialFailed = 5,
    /// A reproduction gave different numbers.
    Differs = 6,
    /// The machine: disk full, device missing, permission.
    Environment = 7,
    /// Stopped by the user; the state is saved.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failed command: the message for the user, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The message. Rendered diagnostics (with carets) are printed as they are.
    pub error: anyhow::Error,
}

impl Failure {
    /// A failure from an error.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// Prints the failure and returns its exit code.
    pub fn show(&self) -> Exit {
        match self.error.downcast_ref::<Diagnostics>() {
            Some(errors) => super::check::refuse(errors),
            None => {
                // Messages already include their causes.
                match self.exit {
                    Exit::Interrupted => eprintln!("{}", self.error),
                    _ => eprintln!("error: {}", self.error),
                }
                self.exit
            }
        }
    }

    /// A file or folder that the operating system does not give: the machine's fault or that of the path.
    pub fn reading(path: &Path, error: &io::Error) -> Self {
        let exit = if files::is_environment(error) { Exit::Environment } else { Exit::BadData };
        Self::message(exit, format!("{}: {}", path.display(), files::reason(error)))
    }

    /// A failure from a message.
    pub fn message(exit: Exit, text: impl std::fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{text}") }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let exit = if error.is_environment() { Exit::Environment } else { Exit::BadData };
        Self::new(exit, error)
    }
}
