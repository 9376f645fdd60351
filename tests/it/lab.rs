//! A temporary workspace in which tests run the program as a person does: `experiments/`, `datasets/`, a tiny phantom.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use segspec::evaluate::{Score, table};
use serde_json::Value;
use tempfile::TempDir;

/// Six synthetic cases of about 20×28×28 voxels; the program makes them on first use.
const DATASET: &str = r#"
root = "set"
modality = "ct"
layout = { msd = {} }
generate = { cases = 6, seed = 2, size = "tiny" }

[[structure]]
name = "liver"
value = 1

[[structure]]
name = "left-kidney"
value = 2

[[structure]]
name = "right-kidney"
value = 3

[[structure]]
name = "spleen"
value = 4

[[structure]]
name = "spine"
value = 5

[[structure]]
name = "ribs"
value = 6

[labels.merge]
kidneys-and-liver = ["left-kidney", "right-kidney", "liver"]

[split.every-nth]
n = 3
validation = 0.3
"#;

/// How long is waited for something to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two stages, three epochs of three steps: seconds, with every stage taking part.
pub const TINY: &str = r#"
dataset = "tiny"
structures = ["liver", "spleen"]

[preprocess]
crop = "none"
spacing-mm = "keep"

[[preprocess.intensity]]
window = { range-hu = [-160.0, 240.0] }

[model.unet]
features = [4, 8]
strides = [[1, 1, 1], [2, 2, 2]]
kernels = [[3, 3, 3], [3, 3, 3]]

[train]
patch-size = [16, 16, 16]
batch-size = 2
epochs = 3
steps-per-epoch = 3
validate-every = 1
"#;

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The workspace, removed when dropped.
pub struct Lab {
    folder: TempDir,
}

impl Lab {
    /// With the dataset `tiny` and the experiment `tiny`.
    pub fn new() -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        lab.write("datasets/tiny.toml", DATASET);
        lab.write("experiments/tiny.toml", TINY);
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The program in this folder, on the CPU, free of the tester's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segspec"));
        command.args(arguments).current_dir(self.folder.path());
        command
            .env_remove("SEGSPEC_DATA")
            .env_remove("RAYON_NUM_THREADS")
            .env_remove("SEGSPEC_PACS")
            .env("SEGSPEC_DEVICE", "cpu");
        command
    }

    pub fn end(&self, arguments: &[&str]) -> Ended {
        end(&mut self.command(arguments))
    }

    /// Runs an experiment file of `experiments/` to its end.
    pub fn run(&self, name: &str, further: &[&str]) -> Ended {
        let file = format!("experiments/{name}.toml");
        let ended = self.end(&[&["run", &file], further].concat());
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended
    }

    /// What `--dry-run` says of each run of an experiment.
    pub fn dry_run(&self, name: &str, further: &[&str]) -> Vec<Value> {
        let ended = self.run(name, &[&["--dry-run", "--json"], further].concat());
        serde_json::from_str(&ended.out).unwrap()
    }

    /// The run folders of an experiment, sorted by id.
    pub fn run_folders(&self, experiment: &str) -> Vec<PathBuf> {
        sorted(&self.path("runs").join(experiment))
    }

    /// The one run folder of an experiment.
    pub fn run_folder(&self, experiment: &str) -> PathBuf {
        let folders = self.run_folders(experiment);
        assert_eq!(folders.len(), 1, "{folders:?}");
        folders[0].clone()
    }

    /// Starts a run in the background; its messages go nowhere.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts a run, waits for `moment` and then for `delay`, and kills it; whether it was still alive.
    pub fn kill_at(&self, arguments: &[&str], moment: impl Fn(&Self) -> bool, delay: Duration) -> bool {
        self.kill_within(PATIENCE, arguments, moment, delay)
    }

    /// The same where the moment may take longer to come.
    pub fn kill_within(
        &self,
        patience: Duration,
        arguments: &[&str],
        moment: impl Fn(&Self) -> bool,
        delay: Duration,
    ) -> bool {
        let mut child = self.start(arguments);
        let come = wait_within(patience, || moment(self) || child.try_wait().unwrap().is_some());
        assert!(come, "the moment did not come");
        sleep(delay);
        let alive = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        alive
    }
}

/// Folder of real images: `SEGSPEC_TEST_DATA`, else `shared/data` beside the repository. None, with a word to the person, where
/// there is no such folder.
pub fn shared() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("SEGSPEC_TEST_DATA").map_or_else(beside, PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: no test images at {}", root.display());
    None
}

pub fn end(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Whether something became true within a minute.
pub fn wait_for(moment: impl FnMut() -> bool) -> bool {
    wait_within(PATIENCE, moment)
}

fn wait_within(patience: Duration, mut moment: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < patience {
        if moment() {
            return true;
        }
        sleep(Duration::from_millis(2));
    }
    false
}

/// What a folder holds, sorted; nothing if it is not there.
pub fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub fn manifest(run: &Path) -> Value {
    json(&run.join("manifest.json"))
}

/// The one prediction of a run; a folder that is not there before it begins.
pub fn prediction(run: &Path) -> PathBuf {
    only(&run.join("predictions"))
}

/// The one folder of scores of a run.
pub fn evaluation(run: &Path) -> PathBuf {
    only(&prediction(run).join("evaluations"))
}

fn only(folder: &Path) -> PathBuf {
    let there = sorted(folder);
    assert!(there.len() <= 1, "{there:?}");
    there.into_iter().next().unwrap_or_else(|| folder.join("none"))
}

/// What the manifest says of the one prediction; null before it is finished.
pub fn predicted(run: &Path) -> Value {
    let manifest = manifest(run);
    let all = manifest["predictions"].as_object().unwrap();
    assert!(all.len() <= 1, "{all:?}");
    all.values().next().cloned().unwrap_or_default()
}

/// Hash of the weights that predicted.
pub fn weights(run: &Path) -> Value {
    predicted(run)["weights"].clone()
}

/// Whether a run has its scores.
pub fn is_finished(run: &Path) -> bool {
    run.join("manifest.json").exists() && predicted(run)["evaluations"].as_object().is_some_and(|all| !all.is_empty())
}

/// Predicted images of a run, in the order of their names.
pub fn images(run: &Path) -> Vec<PathBuf> {
    let is_image = |path: &PathBuf| path.to_string_lossy().ends_with(".nii.gz");
    sorted(&prediction(run)).into_iter().filter(is_image).collect()
}

/// The lines of `events.jsonl` of one kind; none if there is no file yet.
pub fn events(run: &Path, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
    let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    whole.filter(|event| event["event"] == kind).collect()
}

pub fn scores(run: &Path) -> Vec<Score> {
    table::scores(&table::read(&evaluation(run).join("scores.parquet")).unwrap()).unwrap()
}

/// What must be the same when work is repeated.
#[derive(Clone, PartialEq)]
pub struct Results {
    pub id: String,
    /// Weights, epoch, data, losses and validation scores.
    pub facts: Value,
    /// Bytes of the score table.
    pub scores: Vec<u8>,
    /// Bytes of each prediction.
    pub predictions: Vec<Vec<u8>>,
}

/// The results of every run of an experiment, all of them finished.
pub fn results(lab: &Lab, experiment: &str) -> Vec<Results> {
    lab.run_folders(experiment).iter().map(|run| result(run)).collect()
}

fn result(run: &Path) -> Results {
    assert!(is_finished(run), "{}", run.display());
    let mut history = json(&run.join("training_history.json"));
    forget_seconds(&mut history);
    Results {
        id: run.file_name().unwrap().to_string_lossy().into_owned(),
        facts: serde_json::json!([weights(run), predicted(run)["epoch"], json(&run.join("data.json")), history]),
        scores: fs::read(evaluation(run).join("scores.parquet")).unwrap(),
        predictions: images(run).iter().map(|file| fs::read(file).unwrap()).collect(),
    }
}

/// Takes the measured times out of a history.
fn forget_seconds(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("seconds");
            map.remove("waited_seconds");
            map.values_mut().for_each(forget_seconds);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_seconds),
        _ => {}
    }
}
