mod browser;
pub mod fixture;

use std::collections::BTreeMap;
use std::fs;

use polars::prelude::*;

use super::text_table::Charset;
use super::*;
use crate::evaluate::table::{read, scores, to_frame};
use crate::evaluate::{Setting, TrialKey, Variant};
use fixture::{Size, input};

fn small() -> Size {
    Size { structures: 7, cases: 12, trials: 2, seeds: 2, epochs: 6 }
}

fn files(input: &ReportInput) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let written = write(&Report::new(input.clone()).unwrap(), folder.path()).unwrap();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let files: BTreeMap<_, _> = written.all.iter().map(|path| (name(path), fs::read(path).unwrap())).collect();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files.len(), "every file is listed");
    files
}

fn terminal(input: &ReportInput, charset: Charset) -> String {
    terminal::report(&Report::new(input.clone()).unwrap(), charset)
}

fn text(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

/// Asserts that tags are balanced and no text contains a bare `<` or `&`, which suffices for the charts.
fn assert_well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    for (index, tag) in xml.split('<').enumerate().skip(1) {
        let (inside, after) = tag.split_once('>').unwrap_or_else(|| panic!("tag {index} has no end: {tag}"));
        assert!(
            !after
                .replace("&lt;", "")
                .replace("&gt;", "")
                .replace("&amp;", "")
                .replace("&quot;", "")
                .replace("&apos;", "")
                .contains('&'),
            "{after}"
        );
        match inside.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if inside.ends_with('/') => {}
            None => open.push(inside.split_whitespace().next().unwrap()),
        }
        assert_eq!(inside.matches('"').count() % 2, 0, "{inside}");
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn the_terminal_shows_trials_and_structures() {
    let text = terminal(&input(&small()), Charset::Unicode);
    let table = |line: &&str| line.contains("±") || line.starts_with('─');
    assert!(text.lines().filter(table).all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn where_nothing_is_scored_nothing_is_said_of_the_scored_cases() {
    let input = input(&Size { structures: 2, cases: 0, trials: 1, seeds: 1, epochs: 0 });
    let report = Report::new(input).unwrap();
    assert_eq!(super::terminal::selection(&report.trials), "");
    assert!(!super::terminal::report(&report, Charset::Unicode).contains("checkpoint"));
}

#[test]
fn a_plain_terminal_gets_ascii_within_eighty_columns() {
    let text = terminal(&input(&Size { structures: 117, cases: 3, trials: 1, seeds: 1, epochs: 0 }), Charset::Ascii);
    assert!(text.is_ascii());
    let table = text.lines().take_while(|line| !line.starts_with("excluded"));
    assert!(table.map(str::len).max().unwrap() <= 80, "{text}");
    assert!(text.contains("gall bladder") && text.contains("n/a"));
}

#[test]
fn two_reports_of_one_input_are_identical_bytes() {
    let (one, other) = (files(&input(&small())), files(&input(&small())));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, content) in &one {
        assert!(content == &other[name], "{name} differs");
    }
}

#[test]
fn tables_charts_and_page_are_complete_and_agree() {
    let input = input(&small());
    let files = files(&input);
    for name in ["cases", "structures", "summary", "excluded", "comparison"] {
        assert!(files.contains_key(&format!("{name}.csv")) && files.contains_key(&format!("{name}.parquet")), "{name}");
    }
    for (name, content) in files.iter().filter(|(name, _)| name.ends_with(".svg")) {
        assert_well_formed(std::str::from_utf8(content).unwrap());
        let png = &files[&name.replace(".svg", ".png")];
        let picture = image::load_from_memory(png).unwrap().to_rgb8();
        assert!(picture.pixels().any(|pixel| pixel.0 != [255; 3]), "{name} is blank");
        assert!(text(&files, name).contains("font-family=\"sans-serif\""));
    }
    let page = text(&files, "report.html");
    assert!(page.contains("Abdominal organs &lt;CT&gt;") && !page.contains("<CT>"));
    for heading in
        ["Summary", "Comparison", "Ranking", "Per structure", "Cases", "Training", "Excluded cases", "How to reproduce"]
    {
        assert!(page.contains(&format!(">{heading}</h2>")), "{heading}");
    }
    assert!(page.contains("were not used to select the checkpoint"));
    for outside in ["http://", "https://", "src=\"/", "@import"] {
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(outside);
        assert!(!found, "the page must not refer to {outside}");
    }
    let summary = text(&files, "summary.csv");
    let mut lines = summary.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let place = lines.next().unwrap().iter().position(|name| *name == "dice_mean").unwrap();
    // The label contains a comma and is quoted, so later columns are shifted by one.
    let mean: f64 = lines.next().unwrap()[place + 1].parse().unwrap();
    assert!(terminal(&input, Charset::Ascii).contains(&format!("{mean:.3} +-")), "{mean}");
}

#[test]
fn means_over_seeds_are_those_of_the_rows() {
    let input = input(&Size { structures: 1, cases: 5, trials: 1, seeds: 3, epochs: 0 });
    let trial = Report::new(input.clone()).unwrap().trials.all.remove(0);
    let mut means = Vec::new();
    for run in &input.runs {
        let dice: Vec<f64> = scores(&run.scores).unwrap().iter().filter_map(|score| score[DICE]).collect();
        means.push(dice.iter().sum::<f64>() / dice.len() as f64);
    }
    let mean = means.iter().sum::<f64>() / 3.0;
    let sd = (means.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let found = trial.over_seeds(DICE).unwrap();
    assert_eq!(found.n, 3);
    assert!((found.mean - mean).abs() < 1e-12 && (found.sd.unwrap() - sd).abs() < 1e-12);
}

#[test]
fn folds_are_pooled_and_must_not_share_cases() {
    let mut input = input(&Size { structures: 2, cases: 4, trials: 1, seeds: 1, epochs: 0 });
    let all = scores(&input.runs[0].scores).unwrap();
    let (first, second) = all.split_at(4);
    let fold = |number, part: &[_]| {
        let context = Context { fold: Some(number), ..input.runs[0].context.clone() };
        RunInput { context, scores: to_frame(part).unwrap(), ..input.runs[0].clone() }
    };
    let (one, two, whole) = (fold(0, first), fold(1, second), fold(2, &all));
    let overall = |input: &ReportInput| Report::new(input.clone()).unwrap().trials.all[0].summary.overall.clone();
    let whole_mean = overall(&input);
    input.runs = vec![one.clone(), two];
    assert!(overall(&input).equals_missing(&whole_mean));
    input.runs = vec![one, whole];
    let message = Report::new(input).unwrap_err().to_string();
    assert!(message.contains("case `case_000` was scored twice"), "{message}");
}

#[test]
fn unusual_inputs_give_a_report_too() {
    let shape = |structures, cases, trials, epochs| Size { structures, cases, trials, seeds: 1, epochs };
    for size in [shape(1, 1, 1, 1), shape(1, 0, 1, 0), shape(117, 2, 1, 2), shape(2, 2, 40, 1), shape(6, 500, 1, 3)] {
        let page = text(&files(&input(&size)), "report.html");
        let (page, _script) = page.split_once("<script>").unwrap();
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{} cases", size.cases);
    }
    let mut without_runs = input(&shape(1, 1, 1, 1));
    without_runs.runs.clear();
    assert!(text(&files(&without_runs), "report.html").contains("No case was scored."));
    assert_eq!(terminal(&without_runs, Charset::Ascii), "no scores\n");
}

#[test]
fn scores_used_for_selection_are_called_optimistic() {
    let mut input = input(&Size { structures: 1, cases: 2, trials: 1, seeds: 1, epochs: 0 });
    input.runs[0].context.selected_on = true;
    assert!(terminal(&input, Charset::Ascii).contains("their scores are optimistic"));
    assert!(text(&files(&input), "report.html").contains("their scores are optimistic"));
}

#[test]
fn a_missing_picture_and_a_foreign_table_are_named() {
    let mut input = input(&Size { structures: 1, cases: 2, trials: 1, seeds: 1, epochs: 0 });
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("gone.png");
    input.runs[0].panels.push(Panel { rank: Rank::Best, case: "case_000".into(), picture, scene: None, turning: None });
    let error = write(&Report::new(input.clone()).unwrap(), folder.path()).unwrap_err().to_string();
    assert!(error.contains("gone.png"), "{error}");
    input.runs[0].scores = df!("dice" => [0.5]).unwrap();
    let error = Report::new(input).unwrap_err().to_string();
    assert!(error.contains("run `seed 0`"), "{error}");
}

#[test]
fn the_case_table_is_read_back_as_scores() {
    let folder = tempfile::tempdir().unwrap();
    write(&Report::new(input(&small())).unwrap(), folder.path()).unwrap();
    let back = scores(&read(&folder.path().join("cases.parquet")).unwrap()).unwrap();
    assert_eq!(back.len(), 2 * 2 * 12 * 7);
}

#[test]
fn trials_are_named_by_settings_variant_and_if_there_are_several_by_experiment() {
    let mut input = input(&Size { structures: 1, cases: 2, trials: 1, seeds: 1, epochs: 2 });
    let setting = Setting { key: "model.unet.features".into(), value: json!([4, 8]), label: "features=[4,8]".into() };
    let key = TrialKey { settings: vec![setting], ..TrialKey::default() };
    let of = |run: &RunInput, trial: &TrialKey, experiment: &str| RunInput {
        context: Context { trial: trial.clone(), experiment: experiment.into(), ..run.context.clone() },
        ..run.clone()
    };
    let run = input.runs.remove(0);
    input.runs = vec![of(&run, &key, "one"), of(&run, &key.variant(Variant::Pass(1)), "one")];
    let labels = |input: &ReportInput| -> Vec<String> {
        Report::new(input.clone()).unwrap().trials.all.into_iter().map(|trial| trial.label).collect()
    };
    assert_eq!(labels(&input), ["features=[4,8]", "features=[4,8] pass 1"]);
    input.runs.push(of(&run, &key, "other"));
    assert_eq!(labels(&input), ["one features=[4,8]", "one features=[4,8] pass 1", "other features=[4,8]"]);
    let files = files(&input);
    let page = text(&files, "report.html");
    assert!(page.contains(">model.<wbr>unet.<wbr>features</th>") && page.contains(">4, 8</td>"));
    assert!(page.contains("Loss and validation Dice of all runs."));
    assert!(text(&files, "cases.csv").contains(",one,2,"), "each score with its experiment and trial");
}

#[test]
fn a_report_of_117_structures_and_100_cases_takes_seconds() {
    let input = input(&Size { structures: 117, cases: 100, trials: 1, seeds: 1, epochs: 100 });
    let folder = tempfile::tempdir().unwrap();
    let start = std::time::Instant::now();
    let written = write(&Report::new(input).unwrap(), folder.path()).unwrap();
    let (seconds, bytes) = (start.elapsed().as_secs_f64(), fs::metadata(&written.page).unwrap().len());
    println!("{seconds:.2} s, page of {bytes} bytes");
    // Ten seconds on an idle machine; tests share theirs.
    assert!(seconds < 60.0 && bytes < 4_000_000, "{seconds} s, {bytes} bytes");
}
