//! The same bodies in radiotherapy MR: axial slices 3 mm apart with positive, arbitrary intensities, in which stomach and
//! bowel stand out from the surrounding fat. Many slices at both ends contain neither.
//!
//! The contrast is roughly that of a balanced steady-state sequence: bright fluid and fat, dark muscle.

use ndarray::{Array3, Axis, Zip};
use rand_chacha::ChaCha8Rng;

use super::anatomy::Tissue;
use super::organs::{CYST_HU, GAS_HU};
use super::part::Part;
use super::recipe::PhantomSize;
use super::render::{Scan, partial_volumes, patient, rounded, tissues};
use super::shape::{Field, Point, normal, vary};
use crate::random;
use crate::volume::{Geometry, Volume};

/// Slice spacing, which the UW-Madison layout assumes.
const SLICE_SPACING_MM: f64 = 3.0;
const SLICES: f64 = 128.0;
/// Height of the middle slice relative to the centre of the abdomen.
const MIDDLE_MM: f64 = -18.0;
/// Period of the small-bowel folds.
const FOLDS_MM: f64 = 14.0;
/// Half the extent of the texture before it repeats, mirrored.
const TEXTURE_MM: f64 = 48.0;

/// One examination of a patient. The anatomy is keyed by patient; grid, intensities and noise are keyed by examination.
pub(super) fn mr(seed: u64, number: u64, examination: u64, size: PhantomSize) -> Scan {
    let anatomy = patient(seed, number);
    let mut rng = random::stream(seed, "phantom mr scanner", 0, examination);
    let geometry = grid(&mut rng, size);
    let tissues = tissues(&anatomy, &geometry);
    let mut image = partial_volumes(&anatomy, &geometry, &tissues, brightness);
    add_content(&mut image, &geometry, &tissues, &Field::draw(&mut rng, 12.0, 45.0));
    add_gain_and_noise(&mut image, &geometry, &mut rng);
    let voxels = image.mapv(|value| (value + 0.5).floor().clamp(0.0, 65_535.0) as f32).insert_axis(Axis(0));
    Scan { image: Volume { voxels, geometry }, parts: tissues.mapv(|tissue| tissue.part) }
}

/// Axial slices from inferior to superior. As on a screen, rows run to the patient's left and columns to the back.
fn grid(rng: &mut ChaCha8Rng, size: PhantomSize) -> Geometry {
    let (height, width, spacing_mm) = match size {
        PhantomSize::Tiny => (24, 28, 11.5),
        PhantomSize::Small => (56, 64, 5.0),
        PhantomSize::Large => (136, 160, 2.0),
    };
    let spacing_mm = rounded(spacing_mm * vary(rng, 1.0, 0.06));
    let slices = (SLICES * vary(rng, 1.0, 0.08)).floor() as usize;
    let shape = [slices, height, width];
    let shift_mm = [vary(rng, 0.0, 6.0), vary(rng, 0.0, 6.0), MIDDLE_MM + vary(rng, 0.0, 24.0)];
    let steps = [-spacing_mm, -spacing_mm, SLICE_SPACING_MM];
    let mut affine = [[0.0; 4]; 3];
    for axis in 0..3 {
        affine[axis][axis] = steps[axis];
        affine[axis][3] = shift_mm[axis] - steps[axis] * (shape[2 - axis] as f64 - 1.0) / 2.0;
    }
    Geometry { shape, affine, has_spacing: true }
}

/// Intensity of a tissue before gain, coil profile and noise, on a scale where muscle is 210.
fn brightness(tissue: Tissue) -> f64 {
    // Pieces of an organ differ in intensity; their CT differences are reused.
    let varied = 4.0 * (tissue.hu - 38.0).clamp(-16.0, 16.0);
    match tissue.part {
        _ if tissue.hu == GAS_HU => 25.0,
        Part::Air => 0.0,
        Part::Lung => 45.0,
        Part::Skin => 330.0,
        Part::Fat => 680.0,
        Part::Spine => 260.0 + 0.2 * (180.0 - tissue.hu).clamp(-100.0, 200.0),
        Part::SpinalCanal => 560.0,
        Part::Ribs => 110.0,
        Part::Gallbladder => 790.0,
        Part::Liver | Part::LeftKidney | Part::RightKidney if tissue.hu == CYST_HU => 760.0,
        Part::Liver => 320.0,
        Part::LeftKidney | Part::RightKidney => 520.0,
        Part::Spleen => 450.0,
        Part::Pancreas => 380.0,
        Part::Aorta | Part::VenaCava => 590.0,
        Part::Stomach => 470.0 + varied,
        Part::LargeBowel => 290.0 + varied,
        Part::SmallBowel => 420.0 + varied,
        Part::Muscle | Part::LeftBackMuscle | Part::RightBackMuscle | Part::LeftPsoas | Part::RightPsoas => 210.0,
    }
}

/// Adds the contents of stomach and bowel: a cloudy texture, and light and dark folds in the small bowel.
fn add_content(image: &mut Array3<f64>, geometry: &Geometry, tissues: &Array3<Tissue>, clouds: &Field) {
    Zip::indexed(image).and(tissues).for_each(|(z, y, x), value, tissue| {
        let hollow = matches!(tissue.part, Part::Stomach | Part::LargeBowel | Part::SmallBowel);
        if !hollow || tissue.hu == GAS_HU {
            return;
        }
        let p = geometry.to_world([z as f64, y as f64, x as f64]);
        let folds = if tissue.part == Part::SmallBowel { 110.0 * fold(p) } else { 0.0 };
        let clouds = clouds.at(p.map(mirrored));
        *value += if tissue.part == Part::Stomach { 0.4 * clouds } else { clouds } + folds;
    });
}

/// A wave between −1 and 1 along an oblique direction.
fn fold(p: Point) -> f64 {
    let phase = ((0.7 * p[0] + 0.5 * p[1] + 0.5 * p[2]) / FOLDS_MM).rem_euclid(1.0);
    1.0 - 4.0 * (phase - 0.5).abs()
}

fn mirrored(part: f64) -> f64 {
    ((part + TEXTURE_MM).rem_euclid(4.0 * TEXTURE_MM) - 2.0 * TEXTURE_MM).abs() - TEXTURE_MM
}

/// Applies gain, an uneven coil profile, and magnitude (Rician) noise, whose mean is not zero.
fn add_gain_and_noise(image: &mut Array3<f64>, geometry: &Geometry, rng: &mut ChaCha8Rng) {
    let (gain, deviation) = (vary(rng, 1.1, 0.35), vary(rng, 16.0, 5.0));
    let coils = Field::draw(rng, 55.0, 0.08);
    for ((z, y, x), value) in image.indexed_iter_mut() {
        let lit = *value * (1.0 + coils.at(geometry.to_world([z as f64, y as f64, x as f64])));
        let [real, imaginary] = [lit + deviation * normal(rng), deviation * normal(rng)];
        *value = gain * (real * real + imaginary * imaginary).sqrt();
    }
}
