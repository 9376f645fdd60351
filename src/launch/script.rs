//! Batch scripts for SLURM, as a person would write them.

use std::path::Path;

use crate::spec::launcher::Slurm;
use crate::words::shell_path;

/// A job: what its tasks do.
pub struct Job<'a> {
    /// Its name in the queue.
    pub name: &'a str,
    /// Tasks of the array, numbered from 0; 0: no array.
    pub tasks: usize,
    /// Shell words of the program, with `"$run"` where the task's run stands.
    pub command: &'a str,
    /// File with one run folder per line, if tasks do one run each.
    pub runs: Option<&'a Path>,
    /// Folder in which the program runs.
    pub folder: &'a Path,
    /// Folder of the datasets.
    pub data: &'a Path,
    /// Folder of the logs.
    pub logs: &'a Path,
    /// Whether tasks are interrupted before the time limit and go on later.
    pub resumes: bool,
}

/// The script of a job.
pub fn script(job: &Job, settings: &Slurm) -> String {
    let mut text = String::from("#!/bin/bash\n");
    let mut option = |option: String| text.push_str(&format!("#SBATCH {option}\n"));
    option(format!("--job-name={}", job.name));
    if job.tasks > 0 {
        let limit = settings.array_limit.map_or_else(String::new, |limit| format!("%{limit}"));
        option(format!("--array=0-{}{limit}", job.tasks - 1));
    }
    let log = if job.tasks > 0 { "%A_%a.log" } else { "%j.log" };
    option(format!("--output={}", in_quotes(&job.logs.join(log))));
    option("--open-mode=append".into());
    let stated = [
        ("partition", settings.partition.clone()),
        ("account", settings.account.clone()),
        ("qos", settings.qos.clone()),
        ("gres", settings.gres.clone().filter(|_| job.resumes)),
        ("time", settings.time.clone().filter(|_| job.resumes)),
        ("mem", settings.mem.clone()),
        ("cpus-per-task", settings.cpus.map(|cpus| cpus.to_string())),
    ];
    stated.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?))).for_each(&mut option);
    if job.resumes {
        option("--requeue".into());
        option(format!("--signal=B:USR2@{}", settings.signal_seconds));
    }
    settings.options.iter().cloned().for_each(&mut option);
    text.push_str(&format!(
        "# Written by segspec {}. Submitting it again does no harm: finished runs are skipped.\n",
        env!("CARGO_PKG_VERSION")
    ));
    text.push_str(&format!("cd {} || exit 7\n", shell_path(job.folder)));
    settings.prologue.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text.push_str(&format!("export SEGSPEC_DATA={}\n", shell_path(job.data)));
    text.push_str("export RAYON_NUM_THREADS=\"${SLURM_CPUS_PER_TASK:-$(nproc)}\"\n");
    if let Some(runs) = job.runs {
        text.push_str(&format!("run=\"$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" {})\"\n", shell_path(runs)));
    }
    let wrapper = settings.wrapper.as_ref().map_or_else(String::new, |wrapper| format!("{wrapper} "));
    let command = format!("{wrapper}{}", job.command);
    text.push_str(&if job.resumes { resuming(&command) } else { format!("exec {command}\n") });
    text
}

/// The program in the background, so that the shell can pass signals on.
fn resuming(command: &str) -> String {
    format!(
        "\n\
         # Before the time limit comes USR2: the state is saved, and the task goes back to the queue.\n\
         again=\n\
         trap 'again=1; kill -TERM \"$program\" 2>/dev/null' USR2\n\
         trap 'kill -TERM \"$program\" 2>/dev/null' TERM\n\
         {command} &\n\
         program=$!\n\
         wait \"$program\"\n\
         code=$?\n\
         # A signal ends `wait`, not the program.\n\
         while kill -0 \"$program\" 2>/dev/null; do\n\
         \x20 wait \"$program\"\n\
         \x20 code=$?\n\
         done\n\
         if [ -n \"$again\" ] && [ \"$code\" -eq 130 ]; then\n\
         \x20 scontrol requeue \"${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}\"\n\
         fi\n\
         exit \"$code\"\n"
    )
}

/// A path in an option line, which `sbatch` splits at spaces outside of double quotes.
fn in_quotes(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job<'a>(tasks: usize, runs: Option<&'a Path>) -> Job<'a> {
        Job {
            name: "segspec-liver",
            tasks,
            command: "/opt/segspec run-plan \"$run\"",
            runs,
            folder: Path::new("/home/a lab/it's"),
            data: Path::new("/data"),
            logs: Path::new("/logs"),
            resumes: runs.is_some(),
        }
    }

    #[test]
    fn an_array_states_its_options_passes_signals_on_and_goes_back_to_the_queue() {
        let settings = Slurm {
            partition: Some("gpu".into()),
            gres: Some("gpu:1".into()),
            array_limit: Some(4),
            options: vec!["--constraint=a100".into()],
            prologue: vec!["module load cuda".into()],
            ..Slurm::default()
        };
        let text = script(&job(6, Some(Path::new("/runs.txt"))), &settings);
        for line in [
            "#SBATCH --array=0-5%4",
            "#SBATCH --partition=gpu",
            "#SBATCH --gres=gpu:1",
            "#SBATCH --signal=B:USR2@120",
            "#SBATCH --constraint=a100",
            "cd '/home/a lab/it'\\''s' || exit 7",
            "module load cuda",
            "run=\"$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" /runs.txt)\"",
            "/opt/segspec run-plan \"$run\" &",
            "  scontrol requeue \"${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        // sbatch reads options up to the first command.
        let options = text.lines().skip(1).take_while(|line| line.starts_with('#')).count();
        assert_eq!(text.lines().filter(|line| line.starts_with("#SBATCH")).count() + 1, options);
    }

    #[test]
    fn a_single_job_has_no_array_and_no_gpu() {
        let settings = Slurm { gres: Some("gpu:1".into()), ..Slurm::default() };
        let text = script(&job(0, None), &settings);
        assert!(!text.contains("--array") && !text.contains("--gres") && !text.contains("trap"), "{text}");
        assert!(text.contains("exec /opt/segspec") && text.contains("--output=/logs/%j.log"));
    }
}
