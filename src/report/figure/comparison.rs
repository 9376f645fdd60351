//! Comparison of trials: overall means with their spread over seeds, and means per structure as heat maps.

use plotters::prelude::*;

use super::axis::Axis;
use super::canvas::{Canvas, Text, fit};
use super::palette::{BEST, MISSING, MUTED, of_panel, sequential, text_on};
use super::rows::{Rows, name_room};
use super::{Figure, FigureError, Plot, render};
use crate::evaluate::frame::rows;
use crate::evaluate::metric::HEADLINE;
use crate::evaluate::trials::OverSeeds;
use crate::evaluate::{Trial, Trials};
use crate::report::{Report, ReportError};

/// Draws the trials' overall means.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_overall(report: &Report) -> Result<Figure, ReportError> {
    Ok(render(&Overall::new("Trials, best first", means(&report.trials)))?)
}

/// Draws the trials' means per structure.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw_structures(report: &Report) -> Result<Figure, ReportError> {
    let structures = &report.trials.structure_names;
    Ok(render(&PerStructure::new("Trials per structure", structures, means(&report.trials)))?)
}

/// One trial in the charts.
#[derive(Clone, Debug)]
struct TrialMeans {
    /// Number and label: `#1 lr=0.001`.
    name: String,
    /// Over all structures, by panel.
    overall: Vec<Option<OverSeeds>>,
    /// Per structure, in the target's order, by panel.
    structures: Vec<Vec<Option<f64>>>,
}

fn means(trials: &Trials) -> Vec<TrialMeans> {
    let of_structure = |trial: &Trial, name: &str| {
        let row = rows(&trial.structures).find(|row| row.text("structure") == name);
        let mean = |metric| Some(OverSeeds::read(row?, metric)?.mean);
        HEADLINE.iter().map(|metric| mean(*metric)).collect()
    };
    let means = |trial: &Trial| TrialMeans {
        name: trial.name(),
        overall: HEADLINE.iter().map(|metric| trial.over_seeds(*metric)).collect(),
        structures: trials.structure_names.iter().map(|name| of_structure(trial, name)).collect(),
    };
    trials.all.iter().map(means).collect()
}

/// Overall means, one row per trial, best first.
#[derive(Clone, Debug)]
struct Overall {
    rows: Rows,
    trials: Vec<TrialMeans>,
}

impl Overall {
    /// The comparison of several trials.
    fn new(title: &str, mut trials: Vec<TrialMeans>) -> Self {
        let merit = |trial: &TrialMeans| trial.overall[0].map_or(f64::NEG_INFINITY, |it| HEADLINE[0].merit(it.mean));
        trials.sort_by(|a, b| merit(b).total_cmp(&merit(a)));
        let names: Vec<String> = trials.iter().map(|trial| trial.name.clone()).collect();
        let rows = Rows {
            title: title.to_owned(),
            note: "mean over cases, then structures, then seeds; line: ± one standard deviation over seeds".to_owned(),
            name_room: name_room(&names),
            names,
            height: 26.0,
            value_room: 48.0,
            axes: (0..HEADLINE.len()).map(|panel| axis(&trials, panel)).collect(),
        };
        Self { rows, trials }
    }
}

/// From the lowest to the highest mean, with its spread.
fn axis(trials: &[TrialMeans], panel: usize) -> Axis {
    let ends = trials.iter().filter_map(|trial| trial.overall[panel]);
    Axis::of_ratios(
        ends.flat_map(|it| [it.mean - it.sd.unwrap_or(0.0), it.mean + it.sd.unwrap_or(0.0)]).collect::<Vec<_>>(),
    )
}

impl Plot for Overall {
    fn size(&self) -> (u32, u32) {
        self.rows.size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        self.rows.draw(canvas)?;
        for (row, trial) in self.trials.iter().enumerate() {
            for (panel, score) in trial.overall.iter().enumerate() {
                let color = of_panel(panel);
                let y = self.rows.y(row);
                let value_x = self.rows.right(panel) + 44.0;
                let Some(score) = score else {
                    canvas.text((value_x, y), "n/a", Text::LABEL.right().in_color(MUTED))?;
                    continue;
                };
                let x = |value: f64| self.rows.x(panel, value);
                canvas.fill((self.rows.left(panel), y - 1.0), (x(score.mean), y + 1.0), color.mix(0.35))?;
                canvas.dot((x(score.mean), y), 5.0, color.to_rgba())?;
                if let Some(sd) = score.sd {
                    canvas.whisker((x(score.mean - sd), x(score.mean + sd)), y)?;
                }
                canvas.text((value_x, y), &format!("{:.3}", score.mean), Text::LABEL.right())?;
            }
        }
        Ok(())
    }
}

/// Means of every structure and trial: a heat map for each headline metric.
#[derive(Clone, Debug)]
struct PerStructure {
    title: String,
    structures: Vec<String>,
    trials: Vec<TrialMeans>,
    name_room: f64,
}

const ROW: f64 = 24.0;
const TOP: f64 = 100.0;
const GAP: f64 = 30.0;
const RIGHT: f64 = 16.0;
const WIDTH: f64 = super::rows::WIDTH;

impl PerStructure {
    /// The heat maps of several trials; columns are the trials in the given order, labelled with the number that starts their name.
    fn new(title: &str, structures: &[String], trials: Vec<TrialMeans>) -> Self {
        let name_room = name_room(structures);
        Self { title: title.to_owned(), structures: structures.to_vec(), trials, name_room }
    }

    fn cell(&self) -> f64 {
        let panels = HEADLINE.len() as f64;
        let room = WIDTH - self.name_room - GAP * (panels - 1.0) - RIGHT;
        room / panels / self.trials.len().max(1) as f64
    }

    fn x(&self, panel: usize, column: usize) -> f64 {
        let panel_width = self.cell() * self.trials.len().max(1) as f64;
        self.name_room + panel as f64 * (panel_width + GAP) + column as f64 * self.cell()
    }

    fn headings<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        // Omits numbers that would overlap.
        let every = (30.0 / self.cell()).ceil().max(1.0) as usize;
        for (panel, metric) in HEADLINE.iter().enumerate() {
            canvas.text((self.x(panel, 0), 74.0), metric.name, Text::HEADING)?;
            for (column, trial) in self.trials.iter().enumerate().step_by(every) {
                let number = trial.name.split(' ').next().unwrap_or_default();
                let middle = self.x(panel, column) + self.cell() / 2.0;
                canvas.text((middle, TOP - 10.0), number, Text::NOTE.centred())?;
            }
        }
        Ok(())
    }

    fn row<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, row: usize) -> Result<(), FigureError> {
        let y = TOP + ROW * row as f64;
        for (panel, metric) in HEADLINE.iter().enumerate() {
            let value = |trial: &TrialMeans| *trial.structures.get(row)?.get(panel)?;
            let merits = self.trials.iter().filter_map(value).map(|value| metric.merit(value));
            let best = merits.fold(f64::NEG_INFINITY, f64::max);
            for (column, trial) in self.trials.iter().enumerate() {
                let (from, to) =
                    ((self.x(panel, column) + 0.5, y + 0.5), (self.x(panel, column + 1) - 0.5, y + ROW - 0.5));
                let Some(score) = value(trial) else {
                    canvas.fill(from, to, MISSING.to_rgba())?;
                    self.number(canvas, (from, to), None, false)?;
                    continue;
                };
                canvas.fill(from, to, sequential(score).to_rgba())?;
                self.number(canvas, (from, to), Some(score), metric.merit(score) >= best)?;
            }
        }
        Ok(())
    }

    fn number<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        ((left, top), (right, bottom)): ((f64, f64), (f64, f64)),
        score: Option<f64>,
        best: bool,
    ) -> Result<(), FigureError> {
        let middle = ((left + right) / 2.0, (top + bottom) / 2.0);
        let room = self.cell();
        let (text, color) = match score {
            Some(score) if room >= 48.0 => (format!("{score:.3}"), text_on(sequential(score))),
            Some(score) => (format!("{score:.2}"), text_on(sequential(score))),
            None => ("n/a".to_owned(), MUTED),
        };
        if room >= 36.0 {
            canvas.text(middle, &text, Text { bold: best, ..Text::NOTE.centred().in_color(color) })
        } else if best {
            canvas.dot(middle, 2.5, BEST.to_rgba())
        } else {
            Ok(())
        }
    }
}

impl Plot for PerStructure {
    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (TOP + ROW * self.structures.len().max(1) as f64 + 18.0) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, WIDTH - 28.0), Text::TITLE)?;
        let note = "mean over cases and seeds; darker is better, 0 to 1; bold or dot: best of the row";
        canvas.text((14.0, 46.0), note, Text::NOTE)?;
        self.headings(canvas)?;
        for (row, name) in self.structures.iter().enumerate() {
            let y = TOP + ROW * (row as f64 + 0.5);
            let name = fit(name, Text::LABEL, self.name_room - 26.0);
            canvas.text((self.name_room - 10.0, y), &name, Text::LABEL.right())?;
            self.row(canvas, row)?;
        }
        Ok(())
    }
}
