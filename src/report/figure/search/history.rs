//! The values of a search in the order of its trials, and two objectives against each other.

use super::valued;
use crate::report::figure::axis::Axis;
use crate::report::figure::points::{Point, Points, Rule};
use crate::report::figure::{Figure, render};
use crate::report::search::{Search, Tried};
use crate::report::{Report, ReportError};

/// Colours of trials: finished, and ended or paused before.
const FINISHED: [u8; 3] = [0x00, 0x72, 0xB2];
const UNFINISHED: [u8; 3] = [0xB4, 0xBF, 0xCA];
/// Colour of trials that no other beats in both objectives.
const FRONT: [u8; 3] = [0xD5, 0x5E, 0x00];

fn color(trial: &Tried) -> [u8; 3] {
    if trial.is_finished() { FINISHED } else { UNFINISHED }
}

/// Draws every trial's value, and the best so far as a line.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_history(_: &Report, search: &Search) -> Result<Option<Figure>, ReportError> {
    let (all, Some(judge)) = (valued(search), search.objectives.first()) else { return Ok(None) };
    let y = Axis::of(all.iter().map(|(_, value)| *value));
    let x = Axis::of(search.trials.iter().map(|trial| trial.number as f64));
    let (Some(x), Some(y)) = (x, y) else { return Ok(None) };
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for (trial, value) in all.iter().filter(|(trial, _)| trial.is_finished()) {
        let before = curve.last().map(|(_, best)| *best);
        let best = before.filter(|best| !search.is_better(*value, *best)).unwrap_or(*value);
        curve.extend(before.map(|before| (trial.number as f64, before)));
        curve.push((trial.number as f64, best));
    }
    let point = |(trial, value): &(&Tried, f64)| Point {
        at: (trial.number as f64, *value),
        color: color(trial),
        name: format!("{} {}", trial.number, trial.label),
        unusual: if search.best == Some(trial.number - 1) { 1.0 } else { 0.0 },
    };
    let finished = all.iter().filter(|(trial, _)| trial.is_finished()).count();
    let plot = Points {
        title: "Course of the search".into(),
        note: format!(
            "blue: {finished} trained to the end; grey: {} paused or ended early, with their last value\nline: the best so far",
            all.len() - finished
        ),
        axes: [("trial".into(), x), (judge.name.clone(), y)],
        points: all.iter().map(point).collect(),
        rules: vec![Rule::Curve(curve)],
    };
    Ok(Some(render(&plot)?))
}

/// Draws two objectives against each other; nothing for one.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_front(_: &Report, search: &Search) -> Result<Option<Figure>, ReportError> {
    let [one, two] = search.objectives.as_slice() else { return Ok(None) };
    let all: Vec<(usize, &Tried, [f64; 2])> = (0..search.trials.len())
        .map(|index| (index, &search.trials[index]))
        .filter_map(|(index, trial)| Some((index, trial, [*trial.values.first()?, *trial.values.get(1)?])))
        .collect();
    let axis = |which: usize| Axis::of(all.iter().map(|(.., values)| values[which]));
    let (Some(x), Some(y)) = (axis(0), axis(1)) else { return Ok(None) };
    let point = |(index, trial, values): &(usize, &Tried, [f64; 2])| {
        let is_front = search.front.contains(index);
        Point {
            at: (values[0], values[1]),
            color: if is_front { FRONT } else { color(trial) },
            name: format!("{} {}", trial.number, trial.label),
            unusual: if is_front { 1.0 } else { 0.0 },
        }
    };
    let mut front: Vec<(f64, f64)> = all
        .iter()
        .filter(|(index, ..)| search.front.contains(index))
        .map(|(.., values)| (values[0], values[1]))
        .collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0));
    let plot = Points {
        title: "Two objectives".into(),
        note: "orange: no other trial is better in both".into(),
        axes: [(one.name.clone(), x), (two.name.clone(), y)],
        points: all.iter().map(point).collect(),
        rules: vec![Rule::Curve(front)],
    };
    Ok(Some(render(&plot)?))
}
