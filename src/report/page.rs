//! `report.html`: one self-contained file with every table and chart, readable offline and without scripts, light and dark.

mod html;
pub mod ranking;
mod section;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::figure::list::{NamedFigure, Section};
use super::terminal::{missing, selection};
use super::{Panel, Report, ReportError};
use html::{escape, heading};

const STYLE: &str = include_str!("page/style.css");
const SORT: &str = include_str!("page/sort.js");

/// The page of a report.
///
/// # Errors
/// [`ReportError::File`] if an overlay picture cannot be read.
pub fn render(report: &Report, figures: &[NamedFigure]) -> Result<String, ReportError> {
    let sections = sections(report, figures)?;
    let links: String = sections.iter().map(|(title, _)| html::link(title)).collect();
    let body: String = sections.iter().map(|(title, content)| heading(title) + content).collect();
    let title = escape(&report.input.title);
    let lines: String = report.input.subtitle.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    let lines = if lines.is_empty() { lines } else { format!("<ul class=\"lines\">\n{lines}</ul>\n") };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{lines}\
         <nav aria-label=\"Sections\">\n{links}</nav>\n</header>\n<main>\n{body}</main>\n\
         <script>\n{SORT}</script>\n</body>\n</html>\n"
    ))
}

/// Heading and content.
type Part = (&'static str, String);

/// The non-empty parts of the page, in order.
fn sections(report: &Report, figures: &[NamedFigure]) -> Result<Vec<Part>, ReportError> {
    let charts = |section| figures.iter().filter(|figure| figure.section == section).map(chart).collect::<String>();
    let sections = [
        ("Summary", summary(report)),
        ("Notes", section::notes(&report.input)),
        ("Ranking", report.ranking.as_ref().map_or_else(String::new, ranking::section) + &charts(Section::Ranking)),
        ("Per structure", section::structures(report) + &charts(Section::Structures)),
        ("Comparison", section::comparison(report) + &charts(Section::Comparison)),
        ("Slice classifier", section::classifiers(report) + &charts(Section::Classifiers)),
        ("Slices skipped by the cascade", section::skipped(report)),
        ("Training", training(figures)),
        ("Best, median and worst cases", panels(report)?),
        ("Per case", section::cases(&report.trials)?),
        ("Excluded cases", section::excluded(report)),
        ("Provenance", section::provenance(report)),
    ];
    Ok(sections.into_iter().filter(|(_, content)| !content.is_empty()).collect())
}

fn summary(report: &Report) -> String {
    let trials = &report.trials;
    let class = if trials.selected_on || trials.all.len() > 1 { "banner warn" } else { "banner" };
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
    format!("<figure>\n{svg}<figcaption>{}</figcaption>\n</figure>\n", escape(&named.caption))
}

/// Training curves; collapsed if there are several runs.
fn training(figures: &[NamedFigure]) -> String {
    let curves: Vec<_> = figures.iter().filter(|figure| figure.section == Section::Training).collect();
    match curves.as_slice() {
        [one] => chart(one),
        many => many.iter().enumerate().map(|(index, figure)| folded(figure, index == 0)).collect(),
    }
}

fn folded(figure: &NamedFigure, open: bool) -> String {
    let open = if open { " open" } else { "" };
    format!("<details{open}>\n<summary>{}</summary>\n{}</details>\n", escape(&figure.caption), chart(figure))
}

fn panels(report: &Report) -> Result<String, ReportError> {
    let with_panels: Vec<_> = report.input.runs.iter().filter(|run| !run.panels.is_empty()).collect();
    let mut content = String::new();
    for (index, run) in with_panels.iter().enumerate() {
        let mut panels: Vec<&Panel> = run.panels.iter().collect();
        panels.sort_by_key(|panel| panel.rank);
        let pictures = panels.into_iter().map(picture).collect::<Result<String, _>>()?;
        let open = if index == 0 { " open" } else { "" };
        content += &match with_panels.len() {
            1 => pictures,
            _ => format!(
                "<details{open}>\n<summary>{}</summary>\n{pictures}</details>\n",
                escape(&report.names.run(&run.context))
            ),
        };
    }
    Ok(content)
}

fn picture(panel: &Panel) -> Result<String, ReportError> {
    let png =
        std::fs::read(&panel.picture).map_err(|source| ReportError::File { path: panel.picture.clone(), source })?;
    let caption = escape(&format!("{} case: {}", panel.rank.name(), panel.case));
    let data = STANDARD.encode(png);
    Ok(format!(
        "<figure>\n<img alt=\"Axial, coronal and sagittal overlays. {caption}\" src=\"data:image/png;base64,{data}\">\n\
         <figcaption>{caption}</figcaption>\n</figure>\n"
    ))
}
