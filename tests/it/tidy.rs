//! Rules of the house that the compiler does not check: see the invariants in `src/lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines.
const MAX_LINES: usize = 400;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "crates", "tests"] {
        sources(&root.join(folder), &mut found);
    }
    found.sort();
    let relative = |path: &PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    found.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

/// The crates and modules of the program, in the order of the data's way: what a `lib.rs` re-exports of another crate stands first.
fn modules() -> Vec<String> {
    let module = |line: &str| line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')).map(str::to_string);
    let of = |file: &str| {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        text.lines().filter_map(module).collect::<Vec<_>>()
    };
    ["crates/data/src/lib.rs", "crates/learn/src/lib.rs", "src/lib.rs"].iter().flat_map(|file| of(file)).collect()
}

/// The top-level module that a file belongs to: `crates/learn/src/train/fit.rs` → `train`.
fn module_of(path: &str) -> Option<&str> {
    let rest = ["src/", "crates/data/src/", "crates/learn/src/"].iter().find_map(|folder| path.strip_prefix(folder))?;
    Some(rest.split('/').next()?.trim_end_matches(".rs"))
}

/// The code of a file without its test module and comments.
fn product_code(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or("")
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// Whether a file holds tests, or what only tests use.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/") || path.starts_with("crates/testing")
}

#[test]
fn files_are_short() {
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{path} has {lines} lines, more than {MAX_LINES}: split it by what it does");
    }
}

#[test]
fn modules_import_only_what_stands_before_them() {
    let modules = modules();
    let position = |name: &str| modules.iter().position(|module| module == name);
    for (path, text) in all_sources() {
        let Some(own) = module_of(&path).and_then(|name| position(name).map(|index| (name, index))) else { continue };
        if is_test(&path) {
            continue;
        }
        for line in product_code(&text) {
            for part in line.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(other) = position(&name) else { continue };
                assert!(
                    other <= own.1,
                    "{path}: `{}` stands below `{}` on the data's way: {}",
                    name,
                    own.0,
                    line.trim()
                );
            }
        }
    }
}

#[test]
fn each_concern_has_its_place() {
    // What may appear only below certain folders, and why.
    let terminal: &[&str] = &["src/cli", "src/observe/terminal.rs", "src/main.rs"];
    let store: &[&str] = &["src/store", "crates/learn/src/train/checkpoint.rs"];
    let folder = "only `store` names the files of a run folder";
    let rules: [(&str, &[&str], &str); 13] = [
        ("Device::flex", &["crates/backend"], "only `backend` names a Burn backend"),
        ("Device::cuda", &["crates/backend"], "only `backend` names a Burn backend"),
        ("Device::vulkan", &["crates/backend"], "only `backend` names a Burn backend"),
        ("println!", terminal, "only `cli` and `observe::terminal` write to the terminal"),
        ("eprint", terminal, "only `cli` and `observe::terminal` write to the terminal"),
        ("\"manifest.json\"", store, folder),
        ("\"checkpoints\"", store, folder),
        ("\"predictions\"", store, folder),
        ("\"evaluations\"", store, folder),
        ("\"history.parquet\"", store, folder),
        ("\"events.jsonl\"", store, folder),
        ("thread_rng", &[], "nothing is random without a seed from the plan"),
        ("rand::rng()", &[], "nothing is random without a seed from the plan"),
    ];
    let is_product = |path: &str| (path.starts_with("src/") || path.starts_with("crates/")) && !is_test(path);
    for (path, text) in all_sources().iter().filter(|(path, _)| is_product(path)) {
        for (needle, places, why) in &rules {
            let allowed = places.iter().any(|place| path.starts_with(place));
            let found = product_code(text).any(|line| line.contains(needle));
            assert!(allowed || !found, "{path} uses `{needle}`: {why}");
        }
    }
}

#[test]
fn pure_stages_touch_no_files_and_scores_see_no_tensor() {
    let banned = [
        ("crates/learn/src/model/", "std::fs", "`model` does no I/O"),
        ("crates/learn/src/loss/", "std::fs", "`loss` does no I/O"),
        ("src/evaluate/", "burn::", "`evaluate` never sees a tensor"),
        ("src/report/", "burn::", "`report` reads only tables and saved images"),
        ("crates/volume/", "segspec_data", "`volume` knows no dataset"),
        ("crates/data/", "burn::", "`data` knows no tensor"),
    ];
    for (path, text) in all_sources() {
        for (folder, needle, why) in banned {
            let found = path.starts_with(folder) && product_code(&text).any(|line| line.contains(needle));
            assert!(!found, "{path} uses `{needle}`: {why}");
        }
    }
}
