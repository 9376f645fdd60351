//! Parallel coordinates: one axis per parameter and one for the objective; a line for every trial.

use plotters::prelude::*;

use super::valued;
use crate::report::figure::axis::{Axis, short};
use crate::report::figure::canvas::{Canvas, Text, fit};
use crate::report::figure::palette::{BEST, INK, MANY, MUTED, sequential};
use crate::report::figure::{FigureError, Plot};
use crate::report::search::Search;

const HEIGHT: f64 = 460.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = 34.0;
const SIDE: f64 = 76.0;
/// Distance of two axes.
const STEP: f64 = 150.0;

/// The figure.
pub struct Coordinates<'a> {
    search: &'a Search,
    objective: Axis,
    /// Per trial its places along the axes, the objective's last; and how good it is, from 0 to 1. The best last.
    lines: Vec<(Vec<Option<f64>>, f64, Kind)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unfinished,
    Finished,
    Best,
}

impl<'a> Coordinates<'a> {
    /// `None` for fewer than two trials with a value.
    pub fn new(search: &'a Search) -> Option<Self> {
        let all = valued(search);
        let objective = Axis::of(all.iter().map(|(_, value)| *value)).filter(|_| all.len() > 1)?;
        let higher = search.objectives.first()?.higher_is_better;
        let mut lines = Vec::new();
        for (trial, value) in all {
            let place = objective.place(value);
            let places = trial.places.iter().copied().chain([Some(place)]).collect();
            let kind = match search.best == Some(trial.number - 1) {
                true => Kind::Best,
                false if trial.is_finished() => Kind::Finished,
                false => Kind::Unfinished,
            };
            lines.push((places, if higher { place } else { 1.0 - place }, kind));
        }
        let rank = |kind: Kind| kind as u8;
        lines.sort_by(|a, b| rank(a.2).cmp(&rank(b.2)).then(a.1.total_cmp(&b.1)));
        Some(Self { search, objective, lines })
    }

    fn axes(&self) -> usize {
        self.search.parameters.len() + 1
    }

    fn x(axis: usize) -> f64 {
        SIDE + axis as f64 * STEP
    }

    fn y(place: f64) -> f64 {
        HEIGHT - BOTTOM - place * (HEIGHT - BOTTOM - TOP)
    }

    fn line<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        (places, good, kind): &(Vec<Option<f64>>, f64, Kind),
    ) -> Result<(), FigureError> {
        let (color, width) = match kind {
            Kind::Best => (BEST.to_rgba(), 3.0),
            Kind::Finished => (sequential(0.25 + 0.75 * good).to_rgba(), 1.6),
            Kind::Unfinished => (MANY.mix(0.7), 1.0),
        };
        // Parameters of other choices are passed by.
        let points: Vec<(f64, f64)> =
            places.iter().enumerate().filter_map(|(axis, place)| Some((Self::x(axis), Self::y((*place)?)))).collect();
        canvas.line(&points, color, width)?;
        points.iter().try_for_each(|at| canvas.dot(*at, 2.5, color))
    }

    fn axis<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<DB>,
        axis: usize,
        name: &str,
        ticks: &[(f64, String)],
    ) -> Result<(), FigureError> {
        let x = Self::x(axis);
        canvas.line(&[(x, Self::y(0.0)), (x, Self::y(1.0))], INK.to_rgba(), 1.0)?;
        canvas.text((x, TOP - 18.0), &fit(name, Text::LABEL, STEP - 14.0), Text::LABEL.centred())?;
        for (place, label) in ticks {
            let y = Self::y(*place);
            canvas.line(&[(x - 4.0, y), (x, y)], INK.to_rgba(), 1.0)?;
            canvas.text((x - 8.0, y), &fit(label, Text::NOTE, STEP - 60.0), Text::NOTE.right().in_color(MUTED))?;
        }
        Ok(())
    }
}

impl Plot for Coordinates<'_> {
    fn size(&self) -> (u32, u32) {
        ((SIDE * 2.0 + STEP * (self.axes() - 1) as f64).max(640.0) as u32, HEIGHT as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 20.0), "Settings and objective of every trial", Text::TITLE)?;
        canvas.text((14.0, 42.0), "orange: the best; blue: trained to the end, the darker the better;", Text::NOTE)?;
        let more =
            "grey: paused or ended early, with their last value. Lines pass by settings that a trial does not have.";
        canvas.text((14.0, 58.0), &fit(more, Text::NOTE, f64::from(self.size().0) - 28.0), Text::NOTE)?;
        self.lines.iter().try_for_each(|line| self.line(canvas, line))?;
        for (axis, parameter) in self.search.parameters.iter().enumerate() {
            self.axis(canvas, axis, &parameter.name, &parameter.ticks)?;
        }
        let ticks: Vec<(f64, String)> =
            self.objective.ticks(6.0).into_iter().map(|tick| (self.objective.place(tick), short(tick))).collect();
        let name = self.search.objectives.first().map_or("", |judge| judge.name.as_str());
        self.axis(canvas, self.axes() - 1, name, &ticks)
    }
}
