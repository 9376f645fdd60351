//! ROC curves of a slice classifier: sensitivity against 1 − specificity.

use plotters::prelude::*;

use super::canvas::{Canvas, Text, fit};
use super::list::Part;
use super::palette::{INK, MUTED, on_white};
use super::square::{self, LEFT, SIDE, SIZE, TOP, at};
use super::{FigureError, Plot, render};
use crate::evaluate::slices::SliceSummary;
use crate::evaluate::slices::classifier::Classifier;
use crate::report::{Report, ReportError};

/// Maximum number of legend entries: with more, the legend would be longer than the chart.
const MAX_NAMES: usize = 24;

/// Draws the curves of each classifier.
///
/// # Errors
/// Errors of the drawing library.
pub fn draw(report: &Report) -> Result<Vec<Part>, ReportError> {
    let draw = |(classifier, number): (&Classifier, usize)| {
        let figure = render(&Roc::new(report, classifier))?;
        Ok(Part { number, of: classifier.name.clone(), figure })
    };
    report.classifiers.iter().zip(1..).map(draw).collect()
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
struct RocCurve {
    /// Structure, with the area under its curve.
    name: String,
    /// Colour of the structure.
    color: [u8; 3],
    /// Points (1 − specificity, sensitivity).
    points: Vec<[f64; 2]>,
    /// Operating point at the threshold.
    chosen: Option<[f64; 2]>,
}

/// Curves of one classifier.
#[derive(Clone, Debug)]
struct Roc {
    title: String,
    curves: Vec<RocCurve>,
}

impl Roc {
    fn new(report: &Report, classifier: &Classifier) -> Self {
        let curve = |(summary, points): (&SliceSummary, &Vec<[f64; 2]>)| {
            let area = summary.auc.map_or_else(|| "n/a".to_owned(), |auc| format!("{auc:.3}"));
            let chosen = summary.specificity.zip(summary.sensitivity);
            RocCurve {
                name: format!("{}: AUC {area}", summary.structure),
                color: report.color(&summary.structure).unwrap_or([40, 90, 160]),
                points: points.clone(),
                chosen: chosen.map(|(specificity, sensitivity)| [1.0 - specificity, sensitivity]),
            }
        };
        let curves = classifier.summaries.iter().zip(&classifier.curves).map(curve).collect();
        Self { title: format!("Slice classification, {}", classifier.name), curves }
    }

    fn curve<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, curve: &RocCurve) -> Result<(), FigureError> {
        let points: Vec<_> = curve.points.iter().map(|[x, y]| at(*x, *y)).collect();
        let color = on_white(curve.color).to_rgba();
        canvas.line(&points, color, 2.0)?;
        let Some([x, y]) = curve.chosen else { return Ok(()) };
        canvas.dot(at(x, y), 6.0, INK.to_rgba())?;
        canvas.dot(at(x, y), 4.5, color)
    }
}

impl Plot for Roc {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 22.0), &fit(&self.title, Text::TITLE, SIZE.0 - 28.0), Text::TITLE)?;
        canvas.text((14.0, 46.0), "dot: at the threshold; diagonal: no better than chance", Text::NOTE)?;
        square::axes(canvas, ["1 − specificity", "sensitivity"])?;
        canvas.line(&[at(0.0, 0.0), at(1.0, 1.0)], MUTED.to_rgba(), 1.0)?;
        let x = LEFT + SIDE + 40.0;
        for (row, curve) in self.curves.iter().enumerate() {
            self.curve(canvas, curve)?;
            if row < MAX_NAMES {
                let y = TOP + 10.0 + row as f64 * 20.0;
                canvas.dot((x, y), 5.0, on_white(curve.color).to_rgba())?;
                canvas.text((x + 14.0, y), &fit(&curve.name, Text::LABEL, SIZE.0 - x - 40.0), Text::LABEL)?;
            }
        }
        Ok(())
    }
}
