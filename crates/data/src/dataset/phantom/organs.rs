//! Organs of the abdominal cavity.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::anatomy::{Tissue, tissue};
use super::part::Part;
use super::shape::{Ellipsoid, Point, blend, column, vary};

pub(super) const GAS_HU: f64 = -930.0;
pub(super) const CYST_HU: f64 = 8.0;

/// Organs of one patient.
pub(super) struct Organs {
    liver: Liver,
    left_kidney: Kidney,
    right_kidney: Kidney,
    spleen: Ellipsoid,
    spleen_hollow: Ellipsoid,
    spleen_hu: f64,
    gallbladder: Ellipsoid,
    pancreas: Ellipsoid,
    pancreas_hu: f64,
    vessel_hu: f64,
    hollow: Vec<Hollow>,
    lesions: Vec<Ellipsoid>,
}

struct Liver {
    right: Ellipsoid,
    left: Ellipsoid,
    tilt: f64,
    floor_mm: f64,
    hu: f64,
}

struct Kidney {
    part: Part,
    body: Ellipsoid,
    sinus: Ellipsoid,
    hu: f64,
    cortex_hu: f64,
}

/// Stomach or a piece of bowel: filled with contents, and gas above a level.
struct Hollow {
    part: Part,
    shape: Ellipsoid,
    hu: f64,
    gas_above_mm: f64,
}

impl Organs {
    pub fn draw(rng: &mut ChaCha8Rng, contrast: f64) -> Self {
        let left_kidney = Kidney::draw(rng, Part::LeftKidney, -1.0, contrast);
        let right_kidney = Kidney::draw(rng, Part::RightKidney, 1.0, contrast);
        let spleen = Ellipsoid::new([-88.0, -32.0, 48.0], [32.0, 46.0, 50.0]).varied(rng, 5.0, 0.12);
        let [x, y, z] = spleen.center;
        let mut organs = Self {
            liver: Liver::draw(rng, contrast),
            left_kidney,
            right_kidney,
            spleen,
            spleen_hollow: Ellipsoid::new([x + 44.0, y + 22.0, z], [28.0, 42.0, 60.0]).varied(rng, 3.0, 0.1),
            spleen_hu: vary(rng, 48.0, 5.0) + 75.0 * contrast,
            gallbladder: Ellipsoid::new([52.0, 46.0, 2.0], [14.0, 15.0, 24.0]).varied(rng, 7.0, 0.2),
            pancreas: Ellipsoid::new([-14.0, 2.0, 18.0], [56.0, 13.0, 13.0]).varied(rng, 5.0, 0.15),
            pancreas_hu: vary(rng, 40.0, 5.0) + 45.0 * contrast,
            vessel_hu: vary(rng, 42.0, 4.0) + 115.0 * contrast,
            hollow: bowel(rng),
            lesions: Vec::new(),
        };
        organs.lesions = organs.draw_lesions(rng);
        organs
    }

    /// Cysts: labelled as the surrounding organ, with the intensity of water.
    fn draw_lesions(&self, rng: &mut ChaCha8Rng) -> Vec<Ellipsoid> {
        let host_organs = [self.liver.right, self.left_kidney.body, self.right_kidney.body, self.liver.left];
        let count = rng.random_range(0..4_usize);
        (0..count)
            .map(|_| {
                let home = host_organs[rng.random_range(0..host_organs.len())];
                let center = [0, 1, 2].map(|axis| vary(rng, home.center[axis], 0.6 * home.radii[axis]));
                let radius = vary(rng, 9.0, 4.0);
                Ellipsoid::new(center, [radius; 3])
            })
            .collect()
    }

    /// The organ at a point; `None` for the fat between organs.
    pub fn at(&self, p: Point) -> Option<Tissue> {
        self.kidney_or_vessel(p).or_else(|| self.upper(p)).or_else(|| self.hollow_organ(p))
    }

    fn kidney_or_vessel(&self, p: Point) -> Option<Tissue> {
        let kidney = if p[0] > 0.0 { &self.right_kidney } else { &self.left_kidney };
        if let Some(found) = kidney.at(p) {
            return Some(self.with_lesion(p, found));
        }
        let aorta = column(p, [-12.0, -20.0], [11.0, 11.0]);
        let cava = column(p, [18.0, -20.0], [13.0, 9.0]);
        let part = if aorta < cava { Part::Aorta } else { Part::VenaCava };
        (aorta.min(cava) < 0.0).then(|| tissue(part, self.vessel_hu))
    }

    fn upper(&self, p: Point) -> Option<Tissue> {
        let kidneys = self.right_kidney.body.distance(p).min(self.left_kidney.body.distance(p));
        // Perirenal fat separates the kidneys from their neighbours.
        if kidneys < 5.0 {
            return None;
        }
        if self.gallbladder.distance(p) < 0.0 {
            return Some(tissue(Part::Gallbladder, CYST_HU));
        }
        if self.liver.distance(p) < 0.0 {
            return Some(self.with_lesion(p, tissue(Part::Liver, self.liver.hu)));
        }
        let spleen = self.spleen.distance(p).max(-self.spleen_hollow.distance(p));
        if spleen < 0.0 {
            return Some(tissue(Part::Spleen, self.spleen_hu));
        }
        if spleen < 3.0 || self.liver.distance(p) < 2.0 {
            return None;
        }
        (self.pancreas.distance(p) < 0.0).then(|| tissue(Part::Pancreas, self.pancreas_hu))
    }

    fn hollow_organ(&self, p: Point) -> Option<Tissue> {
        let clear = self.liver.distance(p) > 2.0
            && self.spleen.distance(p).max(-self.spleen_hollow.distance(p)) > 3.0
            && self.right_kidney.body.distance(p).min(self.left_kidney.body.distance(p)) > 5.0;
        let found = self.hollow.iter().filter(|_| clear).find(|part| part.shape.distance(p) < 0.0)?;
        let is_gas = p[1] > found.gas_above_mm && found.shape.distance(p) < -3.0;
        Some(tissue(found.part, if is_gas { GAS_HU } else { found.hu }))
    }

    fn with_lesion(&self, p: Point, organ: Tissue) -> Tissue {
        let is_lesion = self.lesions.iter().any(|lesion| lesion.distance(p) < 0.0);
        if is_lesion { tissue(organ.part, CYST_HU) } else { organ }
    }
}

impl Liver {
    fn draw(rng: &mut ChaCha8Rng, contrast: f64) -> Self {
        Self {
            right: Ellipsoid::new([72.0, 4.0, 40.0], [72.0, 84.0, 80.0]).varied(rng, 5.0, 0.08),
            left: Ellipsoid::new([8.0, 50.0, 58.0], [66.0, 36.0, 40.0]).varied(rng, 6.0, 0.12),
            tilt: vary(rng, 0.35, 0.12),
            floor_mm: vary(rng, -26.0, 14.0),
            hu: vary(rng, 57.0, 6.0) + 48.0 * contrast,
        }
    }

    /// Two lobes above a tilted visceral surface.
    fn distance(&self, p: Point) -> f64 {
        let lobes = blend(self.right.distance(p), self.left.distance(p), 22.0);
        let floor = self.floor_mm + self.tilt * (90.0 - p[0]);
        lobes.max((floor - p[2]) * 0.92)
    }
}

impl Kidney {
    fn draw(rng: &mut ChaCha8Rng, part: Part, side: f64, contrast: f64) -> Self {
        let height = if side < 0.0 { 4.0 } else { -12.0 };
        let body = Ellipsoid::new([side * 66.0, -42.0, height], [27.0, 29.0, 52.0]).varied(rng, 5.0, 0.1);
        let [x, y, z] = body.center;
        Self {
            part,
            body,
            sinus: Ellipsoid::new([x - side * 17.0, y + 6.0, z], [15.0, 10.0, 17.0]).varied(rng, 2.0, 0.15),
            hu: vary(rng, 34.0, 4.0) + 140.0 * contrast,
            cortex_hu: vary(rng, 6.0, 3.0) + 18.0 * contrast,
        }
    }

    fn at(&self, p: Point) -> Option<Tissue> {
        let depth = -self.body.distance(p);
        if depth <= 0.0 || self.sinus.distance(p) < 0.0 {
            return None;
        }
        Some(tissue(self.part, if depth < 8.0 { self.hu + self.cortex_hu } else { self.hu }))
    }
}

/// Stomach, colon on both sides, and small-bowel loops.
fn bowel(rng: &mut ChaCha8Rng) -> Vec<Hollow> {
    let stomach = Ellipsoid::new([-46.0, 34.0, 52.0], [42.0, 36.0, 46.0]).varied(rng, 6.0, 0.15);
    let mut parts = vec![Hollow::draw(rng, Part::Stomach, stomach, 0.8)];
    for side in [-1.0, 1.0] {
        for level in 0..4 {
            let top = if side < 0.0 { 0.0 } else { -42.0 };
            let center = [side * 100.0, -8.0, top - 34.0 * f64::from(level)];
            let piece = Ellipsoid::new(center, [19.0, 21.0, 24.0]).varied(rng, 5.0, 0.2);
            parts.push(Hollow::draw(rng, Part::LargeBowel, piece, 0.5));
        }
    }
    for _ in 0..44 {
        let center = [vary(rng, 0.0, 82.0), vary(rng, 32.0, 42.0), vary(rng, -72.0, 62.0)];
        let loops = Ellipsoid::new(center, [21.0, 16.0, 15.0]).varied(rng, 0.0, 0.35);
        parts.push(Hollow::draw(rng, Part::SmallBowel, loops, 0.3));
    }
    parts
}

impl Hollow {
    /// Gas, if present, fills the part above a level between the centre and the top.
    fn draw(rng: &mut ChaCha8Rng, part: Part, shape: Ellipsoid, gas_probability: f64) -> Self {
        let hu = vary(rng, 38.0, 16.0);
        let filled = vary(rng, 0.3, 0.3) * shape.radii[1];
        let has_gas = rng.random::<f64>() < gas_probability;
        Self { part, shape, hu, gas_above_mm: if has_gas { shape.center[1] + filled } else { f64::INFINITY } }
    }
}
