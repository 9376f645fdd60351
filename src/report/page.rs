//! `report.html`: one self-contained file with every table and chart, readable offline and without scripts, light and dark.

mod cases;
mod clicks;
mod html;
mod provenance;
pub mod ranking;
mod search;
mod section;
mod words;

use super::case_files::CaseFiles;
use super::figure::list::{NamedFigure, Section};
use super::terminal::{missing, selection};
use super::{Report, ReportError};
pub(in crate::report) use html::escape;
use html::heading;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/tables.js");

/// The page of a report.
///
/// # Errors
/// [`ReportError::Table`] if a table lacks what the page shows.
pub fn render(report: &Report, figures: &[NamedFigure], files: &CaseFiles) -> Result<String, ReportError> {
    let sections = sections(report, figures, files);
    let links: String = sections.iter().map(|(title, _)| html::link(title)).collect();
    let body: String = sections.iter().map(|(title, content)| heading(title) + content).collect();
    let title = escape(&report.input.title);
    let lines: String = report.input.subtitle.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    let lines = if lines.is_empty() { lines } else { format!("<ul class=\"lines\">\n{lines}</ul>\n") };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{lines}\
         <nav aria-label=\"Sections\">\n{links}</nav>\n</header>\n<main>\n{body}</main>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    ))
}

/// Heading and content.
type Part = (&'static str, String);

/// The non-empty parts of the page, in order: what is compared comes before what is said of one trial.
fn sections(report: &Report, figures: &[NamedFigure], files: &CaseFiles) -> Vec<Part> {
    let of = |section| figures.iter().filter(move |figure| figure.section == section);
    let charts = |section| of(section).map(chart).collect::<String>();
    let pair = |section| match charts(section) {
        charts if charts.is_empty() => charts,
        charts => format!("<div class=\"pair\">\n{charts}</div>\n"),
    };
    let plane = pair(Section::Plane);
    let searched = pair(Section::Course) + &charts(Section::Search);
    let sections = [
        ("Summary", summary(report)),
        ("Notes", section::notes(&report.input)),
        ("Search", report.input.search.as_ref().map_or_else(String::new, search::section) + &searched),
        ("Comparison", section::comparison(report) + &charts(Section::Comparison)),
        ("Ranking", report.ranking.as_ref().map_or_else(String::new, ranking::section) + &charts(Section::Ranking)),
        ("Per structure", section::structures(report) + &charts(Section::Structures) + &plane),
        ("Cases", cases::cases(report, files)),
        ("Clicks", clicks::section(report) + &charts(Section::Clicks)),
        ("Slice classifier", section::classifiers(report) + &charts(Section::Classifiers)),
        ("Slices skipped by the cascade", section::skipped(report)),
        ("Training", training(figures)),
        ("Excluded cases", section::excluded(report)),
        ("Provenance", provenance::provenance(report)),
        ("How to reproduce", provenance::reproduce(report)),
    ];
    sections.into_iter().filter(|(_, content)| !content.is_empty()).collect()
}

fn summary(report: &Report) -> String {
    let trials = &report.trials;
    let class =
        if trials.selected_on || trials.corrected > 0 || trials.all.len() > 1 { "banner warn" } else { "banner" };
    if trials.all.is_empty() && !report.classifiers.is_empty() {
        return "<p class=\"banner\">Slice classifier only; no segmentation network.</p>\n".to_owned();
    }
    let banner = match trials.scores.height() {
        0 => "<p class=\"banner warn\">No case was scored.</p>\n".to_owned(),
        _ => format!("<p class=\"{class}\">{}</p>\n", escape(&selection(trials))),
    };
    let missing = missing(report).map(|text| format!("<p class=\"banner warn\">{}</p>\n", escape(&text)));
    banner + &missing.unwrap_or_default() + &section::tiles(report)
}

fn chart(named: &NamedFigure) -> String {
    let svg =
        named.figure.svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(&named.caption)), 1);
    format!(
        "<figure>\n<div class=\"chart\">{svg}</div><figcaption>{}</figcaption>\n</figure>\n",
        escape(&named.caption)
    )
}

/// Training curves: the first chart open, those of single runs folded if there are several.
fn training(figures: &[NamedFigure]) -> String {
    let curves: Vec<_> = figures.iter().filter(|figure| figure.section == Section::Training).collect();
    let folded = |figure: &NamedFigure| {
        format!("<details>\n<summary>{}</summary>\n{}</details>\n", escape(&figure.caption), chart(figure))
    };
    match curves.as_slice() {
        [first, others @ ..] => chart(first) + &others.iter().map(|figure| folded(figure)).collect::<String>(),
        [] => String::new(),
    }
}
