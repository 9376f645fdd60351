//! The tables of a report as text for other programs: Markdown, LaTeX (booktabs), CSV. Returned, not printed.

use super::Report;
use super::search::Search;
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::HEADLINE;
use crate::evaluate::{DICE, HD95, IOU, MetricId, NSD, Trial};

/// A table with a caption; the last row is set apart if it is a mean.
struct Grid {
    caption: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    last_is_mean: bool,
}

/// The comparison of trials, if there are several, and the structures of the best trial, as Markdown.
pub fn markdown(report: &Report) -> String {
    let table = |grid: &Grid| {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<&str> = (0..grid.header.len()).map(|place| if place == 0 { "---" } else { "---:" }).collect();
        let mut text = format!("{}\n\n{}| {} |\n", grid.caption, line(&grid.header), rule.join(" | "));
        for (place, row) in grid.rows.iter().enumerate() {
            let is_mean = grid.last_is_mean && place + 1 == grid.rows.len();
            let bold: Vec<String> =
                row.iter().map(|cell| if is_mean { format!("**{cell}**") } else { cell.clone() }).collect();
            text += &line(&bold);
        }
        text
    };
    grids(report).iter().map(table).collect::<Vec<_>>().join("\n")
}

/// The same tables in LaTeX; the document needs `\usepackage{booktabs}`.
pub fn latex(report: &Report) -> String {
    let table = |grid: &Grid| {
        let line =
            |cells: &[String]| cells.iter().map(|cell| escape_latex(cell)).collect::<Vec<_>>().join(" & ") + " \\\\\n";
        let mut text = format!(
            "\\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\begin{{tabular}}{{l{}}}\n\\toprule\n{}\\midrule\n",
            escape_latex(&grid.caption),
            "r".repeat(grid.header.len().saturating_sub(1)),
            line(&grid.header)
        );
        for (place, row) in grid.rows.iter().enumerate() {
            if grid.last_is_mean && place > 0 && place + 1 == grid.rows.len() {
                text += "\\midrule\n";
            }
            text += &line(row);
        }
        text + "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    };
    format!("% needs \\usepackage{{booktabs}}\n{}", grids(report).iter().map(table).collect::<Vec<_>>().join("\n"))
}

/// The same tables as CSV, one below the other with an empty line between them; numbers are rounded as on the page.
///
/// # Errors
/// The writer's; writing to memory does not fail.
pub fn csv(report: &Report) -> Result<String, csv::Error> {
    let mut parts = Vec::new();
    for grid in grids(report) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&grid.header)?;
        grid.rows.iter().try_for_each(|row| writer.write_record(row))?;
        let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        parts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(parts.join("\n"))
}

fn grids(report: &Report) -> Vec<Grid> {
    let trials = &report.trials.all;
    let comparison = (trials.len() > 1).then(|| comparison(trials));
    let front = report.input.search.as_ref().and_then(front);
    let best = report.trials.best().map(|best| structures(report, best));
    comparison.into_iter().chain(front).chain(best).collect()
}

/// Of a search with two objectives, the trials that no other beats in both.
fn front(search: &Search) -> Option<Grid> {
    let rows = search.front_rows()?;
    let names = search.objectives.iter().map(|judge| judge.name.clone());
    Some(Grid {
        caption: "Pareto front: trials that no other beats in both objectives.".into(),
        header: ["trial".to_owned()].into_iter().chain(names).collect(),
        rows,
        last_is_mean: false,
    })
}

fn comparison(trials: &[Trial]) -> Grid {
    let mut header: Vec<String> = ["trial", "cases", "seeds"].map(str::to_owned).to_vec();
    header.extend(HEADLINE.iter().map(|metric| metric.name.to_owned()));
    let row = |trial: &Trial| {
        let mut cells = vec![trial.name(), trial.summary.n_cases.to_string(), trial.n_seeds.to_string()];
        cells.extend(HEADLINE.iter().map(|metric| {
            let score = trial.over_seeds(*metric);
            score.map_or_else(not_available, |score| spread(score.mean, score.sd))
        }));
        cells
    };
    Grid {
        caption: "Trials: mean over cases, then structures, then seeds ± standard deviation over seeds.".into(),
        header,
        rows: trials.iter().map(row).collect(),
        last_is_mean: false,
    }
}

fn structures(report: &Report, best: &Trial) -> Grid {
    let overall = rows(&best.summary.overall).next();
    let has = |metric: &MetricId| overall.as_ref().is_some_and(|row| row.statistics(*metric).is_some());
    let others: Vec<MetricId> = [IOU, HD95, NSD].into_iter().filter(has).collect();
    let mut header: Vec<String> = ["structure", "n", DICE.name, "95 % CI"].map(str::to_owned).to_vec();
    header.extend(others.iter().map(|metric| metric.heading_in(&best.summary.distance_unit)));
    header.extend(["missed", "FP", "n/a"].map(str::to_owned));
    let cells = |row: Row| {
        let dice = row.statistics(DICE);
        let count = |name: &str| row.count(name).unwrap_or_default().to_string();
        let mut cells = vec![row.text("structure").to_owned(), count("n")];
        cells.push(dice.map_or_else(not_available, |it| spread(it.mean, it.sd)));
        let interval = dice.and_then(|it| it.ci95);
        cells.push(interval.map_or_else(not_available, |[low, high]| format!("{low:.3}–{high:.3}")));
        let means = others.iter().map(|metric| row.statistics(*metric).map(|it| metric.unit.show(it.mean)));
        cells.extend(means.map(|mean| mean.unwrap_or_else(not_available)));
        cells.extend(["n_missed", "n_fp_on_empty", "n_undefined"].map(count));
        cells
    };
    let of = if report.trials.all.len() > 1 { format!(" of trial {}", best.name()) } else { String::new() };
    Grid {
        caption: format!(
            "Structures{of}: mean over cases ± standard deviation over cases; the last row is over structures. {}",
            super::terminal::selection(&report.trials)
        ),
        header,
        rows: rows(&best.summary.structures).chain(rows(&best.summary.overall)).map(cells).collect(),
        last_is_mean: true,
    }
}

fn not_available() -> String {
    "n/a".to_owned()
}

fn spread(mean: f64, sd: Option<f64>) -> String {
    sd.map_or_else(|| format!("{mean:.3}"), |sd| format!("{mean:.3} ± {sd:.3}"))
}

/// Text that LaTeX prints as it is.
fn escape_latex(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => safe.extend(['\\', letter]),
            '~' => safe.push_str("\\textasciitilde{}"),
            '^' => safe.push_str("\\textasciicircum{}"),
            '\\' => safe.push_str("\\textbackslash{}"),
            '±' => safe.push_str("$\\pm$"),
            '–' => safe.push_str("--"),
            '≥' => safe.push_str("$\\geq$"),
            '<' => safe.push_str("\\textless{}"),
            '>' => safe.push_str("\\textgreater{}"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::fixture::{Size, input};

    fn report(trials: usize) -> Report {
        Report::new(input(&Size { structures: 3, cases: 4, trials, seeds: 2, epochs: 0 })).unwrap()
    }

    #[test]
    fn every_format_has_both_tables_with_the_same_numbers() {
        let report = report(2);
        let mean = format!("{:.3}", report.trials.all[0].over_seeds(DICE).unwrap().mean);
        let texts = [markdown(&report), latex(&report), csv(&report).unwrap()];
        for text in &texts {
            assert!(
                text.contains(&mean) && text.contains("left kidney") && text.contains("learning-rate=0.01"),
                "{text}"
            );
        }
        assert_eq!(texts[0].lines().filter(|line| line.starts_with("| ---")).count(), 2);
        let widths: std::collections::BTreeSet<usize> =
            texts[0].lines().skip(2).take(4).map(|line| line.matches(" | ").count()).collect();
        assert_eq!(widths.len(), 1, "{}", texts[0]);
        assert_eq!(texts[1].matches("\\begin{tabular}").count(), texts[1].matches("\\bottomrule").count());
        assert!(texts[1].contains("\\#1 learning-rate=0.01, batch=2") && texts[1].contains("$\\pm$"));
    }

    #[test]
    fn one_trial_has_no_comparison_and_latex_is_escaped() {
        let rules = |text: &str| text.lines().filter(|line| line.starts_with("| --- ")).count();
        assert_eq!(rules(&markdown(&report(1))), 1);
        assert_eq!(escape_latex("a_b 5 % {x} ≥ 1"), "a\\_b 5 \\% \\{x\\} $\\geq$ 1");
    }
}
