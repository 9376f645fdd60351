//! Training over epochs: loss, learning rate and validation Dice, with the best epoch marked.

use plotters::prelude::*;

use super::canvas::{Canvas, Text, fit};
use super::list::Part;
use super::palette::{BEST, DICE, GRID, INK, MANY, on_white};
use super::{FigureError, Plot, render};
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

/// With more runs than this, only the best trial's training curves are drawn.
const MAX_CURVES: usize = 24;

/// Draws the training curves of each segmentation run.
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

/// The runs whose curves are drawn, with their numbers: all, or those of the best trial if there are many.
fn chosen(report: &Report) -> Vec<(usize, &RunInput)> {
    let runs = &report.input.runs;
    let best = report.trials.best().filter(|_| runs.len() > MAX_CURVES);
    let numbered = (1..).zip(runs);
    numbered
        .filter(|(_, run)| best.is_none_or(|best| run.context.is_same_trial(&best.context)))
        .take(MAX_CURVES)
        .collect()
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
    epochs: Vec<f64>,
    best: Option<f64>,
    panels: Vec<Panel>,
}

#[derive(Clone, Debug)]
struct Panel {
    heading: &'static str,
    height: f64,
    range: (f64, f64),
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    name: Option<String>,
    color: RGBColor,
    width: f64,
    values: Vec<Option<f64>>,
}

impl Curves {
    /// The curves of one run; panels without any value are omitted. `colors` are the structures' colours by name.
    fn new(title: &str, history: &History, colors: &[(String, [u8; 3])]) -> Self {
        let panels = [
            panel("Loss", 170.0, None, history.losses.iter().enumerate().map(loss_line).collect()),
            panel("Learning rate", 90.0, None, history.learning_rate.iter().map(|c| line(c, DICE, 2.0)).collect()),
            panel("Validation Dice", 240.0, Some((0.0, 1.0)), dice_lines(history, colors)),
        ];
        Self {
            title: title.to_owned(),
            epochs: history.epochs.clone(),
            best: history.best_epoch,
            panels: panels.into_iter().flatten().collect(),
        }
    }

    fn x(&self, epoch: f64) -> f64 {
        let first = self.epochs.first().copied().unwrap_or(0.0);
        let last = self.epochs.last().copied().unwrap_or(first);
        let room = WIDTH - LEFT - LEGEND;
        if last > first { LEFT + (epoch - first) / (last - first) * room } else { LEFT + room / 2.0 }
    }

    fn draw_panel<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, panel: &Panel, top: f64) -> Result<(), FigureError> {
        let (low, high) = panel.range;
        let y = |value: f64| top + panel.height * (1.0 - (value.clamp(low, high) - low) / (high - low));
        let (left, right) = (LEFT, WIDTH - LEGEND);
        canvas.text((left, top - 14.0), panel.heading, Text::HEADING)?;
        for tick in ticks(low, high, (panel.height / 45.0).max(2.0)) {
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
        let defined = self.epochs.iter().zip(&line.values).filter_map(|(epoch, value)| Some((*epoch, (*value)?)));
        let points: Vec<_> = defined.map(|(epoch, value)| (self.x(epoch), y(value))).collect();
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
        let (first, last) = (self.epochs.first().copied().unwrap_or(0.0), self.epochs.last().copied().unwrap_or(0.0));
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

fn panel(heading: &'static str, height: f64, range: Option<(f64, f64)>, lines: Vec<Line>) -> Option<Panel> {
    let values = || lines.iter().flat_map(|line| &line.values).flatten().copied().filter(|value| value.is_finite());
    values().next()?;
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let low = low.min(0.0);
    let high = if high > low { high } else { low + 1.0 };
    Some(Panel { heading, height, range: range.unwrap_or((low, high)), lines })
}

fn line(curve: &Curve, color: RGBColor, width: f64) -> Line {
    Line { name: Some(curve.name.clone()), color, width, values: curve.values.clone() }
}

fn loss_line((index, curve): (usize, &Curve)) -> Line {
    line(curve, if index == 0 { DICE } else { BEST }, 2.0)
}

fn dice_lines(history: &History, colors: &[(String, [u8; 3])]) -> Vec<Line> {
    let many = history.structure_dice.len() > MAX_NAMES;
    let structures = history.structure_dice.iter().map(|curve| {
        let color = colors.iter().find(|(name, _)| *name == curve.name).map_or([120; 3], |(_, color)| *color);
        let named = if many { line(curve, MANY, 0.5) } else { line(curve, on_white(color), 1.5) };
        Line { name: named.name.filter(|_| !many), ..named }
    });
    structures.chain(history.mean_dice.iter().map(|curve| line(curve, INK, 2.5))).collect()
}

/// Round tick values between two limits, `about` as many (steps of 1, 2 or 5 times a power of ten).
fn ticks(low: f64, high: f64, about: f64) -> Vec<f64> {
    let raw = (high - low) / about;
    if !(raw.is_finite() && raw > 0.0) {
        return vec![low];
    }
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw);
    let step = step.unwrap_or(raw);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// A tick's value: plain if short, else scientific.
fn short(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if (0.001..10_000.0).contains(&value.abs()) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.0e}")
    }
}

impl Plot for Curves {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, self.height() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, WIDTH - 28.0), Text::TITLE)?;
        if let Some(best) = self.best {
            let note = format!("dashed: best validation, epoch {best:.0}");
            canvas.text((14.0, 46.0), &note, Text::NOTE)?;
        }
        let mut top = TOP;
        for panel in &self.panels {
            self.draw_panel(canvas, panel, top)?;
            top += panel.height + GAP;
        }
        self.epochs_axis(canvas, (top - GAP).max(TOP))
    }
}
