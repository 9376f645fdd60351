//! Specs with changed bytes: errors or none, never a panic, never for long.

use std::time::{Duration, Instant};

use segspec::spec::{self, Kind, kind};
use segspec_testing::damage::copies;

use crate::lab::sorted;

/// Checks changed copies of every committed spec; returns how many were accepted, and the longest time.
fn survive(count: usize) -> (usize, Duration) {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["experiments", "datasets"] {
        let copy = folder.path().join(kind);
        std::fs::create_dir_all(&copy).unwrap();
        for file in sorted(kind.as_ref()).into_iter().filter(|file| file.extension().is_some_and(|it| it == "toml")) {
            std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
    }
    let seeds = ["experiments", "datasets", "tests/specs/valid", "tests/specs/invalid"].map(|it| sorted(it.as_ref()));
    let seeds: Vec<_> =
        seeds.concat().into_iter().filter(|file| file.extension().is_some_and(|it| it == "toml")).collect();
    let (mut accepted, mut longest) = (0, Duration::ZERO);
    for (number, seed) in seeds.iter().enumerate() {
        let bytes = std::fs::read(seed).unwrap();
        let in_folder = if kind::of_file(seed) == Kind::Dataset { "datasets" } else { "experiments" };
        let file = folder.path().join(in_folder).join("mutated.toml");
        for copy in copies(&bytes, count.div_ceil(seeds.len()), number as u64) {
            std::fs::write(&file, copy).unwrap();
            let start = Instant::now();
            let checked = match kind::of_file(&file) {
                Kind::Experiment => spec::load(&file, &[], &[]).map(drop),
                Kind::Dataset => spec::load_dataset(&file).map(drop),
            };
            accepted += usize::from(checked.map_err(|diagnostics| diagnostics.to_string()).is_ok());
            longest = longest.max(start.elapsed());
        }
        std::fs::remove_file(file).unwrap();
    }
    (accepted, longest)
}

#[test]
fn changed_specs_are_accepted_or_refused_in_no_time() {
    let (_, longest) = survive(300);
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

#[test]
#[ignore = "fuzz/run.sh runs it"]
fn mutated_specs_by_the_thousand() {
    let count = std::env::var("SEGSPEC_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let start = Instant::now();
    let (accepted, longest) = survive(count);
    println!("specs: {count} files, {accepted} accepted, 0 panics, the longest {longest:?}, in {:?}", start.elapsed());
}

#[test]
fn thousands_of_unknown_keys_are_told_in_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.toml");
    let keys = |prefix: &str| (0..20_000).map(|index| format!("{prefix}{index} = {index}\n")).collect::<String>();
    let texts = [
        keys("unknown-key-"),
        format!("[train]\n{}", keys("batch-sise")),
        format!("{} = 1\n", "a".repeat(500_000)),
        format!("train.batch-size = [{}]\n", "1, ".repeat(100_000)),
    ];
    for text in texts {
        std::fs::write(&file, text).unwrap();
        let start = Instant::now();
        let errors = spec::load(&file, &[], &[]).unwrap_err();
        let shown = errors.to_string();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert!(shown.matches("error: ").count() <= 101 && shown.contains("error: "), "{}", &shown[..200]);
        assert!(errors.problems.len() < 200 || shown.contains("more errors; mend the first ones"));
    }
}

#[test]
#[cfg(unix)]
fn files_without_an_end_are_no_specs() {
    let error = spec::load("/dev/zero".as_ref(), &[], &[]).unwrap_err().to_string();
    assert!(error.contains("longer than 1 MB"), "{error}");
}
