//! Submits jobs to SLURM: one task per run, stages that depend on each other as dependent jobs, the report last. Nothing stays behind on the
//! submitting machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::LaunchError;
use super::script::{Job, script};
use super::submission::{Submission, Submitted};
use crate::spec::launcher::Slurm;
use crate::store::{StoreError, Stored};
use crate::words::shell_path;

/// Largest number of tasks of an array where the cluster does not say: SLURM's default of `MaxArraySize`, less one.
const DEFAULT_TASKS: usize = 1000;

/// What to submit.
pub struct Request<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// The settings.
    pub settings: &'a Slurm,
    /// Folder in which segspec was called.
    pub folder: &'a Path,
    /// Folder of the datasets.
    pub data: &'a Path,
    /// Arguments of `segspec report` for the experiment, as shell words.
    pub report: &'a str,
    /// Arguments of `segspec run` that take part in a search, as shell words; of a grid none.
    pub search: Option<&'a str>,
    /// Tasks that take part in the search.
    pub participants: usize,
    /// Further arguments of segspec, as shell words: the device.
    pub further: &'a str,
    /// Only write the scripts.
    pub print: bool,
}

/// Submits the runs of an experiment, whose plans are written. Runs that need others' results come in later jobs.
///
/// # Errors
/// `sbatch` is missing or refuses, or a file cannot be written.
pub fn submit(request: &Request, runs: &[Stored], mut submission: Submission) -> Result<Submission, LaunchError> {
    let program = std::env::current_exe().map_err(StoreError::at(Path::new("segspec")))?;
    let most = if request.print { DEFAULT_TASKS } else { max_tasks()? };
    if let Some(search) = request.search {
        let command = format!("{} {search}{}", shell_path(&program), request.further);
        let job = job(request, "search", request.participants, &command, None, &submission);
        send(request, &mut submission, ("search", job, Vec::new()), &[])?;
    }
    let mut before: Vec<String> = ids(&submission);
    for stage in stages(runs) {
        let mut here = Vec::new();
        for part in stage.chunks(most) {
            let number = submission.jobs.len();
            let folders: Vec<PathBuf> = part.iter().map(|run| absolute(run.prediction().path())).collect();
            let list = submission.folder.join(format!("runs-{number}.txt"));
            let text = folders.iter().map(|path| format!("{}\n", path.display())).collect::<String>();
            std::fs::write(&list, text).map_err(StoreError::at(&list))?;
            let command = format!("{} run-plan \"$run\"{}", shell_path(&program), request.further);
            let job = job(request, "", part.len(), &command, Some(&list), &submission);
            here.push(send(request, &mut submission, ("runs", job, folders), &before)?);
        }
        before.extend(here);
    }
    let command = format!("{} report {}", shell_path(&program), request.report);
    let job = job(request, "report", 0, &command, None, &submission);
    send(request, &mut submission, ("report", job, Vec::new()), &before)?;
    Ok(submission)
}

fn ids(submission: &Submission) -> Vec<String> {
    submission.jobs.iter().map(|job| job.id.clone()).collect()
}

/// Runs without needs; those that need a first stage; averages.
fn stages(runs: &[Stored]) -> Vec<Vec<&Stored>> {
    let stage = |run: &Stored| match (run.plan.work.members().is_empty(), run.plan.look.first()) {
        (false, _) => 2,
        (true, Some(_)) => 1,
        (true, None) => 0,
    };
    let of = |wanted: usize| runs.iter().filter(|run| stage(run) == wanted).collect::<Vec<_>>();
    [0, 1, 2].map(of).into_iter().filter(|stage| !stage.is_empty()).collect()
}

/// Name, size and script of a job.
struct Written {
    name: String,
    text: String,
}

fn job(
    request: &Request,
    what: &str,
    tasks: usize,
    command: &str,
    runs: Option<&Path>,
    submission: &Submission,
) -> Written {
    let dash = if what.is_empty() { "" } else { "-" };
    let name = format!("{}{dash}{what}", request.experiment);
    let logs = submission.folder.join("logs");
    let job = Job {
        name: &name,
        tasks,
        command,
        runs,
        folder: request.folder,
        data: request.data,
        logs: &logs,
        resumes: tasks > 0,
    };
    Written { text: script(&job, request.settings), name }
}

/// Writes and submits one script; its job's number.
fn send(
    request: &Request,
    submission: &mut Submission,
    (kind, job, runs): (&str, Written, Vec<PathBuf>),
    after: &[String],
) -> Result<String, LaunchError> {
    let number = submission.jobs.len();
    let path = submission.folder.join(format!("{number}-{}.sbatch", job.name));
    std::fs::write(&path, &job.text).map_err(StoreError::at(&path))?;
    let id = if request.print { format!("<job {number}>") } else { sbatch(&path, after)? };
    submission.jobs.push(Submitted { id: id.clone(), kind: kind.into(), script: path, runs });
    // What has been submitted is known even if the next job is refused.
    if !request.print {
        submission.write()?;
    }
    Ok(id)
}

/// Whatever became of the jobs before, the next ones begin: each run says itself what it lacks.
fn sbatch(script: &Path, after: &[String]) -> Result<String, LaunchError> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable");
    if !after.is_empty() {
        command.arg(format!("--dependency=afterany:{}", after.join(":")));
    }
    let text = output(command.arg(script))?;
    // `123` or `123;cluster`.
    let id = text.trim().split(';').next().unwrap_or_default().to_owned();
    match id.chars().all(|digit| digit.is_ascii_digit()) && !id.is_empty() {
        true => Ok(id),
        false => Err(LaunchError::Program {
            program: "sbatch".into(),
            reason: format!("no job number in `{}`", text.trim()),
        }),
    }
}

/// Most tasks of one array.
fn max_tasks() -> Result<usize, LaunchError> {
    let text = output(Command::new("scontrol").args(["show", "config"]))?;
    let line = text.lines().find(|line| line.trim_start().starts_with("MaxArraySize"));
    let size = line.and_then(|line| line.split('=').nth(1)?.trim().parse::<usize>().ok());
    // The largest index is one below.
    Ok(size.map_or(DEFAULT_TASKS, |size| size.saturating_sub(1).max(1)))
}

/// Standard output of a program of the scheduler.
pub(super) fn output(command: &mut Command) -> Result<String, LaunchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |reason: String| LaunchError::Program { program: program.clone(), reason };
    let done = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("not found: is this a login node of the cluster?".into()),
        _ => failed(error.to_string()),
    })?;
    if !done.status.success() {
        let text = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        return Err(failed(if text.is_empty() { done.status.to_string() } else { text }));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}
