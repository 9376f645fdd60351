//! Rules of the house that the compiler does not check: see the invariants in `src/lib.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines.
const MAX_LINES: usize = 400;

/// What `spec` and `plan` may import from modules to their right: they compose the stages' leaf spec types.
const COMPOSERS: [&str; 2] = ["spec", "plan"];

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
    sources(&root.join("src"), &mut found);
    sources(&root.join("tests"), &mut found);
    found.sort();
    let relative = |path: &PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    found.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

/// The modules of `src/lib.rs`, in the order of the data's way.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let module = |line: &str| line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')).map(str::to_string);
    text.lines().filter_map(module).collect()
}

/// The top-level module that a file belongs to: `src/train/fit.rs` → `train`.
fn module_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("src/")?;
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

#[test]
fn files_are_short() {
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{path} has {lines} lines, more than {MAX_LINES}: split it by what it does");
    }
}

#[test]
fn stages_import_only_what_stands_to_their_left() {
    let modules = modules();
    let position = |name: &str| modules.iter().position(|module| module == name);
    for (path, text) in all_sources() {
        let Some(own) = module_of(&path).and_then(|name| position(name).map(|index| (name, index))) else { continue };
        if COMPOSERS.contains(&own.0) || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        for line in product_code(&text) {
            for part in line.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(other) = position(&name) else { continue };
                assert!(
                    other <= own.1,
                    "{path}: `{}` stands to the right of `{}` in src/lib.rs: {}",
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
    let rules: [(&str, &[&str], &str); 7] = [
        ("Device::flex", &["src/backend"], "only `backend` names a Burn backend"),
        ("Device::cuda", &["src/backend"], "only `backend` names a Burn backend"),
        ("Device::vulkan", &["src/backend"], "only `backend` names a Burn backend"),
        (
            "println!",
            &["src/cli", "src/run/terminal.rs", "src/main.rs", "src/testing.rs"],
            "only `cli` and `run::terminal` write to the terminal",
        ),
        (
            "eprint",
            &["src/cli", "src/run/terminal.rs", "src/main.rs", "src/testing.rs"],
            "only `cli` and `run::terminal` write to the terminal",
        ),
        ("thread_rng", &[], "nothing is random without a seed from the plan"),
        ("rand::rng()", &[], "nothing is random without a seed from the plan"),
    ];
    for (path, text) in all_sources().iter().filter(|(path, _)| path.starts_with("src/") && !path.ends_with("tests.rs"))
    {
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
        ("src/model/", "std::fs", "`model` does no I/O"),
        ("src/loss/", "std::fs", "`loss` does no I/O"),
        ("src/evaluate/", "burn::", "`evaluate` never sees a tensor"),
        ("src/report/", "burn::", "`report` reads only tables and saved images"),
        ("src/volume/", "crate::dataset", "`volume` knows no dataset"),
    ];
    for (path, text) in all_sources() {
        for (folder, needle, why) in banned {
            let found = path.starts_with(folder) && product_code(&text).any(|line| line.contains(needle));
            assert!(!found, "{path} uses `{needle}`: {why}");
        }
    }
}
