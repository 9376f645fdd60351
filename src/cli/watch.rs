//! `segspec watch`: checks experiments again whenever a file is saved.

mod board;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use board::Board;
use clap::Args;
use notify_debouncer_full::notify::event::ModifyKind;
use notify_debouncer_full::notify::{EventKind, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, new_debouncer};

use super::{Exit, Failure};

/// Check experiments again whenever a file is saved, and tell which runs would be new
///
/// Prints the errors of a changed file, and of every experiment that reads it; for a correct experiment, how many of its runs are new,
/// finished or unfinished. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec watch
  segspec watch experiments/liver --run")]
pub struct Watch {
    /// Folders or files to watch [default: experiments and datasets]
    paths: Vec<PathBuf>,
    /// Run the experiments that were changed, one after the other
    #[arg(long)]
    run: bool,
}

/// Time without further changes after which files are read: editors write in several steps.
const QUIET: Duration = Duration::from_millis(300);

/// Watches until the process is ended.
pub fn execute(args: Watch) -> Result<Exit, Failure> {
    let paths = watched(&args.paths)?;
    let (sender, changes) = mpsc::channel();
    let failed = |error: notify_debouncer_full::notify::Error| {
        Failure::message(Exit::Environment, format!("cannot watch: {error}"))
    };
    let mut watcher =
        new_debouncer(QUIET, None, move |result: DebounceEventResult| drop(sender.send(result))).map_err(failed)?;
    for path in &paths {
        // A file is watched through its folder: an editor may put a new file in its place.
        let folder = if path.is_dir() { path.as_path() } else { parent(path) };
        watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
    }
    let queue = args.run.then(Queue::start);
    let mut board = Board::new(paths);
    board.check_all();
    // Blocks without using the processor until something changes.
    while let Ok(result) = changes.recv() {
        let changed = match result {
            Ok(events) => {
                let paths =
                    events.into_iter().filter(|event| is_change(&event.kind)).flat_map(|event| event.event.paths);
                let paths: BTreeSet<PathBuf> = paths.collect();
                if paths.is_empty() {
                    continue;
                }
                paths
            }
            Err(errors) => {
                errors.iter().for_each(|error| eprintln!("warning: {error}"));
                // What was missed is not known: everything is checked.
                BTreeSet::new()
            }
        };
        let ready = board.changed(&changed);
        if let Some(queue) = &queue {
            ready.into_iter().for_each(|file| queue.push(file));
        }
    }
    Ok(Exit::Ok)
}

/// Whether a file's content may have changed: reading it, as checks do, is an event, too.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

fn watched(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let usual = ["experiments", "datasets"].map(PathBuf::from);
    let paths: Vec<PathBuf> = match paths.is_empty() {
        true => usual.into_iter().filter(|path| path.is_dir()).collect(),
        false => paths.to_vec(),
    };
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(Failure::message(Exit::Usage, format!("{}: no such file or folder", missing.display())));
    }
    if paths.is_empty() {
        return Err(Failure::message(Exit::Usage, "there is neither `experiments` nor `datasets` here: name a folder"));
    }
    let absolute = |path: PathBuf| {
        path.canonicalize().map_err(|error| Failure::message(Exit::Environment, format!("{}: {error}", path.display())))
    };
    paths.into_iter().map(absolute).collect()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Experiments to be run, each once, in a thread of their own.
#[derive(Clone, Default)]
struct Queue(Arc<(Mutex<VecDeque<PathBuf>>, Condvar)>);

impl Queue {
    fn start() -> Self {
        let queue = Self::default();
        let own = queue.clone();
        std::thread::spawn(move || {
            loop {
                own.run(&own.next());
            }
        });
        queue
    }

    fn push(&self, file: PathBuf) {
        let (files, filled) = &*self.0;
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.contains(&file) {
            files.push_back(file);
        }
        filled.notify_one();
    }

    fn next(&self) -> PathBuf {
        let (files, filled) = &*self.0;
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match files.pop_front() {
                Some(file) => return file,
                None => files = filled.wait(files).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn run(&self, file: &Path) {
        let started = std::env::current_exe().and_then(|program| Command::new(program).arg("run").arg(file).status());
        match started {
            Ok(status) if status.success() => {}
            Ok(status) => eprintln!("{}: {status}", file.display()),
            Err(error) => eprintln!("{}: cannot be run: {error}", file.display()),
        }
    }
}
