//! A turning animation, drawn in software: parallel projection, a depth for every pixel, light from the upper left.

use std::f64::consts::TAU;

use gif::{Encoder, Frame, Repeat};
use rayon::prelude::*;

use super::{Scene, SceneError, Shell};

/// Frames of a turn.
const FRAMES: usize = 36;
/// Hundredths of a second for each.
const DELAY: u16 = 8;
/// Drawn pixels per pixel along each edge, which smooths the edges.
const FINE: usize = 2;
/// Behind the surfaces: legible on white and on black.
const BACK: [u8; 3] = [0x16, 0x1b, 0x22];
/// Colour steps per channel, which keep the file small.
const LEVELS: f64 = 40.0;

/// A GIF of the predicted surfaces (the reference's without a prediction) turning about the patient's long axis, seen from the front at
/// first; `size` is its edge in pixels.
///
/// # Errors
/// [`SceneError::Animation`] if it cannot be encoded.
pub fn turn(scene: &Scene, size: u16) -> Result<Vec<u8>, SceneError> {
    let failed = |error: gif::EncodingError| SceneError::Animation(error.to_string());
    let bodies: Vec<(&Shell, [f64; 3])> = scene
        .bodies
        .iter()
        .filter_map(|body| {
            Some((body.prediction.as_ref().or(body.reference.as_ref().filter(|_| !scene.compared))?, body.color))
        })
        .map(|(shell, color)| (shell, color.map(f64::from)))
        .collect();
    let frames: Vec<Frame> = (0..FRAMES)
        .into_par_iter()
        .map(|number| {
            let rgb = picture(scene, &bodies, number as f64 / FRAMES as f64 * TAU, usize::from(size));
            Frame { delay: DELAY, ..Frame::from_rgb_speed(size, size, &rgb, 10) }
        })
        .collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, size, size, &[]).map_err(failed)?;
    encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
    frames.iter().try_for_each(|frame| encoder.write_frame(frame)).map_err(failed)?;
    drop(encoder);
    Ok(file)
}

/// One picture, RGB row by row.
fn picture(scene: &Scene, bodies: &[(&Shell, [f64; 3])], angle: f64, size: usize) -> Vec<u8> {
    let edge = size * FINE;
    let mut canvas = Canvas { edge, depth: vec![f64::NEG_INFINITY; edge * edge], color: vec![BACK; edge * edge] };
    let [low, high] = scene.bounds();
    let centre = [0, 1, 2].map(|axis| (low[axis] + high[axis]) / 2.0);
    let radius =
        [0, 1, 2].map(|axis| (high[axis] - low[axis]) / 2.0).iter().map(|half| half * half).sum::<f64>().sqrt();
    let scale = edge as f64 / 2.0 * 0.97 / radius.max(f64::MIN_POSITIVE);
    let (sin, cos) = angle.sin_cos();
    // To the right on the screen, up, towards the viewer.
    let turned = |[x, y, z]: [f64; 3]| [-cos * x + sin * y, z, sin * x + cos * y];
    for (shell, color) in bodies {
        let normals: Vec<[f64; 3]> = shell.surface.normals().into_iter().map(turned).collect();
        let middle = edge as f64 / 2.0;
        let place = |point: &[f64; 3]| {
            let [x, y, z] = turned([0, 1, 2].map(|axis| point[axis] - centre[axis]));
            [middle + x * scale, middle - y * scale, z * scale]
        };
        let places: Vec<[f64; 3]> = shell.surface.points().iter().map(place).collect();
        for triangle in shell.surface.triangles() {
            let corners = triangle.map(|corner| places[corner as usize]);
            canvas.triangle(corners, triangle.map(|corner| light(normals[corner as usize])), *color);
        }
    }
    canvas.shrunk(size)
}

/// Brightness of a surface with this normal.
fn light([x, y, z]: [f64; 3]) -> f64 {
    let key = (-0.366 * x + 0.47 * y + 0.857 * z).max(0.0);
    0.34 + 0.52 * key + 0.2 * z.max(0.0)
}

struct Canvas {
    edge: usize,
    depth: Vec<f64>,
    color: Vec<[u8; 3]>,
}

impl Canvas {
    /// Draws the pixels whose centres lie in a triangle and nearest to the viewer.
    fn triangle(&mut self, [a, b, c]: [[f64; 3]; 3], lights: [f64; 3], color: [f64; 3]) {
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        // The y axis of a picture points down: surfaces that face the viewer run clockwise.
        if area >= 0.0 {
            return;
        }
        let range = |axis: usize| {
            let low = a[axis].min(b[axis]).min(c[axis]).floor().max(0.0) as usize;
            let high = a[axis].max(b[axis]).max(c[axis]).ceil().clamp(0.0, self.edge as f64) as usize;
            low..high
        };
        let (columns, rows) = (range(0), range(1));
        for row in rows {
            for column in columns.clone() {
                let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
                let part = |p: [f64; 3], q: [f64; 3]| ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / area;
                let weights = [part(b, c), part(c, a), part(a, b)];
                if weights.iter().any(|weight| *weight < 0.0) {
                    continue;
                }
                let mix =
                    |values: [f64; 3]| weights.iter().zip(values).map(|(weight, value)| weight * value).sum::<f64>();
                let (depth, at) = (mix([a[2], b[2], c[2]]), row * self.edge + column);
                if depth > self.depth[at] {
                    self.depth[at] = depth;
                    let light = mix(lights);
                    self.color[at] = color.map(|channel| (channel * light).min(255.0) as u8);
                }
            }
        }
    }

    /// The means of squares of pixels, in steps.
    fn shrunk(&self, size: usize) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(size * size * 3);
        for (row, column) in (0..size).flat_map(|row| (0..size).map(move |column| (row, column))) {
            let inner = (0..FINE * FINE).map(|at| (row * FINE + at / FINE) * self.edge + column * FINE + at % FINE);
            let pixels: Vec<[u8; 3]> = inner.map(|at| self.color[at]).collect();
            for channel in 0..3 {
                let mean = pixels.iter().map(|pixel| f64::from(pixel[channel])).sum::<f64>() / pixels.len() as f64;
                rgb.push(if pixels.iter().all(|pixel| *pixel == BACK) {
                    BACK[channel]
                } else {
                    ((mean / 255.0 * LEVELS).round() / LEVELS * 255.0) as u8
                });
            }
        }
        rgb
    }
}
