//! Shapes in mm as signed distances (negative inside), and smooth random fields. Exact arithmetic only: see the module
//! documentation of `phantom`.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Right, anterior, superior.
pub(super) type Point = [f64; 3];

/// A number uniformly distributed within `spread` of `center`.
pub(super) fn vary(rng: &mut ChaCha8Rng, center: f64, spread: f64) -> f64 {
    center + spread * (2.0 * rng.random::<f64>() - 1.0)
}

/// Approximately standard normal: sum of twelve uniform draws (Irwin–Hall).
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// An ellipsoid aligned with the world axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ellipsoid {
    pub center: Point,
    pub radii: Point,
}

impl Ellipsoid {
    pub fn new(center: Point, radii: Point) -> Self {
        Self { center, radii }
    }

    /// First-order signed distance (I. Quilez, "ellipsoid").
    pub fn distance(&self, p: Point) -> f64 {
        let (mut scaled, mut steep) = (0.0, 0.0);
        for ((place, center), radius) in p.into_iter().zip(self.center).zip(self.radii) {
            let part = (place - center) / radius;
            scaled += part * part;
            let part = part / radius;
            steep += part * part;
        }
        let (scaled, steep) = (scaled.sqrt(), steep.sqrt());
        if steep == 0.0 {
            -self.radii[0].min(self.radii[1]).min(self.radii[2])
        } else {
            scaled * (scaled - 1.0) / steep
        }
    }

    /// The ellipsoid, randomly shifted and scaled by up to the given amounts.
    pub fn varied(mut self, rng: &mut ChaCha8Rng, shift_mm: f64, scale: f64) -> Self {
        for axis in 0..3 {
            self.center[axis] = vary(rng, self.center[axis], shift_mm);
            self.radii[axis] *= vary(rng, 1.0, scale);
        }
        self
    }
}

/// Signed distance to an elliptical cylinder along the vertical axis.
pub(super) fn column(p: Point, center: [f64; 2], radii: [f64; 2]) -> f64 {
    let flat = Ellipsoid::new([center[0], center[1], 0.0], [radii[0], radii[1], 1.0]);
    flat.distance([p[0], p[1], 0.0])
}

/// Union of two signed distances with a rounded seam of the given width.
pub(super) fn blend(a: f64, b: f64, width: f64) -> f64 {
    let overlap = (width - (a - b).abs()).max(0.0) / width;
    a.min(b) - overlap * overlap * width / 4.0
}

/// A smooth random field: a cubic B-spline with random coefficients on a lattice.
#[derive(Clone, Debug)]
pub(super) struct Field {
    values: Vec<f64>,
    step_mm: f64,
}

/// Lattice points along each axis, enough to cover every phantom; beyond the lattice the edge value repeats.
const LATTICE: usize = 12;

impl Field {
    /// A field with values mostly within ±`amplitude` that varies over about `step_mm`.
    pub fn draw(rng: &mut ChaCha8Rng, step_mm: f64, amplitude: f64) -> Self {
        let values = (0..LATTICE * LATTICE * LATTICE).map(|_| vary(rng, 0.0, 2.0 * amplitude)).collect();
        Self { values, step_mm }
    }

    pub fn at(&self, p: Point) -> f64 {
        let places = p.map(|part| self.place(part));
        let mut sum = 0.0;
        for (i, wx) in places[0].1.into_iter().enumerate() {
            for (j, wy) in places[1].1.into_iter().enumerate() {
                let row = ((places[0].0 + i) * LATTICE + places[1].0 + j) * LATTICE + places[2].0;
                for (k, wz) in places[2].1.into_iter().enumerate() {
                    sum += wx * wy * wz * self.values[row + k];
                }
            }
        }
        sum
    }

    /// First lattice point and the four B-spline weights.
    fn place(&self, part: f64) -> (usize, [f64; 4]) {
        let last = (LATTICE - 4) as f64;
        let lattice = (part / self.step_mm + last / 2.0).clamp(0.0, last);
        let first = lattice.floor();
        let t = lattice - first;
        let (t2, t3) = (t * t, t * t * t);
        let weights = [(1.0 - t) * (1.0 - t) * (1.0 - t), 3.0 * t3 - 6.0 * t2 + 4.0, 1.0 + 3.0 * (t + t2 - t3), t3];
        (first as usize, weights.map(|weight| weight / 6.0))
    }
}
