//! `segspec run --launcher`: a scheduler played by scripts, whose batch scripts are executed as SLURM would, and a real SLURM where it is
//! installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Ended, Lab, end, is_finished, weights};

const GRID: &str = r#"
extends = ["tiny.toml"]

[train]
epochs = 2
steps-per-epoch = 2

[sweep]
train.optimizer.adamw.learning-rate = [1e-2, 1e-3]
seeds = [0, 1]

[launcher.slurm]
partition = "gpu"
gres = "gpu:1"
time = "01:00:00"
array-limit = 2
options = ["--constraint=a100"]
prologue = ["export GREETING=hello"]
"#;

/// A workspace with a played scheduler.
struct Cluster {
    lab: Lab,
}

impl Cluster {
    fn new() -> Self {
        let lab = Lab::new();
        lab.write("experiments/grid.toml", GRID);
        fs::create_dir_all(lab.path("slurm")).unwrap();
        Self { lab }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.lab.command(arguments);
        self.surround(&mut command);
        command
    }

    fn surround(&self, command: &mut Command) {
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/fake");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", fake.display())).env("FAKE_SLURM", self.lab.path("slurm"));
    }

    fn end(&self, arguments: &[&str]) -> Ended {
        end(&mut self.command(arguments))
    }

    fn says(&self, program: &str, text: &str) {
        self.lab.write(&format!("slurm/{program}"), text);
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.lab.path("slurm").join(file)).unwrap_or_default()
    }

    /// Starts a task of a script, as a node does.
    fn task(&self, script: &Path, task: usize) -> Child {
        let mut command = Command::new("bash");
        command.arg(script).current_dir("/").env("SEGSPEC_DEVICE", "cpu");
        command.env("SLURM_ARRAY_JOB_ID", "101").env("SLURM_ARRAY_TASK_ID", task.to_string());
        command.env("SLURM_CPUS_PER_TASK", "1").env_remove("SEGSPEC_DATA");
        self.surround(&mut command);
        command.spawn().unwrap()
    }

    fn scripts(&self) -> Vec<PathBuf> {
        let jobs =
            fs::read_dir(self.lab.path("runs/.jobs/grid")).unwrap().flatten().map(|it| it.path()).next().unwrap();
        let files = fs::read_dir(jobs).unwrap().flatten().map(|it| it.path());
        let mut scripts: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "sbatch")).collect();
        scripts.sort();
        scripts
    }

    fn status(&self) -> Vec<(String, String)> {
        let ended = self.end(&["status", "grid", "--json"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        let all: Value = serde_json::from_str(&ended.out).unwrap();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        all[0]["tasks"].as_array().unwrap().iter().map(|row| (text(row, "job"), text(row, "state"))).collect()
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

#[test]
fn an_array_is_submitted_and_its_tasks_give_the_same_runs() {
    let (here, cluster) = (Cluster::new(), Cluster::new());
    let printed = cluster.end(&["run", "grid", "--launcher", "slurm", "--print"]);
    assert!(printed.code == 0 && printed.out.contains("#SBATCH --array=0-3%2"), "{}", printed.err);
    assert!(cluster.read("sbatch.log").is_empty(), "nothing is submitted with --print");
    fs::remove_dir_all(cluster.lab.path("runs/.jobs")).unwrap();
    let ended = cluster.end(&["run", "grid", "--launcher", "slurm"]);
    assert!(ended.code == 0 && ended.out.contains("job 101: 4 runs"), "{}{}", ended.out, ended.err);
    let log = cluster.read("sbatch.log");
    assert!(log.contains("102 --parsable --dependency=afterany:101"), "{log}");
    let [array, report] = cluster.scripts().try_into().unwrap();
    let text = fs::read_to_string(&array).unwrap();
    for line in
        ["#SBATCH --partition=gpu", "#SBATCH --gres=gpu:1", "#SBATCH --constraint=a100", "export GREETING=hello"]
    {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let mut tasks: Vec<Child> = (0..4).map(|task| cluster.task(&array, task)).collect();
    assert!(tasks.iter_mut().all(|task| task.wait().unwrap().success()));
    let mut last = Command::new("bash");
    cluster.surround(last.arg(report).current_dir("/"));
    assert!(last.status().unwrap().success());
    here.lab.run("grid", &[]);
    let results = |lab: &Lab| -> Vec<_> { lab.run_folders("grid").iter().map(|run| weights(run)).collect() };
    assert_eq!(results(&cluster.lab), results(&here.lab));
    assert!(cluster.lab.path("reports/grid/report.html").is_file());
    let again = cluster.end(&["run", "grid", "--launcher", "slurm"]);
    assert!(again.out.contains("nothing is submitted") && cluster.read("sbatch.log") == log, "{}", again.out);
}

#[test]
fn a_task_that_is_signalled_before_the_limit_goes_back_and_ends_with_the_same_weights() {
    let (whole, cluster) = (Lab::new(), Cluster::new());
    let long = GRID.replace("epochs = 2", "epochs = 40").replace("steps-per-epoch = 2", "steps-per-epoch = 10");
    for lab in [&whole, &cluster.lab] {
        lab.write("experiments/grid.toml", &long.replace("seeds = [0, 1]", "").replace("[1e-2, 1e-3]", "[1e-2]"));
    }
    cluster.end(&["run", "grid", "--launcher", "slurm"]);
    let array = cluster.scripts().remove(0);
    let mut task = cluster.task(&array, 0);
    let state = cluster.lab.run_folder("grid").join("checkpoints/last/state.json");
    let begun = Instant::now();
    while !state.is_file() && begun.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(20));
    }
    signal(&task, "USR2");
    assert_eq!(task.wait().unwrap().code(), Some(130));
    assert_eq!(cluster.read("scontrol.log"), "requeue 101_0\n");
    assert!(!is_finished(&cluster.lab.run_folder("grid")));
    // TERM, as preemption sends it, saves too; the scheduler itself puts the task back.
    let mut task = cluster.task(&array, 0);
    sleep(Duration::from_millis(700));
    signal(&task, "TERM");
    let code = task.wait().unwrap().code();
    assert!(code == Some(130) || code == Some(0), "{code:?}");
    assert_eq!(cluster.read("scontrol.log").lines().count(), 1);
    assert!(cluster.task(&array, 0).wait().unwrap().success());
    whole.run("grid", &[]);
    assert_eq!(weights(&cluster.lab.run_folder("grid")), weights(&whole.run_folder("grid")));
}

#[test]
fn every_state_of_the_scheduler_is_understood() {
    let cluster = Cluster::new();
    cluster.end(&["run", "grid", "--launcher", "slurm"]);
    let first = |cluster: &Cluster| cluster.status().remove(0).1;
    assert_eq!(first(&cluster), "new", "nobody can be asked: the folder's word");
    for (line, word) in [
        ("101_0|PENDING|Resources|0:00|", "waiting"),
        ("101_0|PENDING|JobHeldUser|0:00|", "held"),
        ("101_0|PENDING|DependencyNeverSatisfied|0:00|", "held"),
        ("101_0|REQUEUE_HOLD|None|0:00|", "held"),
        ("101_0|CONFIGURING|None|0:00|n1", "waiting"),
        ("101_0|RUNNING|None|1:00|n1", "running"),
        ("101_0|COMPLETING|None|1:00|n1", "running"),
        ("101_0|SUSPENDED|None|1:00|n1", "running"),
    ] {
        cluster.says("squeue", line);
        assert_eq!(first(&cluster), word, "{line}");
    }
    fs::remove_file(cluster.lab.path("slurm/squeue")).unwrap();
    for (line, word) in [
        ("101_[0-3%2]|PENDING|00:00:00|None assigned", "waiting"),
        ("101_0|PREEMPTED|00:10:00|n1", "interrupted"),
        ("101_0|TIMEOUT|00:10:00|n1", "interrupted"),
        ("101_0|NODE_FAIL|00:10:00|n1", "interrupted"),
        ("101_0|CANCELLED by 1000|00:10:00|n1", "cancelled"),
        ("101_0|DEADLINE|00:10:00|n1", "cancelled"),
        ("101_0|FAILED|00:10:00|n1", "failed"),
        ("101_0|OUT_OF_MEMORY|00:10:00|n1", "failed"),
        ("101_0|BOOT_FAIL|00:00:00|n1", "interrupted"),
        // The scheduler calls it done, the folder does not: no success.
        ("101_0|COMPLETED|00:10:00|n1", "new"),
        ("101_0|NO_SUCH_STATE|00:10:00|n1", "new"),
        ("", "new"),
    ] {
        cluster.says("sacct", line);
        assert_eq!(first(&cluster), word, "{line}");
    }
    cluster.lab.run("grid", &[]);
    cluster.says("sacct", "101_0|FAILED|00:10:00|n1");
    assert_eq!(first(&cluster), "finished", "the folder's word counts");
}

#[test]
fn large_sweeps_are_cut_into_arrays_that_the_cluster_takes_and_refusals_are_told() {
    let cluster = Cluster::new();
    cluster.says("max", "4\n");
    cluster.lab.write("experiments/grid.toml", &GRID.replace("seeds = [0, 1]", "seeds = [0, 1, 2, 3]"));
    cluster.end(&["run", "grid", "--launcher", "slurm"]);
    let arrays: Vec<String> = cluster.scripts().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let sizes: Vec<&str> =
        arrays.iter().filter_map(|text| text.lines().find(|line| line.contains("--array"))).collect();
    assert_eq!(sizes, ["#SBATCH --array=0-2%2", "#SBATCH --array=0-2%2", "#SBATCH --array=0-1%2"]);
    assert!(cluster.read("sbatch.log").contains("104 --parsable --dependency=afterany:101:102:103"));
    let refused = Cluster::new();
    refused.says("refuse", "sbatch: error: invalid partition specified: gpu");
    let ended = refused.end(&["run", "grid", "--launcher", "slurm"]);
    assert!(ended.code == 7 && ended.err.contains("invalid partition specified: gpu"), "{}", ended.err);
    let nowhere = Lab::new();
    nowhere.write("experiments/grid.toml", GRID);
    let mut command = nowhere.command(&["run", "grid", "--launcher", "slurm"]);
    let ended = end(command.env("PATH", nowhere.path("nothing")));
    assert!(ended.code == 7 && ended.err.contains("is this a login node"), "{}", ended.err);
}

#[test]
fn searches_cascades_and_ensembles_come_in_stages() {
    let cluster = Cluster::new();
    cluster.lab.write("experiments/grid.toml", &format!("{GRID}\n[ensemble]\nseeds = true\n"));
    cluster.end(&["run", "grid", "--launcher", "slurm"]);
    let log = cluster.read("sbatch.log");
    assert!(
        log.contains("102 --parsable --dependency=afterany:101")
            && log.contains("103 --parsable --dependency=afterany:101:102"),
        "{log}"
    );
    let cluster = Cluster::new();
    let search = GRID
        .replace("[1e-2, 1e-3]", "{ log-uniform = [1e-3, 1e-1] }")
        .replace("[sweep]", "[sweep]\nmethod = \"random\"\nbudget = { trials = 4 }");
    cluster.lab.write("experiments/grid.toml", &search);
    let ended = cluster.end(&["run", "grid", "--launcher", "slurm"]);
    assert!(ended.out.contains("job 101: search"), "{}{}", ended.out, ended.err);
    let script = cluster.scripts().remove(0);
    let mut tasks: Vec<Child> = (0..2).map(|task| cluster.task(&script, task)).collect();
    assert!(tasks.iter_mut().all(|task| task.wait().unwrap().success()));
    let told = cluster.end(&["run", "grid", "--dry-run"]);
    assert!(told.out.contains("search: 4 of 4 trials: 4 finished"), "{}", told.out);
}

#[test]
fn a_command_executes_runs_wherever_it_likes() {
    let (here, lab) = (Lab::new(), Lab::new());
    let text = GRID.split("[launcher").next().unwrap();
    here.write("experiments/grid.toml", text);
    here.run("grid", &[]);
    lab.write(
        "experiments/grid.toml",
        &format!("{text}\n[launcher]\ncommand = \"echo $$ >> {}; cd / && sh -c {{}}\"\n", lab.path("pids").display()),
    );
    let ended = lab.end(&["run", "grid", "--launcher", "command", "--jobs", "2"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(fs::read_to_string(lab.path("pids")).unwrap().lines().count(), 4);
    let results = |lab: &Lab| -> Vec<_> { lab.run_folders("grid").iter().map(|run| weights(run)).collect() };
    assert_eq!(results(&lab), results(&here));
    lab.write("experiments/grid.toml", &format!("{text}\n[launcher]\ncommand = \"ssh node7\"\n"));
    let wrong = lab.end(&["run", "grid", "--launcher", "command"]);
    assert!(wrong.code == 3 && wrong.err.contains("such as `ssh node7 {}`"), "{}", wrong.err);
}

/// A real SLURM, stopped when dropped.
struct Real {
    folder: tempfile::TempDir,
}

const CLUSTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slurm/cluster.sh");
impl Real {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new("bash").args([CLUSTER, "start"]).arg(folder.path()).output().unwrap();
        // Its daemons need more of the machine than being installed: a host name, devices, a database.
        let real = Self { folder };
        if !done.status.success() {
            println!("skipped: SLURM does not start here: {}", String::from_utf8_lossy(&done.stderr).trim());
            return None;
        }
        Some(real)
    }

    fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SLURM_CONF", self.folder.path().join("slurm.conf"))
    }

    fn call(&self, program: &str, arguments: &[&str]) -> String {
        let done = self.surround(Command::new(program).args(arguments)).output().unwrap();
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = Command::new("bash").args([CLUSTER, "stop"]).arg(self.folder.path()).status();
    }
}

fn until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(seconds), "waited {seconds} s for: {what}");
        sleep(Duration::from_millis(250));
    }
}

/// Six runs in an array on a real SLURM; one task is signalled as before the time limit and requeued, one is cancelled; a report job
/// depends on them; what is left is submitted again. The weights are those of an undisturbed sweep.
#[test]
fn a_real_slurm_executes_requeues_and_reports() {
    let Some(slurm) = Real::start() else { return };
    let (whole, lab) = (Lab::new(), Lab::new());
    let grid = GRID.split("[launcher").next().unwrap().replace("[1e-2, 1e-3]", "[1e-2, 3e-3, 1e-3]");
    let grid = grid.replace("epochs = 2", "epochs = 60").replace("steps-per-epoch = 2", "steps-per-epoch = 10");
    let launcher = "\n[launcher.slurm]\ngres = \"gpu:1\"\ncpus = 1\nmem = \"300M\"\ntime = \"00:10:00\"\nprologue = [\"export SEGSPEC_DEVICE=cpu\"]\n";
    [&whole, &lab].into_iter().for_each(|lab| lab.write("experiments/grid.toml", &format!("{grid}{launcher}")));
    let submit = || {
        let ended = end(slurm.surround(&mut lab.command(&["run", "grid", "--launcher", "slurm"])));
        assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
        ended.out.split_whitespace().nth(1).unwrap().trim_end_matches(':').to_owned()
    };
    let status = || -> Vec<(String, String)> {
        let ended = end(slurm.surround(&mut lab.command(&["status", "grid", "--json"])));
        let all: Value = serde_json::from_str(&ended.out).unwrap();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        all[0]["tasks"].as_array().unwrap().iter().map(|row| (text(row, "job"), text(row, "state"))).collect()
    };
    let job = submit();
    let state_of = |task: usize| status().into_iter().find(|(id, _)| *id == format!("{job}_{task}")).unwrap().1;
    until("a running task", 120, || state_of(0) == "running");
    assert!(status().iter().any(|(_, state)| state == "waiting"), "{:?}", status());
    slurm.call("scancel", &[&format!("{job}_5")]);
    let folders: Vec<PathBuf> = {
        let jobs = fs::read_dir(lab.path("runs/.jobs/grid")).unwrap().flatten().next().unwrap().path();
        fs::read_to_string(jobs.join("runs-0.txt")).unwrap().lines().map(PathBuf::from).collect()
    };
    let run_of = |task: usize| folders[task].parent().unwrap().parent().unwrap().to_path_buf();
    until("a checkpoint of task 0", 180, || run_of(0).join("checkpoints/last/state.json").is_file());
    slurm.call("scancel", &["-b", "-s", "USR2", &format!("{job}_0")]);
    until("the requeue of task 0", 180, || {
        ["waiting", "running"].contains(&state_of(0).as_str())
            && slurm.call("scontrol", &["show", "job", &format!("{job}_0")]).contains("Restarts=1")
    });
    // A requeued job waits two minutes, unless it is told otherwise.
    sleep(Duration::from_secs(2));
    slurm.call("scontrol", &["update", &format!("jobid={job}_0"), "StartTime=now"]);
    until("the end of the array", 600, || {
        status().iter().all(|(_, state)| ["finished", "not queued", "ended"].contains(&state.as_str()))
    });
    let states: Vec<String> = (0..6).map(state_of).collect();
    assert_eq!(states.iter().filter(|state| *state == "finished").count(), 5, "{states:?}");
    // A pending task of an array that is cancelled leaves no trace in SLURM.
    assert_eq!(states[5], "not queued");
    assert!(lab.path("reports/grid/report.html").is_file(), "the report job has run");
    let again = submit();
    until("the cancelled run", 300, || {
        status().iter().all(|(_, state)| ["finished", "ended"].contains(&state.as_str()))
    });
    assert_eq!(status().iter().filter(|(id, _)| id.starts_with(&format!("{again}_"))).count(), 1);
    whole.run("grid", &["--jobs", "2"]);
    let results = |lab: &Lab| -> Vec<_> { lab.run_folders("grid").iter().map(|run| weights(run)).collect() };
    assert_eq!(results(&lab), results(&whole));
}
