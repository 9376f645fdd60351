//! Sweeps in worker processes: killed at any moment, started by several at once, stopped, and always each run once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;
use segspec::random;

use crate::lab::{Lab, TINY, events, is_finished, manifest, results, wait_for};
use crate::resume::interrupt;

/// 48 runs of a few steps.
const GRID: &str = r#"
extends = ["tiny.toml"]

[train]
epochs = 2
steps-per-epoch = 2

[sweep]
train.optimizer.adamw.learning-rate = [1e-2, 3e-3, 1e-3, 3e-4]
model.unet.features = [[4, 8], [4, 4], [2, 4]]
seeds = [0, 1, 2, 3]
"#;

const RUNS: usize = 48;

fn grid() -> Lab {
    let lab = Lab::new();
    lab.write("experiments/grid.toml", GRID);
    lab
}

/// Process ids of the workers of a controller; empty where the system does not tell.
fn workers_of(controller: &Child) -> Vec<u32> {
    let id = controller.id();
    let text = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn kill(pid: u32) {
    // It may have ended by itself.
    Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
}

fn finished(lab: &Lab, experiment: &str) -> usize {
    lab.run_folders(experiment).iter().filter(|run| is_finished(run)).count()
}

/// Every run is finished once, has its scores, and nothing is left of the processes.
fn whole(lab: &Lab, experiment: &str, runs: usize) {
    let folders = lab.run_folders(experiment);
    assert_eq!(folders.len(), runs);
    for run in &folders {
        assert!(is_finished(run), "{}", run.display());
        assert_eq!(events(run, "finished").len(), 1, "{}", run.display());
        let sessions = manifest(run)["sessions"].as_array().unwrap().clone();
        let ended = sessions.iter().filter(|session| session["outcome"]["state"] == "finished").count();
        assert_eq!(ended, 1, "{}: {sessions:?}", run.display());
        assert!(!run.join("lock").exists(), "{} is marked as running", run.display());
    }
}

/// Starts and kills controllers and workers at random moments until the sweep is done; returns the number of kills.
fn with_kills(lab: &Lab, seed: u64, kills: usize) -> usize {
    let mut random = random::stream(seed, "kills", 0, 0);
    let arguments = ["run", "experiments/grid.toml", "--jobs", "2"];
    let (mut controller, mut killed) = (lab.start(&arguments), 0);
    let begun = Instant::now();
    while killed < kills {
        assert!(begun.elapsed() < Duration::from_secs(600), "no end after {killed} kills");
        std::thread::sleep(Duration::from_millis(random.random_range(20..400)));
        if controller.try_wait().unwrap().is_some() {
            if finished(lab, "grid") == RUNS {
                break;
            }
            controller = lab.start(&arguments);
            continue;
        }
        let workers = workers_of(&controller);
        match random.random_range(0..3) {
            0 => {
                controller.kill().unwrap();
                controller.wait().unwrap();
                controller = lab.start(&arguments);
            }
            other if other <= workers.len() => kill(workers[other - 1]),
            _ => continue,
        }
        killed += 1;
    }
    // Runs whose workers were killed too often in a row count as failed until the next call.
    controller.wait().unwrap();
    for _ in 0..10 {
        if lab.end(&arguments).code == 0 {
            break;
        }
    }
    killed
}

#[test]
fn a_sweep_survives_fifty_kills_of_its_processes() {
    let undisturbed = grid();
    undisturbed.run("grid", &["--jobs", "2"]);
    whole(&undisturbed, "grid", RUNS);
    let lab = grid();
    let kills = with_kills(&lab, 7, 50);
    println!("{kills} kills");
    assert!(kills >= 30, "it was over after {kills} kills");
    whole(&lab, "grid", RUNS);
    assert!(results(&lab, "grid") == results(&undisturbed, "grid"), "other numbers than the undisturbed sweep");
}

#[test]
fn two_controllers_share_a_sweep_and_do_each_run_once() {
    let lab = grid();
    lab.run("grid", &["--dry-run"]);
    let start = || lab.start(&["run", "experiments/grid.toml", "--jobs", "2"]);
    let mut controllers = [start(), start()];
    for controller in &mut controllers {
        assert_eq!(controller.wait().unwrap().code(), Some(0));
    }
    whole(&lab, "grid", RUNS);
    for run in lab.run_folders("grid") {
        assert_eq!(manifest(&run)["sessions"].as_array().unwrap().len(), 1, "{}", run.display());
    }
}

/// Two mount points of one folder and two host names, as two machines see a shared disk.
#[test]
#[cfg(target_os = "linux")]
fn two_hosts_share_a_sweep() {
    let lab = grid();
    lab.run("grid", &["--dry-run"]);
    let folder = lab.path("").display().to_string();
    let other = tempfile::tempdir().unwrap();
    let on_host = |name: &str, place: &Path| {
        let script = format!(
            "hostname {name} && mount --bind '{folder}' '{0}' && cd '{0}' && exec '{1}' run experiments/grid.toml --jobs 2 --device cpu",
            place.display(),
            env!("CARGO_BIN_EXE_segspec")
        );
        let mut command = Command::new("unshare");
        command.args(["--uts", "--mount", "sh", "-c", &script]).env_remove("SEGSPEC_DATA");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let probe = Command::new("unshare").args(["--uts", "--mount", "hostname", "probe"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: `unshare` may not make other hosts here");
        return;
    }
    let places = ["one", "two"].map(|name| other.path().join(name));
    places.iter().for_each(|place| fs::create_dir(place).unwrap());
    let mut hosts: Vec<Child> = [("node-1", &places[0]), ("node-2", &places[1])]
        .map(|(name, place)| on_host(name, place).spawn().unwrap())
        .into();
    for host in &mut hosts {
        assert_eq!(host.wait().unwrap().code(), Some(0));
    }
    whole(&lab, "grid", RUNS);
    let name = |run: &PathBuf| manifest(run)["host"]["name"].as_str().unwrap_or_default().to_owned();
    let names: Vec<String> = lab.run_folders("grid").iter().map(name).collect();
    assert!(["node-1", "node-2"].iter().all(|host| names.iter().any(|name| name == host)), "{names:?}");
    assert!(lab.run_folders("grid").iter().all(|run| manifest(run)["sessions"].as_array().unwrap().len() == 1));
}

#[test]
fn ctrl_c_stops_controller_and_workers_and_the_next_call_goes_on() {
    let lab = grid();
    lab.write("experiments/grid.toml", &GRID.replace("epochs = 2", "epochs = 200"));
    let arguments = ["run", "experiments/grid.toml", "--jobs", "2"];
    let mut controller = lab.start(&arguments);
    let is_training = || lab.run_folders("grid").iter().filter(|run| !events(run, "epoch").is_empty()).count() >= 2;
    assert!(wait_for(is_training));
    let workers = workers_of(&controller);
    interrupt(&controller);
    let start = Instant::now();
    assert_eq!(controller.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(workers.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()), "a worker goes on");
    let begun: Vec<PathBuf> =
        lab.run_folders("grid").into_iter().filter(|run| run.join("manifest.json").is_file()).collect();
    for run in &begun {
        let last = manifest(run)["sessions"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["outcome"]["state"], "stopped", "{last}");
        assert!(run.join("checkpoints/last").is_dir(), "no state was saved");
    }
}

/// A worker whose controller is killed saves its state and ends.
#[test]
#[cfg(target_os = "linux")]
fn workers_end_with_their_controller() {
    let lab = grid();
    lab.write("experiments/grid.toml", &GRID.replace("epochs = 2", "epochs = 2000"));
    let mut controller = lab.start(&["run", "experiments/grid.toml", "--jobs", "2"]);
    assert!(wait_for(|| workers_of(&controller).len() == 2 && lab.run_folders("grid").len() >= 2));
    let workers = workers_of(&controller);
    controller.kill().unwrap();
    controller.wait().unwrap();
    let is_gone = |pid: &u32| !Path::new(&format!("/proc/{pid}/exe")).exists();
    assert!(wait_for(|| workers.iter().all(is_gone)), "a worker goes on alone");
    assert!(lab.dry_run("grid", &[]).iter().all(|run| run["status"] != "running"));
}

/// Where the user looks: what each run came to, the report at the end, and the command of the user in the manifests.
#[test]
fn what_workers_do_is_told_and_recorded() {
    let lab = Lab::new();
    let sweep = format!(
        "{TINY}\n[sweep]\ntrain.optimizer.adamw.learning-rate = [1e-3, 1e30, 2e-3]\nmodel.unet.norm = [\"none\"]\n"
    );
    lab.write("experiments/sweep.toml", &sweep);
    for (jobs, further) in [("1", "[1/3] run "), ("2", ", mean Dice ")] {
        let ended = lab.end(&["run", "experiments/sweep.toml", "--jobs", jobs, "--fresh"]);
        assert_eq!(ended.code, 5, "{}", ended.err);
        for text in [further, "[3/3] run ", "failed: the loss became", "1 of 3 runs failed"] {
            assert!(ended.err.contains(text), "{text}: {}", ended.err);
        }
        assert!(ended.out.contains("learning-rate=0.002"), "{}", ended.out);
    }
    let command = manifest(&lab.run_folders("sweep")[0])["command"].clone();
    assert!(command.as_array().unwrap().iter().any(|word| word == "experiments/sweep.toml"), "{command}");
    assert!(lab.path("reports/sweep/report.html").is_file());
}
