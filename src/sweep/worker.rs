//! One worker: a process that does one run, `segspec run-plan FOLDER`, and tells its events on standard output.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;

use super::queue::Crash;
use crate::observe::Event;
use crate::run::Setting;
use crate::store::manifest::{COMMAND, command_line};
use crate::store::{StoreError, Stored};
use crate::words::{shell, shell_path};

/// What workers tell, by their place.
pub enum Message {
    /// An event.
    Event(usize, Box<Event>),
    /// Standard output is closed: the process has ended, or is about to.
    Closed(usize),
}

/// A running worker.
pub struct Worker {
    child: Child,
}

/// Where and how a worker runs.
pub struct Order<'a> {
    /// Its place, which its messages carry.
    pub place: usize,
    /// Device.
    pub device: String,
    /// A shell command that executes `{}` elsewhere.
    pub command: Option<&'a str>,
    /// Threads; `None`: as many as there are cores.
    pub threads: Option<usize>,
    /// Epochs after which the training pauses.
    pub stop_after: Option<usize>,
    /// Where the data lies.
    pub setting: &'a Setting<'a>,
}

impl Worker {
    /// Starts a worker on a run whose plan is written.
    ///
    /// # Errors
    /// No process can be started, or its log cannot be opened.
    pub fn start(run: &Stored, order: &Order, messages: Sender<Message>) -> Result<Self, StoreError> {
        let path = run.folder.worker_log();
        let log = OpenOptions::new().create(true).append(true).open(&path).map_err(StoreError::at(&path))?;
        let program = std::env::current_exe().map_err(StoreError::at(&path))?;
        let mut command = match order.command {
            Some(template) => elsewhere(template, &program, run, order),
            None => here(&program, run, order),
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        own_group(&mut command);
        let mut child = command.spawn().map_err(StoreError::at(&program))?;
        if let Some(out) = child.stdout.take() {
            let place = order.place;
            std::thread::spawn(move || forward(out, place, &messages));
        }
        Ok(Self { child })
    }

    /// Asks the worker to save its state and end.
    pub fn stop(&mut self) {
        terminate(&mut self.child);
    }

    /// Waits for the end; how it crashed, with the reason, unless it exited by itself with one of segspec's codes.
    pub fn wait(&mut self) -> Result<(), (Crash, String)> {
        match self.child.wait() {
            Ok(status) if status.code().is_some_and(|code| code != PANIC) => Ok(()),
            Ok(status) => Err(crash(status)),
            Err(error) => Err((Crash::Other, format!("the worker process was lost: {error}"))),
        }
    }
}

/// A worker on this machine.
fn here(program: &Path, run: &Stored, order: &Order) -> Command {
    let mut command = Command::new(program);
    command.arg("run-plan").arg(run.prediction().path()).args(["--device", &order.device]);
    command.args(["--worker-of", &std::process::id().to_string()]);
    if let Some(epochs) = order.stop_after {
        command.args(["--stop-after", &epochs.to_string()]);
    }
    if let Some(threads) = order.threads {
        // A value of the user's own stays.
        if std::env::var_os("RAYON_NUM_THREADS").is_none() {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
    }
    // Another host may have written the plan, and see the data under another path.
    if let Some(root) = order.setting.data_root.and_then(|root| std::path::absolute(root).ok()) {
        command.env("SEGSPEC_DATA", root);
    }
    command.env(COMMAND, serde_json::to_string(&command_line()).unwrap_or_default());
    command
}

/// A worker where the template's command takes it: the same paths, nobody's child. `{}` stands for one shell word.
fn elsewhere(template: &str, program: &Path, run: &Stored, order: &Order) -> Command {
    let folder = std::path::absolute(run.prediction().path()).unwrap_or_else(|_| run.prediction().path().to_path_buf());
    let mut words = String::new();
    if let Some(root) = order.setting.data_root.and_then(|root| std::path::absolute(root).ok()) {
        words += &format!("SEGSPEC_DATA={} ", shell_path(&root));
    }
    words += &format!("{} run-plan {} --worker-of 0", shell_path(program), shell_path(&folder));
    if let Some(epochs) = order.stop_after {
        words += &format!(" --stop-after {epochs}");
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(template.replace("{}", &shell(&words)));
    command
}

/// Exit code of a Rust program after a panic.
const PANIC: i32 = 101;

fn forward(out: ChildStdout, place: usize, messages: &Sender<Message>) {
    for line in BufReader::new(out).lines().map_while(io::Result::ok) {
        // A killed process may leave half a line.
        if let Ok(event) = serde_json::from_str(&line)
            && messages.send(Message::Event(place, Box::new(event))).is_err()
        {
            return;
        }
    }
    let _ = messages.send(Message::Closed(place));
}

/// Ctrl-C in the terminal reaches the controller only, which passes it on.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended in the meantime.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    let _ = child.kill();
}

#[cfg(unix)]
fn crash(status: ExitStatus) -> (Crash, String) {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(9) => (Crash::Killed, "the worker process was killed (signal 9), perhaps because memory ran out".into()),
        Some(signal) => (Crash::Killed, format!("the worker process was ended by signal {signal}")),
        None => (Crash::Other, "the worker process crashed".into()),
    }
}

#[cfg(not(unix))]
fn crash(_: ExitStatus) -> (Crash, String) {
    (Crash::Other, "the worker process crashed".into())
}
