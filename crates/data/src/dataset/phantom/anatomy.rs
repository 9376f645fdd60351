//! The anatomy of one patient: the tissue at each world point, in mm from the centre of the abdomen (RAS).

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::organs::Organs;
use super::part::Part;
use super::shape::{Ellipsoid, Field, Point, column, vary};

/// The tissue at a point: body part and Hounsfield units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tissue {
    pub part: Part,
    pub hu: f64,
}

pub(super) const fn tissue(part: Part, hu: f64) -> Tissue {
    Tissue { part, hu }
}

pub(super) const AIR: Tissue = tissue(Part::Air, -1000.0);
const LUNG: Tissue = tissue(Part::Lung, -840.0);
const SKIN: Tissue = tissue(Part::Skin, 15.0);
const SKIN_MM: f64 = 3.0;
/// Half height and half thickness of a rib.
const RIB_MM: [f64; 2] = [6.5, 5.0];
/// Distance between neighbouring ribs.
const RIB_STEP_MM: f64 = 27.0;
/// Anterior end of each rib, from the top rib down.
const RIB_ENDS_MM: [f64; 8] = [70.0, 70.0, 62.0, 55.0, 45.0, 25.0, -5.0, -40.0];

/// A random patient.
pub(super) struct Anatomy {
    pose: Pose,
    body: [f64; 2],
    fat_mm: f64,
    wall_mm: f64,
    lordosis_mm: f64,
    rib_top_mm: f64,
    vertebra_mm: f64,
    diaphragm: Ellipsoid,
    bone_hu: f64,
    muscle_hu: f64,
    fat_hu: f64,
    organs: Organs,
}

impl Anatomy {
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        // 0: no contrast agent; 1: portal venous phase.
        let contrast = 0.8 + 0.4 * rng.random::<f64>();
        Self {
            pose: Pose::draw(rng),
            body: [vary(rng, 148.0, 9.0), vary(rng, 110.0, 8.0)],
            fat_mm: vary(rng, 14.0, 7.0),
            wall_mm: vary(rng, 14.0, 2.0),
            lordosis_mm: vary(rng, 6.0, 4.0),
            rib_top_mm: vary(rng, 150.0, 10.0),
            vertebra_mm: vary(rng, 33.0, 2.0),
            diaphragm: Ellipsoid::new([0.0, 0.0, -20.0], [150.0, 115.0, 122.0]).varied(rng, 6.0, 0.05),
            bone_hu: vary(rng, 215.0, 55.0),
            muscle_hu: vary(rng, 55.0, 6.0) + 10.0 * contrast,
            fat_hu: vary(rng, -102.0, 8.0),
            organs: Organs::draw(rng, contrast),
        }
    }

    /// Maps a world point to the standard patient. Evaluated once per voxel, because it hardly varies within one.
    pub fn standard(&self, world: Point) -> Point {
        self.pose.apply(world)
    }

    /// The tissue at a point of the standard patient.
    pub fn at(&self, p: Point) -> Tissue {
        let depth = -column(p, [0.0, 0.0], self.body);
        if depth <= 0.0 {
            return AIR;
        }
        if depth < SKIN_MM {
            return SKIN;
        }
        let bone = self.ribs(p, depth).or_else(|| self.spine(p));
        bone.unwrap_or_else(|| self.soft(p, depth))
    }

    fn soft(&self, p: Point, depth: f64) -> Tissue {
        let muscle = tissue(Part::Muscle, self.muscle_hu);
        let back = Ellipsoid::new([36.0, -84.0 + self.curve(p), 0.0], [29.0, 17.0, 1e4]);
        if depth < self.fat_mm {
            return tissue(Part::Fat, self.fat_hu);
        }
        if back.distance([p[0].abs(), p[1], 0.0]) < 0.0 {
            return tissue(Part::of_side(p, Part::LeftBackMuscle, Part::RightBackMuscle), self.muscle_hu);
        }
        if depth < self.fat_mm + self.wall_mm {
            return muscle;
        }
        // A thin layer of fat separates the organs from the wall and the diaphragm.
        let inside = (depth - self.fat_mm - self.wall_mm).min(-self.diaphragm.distance(p));
        if inside < -4.0 && p[2] > 0.0 {
            return LUNG;
        }
        if inside < 0.0 {
            return muscle;
        }
        let organ = if inside > 2.5 { self.organs.at(p) } else { None };
        let psoas = || tissue(Part::of_side(p, Part::LeftPsoas, Part::RightPsoas), self.muscle_hu);
        organ.unwrap_or_else(|| if self.is_psoas(p) { psoas() } else { tissue(Part::Fat, self.fat_hu + 8.0) })
    }

    fn is_psoas(&self, p: Point) -> bool {
        let thickness = (30.0 - p[2]).clamp(0.0, 90.0) / 90.0;
        thickness > 0.0 && column([p[0].abs(), p[1], 0.0], [36.0, -46.0], [6.0 + 16.0 * thickness; 2]) < 0.0
    }

    /// Anterior shift of the spine at a height (lumbar lordosis).
    fn curve(&self, p: Point) -> f64 {
        let height = (p[2] + 60.0) / 100.0;
        self.lordosis_mm * (1.0 - height * height)
    }

    fn spine(&self, p: Point) -> Option<Tissue> {
        let y = p[1] - self.curve(p);
        let body = column([p[0], y, 0.0], [0.0, -50.0], [23.0, 18.0]);
        let level = (p[2] / self.vertebra_mm).rem_euclid(1.0);
        if body < 0.0 {
            let disc = level < 0.2;
            // Vertebral bodies are cancellous bone inside a denser shell; discs lie between them.
            let shell = if body > -4.0 { 110.0 } else { 0.0 };
            return Some(tissue(Part::Spine, if disc { 80.0 } else { self.bone_hu - 40.0 + shell }));
        }
        if column([p[0], y, 0.0], [0.0, -76.0], [10.0, 9.0]) < 0.0 {
            return Some(tissue(Part::SpinalCanal, 20.0));
        }
        let arch = column([p[0], y, 0.0], [0.0, -77.0], [19.0, 15.0]);
        let process = p[0].abs().max((y + 92.0).abs() - 12.0) - 5.0;
        let transverse = (y + 76.0).abs().max(p[0].abs() - 36.0) - 5.0;
        let posterior = if level > 0.25 && level < 0.85 { arch.min(process).min(transverse) } else { arch };
        (posterior < 0.0).then(|| tissue(Part::Spine, self.bone_hu + 30.0))
    }

    /// Rings in the body wall that slope down towards the front.
    fn ribs(&self, p: Point, depth: f64) -> Option<Tissue> {
        let across = (depth - self.fat_mm - self.wall_mm / 2.0) / RIB_MM[1];
        if across.abs() > 1.0 || p[0].abs() < 24.0 {
            return None;
        }
        let from_top = (self.rib_top_mm - 0.4 * (p[1] + 80.0) - p[2]) / RIB_STEP_MM;
        let rib = (from_top + 0.5).floor();
        let along = (from_top - rib) * RIB_STEP_MM / RIB_MM[0];
        let end = RIB_ENDS_MM.get(rib as usize).filter(|_| rib >= 0.0)?;
        let square = across * across + along * along;
        (square < 1.0 && p[1] < *end).then(|| tissue(Part::Ribs, self.bone_hu + 160.0 * square - 30.0))
    }
}

/// Position and build of a patient: rotation, scale, shift, and a smooth deformation.
struct Pose {
    turns: [[f64; 2]; 3],
    scale: Point,
    shift_mm: Point,
    warp: [Field; 3],
}

impl Pose {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let overall = vary(rng, 1.0, 0.05);
        Self {
            turns: [vary(rng, 0.0, 0.04), vary(rng, 0.0, 0.04), vary(rng, 0.0, 0.06)].map(sine_and_cosine),
            scale: [0, 1, 2].map(|_| overall * vary(rng, 1.0, 0.03)),
            shift_mm: [vary(rng, 0.0, 6.0), vary(rng, 0.0, 6.0), vary(rng, 0.0, 10.0)],
            warp: [0, 1, 2].map(|_| Field::draw(rng, 55.0, 7.0)),
        }
    }

    fn apply(&self, world: Point) -> Point {
        let mut p = [0, 1, 2].map(|axis| (world[axis] - self.shift_mm[axis]) / self.scale[axis]);
        for (axis, [sine, cosine]) in self.turns.into_iter().enumerate() {
            let (a, b) = ((axis + 1) % 3, (axis + 2) % 3);
            (p[a], p[b]) = (cosine * p[a] - sine * p[b], sine * p[a] + cosine * p[b]);
        }
        [0, 1, 2].map(|axis| p[axis] + self.warp[axis].at(p))
    }
}

/// Sine and cosine of the angle whose half has the tangent `t`. Avoids trigonometric functions, whose results differ between machines.
pub(super) fn sine_and_cosine(t: f64) -> [f64; 2] {
    [2.0 * t / (1.0 + t * t), (1.0 - t * t) / (1.0 + t * t)]
}
