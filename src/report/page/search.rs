//! The page's section on a search.

use super::html::{Cell, escape, table};
use super::section::names;
use crate::counted;
use crate::report::search::{Search, Tried};

/// Trials that the table lists, the best first.
const MOST: usize = 200;

/// How the search went: its trials from best to worst, unfinished ones after the finished.
pub(super) fn section(search: &Search) -> String {
    let mut order: Vec<&Tried> = search.trials.iter().collect();
    let merit = |trial: &Tried| {
        let value = trial.values.first().copied().unwrap_or(f64::NAN);
        let higher = search.objectives.first().is_none_or(|judge| judge.higher_is_better);
        if value.is_nan() {
            f64::NEG_INFINITY
        } else if higher {
            value
        } else {
            -value
        }
    };
    order.sort_by(|a, b| b.is_finished().cmp(&a.is_finished()).then(merit(b).total_cmp(&merit(a))));
    let mut header = names(&["trial", "state", "epochs"]);
    header.extend(search.objectives.iter().map(|judge| judge.name.clone()));
    header.push("settings".to_owned());
    let row = |trial: &&Tried| {
        let mut cells = vec![Cell::value(trial.number), Cell::text(&trial.state), Cell::value(trial.epochs)];
        cells.extend((0..search.objectives.len()).map(|place| Cell::number(trial.values.get(place).copied())));
        cells.push(Cell::wrapped(&trial.label));
        (false, cells)
    };
    let rows: Vec<_> = order.iter().take(MOST).map(row).collect();
    let left = order.len().saturating_sub(MOST);
    let more = if left > 0 { format!(" {} are in search.json.", counted(left, "more trial")) } else { String::new() };
    let epochs: u64 = search.trials.iter().map(|trial| trial.epochs).sum();
    let hours = search.trials.iter().map(|trial| trial.seconds).sum::<f64>() / 3600.0;
    format!(
        "<p class=\"note\">{}; {}, {epochs} epochs, {hours:.2} hours of training steps.{more}</p>\n{}",
        escape(&search.method),
        counted(search.trials.len(), "trial"),
        table(&header, &rows)
    )
}
