//! Dice after clicks.

use super::html::{Cell, table};
use crate::evaluate::clicks::{COUNTS, MEAN};
use crate::evaluate::frame::{Row, rows};
use crate::report::Report;

/// A line for each structure of each trial whose network takes clicks, then their mean; empty where there is none.
pub(super) fn section(report: &Report) -> String {
    if report.clicks.height() == 0 {
        return String::new();
    }
    let mut header = vec!["trial".to_owned(), "structure".to_owned()];
    header.extend(COUNTS.map(|count| if count == 1 { "1 click".into() } else { format!("{count} clicks") }));
    let mut known: Vec<(&str, &str)> = Vec::new();
    for row in rows(&report.clicks) {
        let key = (row.text("trial"), row.text("structure"));
        if !known.contains(&key) {
            known.push(key);
        }
    }
    let dice = |(trial, structure): (&str, &str), count: usize| {
        let is_it = |row: &Row| {
            (row.text("trial"), row.text("structure"), row.count("clicks")) == (trial, structure, Some(count as u64))
        };
        rows(&report.clicks).find(is_it).and_then(|row| row.number("dice"))
    };
    let line = |key: (&str, &str)| {
        let mut cells = vec![Cell::text(key.0), Cell::text(key.1)];
        cells.extend(COUNTS.map(|count| Cell::number(dice(key, count))));
        (key.1 == MEAN, cells)
    };
    table(&header, &known.into_iter().map(line).collect::<Vec<_>>())
        + "<p class=\"note\">Mean Dice over the scored cases. Clicks are simulated: each goes to the deepest place of the largest \
           error of all structures, and the network refines the window around it. Every case: <code>clicks.csv</code> in the run's \
           folder.</p>\n"
}
