//! Streaks like those of metal in CT.

use std::f64::consts::{PI, TAU};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::range;
use crate::augment::dice::Dice;
use crate::augment::transform::{Channels, Grid, Mistake, Transform, not_negative, ordered};

/// Range of the number of rays of each source, half of them bright and half dark.
const RAYS: [usize; 2] = [6, 18];

/// Range of a ray's angular standard deviation in degrees.
const WIDTH_DEGREES: [f64; 2] = [1.0, 6.0];

/// Range of the distance from the source at which a streak has half its strength.
const HALF_MM: [f64; 2] = [20.0, 60.0];

/// Range of the metal's radius.
const METAL_MM: [f64; 2] = [2.0, 6.0];
/// Range of half the metal's height.
const HEIGHT_MM: [f64; 2] = [10.0, 60.0];

/// Places drawn for each source. The brightest of them gets the metal, so that it lies in the body and preferably in bone.
const PLACES: usize = 16;

/// Draws metal-like points with bright and dark rays within axial slices. They imitate the look of photon starvation and beam
/// hardening and do not simulate a scanner. Rays are the same in neighbouring slices and fade above and below the metal; the metal
/// is as bright as the brightest voxel plus the strongest ray. Labels stay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Streaks {
    /// Probability per patch.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Range of the number of metal-like points.
    pub sources: [usize; 2],
    /// Range of the strongest ray's intensity beside the metal, in units of the prepared image.
    pub amplitude: [f64; 2],
}

impl Default for Streaks {
    fn default() -> Self {
        Self { probability: 0.1, sources: [1, 2], amplitude: [0.2, 0.8] }
    }
}

/// One metal-like point.
struct Source {
    /// Voxels `[z, y, x]`.
    at: [f64; 3],
    amplitude: f64,
    half_mm: f64,
    metal_mm: f64,
    height_mm: f64,
    rays: Vec<Ray>,
}

struct Ray {
    angle: f64,
    width: f64,
    strength: f64,
}

impl Transform for Streaks {
    fn probability(&self) -> f64 {
        self.probability
    }

    fn mistakes(&self) -> Vec<Mistake> {
        not_negative("amplitude", self.amplitude)
            .into_iter()
            .chain(ordered("sources", self.sources.map(|count| count as f64)))
            .collect()
    }
}

impl Streaks {
    pub(crate) fn apply(&self, channels: Channels, grid: Grid, dice: &mut Dice) {
        let mut channels: Vec<&mut [f32]> = channels.collect();
        let Some(first) = channels.first() else { return };
        let sources: Vec<Source> = (0..dice.count(self.sources)).map(|_| self.source(first, grid, dice)).collect();
        let planes: Vec<Plane> = sources.iter().map(|source| source.plane(grid)).collect();
        for channel in &mut channels {
            let brightest = range(channel).1;
            for (source, plane) in sources.iter().zip(&planes) {
                source.draw(channel, plane, brightest, grid);
            }
        }
    }

    fn source(&self, channel: &[f32], grid: Grid, dice: &mut Dice) -> Source {
        let value = |[z, y, x]: [usize; 3]| channel[(z * grid.size[1] + y) * grid.size[2] + x];
        let mut place = || grid.size.map(|voxels| (dice.anywhere([0.0, voxels as f64]) as usize).min(voxels - 1));
        let places: Vec<[usize; 3]> = (0..PLACES).map(|_| place()).collect();
        // The first of equally bright ones.
        let at = places.iter().copied().reduce(|best, other| if value(other) > value(best) { other } else { best });
        let rays = dice.anywhere([RAYS[0] as f64, RAYS[1] as f64 + 1.0]) as usize;
        Source {
            at: at.unwrap_or_default().map(|voxel| voxel as f64),
            amplitude: dice.between(self.amplitude),
            half_mm: dice.anywhere(HALF_MM),
            metal_mm: dice.anywhere(METAL_MM),
            height_mm: dice.anywhere(HEIGHT_MM),
            rays: (0..rays).map(|number| Ray::draw(number, dice)).collect(),
        }
    }
}

impl Ray {
    fn draw(number: usize, dice: &mut Dice) -> Self {
        let sign = if number.is_multiple_of(2) { 1.0 } else { -1.0 };
        Self {
            angle: dice.anywhere([0.0, TAU]),
            width: dice.anywhere(WIDTH_DEGREES).to_radians(),
            strength: sign * dice.anywhere([0.3, 1.0]),
        }
    }

    /// Strength in a direction.
    fn towards(&self, angle: f64) -> f64 {
        let apart = (angle - self.angle + PI).rem_euclid(TAU) - PI;
        self.strength * (-0.5 * (apart / self.width).powi(2)).exp()
    }
}

/// One slice `[y, x]` of a source at full strength.
struct Plane {
    rays: Vec<f32>,
    metal: Vec<bool>,
}

impl Source {
    fn plane(&self, grid: Grid) -> Plane {
        let [_, height, width] = grid.size;
        let mut plane = Plane { rays: Vec::with_capacity(height * width), metal: Vec::with_capacity(height * width) };
        for y in 0..height {
            for x in 0..width {
                let along_y = (y as f64 - self.at[1]) * grid.spacing_mm[1];
                let along_x = (x as f64 - self.at[2]) * grid.spacing_mm[2];
                let distance = along_y.hypot(along_x);
                let angle = along_y.atan2(along_x);
                let strength: f64 = self.rays.iter().map(|ray| ray.towards(angle)).sum();
                let fading = self.half_mm / (self.half_mm + distance);
                plane.rays.push((self.amplitude * strength.clamp(-1.0, 1.0) * fading) as f32);
                plane.metal.push(distance <= self.metal_mm);
            }
        }
        plane
    }

    fn draw(&self, channel: &mut [f32], plane: &Plane, brightest: f32, grid: Grid) {
        let metal = brightest + self.amplitude as f32;
        for (z, slice) in channel.chunks_exact_mut(plane.rays.len()).enumerate() {
            let away = (z as f64 - self.at[0]).abs() * grid.spacing_mm[0] / self.height_mm;
            let weight = (-0.5 * away * away).exp() as f32;
            slice.iter_mut().zip(&plane.rays).for_each(|(value, ray)| *value += weight * ray);
            if away <= 1.0 {
                slice.iter_mut().zip(&plane.metal).filter(|(_, is)| **is).for_each(|(value, _)| *value = metal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::dice::End;

    #[test]
    fn rays_stay_within_their_amplitude_and_metal_is_brightest() {
        let grid = Grid { size: [9, 40, 40], spacing_mm: [2.0, 1.0, 1.0], in_plane: false };
        let streaks = Streaks { probability: 1.0, sources: [1, 1], amplitude: [0.5, 0.5] };
        let mut with_both = 0;
        for seed in 0..20 {
            let mut image = vec![0.0f32; 9 * 40 * 40];
            let mut rng = crate::random::stream(seed, "test", 0, 0);
            streaks.apply(image.chunks_exact_mut(9 * 40 * 40), grid, &mut Dice::new(&mut rng, Some(End::High)));
            assert!(image.iter().all(|value| (-0.5..=0.5).contains(value)));
            assert!(image.contains(&0.5), "no metal");
            let has = |is: fn(f32) -> bool| image.iter().any(|value| is(*value));
            with_both += usize::from(has(|value| value < -0.05) && has(|value| (0.05..0.45).contains(&value)));
        }
        // From a corner all rays of one kind may leave the patch.
        assert!(with_both >= 15, "{with_both} of 20 with bright and dark rays");
    }
}
