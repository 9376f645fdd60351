//! Searches as a person runs them: every method, pruning, resuming after kills, two controllers, replay.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::lab::Lab;

/// A search space with a range, an integer, and architectures with settings of their own.
const SPACE: &str = r#"
train.optimizer.adamw.learning-rate = { log-uniform = [1e-4, 1e-1] }
train.batch-size = { int = [1, 2] }

[[sweep.model]]
vnet = { features = [4, 8] }

[[sweep.model]]
unet = { features = [4, 8], strides = [[1, 1, 1], [2, 2, 2]], kernels = [[3, 3, 3], [3, 3, 3]], residual = { choice = [false, true] } }
"#;

fn search(settings: &str) -> Lab {
    let lab = Lab::new();
    let text =
        format!("extends = [\"tiny.toml\"]\n[train]\nepochs = 4\nsteps-per-epoch = 2\n[sweep]\n{settings}\n{SPACE}");
    lab.write("experiments/search.toml", &text);
    lab
}

/// The journal's events.
fn journal(lab: &Lab) -> Vec<Value> {
    let folder = lab.path("runs/.sweeps/search");
    let path = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|it| it.path())
        .find(|it| it.extension().is_some_and(|it| it == "jsonl"));
    let text = fs::read_to_string(path.unwrap()).unwrap();
    text.lines().map(|line| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap()).collect()
}

fn of_kind<'a>(journal: &'a [Value], kind: &str) -> Vec<&'a Value> {
    journal.iter().filter(|line| line["event"] == kind).collect()
}

fn replayed(lab: &Lab) {
    let ended = lab.end(&["sweep", "replay", "search"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn every_method_spends_its_budget_and_replays() {
    for method in ["random", "tpe", "cmaes"] {
        let lab = search(&format!("method = \"{method}\"\nbudget = {{ trials = 5 }}"));
        let ended = lab.run("search", &["--jobs", "2"]);
        assert!(ended.out.contains("search: 5 of 5 trials: 5 finished"), "{}", ended.out);
        let lines = journal(&lab);
        assert_eq!((of_kind(&lines, "asked").len(), of_kind(&lines, "finished").len()), (5, 5), "{method}");
        replayed(&lab);
        // Nothing is left to do, and more trials go on from these.
        let again = lab.run("search", &[]);
        assert!(again.out.contains("5 finished") && journal(&lab) == lines, "{}", again.out);
        let more = lab.run("search", &["--set", "sweep.budget.trials=6"]);
        assert!(more.out.contains("search: 6 of 6 trials"), "{}", more.out);
        assert_eq!(journal(&lab)[..lines.len()], lines);
    }
}

#[test]
fn successive_halving_pauses_trials_and_goes_on_with_the_best() {
    let lab = search("method = \"tpe\"\nbudget = { trials = 8 }\nprune = { asha = { min-epochs = 1, factor = 2 } }");
    lab.run("search", &["--jobs", "2"]);
    let lines = journal(&lab);
    let (rungs, promoted, finished) =
        (of_kind(&lines, "rung"), of_kind(&lines, "promoted"), of_kind(&lines, "finished"));
    assert_eq!(rungs.iter().filter(|line| line["rung"] == 0).count(), 8);
    assert!(!promoted.is_empty() && !finished.is_empty() && finished.len() < 8);
    // Of two values at a rung, the better one was promoted first.
    let value = |trial: &Value| {
        rungs.iter().find(|line| line["trial"] == *trial && line["rung"] == 0).unwrap()["value"].as_f64().unwrap()
    };
    let worst = rungs
        .iter()
        .filter(|line| line["rung"] == 0)
        .map(|line| line["value"].as_f64().unwrap())
        .fold(f64::MIN, f64::max);
    assert!(promoted.iter().filter(|line| line["from"] == 0).all(|line| value(&line["trial"]) < worst));
    replayed(&lab);
    let states: Value = serde_json::from_str(&lab.run("search", &["--dry-run", "--json"]).out).unwrap();
    let paused = states["trials"].as_array().unwrap().iter().filter(|trial| trial["state"] == "paused").count();
    assert_eq!(paused, 8 - finished.len());
    // The best by the objective, not by the test scores.
    let told: Value =
        serde_json::from_str(&fs::read_to_string(lab.path("reports/search/search.json")).unwrap()).unwrap();
    let best = &told["trials"][told["best"].as_u64().unwrap() as usize];
    let values: Vec<f64> = told["trials"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["state"] == "finished")
        .map(|it| it["values"][0].as_f64().unwrap())
        .collect();
    assert!(values.iter().all(|value| *value <= best["values"][0].as_f64().unwrap()));
    for figure in ["search-history.svg", "search-settings.png"] {
        assert!(lab.path("reports/search").join(figure).is_file(), "{figure}");
    }
    let page = fs::read_to_string(lab.path("reports/search/report.html")).unwrap();
    assert!(page.contains("was chosen by mean Dice (validation)."), "{page:.2000}");
}

#[test]
fn a_dry_run_tells_what_is_searched_and_how_long_it_takes() {
    let lab = search("method = \"tpe\"\nbudget = { trials = 3 }\nobjective = [{}, { metric = \"parameters\" }]");
    let told = |lab: &Lab| lab.run("search", &["--dry-run"]).out;
    let text = told(&lab);
    for part in ["logarithmic", "judged by: mean Dice (validation), higher is better; parameters, lower is better"] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(text.contains("search: 0 of 3 trials\ntraining: about 1 s for about "), "{text}");
    assert!(!lab.path("runs/.sweeps").exists(), "nothing has begun");
    lab.run("search", &[]);
    let text = told(&lab);
    assert!(text.contains("search: 3 of 3 trials: 3 finished") && !text.contains("training:"), "{text}");
    let json: Value = serde_json::from_str(&lab.run("search", &["--dry-run", "--json"]).out).unwrap();
    assert_eq!(json["search"]["objectives"].as_array().unwrap().len(), 2);
    assert!(json["trials"].as_array().unwrap().iter().all(|trial| trial["objectives"].as_array().unwrap().len() == 2));
    let page = lab.end(&["report", "search"]).out;
    assert!(page.contains("Pareto front (no other trial is better in both)"), "{page}");
    // A budget that was lowered since.
    let text = lab.run("search", &["--dry-run", "--set", "sweep.budget.trials=2"]).out;
    assert!(text.contains("search: 3 trials (more than the budget's 2): 3 finished"), "{text}");
}

#[test]
fn trials_worse_on_the_same_cases_are_ended_after_a_fold() {
    let lab = search(
        "method = \"random\"\nbudget = { trials = 4 }\nfolds = [0, 1, 2]\nobjective = [{ on = \"test\" }]\nprune = { wilcoxon = { p = 0.45, min-cases = 2 } }",
    );
    let split = fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let (start, _) = split.split_once("[split").unwrap();
    lab.write("datasets/tiny.toml", &format!("{start}[split.k-fold]\nfolds = 3\nvalidation = 0.3\n"));
    let ended = lab.run("search", &["--jobs", "1"]);
    let lines = journal(&lab);
    let (repeats, pruned) = (of_kind(&lines, "repeat"), of_kind(&lines, "pruned"));
    assert!(!pruned.is_empty(), "{}", ended.out);
    // A trial that was ended has not been run on every fold.
    for line in &pruned {
        let own = repeats.iter().filter(|it| it["trial"] == line["trial"]).count();
        assert!(own < 3 && own as u64 == line["repeats"].as_u64().unwrap());
    }
    replayed(&lab);
}

#[test]
fn killed_and_shared_searches_lose_no_trial() {
    let settings = "method = \"random\"\nbudget = { trials = 6 }\nprune = { asha = { min-epochs = 1, factor = 2 } }";
    let lab = search(settings);
    for pause in [400, 700, 300, 900, 500] {
        let mut child = lab.command(&["run", "search", "--jobs", "2"]).spawn().unwrap();
        sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut two: Vec<_> = (0..2).map(|_| lab.command(&["run", "search"]).spawn().unwrap()).collect();
    assert!(two.iter_mut().all(|child| child.wait().unwrap().success()));
    let lines = journal(&lab);
    assert_eq!(of_kind(&lines, "asked").len(), 6);
    for trial in 0..6 {
        let ends = |kind: &str| of_kind(&lines, kind).iter().filter(|line| line["trial"] == trial).count();
        assert_eq!(
            lines.iter().filter(|line| line["trial"] == trial && line["event"] == "rung" && line["rung"] == 0).count(),
            1
        );
        assert!(ends("finished") <= 1 && ends("failed") == 0);
    }
    replayed(&lab);
    for run in lab.run_folders("search") {
        assert!(!run.join("lock").exists());
    }
}

#[test]
fn an_edited_journal_is_refused_and_other_decisions_are_named() {
    let lab = search("method = \"tpe\"\nbudget = { trials = 2 }");
    lab.run("search", &[]);
    let folder = lab.path("runs/.sweeps/search");
    let path = fs::read_dir(folder).unwrap().flatten().map(|it| it.path()).next().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"number\":0.0", "\"number\":0.1")).unwrap();
    let ended = lab.end(&["sweep", "replay", "search"]);
    assert!(ended.code != 0 && ended.err.contains("line 2: the checksum does not fit"), "{} {}", ended.code, ended.err);
    let ended = lab.end(&["run", "search"]);
    assert!(ended.code != 0 && ended.err.contains("checksum"), "{}", ended.err);
    let none = lab.end(&["sweep", "replay", "tiny"]);
    assert!(none.code == 2 && none.err.contains("is no search"), "{}", none.err);
}

#[test]
fn what_cannot_be_searched_is_refused_before_any_compute() {
    for (settings, words) in [
        ("method = \"tpe\"\nprune = { asha = { min-epochs = 4 } }", "the first rung is not before the last epoch"),
        ("method = \"tpe\"\nobjective = [{ metric = \"hd95\" }]", "is not measured on the validation cases"),
        ("method = \"tpe\"\nobjective = [{ structure = \"livr\" }]", "no structure `livr`"),
        ("method = \"tpe\"\nprune = { wilcoxon = {} }", "no value per case"),
        ("method = \"grid\"", "a grid needs a list of values"),
        ("budget = { trials = 3 }\nmethod = \"random\"\nexclude = [{ \"train.batchsize\" = 1 }]", "does not vary"),
    ] {
        let lab = search(settings);
        let ended = lab.end(&["run", "search"]);
        assert!(ended.code == 3 && ended.err.contains(words), "{settings}: {}", ended.err);
        assert!(!lab.path("runs/search").exists());
    }
}

#[test]
fn what_was_deleted_of_finished_trials_is_done_again() {
    let lab = search("method = \"random\"\nbudget = { trials = 3 }");
    lab.run("search", &[]);
    let scores = fs::read(lab.path("reports/search/structures.csv")).unwrap();
    let lines = journal(&lab);
    for arguments in [&["rm", "search", "--part", "predictions", "--yes"][..], &["rm", "search", "--yes"]] {
        assert_eq!(lab.end(arguments).code, 0);
        lab.run("search", &[]);
        assert_eq!(fs::read(lab.path("reports/search/structures.csv")).unwrap(), scores);
        assert_eq!(journal(&lab), lines, "nothing new was decided");
    }
    // Where a run is in use, `--fresh` removes nothing.
    let folder = lab.run_folders("search").remove(0);
    let lock = fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let refused = lab.end(&["run", "search", "--fresh"]);
    assert!(refused.code == 7 && lab.run_folders("search").iter().all(|run| run.join("manifest.json").exists()));
}

#[test]
fn a_search_without_any_finished_trial_fails_and_a_broken_launcher_costs_no_trial() {
    let lab = search("method = \"random\"\nbudget = { trials = 2 }");
    lab.write("experiments/lost.toml", "extends = [\"search.toml\"]\n[launcher]\ncommand = \"false {}\"\n");
    let ended = lab.end(&["run", "lost", "--launcher", "command"]);
    assert_eq!(ended.code, 7, "{}{}", ended.out, ended.err);
    lab.write("experiments/lost.toml", "extends = [\"search.toml\"]\n");
    assert!(lab.run("lost", &[]).out.contains("2 of 2 trials: 2 finished"));
    let text = fs::read_to_string(lab.path("experiments/search.toml")).unwrap();
    lab.write("experiments/high.toml", &text.replace("[1e-4, 1e-1]", "[1e24, 1e25]"));
    let ended = lab.end(&["run", "high"]);
    assert_eq!(ended.code, 5, "{}{}", ended.out, ended.err);
}
