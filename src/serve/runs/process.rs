//! Trainings in processes of their own, only with `--allow-run`.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;

use super::super::error::{Answer, Refusal};
use super::super::state::{Inner, Shared, locked, quick};
use super::super::{Settings, answer, files};
use crate::corrections::is_file_name;
use crate::store::{Listed, RunFolder, Status};

/// Trainings that go on at a time: two would share the device and be slower than one after the other.
const AT_A_TIME: usize = 1;

/// The processes that this server started, by the folder of the run.
#[derive(Default)]
pub struct Processes(Mutex<HashMap<PathBuf, Child>>);

impl Processes {
    fn begin(&self, listed: &Listed, settings: &Settings) -> Answer<()> {
        let folder = files::absolute(&listed.folder);
        let mut all = locked(&self.0);
        all.retain(|_, child| matches!(child.try_wait(), Ok(None)));
        if all.len() >= AT_A_TIME {
            return Err(Refusal::too_many("another training goes on").help("stop it, or wait for its end"));
        }
        let log = OpenOptions::new().create(true).append(true).open(RunFolder::at(&folder).worker_log());
        let log = log.map_err(Refusal::failed)?;
        let other = log.try_clone().map_err(Refusal::failed)?;
        let program = std::env::current_exe().map_err(Refusal::failed)?;
        let mut command = Command::new(program);
        command.arg("run-plan").arg(&folder).stdin(Stdio::null()).stdout(log).stderr(other);
        // A run folder may come from anywhere.
        if is_file_name(&listed.experiment) {
            command.arg("--report-to").arg(settings.reports.join(&listed.experiment));
        }
        if let Some(data_root) = &settings.explicit_data_root {
            command.env("SEGSPEC_DATA", data_root);
        }
        all.insert(of(listed), command.spawn().map_err(Refusal::failed)?);
        Ok(())
    }

    fn end(&self, listed: &Listed) -> Answer<()> {
        let mut all = locked(&self.0);
        all.retain(|_, child| matches!(child.try_wait(), Ok(None)));
        let child = all.get_mut(&of(listed));
        ask_to_stop(child.ok_or_else(|| Refusal::conflict("this server did not start a training of this run"))?);
        Ok(())
    }

    /// Whether this server started a training of a run that still goes on.
    pub fn has(&self, listed: &Listed) -> bool {
        locked(&self.0).get_mut(&of(listed)).is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Asks every training to save its state and stop.
    pub fn stop_all(&self) {
        locked(&self.0).values_mut().for_each(ask_to_stop);
    }
}

/// The folder of a run: that of its prediction is made only while it goes on, and would not be found again.
fn of(listed: &Listed) -> PathBuf {
    files::absolute(listed.run_folder())
}

/// As Ctrl-C: the training saves its state.
#[cfg(unix)]
fn ask_to_stop(child: &mut Child) {
    let id = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    // Whoever has ended has a status; its number may be another process's.
    if let (Some(id), Ok(None)) = (id, child.try_wait()) {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
    }
}

/// Elsewhere a process cannot be asked; what is saved is whole.
#[cfg(not(unix))]
fn ask_to_stop(child: &mut Child) {
    let _ = child.kill();
}

fn allowed(state: &Inner) -> Answer<()> {
    match state.settings.allow_run {
        true => Ok(()),
        false => Err(Refusal::forbidden("this server starts and stops no trainings")
            .help("start it with `segspec serve --allow-run`")),
    }
}

/// `POST /api/runs/ID/start`.
pub async fn start(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    allowed(&state)?;
    let done = quick(&state, move |state| {
        let row = state.catalog.find(&id)?;
        match row.listed.status {
            Status::Running { .. } => return Err(Refusal::conflict("the run is going on")),
            Status::Finished | Status::Imported => return Err(Refusal::conflict("the run is finished")),
            _ => {}
        }
        state.processes.begin(&row.listed, &state.settings)?;
        state.catalog.forget();
        Ok(())
    });
    done.await?;
    Ok(answer::json(&json!({ "state": "running" })))
}

/// `POST /api/runs/ID/stop`.
pub async fn stop(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    allowed(&state)?;
    let state_now = quick(&state, move |state| {
        let row = state.catalog.find(&id)?;
        state.processes.end(&row.listed)?;
        state.catalog.forget();
        Ok(row.listed.status.word())
    });
    Ok(answer::json(&json!({ "state": state_now.await? })))
}
