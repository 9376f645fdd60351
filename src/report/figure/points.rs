//! Points in a plane: one for each case and structure, against two axes that use the range of the data.

use std::collections::BTreeSet;

use plotters::prelude::*;

use super::axis::{Axis, short};
use super::canvas::{Canvas, Text, fit, width};
use super::palette::{INK, MUTED, on_white};
use super::{FigureError, Plot};

/// Width and height of the figure.
const SIZE: (f64, f64) = (640.0, 560.0);
const LEFT: f64 = 74.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 76.0;
/// Points that are named, at most.
const NAMED: usize = 5;

/// One point.
#[derive(Clone, Debug)]
pub struct Point {
    /// Position along both axes, in their units.
    pub at: (f64, f64),
    /// Colour of its structure.
    pub color: [u8; 3],
    /// Case and structure.
    pub name: String,
    /// How unusual it is; the most unusual ones above 0 are named.
    pub unusual: f64,
}

/// A line across the plane.
#[derive(Clone, Debug)]
pub enum Rule {
    /// At this height, with its label.
    Level(f64, String),
    /// Through these points.
    Curve(Vec<(f64, f64)>),
}

/// The figure.
#[derive(Clone, Debug)]
pub struct Points {
    /// Heading.
    pub title: String,
    /// What the marks mean; lines are broken at `\n`.
    pub note: String,
    /// Name and scale of both axes.
    pub axes: [(String, Axis); 2],
    /// The points.
    pub points: Vec<Point>,
    /// Lines below them.
    pub rules: Vec<Rule>,
}

impl Points {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.axes[0].1.place(value) * (SIZE.0 - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        SIZE.1 - BOTTOM - self.axes[1].1.place(value) * (SIZE.1 - TOP - BOTTOM)
    }

    fn scales<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let bottom = SIZE.1 - BOTTOM;
        for tick in self.axes[0].1.ticks(6.0) {
            canvas.guide((self.x(tick), TOP), (self.x(tick), bottom))?;
            canvas.text((self.x(tick), bottom + 16.0), &short(tick), Text::NOTE.centred())?;
        }
        for tick in self.axes[1].1.ticks(7.0) {
            canvas.guide((LEFT, self.y(tick)), (SIZE.0 - RIGHT, self.y(tick)))?;
            canvas.text((LEFT - 8.0, self.y(tick)), &short(tick), Text::NOTE.right())?;
        }
        let middle = (LEFT + SIZE.0 - RIGHT) / 2.0;
        canvas.text((middle, bottom + 42.0), &self.axes[0].0, Text::LABEL.centred())?;
        let upwards = Text { upwards: true, ..Text::LABEL.centred() };
        canvas.text((16.0, (TOP + bottom) / 2.0), &self.axes[1].0, upwards)
    }

    fn rule<DB: DrawingBackend>(&self, canvas: &Canvas<DB>, rule: &Rule) -> Result<(), FigureError> {
        match rule {
            Rule::Level(value, label) => {
                let y = self.y(*value);
                canvas.dashed((LEFT, y), (SIZE.0 - RIGHT, y), INK.to_rgba())?;
                canvas.text((SIZE.0 - RIGHT - 4.0, y - 9.0), label, Text::NOTE.right())
            }
            Rule::Curve(points) => {
                let places: Vec<_> = points.iter().map(|(x, y)| (self.x(*x), self.y(*y))).collect();
                canvas.line(&places, MUTED.to_rgba(), 1.0)
            }
        }
    }

    fn dots<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        // Coinciding dots are drawn once, which bounds the size of the file.
        let mut drawn = BTreeSet::new();
        for point in &self.points {
            let (x, y) = (self.x(point.at.0), self.y(point.at.1));
            if drawn.insert((point.color, x.round() as i64, y.round() as i64)) {
                canvas.dot((x, y), 2.5, on_white(point.color).mix(0.5))?;
            }
        }
        Ok(())
    }

    /// Names the most unusual points, as far as their names do not overlap.
    fn names<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        let mut unusual: Vec<&Point> = self.points.iter().filter(|point| point.unusual > 0.0).collect();
        unusual.sort_by(|a, b| b.unusual.total_cmp(&a.unusual).then_with(|| a.name.cmp(&b.name)));
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        for point in unusual.into_iter().take(NAMED * 4) {
            let (x, y) = (self.x(point.at.0), self.y(point.at.1));
            let name = fit(&point.name, Text::NOTE, 260.0);
            let length = width(&name, Text::NOTE);
            let left = if x + 8.0 + length > SIZE.0 - RIGHT { x - 8.0 - length } else { x + 8.0 };
            let free = taken
                .iter()
                .all(|(from, to, height)| (height - y).abs() > 15.0 || left > to + 4.0 || left + length < from - 4.0);
            if free && taken.len() < NAMED {
                canvas.dot((x, y), 3.5, on_white(point.color).to_rgba())?;
                canvas.text((left, y), &name, Text::NOTE.in_color(INK))?;
                taken.push((left, left + length, y));
            }
        }
        Ok(())
    }
}

impl Plot for Points {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<DB>) -> Result<(), FigureError> {
        canvas.text((14.0, 20.0), &fit(&self.title, Text::TITLE, SIZE.0 - 28.0), Text::TITLE)?;
        for (line, y) in self.note.lines().zip([42.0, 60.0]) {
            canvas.text((14.0, y), &fit(line, Text::NOTE, SIZE.0 - 28.0), Text::NOTE)?;
        }
        self.scales(canvas)?;
        self.rules.iter().try_for_each(|rule| self.rule(canvas, rule))?;
        self.dots(canvas)?;
        self.names(canvas)
    }
}
