//! Pages in the system's browser.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

/// Shows a file or an address. What the browser says is not shown.
///
/// # Errors
/// There is no program that opens pages.
pub(super) fn open(page: impl AsRef<OsStr>) -> io::Result<()> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let mut command = Command::new(program);
    let started = command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map(drop).map_err(|error| io::Error::new(error.kind(), format!("cannot start `{program}`: {error}")))
}
