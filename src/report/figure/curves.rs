//! Training over epochs: loss, learning rate and validation Dice of a run with the best epoch marked, and of all runs in one chart.

use plotters::prelude::*;

use super::axis::{Axis, short, ticks};
use super::canvas::{Canvas, Text, fit};
use super::list::Part;
use super::palette::{BEST, DICE, GRID, INK, MANY, of_series, on_white};
use super::{Figure, FigureError, Plot, render};
use crate::report::history::{Curve, History};
use crate::report::{Report, ReportError, RunInput};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 78.0;
const TOP: f64 = 84.0;
const GAP: f64 = 46.0;
const BOTTOM: f64 = 52.0;
const LEGEND: f64 = 200.0;
/// With more structures than this, their curves are thin and unnamed, behind the mean.
const MAX_NAMES: usize = 12;

/// Runs with a chart of their own, at most: those of the best trial.
const MAX_CURVES: usize = 5;

/// Trials with a colour of their own in the chart of all runs; the others are grey.
const MAX_TRIALS: usize = 8;

/// Draws the training curves of the segmentation runs: of each of the best trial.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_runs(report: &Report) -> Result<Vec<Part>, ReportError> {
    let target = &report.input.target;
    let colors: Vec<_> = target.structures.iter().map(|known| (known.name.clone(), known.color)).collect();
    let mut parts = Vec::new();
    for (number, run) in chosen(report) {
        let Some(history) = run.history.as_ref().and_then(History::read) else { continue };
        let name = report.names.run(&run.context);
        let figure = render(&Curves::new(&format!("Training, {name}"), &history, &colors))?;
        let stopped = history.stopped_early.map(|epoch| format!(", stopped early after epoch {epoch}"));
        parts.push(Part { number, of: name + &stopped.unwrap_or_default(), figure });
    }
    Ok(parts)
}

/// The runs whose curves are drawn, with their numbers: those of the best trial.
fn chosen(report: &Report) -> Vec<(usize, &RunInput)> {
    let best = report.trials.best();
    let numbered = (1..).zip(&report.input.runs);
    let is_best = |run: &RunInput| best.is_none_or(|best| run.context.is_same_trial(&best.context));
    numbered.filter(|(_, run)| is_best(run)).take(MAX_CURVES).collect()
}

/// Draws loss and validation Dice of all segmentation runs in one chart, a colour for each trial; nothing for one run.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_all(report: &Report) -> Result<Option<Figure>, ReportError> {
    let trials = &report.trials.all;
    let best = report.trials.best();
    let read = |run: &RunInput| {
        let trial = trials.iter().find(|trial| trial.context.is_same_trial(&run.context))?;
        Some((trial, run.history.as_ref().and_then(History::read)?))
    };
    let histories: Vec<_> = report.input.runs.iter().filter_map(read).collect();
    if histories.len() < 2 {
        return Ok(None);
    }
    let shown = |number: usize| trials.len() <= MAX_TRIALS || best.is_some_and(|best| best.number == number);
    let (mut losses, mut dice, mut named) = (Vec::new(), Vec::new(), Vec::new());
    for (trial, history) in &histories {
        let (color, width) = match shown(trial.number) {
            true => (of_series(trial.number - 1), 1.8),
            false => (MANY, 0.8),
        };
        let is_first = !named.contains(&trial.number);
        named.push(trial.number);
        let name = (is_first && shown(trial.number)).then(|| trial.name());
        let curve = |curve: &Curve, name| Line { name, color, width, points: points(history, curve) };
        losses.extend(history.losses.first().map(|loss| curve(loss, None)));
        dice.extend(history.mean_dice.as_ref().map(|mean| curve(mean, name)));
    }
    // Grey lines go behind the others.
    [&mut losses, &mut dice].into_iter().for_each(|lines| lines.sort_by_key(|line| line.width > 1.0));
    let seeds = if trials.len() < histories.len() { "; runs of one trial have one colour" } else { "" };
    let others = if trials.len() > MAX_TRIALS { "; grey: other trials" } else { "" };
    let panels = [panel("Loss", 190.0, Scale::Range, losses), panel("Validation Dice", 230.0, Scale::Range, dice)];
    let figure = Curves {
        title: format!("Training of {} runs", histories.len()),
        note: Some(format!("one line per run{seeds}{others}")),
        best: None,
        panels: panels.into_iter().flatten().collect(),
    };
    Ok(Some(render(&figure)?))
}

/// Draws the training curves of each slice-classification run.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_classifiers(report: &Report) -> Result<Vec<Part>, ReportError> {
    let mut parts = Vec::new();
    for (number, run) in (1..).zip(&report.input.classifiers) {
        let Some(history) = run.history.as_ref().and_then(History::read) else { continue };
        let of = report.names.run(&run.context);
        let title = format!("Training, {of} (slice-wise Dice: F1)");
        parts.push(Part { number, figure: render(&Curves::new(&title, &history, &[]))?, of });
    }
    Ok(parts)
}

/// The panels of one run, stacked.
#[derive(Clone, Debug)]
struct Curves {
    title: String,
    note: Option<String>,
    best: Option<f64>,
    panels: Vec<Panel>,
}

#[derive(Clone, Debug)]
struct Panel {
    heading: &'static str,
    height: f64,
    axis: Axis,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    name: Option<String>,
    color: RGBColor,
    width: f64,
    /// Epochs and values.
    points: Vec<(f64, f64)>,
}

/// Scale of a panel.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    /// From the smallest to the largest value.
    Range,
    /// The same by ratios, where the largest is ten times the smallest or more.
    Ratios,
}

impl Curves {
    /// The curves of one run; panels without any value are omitted. `colors` are the structures' colours by name.
    fn new(title: &str, history: &History, colors: &[(String, [u8; 3])]) -> Self {
        let losses = history.losses.iter().enumerate();
        let losses =
            losses.map(|(index, curve)| line(history, curve, if index == 0 { DICE } else { BEST }, 2.0)).collect();
        let rates = history.learning_rate.iter().map(|curve| line(history, curve, DICE, 2.0));
        let panels = [
            panel("Loss", 170.0, Scale::Range, losses),
            panel("Learning rate", 100.0, Scale::Ratios, rates.collect()),
            panel("Validation Dice", 240.0, Scale::Range, dice_lines(history, colors)),
        ];
        Self {
            title: title.to_owned(),
            note: history.best_epoch.map(|best| format!("dashed: best validation, epoch {best:.0}")),
            best: history.best_epoch,
            panels: panels.into_iter().flatten().collect(),
        }
    }

    /// First and last epoch.
    fn span(&self) -> (f64, f64) {
        let epochs =
            self.panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.points).map(|point| point.0);
        let span =
            epochs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), epoch| (low.min(epoch), high.max(epoch)));
        if span.0 <= span.1 { span } else { (0.0, 0.0) }
    }

    fn x(&self, epoch: f64) -> f64 {
        let (first, last) = self.span();
        let room = WIDTH - LEFT - LEGEND;
        if last > first { LEFT + (epoch - first) / (last - first) * room } else { LEFT + room / 2.0 }
    }

    fn draw_panel<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, panel: &Panel, top: f64) -> Result<(), FigureError> {
        let y = |value: f64| top + panel.height * (1.0 - panel.axis.place(value));
        let (left, right) = (LEFT, WIDTH - LEGEND);
        canvas.text((left, top - 14.0), panel.heading, Text::HEADING)?;
        for tick in panel.axis.ticks((panel.height / 45.0).max(2.0)) {
            canvas.guide((left, y(tick)), (right, y(tick)))?;
            canvas.text((left - 8.0, y(tick)), &short(tick), Text::NOTE.right())?;
        }
        canvas.line(&[(left, top + panel.height), (right, top + panel.height)], GRID.to_rgba(), 1.5)?;
        if let Some(best) = self.best {
            canvas.dashed((self.x(best), top), (self.x(best), top + panel.height), BEST.to_rgba())?;
        }
        panel.lines.iter().try_for_each(|line| self.draw_line(canvas, line, &y))?;
        self.legend(canvas, panel, top)
    }

    fn draw_line<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        line: &Line,
        y: &impl Fn(f64) -> f64,
    ) -> Result<(), FigureError> {
        let points: Vec<_> = line.points.iter().map(|(epoch, value)| (self.x(*epoch), y(*value))).collect();
        if points.len() > 1 {
            canvas.line(&points, line.color.mix(0.95), line.width)?;
        }
        if points.len() <= 25 {
            points.iter().try_for_each(|point| canvas.dot(*point, line.width + 1.0, line.color.to_rgba()))?;
        }
        Ok(())
    }

    fn legend<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, panel: &Panel, top: f64) -> Result<(), FigureError> {
        let named = panel.lines.iter().filter_map(|line| Some((line.name.as_ref()?, line)));
        for (row, (name, line)) in named.enumerate() {
            let (x, y) = (WIDTH - LEGEND + 14.0, top + 8.0 + row as f64 * 18.0);
            canvas.line(&[(x, y), (x + 18.0, y)], line.color.to_rgba(), line.width + 0.5)?;
            canvas.text((x + 26.0, y), &fit(name, Text::NOTE, LEGEND - 50.0), Text::NOTE.in_color(INK))?;
        }
        Ok(())
    }

    fn epochs_axis<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, bottom: f64) -> Result<(), FigureError> {
        let (first, last) = self.span();
        let whole = ticks(first, last, 8.0).into_iter().filter(|tick| tick.fract() == 0.0);
        let marks: Vec<f64> = if last > first { whole.collect() } else { vec![first] };
        for epoch in marks {
            canvas.text((self.x(epoch), bottom + 16.0), &format!("{epoch:.0}"), Text::NOTE.centred())?;
        }
        canvas.text((LEFT + (WIDTH - LEFT - LEGEND) / 2.0, bottom + 36.0), "epoch", Text::NOTE.centred())
    }

    fn height(&self) -> f64 {
        let panels: f64 = self.panels.iter().map(|panel| panel.height + GAP).sum();
        TOP + panels - GAP.min(panels) + BOTTOM
    }
}

fn panel(heading: &'static str, height: f64, scale: Scale, lines: Vec<Line>) -> Option<Panel> {
    let values = || lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let by_ratios = scale == Scale::Ratios && low > 0.0 && high >= 10.0 * low;
    let axis = if by_ratios { Axis::logarithmic(values()) } else { Axis::of(values()) };
    Some(Panel { heading, height, axis: axis?, lines })
}

/// Epochs with a value.
fn points(history: &History, curve: &Curve) -> Vec<(f64, f64)> {
    let defined = history.epochs.iter().zip(&curve.values).filter_map(|(epoch, value)| Some((*epoch, (*value)?)));
    defined.filter(|(_, value)| value.is_finite()).collect()
}

fn line(history: &History, curve: &Curve, color: RGBColor, width: f64) -> Line {
    Line { name: Some(curve.name.clone()), color, width, points: points(history, curve) }
}

fn dice_lines(history: &History, colors: &[(String, [u8; 3])]) -> Vec<Line> {
    let many = history.structure_dice.len() > MAX_NAMES;
    let structures = history.structure_dice.iter().map(|curve| {
        let color = colors.iter().find(|(name, _)| *name == curve.name).map_or([120; 3], |(_, color)| *color);
        let (color, width) = if many { (MANY, 0.5) } else { (on_white(color), 1.5) };
        let named = line(history, curve, color, width);
        Line { name: named.name.filter(|_| !many), ..named }
    });
    structures.chain(history.mean_dice.iter().map(|curve| line(history, curve, INK, 2.5))).collect()
}

impl Plot for Curves {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, self.height() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, WIDTH - 28.0), Text::TITLE)?;
        if let Some(note) = &self.note {
            canvas.text((14.0, 46.0), note, Text::NOTE)?;
        }
        let mut top = TOP;
        for panel in &self.panels {
            self.draw_panel(canvas, panel, top)?;
            top += panel.height + GAP;
        }
        self.epochs_axis(canvas, (top - GAP).max(TOP))
    }
}
