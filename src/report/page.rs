//! `report.html`: one file with every table and chart in it, no network, readable without scripts, light and dark.

mod html;
mod section;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::collect::{self, Trial};
use super::terminal::selection;
use super::{NamedFigure, Panel, ReportError, ReportInput};
use html::{escape, heading};

const STYLE: &str = include_str!("page/style.css");
const SORT: &str = include_str!("page/sort.js");

/// The page of a report.
///
/// # Errors
/// [`ReportError::File`] where an overlay picture cannot be read.
pub fn render(input: &ReportInput, trials: &[Trial], figures: &[NamedFigure]) -> Result<String, ReportError> {
    let sections = sections(input, trials, figures)?;
    let links: String = sections.iter().map(|(title, _)| html::link(title)).collect();
    let body: String = sections.iter().map(|(title, content)| heading(title) + content).collect();
    let title = escape(&input.title);
    let lines: String = input.subtitle.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    let lines = if lines.is_empty() { lines } else { format!("<ul class=\"lines\">\n{lines}</ul>\n") };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{lines}\
         <nav aria-label=\"Sections\">\n{links}</nav>\n</header>\n<main>\n{body}</main>\n\
         <script>\n{SORT}</script>\n</body>\n</html>\n"
    ))
}

type Section = (&'static str, String);

/// The sections that have something to show, in the order of the page.
fn sections(input: &ReportInput, trials: &[Trial], figures: &[NamedFigure]) -> Result<Vec<Section>, ReportError> {
    let charts = |names: &[&str]| -> String {
        names.iter().filter_map(|name| figures.iter().find(|figure| figure.name == *name)).map(chart).collect()
    };
    let mut sections = vec![("Summary", summary(input, trials)), ("Notes", section::notes(input))];
    if let Some(best) = collect::best(trials).filter(|trial| !trial.summary.structures.is_empty()) {
        sections.push(("Ranking", charts(&["ranking"])));
        let table = section::structures(best, input);
        sections.push(("Per structure", table + &charts(&["distribution", "dice-iou"])));
    }
    if trials.len() > 1 {
        let table = section::comparison(trials);
        sections.push(("Comparison", table + &charts(&["comparison", "comparison-structures"])));
    }
    if !input.classifiers.is_empty() {
        let curves = figures.iter().filter(|figure| figure.name.starts_with("roc-")).map(chart);
        sections.push(("Slice classifier", section::classifiers(input) + &curves.collect::<String>()));
    }
    sections.push(("What the cascade skips", section::skipped(input)));
    sections.push(("Training", training(figures)));
    sections.push(("Best, median and worst cases", panels(input)?));
    sections.push(("Per case", section::cases(trials)));
    sections.push(("Excluded cases", section::excluded(input)));
    sections.push(("How this was made", section::provenance(input)));
    Ok(sections.into_iter().filter(|(_, content)| !content.is_empty()).collect())
}

fn summary(input: &ReportInput, trials: &[Trial]) -> String {
    let optimistic = trials.iter().flat_map(|trial| &trial.rows).any(|row| row.context.selected_on);
    let class = if optimistic || trials.len() > 1 { "banner warn" } else { "banner" };
    if trials.is_empty() && !input.classifiers.is_empty() {
        return "<p class=\"banner\">A network that classifies slices; none that segments.</p>\n".to_owned();
    }
    let banner = match trials.iter().any(|trial| !trial.rows.is_empty()) {
        true => format!("<p class=\"{class}\">{}</p>\n", escape(&selection(trials))),
        false => "<p class=\"banner warn\">No case was scored.</p>\n".to_owned(),
    };
    banner + &section::tiles(input, trials)
}

fn chart(named: &NamedFigure) -> String {
    let svg =
        named.figure.svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(&named.caption)), 1);
    format!("<figure>\n{svg}<figcaption>{}</figcaption>\n</figure>\n", escape(&named.caption))
}

/// Training curves; folded away where there are several runs.
fn training(figures: &[NamedFigure]) -> String {
    let curves: Vec<_> = figures.iter().filter(|figure| figure.name.starts_with("training-")).collect();
    match curves.as_slice() {
        [one] => chart(one),
        many => many.iter().enumerate().map(|(index, figure)| folded(figure, index == 0)).collect(),
    }
}

fn folded(figure: &NamedFigure, open: bool) -> String {
    let open = if open { " open" } else { "" };
    format!("<details{open}>\n<summary>{}</summary>\n{}</details>\n", escape(&figure.caption), chart(figure))
}

fn panels(input: &ReportInput) -> Result<String, ReportError> {
    let with_panels: Vec<_> = input.runs.iter().filter(|run| !run.panels.is_empty()).collect();
    let mut content = String::new();
    for (index, run) in with_panels.iter().enumerate() {
        let mut panels: Vec<&Panel> = run.panels.iter().collect();
        panels.sort_by_key(|panel| panel.rank);
        let pictures = panels.into_iter().map(picture).collect::<Result<String, _>>()?;
        let open = if index == 0 { " open" } else { "" };
        content += &match with_panels.len() {
            1 => pictures,
            _ => format!("<details{open}>\n<summary>{}</summary>\n{pictures}</details>\n", escape(&run.name())),
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
