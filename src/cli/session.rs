//! Shared by the commands that read an experiment: loading, data folder, device and cancellation.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::check::{environment, report_overrides};
use super::names::experiment_file;
use super::several::without_file;
use super::{Exit, Failure};
use crate::Cancel;
use crate::backend::{self, DeviceName, DeviceNames, Selected};
pub use crate::counted;
use crate::dataset::Access;
use crate::evaluate::Setting;
use crate::infer::OpenError;
use crate::observe::{Events, FailureClass};
use crate::plan::{Compared, Plan, differences};
use crate::run::{self, Folds, Planned, Request, RunError, trial};
use crate::spec::{self, Experiment, Loaded};
use crate::store::{StoreError, Stored};
use crate::unfinished::remove_own_unfinished;

/// Folder of the experiments' reports.
pub const REPORTS: &str = "reports";

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::new(error.class().map_or(Exit::Interrupted, exit_of), error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        RunError::from(error).into()
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        RunError::from(error).into()
    }
}

/// The exit code of a class of failures.
pub fn exit_of(class: FailureClass) -> Exit {
    match class {
        FailureClass::Data => Exit::BadData,
        FailureClass::Spec => Exit::BadSpec,
        FailureClass::Trial => Exit::TrialFailed,
        FailureClass::Environment => Exit::Environment,
    }
}

/// Reads and checks an experiment, and reports the environment variables that override its values.
pub fn load(file: &Path, overrides: &[String]) -> Result<Loaded, Failure> {
    let path = experiment_file(file);
    if let Some(text) = without_file(&path) {
        return Err(Failure::message(Exit::BadSpec, text));
    }
    let loaded = spec::load(&path, overrides, &environment()).map_err(|errors| Failure::new(Exit::BadSpec, errors))?;
    report_overrides(&loaded.overrides);
    Ok(loaded)
}

/// `0/5`; a dash without cross-validation.
pub fn fold_of_folds([fold, folds]: [usize; 2]) -> String {
    if folds > 1 { format!("{fold}/{folds}") } else { "–".into() }
}

/// What tells a run's prediction from the others of the same training, among `runs`; nothing if there is only one.
pub fn prediction_settings(run: &Stored, runs: &[Stored]) -> Vec<Setting> {
    let same: Vec<&Stored> = runs.iter().filter(|other| other.folder.path() == run.folder.path()).collect();
    let plans: Vec<&Plan> = same.iter().map(|other| &other.plan).collect();
    let place = same.iter().position(|other| other.ids.prediction == run.ids.prediction);
    place.map(|place| differences(&plans, Compared::Results).swap_remove(place)).unwrap_or_default()
}

/// `overlap=0.5 mirror=true`.
pub fn label(settings: &[Setting]) -> String {
    settings.iter().map(|setting| setting.label.as_str()).collect::<Vec<_>>().join(" ")
}

/// Folder of all datasets: `SEGSPEC_DATA`, or `data`.
pub fn data_root() -> PathBuf {
    std::env::var_os("SEGSPEC_DATA").map_or_else(|| PathBuf::from("data"), PathBuf::from)
}

/// The data folder, if `SEGSPEC_DATA` sets one.
pub fn explicit_data_root() -> Option<PathBuf> {
    std::env::var_os("SEGSPEC_DATA").map(PathBuf::from)
}

/// Plans the runs of an experiment.
pub fn plan(
    loaded: &Loaded,
    folds: Folds,
    access: Access,
    cancel: &Cancel,
    events: &Events,
) -> Result<Planned, RunError> {
    run::plan(&Request { loaded, data_root: &data_root(), folds, access, cancel, events })
}

/// The devices of `--device`, else of `SEGSPEC_DEVICE`, else of the experiment, else `auto`.
pub fn wanted_devices(argument: Option<DeviceNames>, experiment: Option<&Experiment>) -> Result<DeviceNames, Failure> {
    let stated = || experiment.and_then(|experiment| Some(experiment.launcher.devices.as_ref()?.names()));
    let from_environment = || match std::env::var("SEGSPEC_DEVICE") {
        Ok(name) => name.parse().map_err(|error| Failure::message(Exit::Usage, format!("SEGSPEC_DEVICE: {error}"))),
        Err(_) => Ok(stated().unwrap_or_default()),
    };
    argument.map_or_else(from_environment, Ok)
}

/// The devices of `--device`, else of `SEGSPEC_DEVICE`, else of the experiment, else the best one, for commands whose work several can share.
/// A GPU is tried before its first use.
pub fn devices(argument: Option<DeviceNames>, experiment: Option<&Experiment>) -> Result<Selected, Failure> {
    select(&wanted_devices(argument, experiment)?)
}

fn select(wanted: &DeviceNames) -> Result<Selected, Failure> {
    let selected = backend::select_all(wanted);
    let selected = selected.map_err(|error| Failure::new(Exit::Environment, error))?;
    let mut tell = |device: &str| {
        eprintln!("{device}: comparing its results with the CPU's before its first use (once for each driver)");
    };
    trial::require(selected, &mut tell).map_err(|unfit| Failure::new(Exit::Environment, unfit))
}

/// As [`devices`], for commands that work on one: the first.
pub fn device(argument: Option<DeviceName>) -> Result<Selected, Failure> {
    select(&wanted_devices(argument.map(DeviceNames::from), None)?.first().into())
}

/// How long a process may go on after Ctrl-C: one large case can take longer to read, resample or write. All files are written
/// completely or not at all, and the next call goes on from what is there.
const PATIENCE: Duration = Duration::from_millis(2500);

/// Time for what follows a save: the manifest of the run, and the regular end of the process.
const AFTER_A_SAVE: Duration = Duration::from_millis(400);

/// Exits once the patience is over and no state is being saved.
fn exit_soon(cancel: &Cancel) {
    std::thread::sleep(PATIENCE);
    let mut saves = false;
    while cancel.is_held() {
        saves = true;
        std::thread::sleep(Duration::from_millis(20));
    }
    if saves {
        std::thread::sleep(AFTER_A_SAVE);
    }
    eprintln!("stopped; run the same command to resume");
    exit_now();
}

/// Exits without leaving half-written files.
fn exit_now() -> ! {
    remove_own_unfinished();
    std::process::exit(Exit::Interrupted as i32)
}

/// The flag of the command that is running, if it can be stopped between its steps.
static STOPPABLE: OnceLock<Cancel> = OnceLock::new();

/// Whether the command that is running has written nothing yet.
static UNWRITTEN: AtomicBool = AtomicBool::new(false);

/// Says that the command writes its files at its end, and with `false`, that it begins to. Ctrl-C tells what is there.
pub fn writes_at_the_end(unwritten: bool) {
    UNWRITTEN.store(unwritten, Ordering::Relaxed);
}

/// Answers Ctrl-C (and SIGTERM, SIGUSR2): asks a command with a [`cancellation`] to stop, and ends any other. A second Ctrl-C ends the process at
/// once.
pub fn answer_interrupts() {
    #[cfg(unix)]
    answer_scheduler();
    let installed = ctrlc::set_handler(interrupted);
    if let Err(error) = installed {
        eprintln!("warning: Ctrl-C will not save the state: {error}");
    }
}

/// Schedulers announce the time limit by SIGUSR2, which would end the process.
#[cfg(unix)]
fn answer_scheduler() {
    match signal_hook::iterator::Signals::new([signal_hook::consts::SIGUSR2]) {
        Ok(mut signals) => drop(std::thread::spawn(move || signals.forever().for_each(|_| interrupted()))),
        Err(error) => eprintln!("warning: SIGUSR2 will not save the state: {error}"),
    }
}

fn interrupted() {
    let Some(cancel) = STOPPABLE.get() else {
        let left = if UNWRITTEN.load(Ordering::Relaxed) { "was written" } else { "half-written is left" };
        eprintln!("stopped; nothing {left}");
        exit_now();
    };
    if cancel.stop() {
        exit_now();
    }
    eprintln!("stopping: what is finished is kept (press Ctrl-C again to exit at once)");
    std::thread::spawn(move || exit_soon(cancel));
}

/// The flag that Ctrl-C sets.
pub fn cancellation() -> Cancel {
    STOPPABLE.get_or_init(Cancel::new).clone()
}

/// How often a worker looks whether the process that started it is still there.
const LOOK: Duration = Duration::from_millis(250);

/// Stops as Ctrl-C does once the process `parent`, which started this one, is gone: nobody would take the results.
#[cfg(unix)]
pub fn stop_without(parent: u32, cancel: &Cancel) {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        while std::os::unix::process::parent_id() == parent {
            std::thread::sleep(LOOK);
        }
        if !cancel.stop() {
            exit_soon(&cancel);
        }
    });
}

/// Not known elsewhere: the worker ends its run.
#[cfg(not(unix))]
pub fn stop_without(_: u32, _: &Cancel) {}
