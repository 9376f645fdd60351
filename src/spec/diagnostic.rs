//! Errors of a spec: all of them at once, each with its place, in rustc's style.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::source::{Place, Sources};
use crate::counted;

/// Most errors that are shown: rendering each of them reads its whole file.
pub const MOST_SHOWN: usize = 100;

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is underlined; `None` if the error has no place (a missing file).
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The trial of a sweep that the error belongs to.
    pub note: Option<String>,
}

impl Problem {
    /// An error at a place.
    pub fn at(place: Place, message: impl Into<String>) -> Self {
        Self { place: Some(place), message: message.into(), help: None, note: None }
    }

    /// An error without a place.
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), help: None, note: None }
    }

    /// Adds what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Every error of a spec, with the sources that they point into.
///
/// `Display` gives the messages in plain text; [`Diagnostics::render`] can colour them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// The sources.
    pub sources: Sources,
    /// The errors, sorted by place.
    pub problems: Vec<Problem>,
}

impl Diagnostics {
    /// Sorts the errors by place and drops repeated ones (the trials of a sweep share most of their values).
    pub fn new(sources: Sources, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place);
        let mut kept: Vec<Problem> = Vec::new();
        for problem in problems {
            // Equal ones are neighbours: they are sorted by place.
            let mut same_place = kept.iter().rev().take_while(|other| other.place == problem.place);
            if !same_place.any(|other| other.message == problem.message) {
                kept.push(problem);
            }
        }
        Self { sources, problems: kept }
    }

    /// The first message alone, for tables and journals.
    pub fn first_message(&self) -> String {
        self.problems.first().map(|problem| problem.message.clone()).unwrap_or_default()
    }

    /// The messages, with carets; `styled` adds terminal colours.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let shown = self.problems.iter().take(MOST_SHOWN);
        let mut messages: Vec<String> = shown.map(|problem| self.render_one(problem, &renderer)).collect();
        let more = self.problems.len().saturating_sub(MOST_SHOWN);
        if more > 0 {
            let line = format!("{}; mend the first ones and check again", counted(more, "more error"));
            messages.push(renderer.render(&[Group::with_title(Level::ERROR.primary_title(line.as_str()))]));
        }
        messages.join("\n\n")
    }

    /// The errors as JSON: message, help and, if there is a place, `file`, `line`, `column`.
    pub fn to_json(&self) -> serde_json::Value {
        self.problems.iter().map(|problem| self.problem_json(problem)).collect()
    }

    fn problem_json(&self, problem: &Problem) -> serde_json::Value {
        let source = problem.place.and_then(|place| Some((self.sources.get(place.source)?, place)));
        let (line, column) = source.map(|(source, place)| source.line_column(place.start)).unzip();
        serde_json::json!({
            "file": source.map(|(source, _)| &source.name),
            "line": line,
            "column": column,
            "message": problem.message,
            "help": problem.help,
            "note": problem.note,
        })
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(problem.message.as_str());
        let source = problem.place.and_then(|place| Some((self.sources.get(place.source)?, place)));
        let mut group: Group = match source {
            Some((source, place)) => {
                let start = place.start.min(source.text.len());
                let span = start..place.end.clamp(start, source.text.len());
                let snippet = Snippet::source(source.text.as_str()).path(source.name.as_str()).line_start(1);
                title.element(snippet.annotation(AnnotationKind::Primary.span(span)))
            }
            None => Group::with_title(title),
        };
        if let Some(note) = &problem.note {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::super::source::{Origin, Source};
    use super::*;

    #[test]
    fn a_message_names_file_line_and_column_and_underlines() {
        let mut sources = Sources::default();
        let origin = Origin::Argument;
        sources.add(Source { name: "experiments/a.toml".into(), text: "seed = 1\nbatch-sise = 4\n".into(), origin });
        let place = Place { source: 0, start: 9, end: 19 };
        let problem = Problem::at(place, "unknown key `batch-sise`").help("did you mean `batch-size`?");
        let text = Diagnostics::new(sources, vec![problem.clone(), problem]).to_string();
        assert!(text.contains("experiments/a.toml:2:1"), "{text}");
        assert!(text.contains("^^^^^^^^^^") && text.contains("help: did you mean `batch-size`?"), "{text}");
        assert_eq!(text.matches("unknown key").count(), 1, "repeated errors are shown once");
    }
}
