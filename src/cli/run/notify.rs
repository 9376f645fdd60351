//! `[notify]`: a command that gets the summary when an experiment ends.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::observe::Events;
use crate::spec::Experiment;

/// Calls the command of the experiment, if there is one, with the summary on its standard input. Its failure is a warning: the results are
/// there.
pub fn notify(experiment: &Experiment, summary: &str, events: &Events) {
    let Some(command) = &experiment.notify.command else { return };
    let name = experiment.name.as_deref().unwrap_or_default();
    let called = || -> std::io::Result<std::process::ExitStatus> {
        let mut child =
            Command::new("sh").args(["-c", command]).env("SEGSPEC_EXPERIMENT", name).stdin(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A command that does not read closes its end.
            let _ = input.write_all(summary.as_bytes());
        }
        child.wait()
    };
    match called() {
        Ok(status) if status.success() => {}
        Ok(status) => events.warn(format!("notify.command: {status}")),
        Err(error) => events.warn(format!("notify.command: {error}")),
    }
}
