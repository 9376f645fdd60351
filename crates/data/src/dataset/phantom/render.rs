//! Renders a patient as an image with its own grid, partial volumes at edges, texture and noise.

use ndarray::{Array3, Axis, Zip};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::anatomy::{AIR, Anatomy, Tissue, sine_and_cosine};
use super::part::Part;
use super::recipe::PhantomSize;
use super::shape::{Field, normal, vary};
use crate::random;
use crate::volume::{Geometry, LabelMap, Volume};

/// An edge separates neighbours that differ by more than this, in HU or MR units.
const EDGE: f64 = 3.0;
/// Sampling positions within a voxel along each axis, as fractions of the voxel.
const SUBVOXELS: [f64; 2] = [-0.25, 0.25];

/// A scan of a patient: a single-channel image, and the body part at the centre of each voxel.
pub(super) struct Scan {
    pub image: Volume,
    pub parts: Array3<Part>,
}

impl Scan {
    /// The parts as label values on the image's grid.
    pub fn labels(&self, value: impl Fn(Part) -> u16) -> LabelMap {
        LabelMap { voxels: self.parts.mapv(value), geometry: self.image.geometry.clone() }
    }
}

/// A CT. All random draws are keyed by seed and number, so cases can be generated in any order.
pub(super) fn ct(seed: u64, number: u64, size: PhantomSize) -> Scan {
    let anatomy = patient(seed, number);
    let mut rng = random::stream(seed, "phantom scanner", 0, number);
    let geometry = grid(&mut rng, size);
    let tissues = tissues(&anatomy, &geometry);
    let mut image = partial_volumes(&anatomy, &geometry, &tissues, |tissue| tissue.hu);
    add_texture(&mut image, &geometry, &Field::draw(&mut rng, 22.0, 3.5));
    add_noise(&mut image, &mut rng);
    // CT numbers are integers, clipped to the scanner's range.
    let voxels = image.mapv(|hu| (hu + 0.5).floor().clamp(-1024.0, 3071.0) as f32).insert_axis(Axis(0));
    Scan { image: Volume { voxels, geometry }, parts: tissues.mapv(|tissue| tissue.part) }
}

/// The anatomy of a patient number.
pub(super) fn patient(seed: u64, number: u64) -> Anatomy {
    Anatomy::draw(&mut random::stream(seed, "phantom anatomy", 0, number))
}

/// The tissue at the centre of every voxel.
pub(super) fn tissues(anatomy: &Anatomy, geometry: &Geometry) -> Array3<Tissue> {
    Array3::from_shape_fn(geometry.shape, |(z, y, x)| {
        let world = geometry.to_world([z as f64, y as f64, x as f64]);
        anatomy.at(anatomy.standard(world))
    })
}

/// Shape `[z, y, x]` and spacing in mm before variation.
pub(super) fn standard_grid(size: PhantomSize) -> ([f64; 3], [f64; 3]) {
    match size {
        PhantomSize::Tiny => ([20.0, 28.0, 28.0], [12.0, 11.5, 11.5]),
        PhantomSize::Small => ([40.0, 64.0, 64.0], [6.0, 5.0, 5.0]),
        PhantomSize::Large => ([96.0, 160.0, 160.0], [2.5, 2.0, 2.0]),
    }
}

/// Orientations: RAS, LPS, LAS, LPI, and two with slices along another axis. World axis and direction of x, y, z.
const ORIENTATIONS: [[(usize, f64); 3]; 6] = [
    [(0, 1.0), (1, 1.0), (2, 1.0)],
    [(0, -1.0), (1, -1.0), (2, 1.0)],
    [(0, -1.0), (1, 1.0), (2, 1.0)],
    [(0, -1.0), (1, -1.0), (2, -1.0)],
    [(0, 1.0), (2, 1.0), (1, -1.0)],
    [(1, -1.0), (2, -1.0), (0, 1.0)],
];

/// A grid around the abdomen with random spacing, slice count and orientation, and in some cases a tilt.
fn grid(rng: &mut ChaCha8Rng, size: PhantomSize) -> Geometry {
    let (shape, spacing) = standard_grid(size);
    let in_plane = vary(rng, 1.0, 0.08);
    let slices = vary(rng, 1.0, 0.15);
    // Indexed by world axis: right, anterior, superior.
    let spacing_mm = [spacing[2] * in_plane, spacing[1] * in_plane, spacing[0] * slices].map(rounded);
    let counts = [shape[2], shape[1], (shape[0] * vary(rng, 1.0, 0.06) / slices).floor()];
    let axes = ORIENTATIONS[rng.random_range(0..ORIENTATIONS.len())];
    let tilt = if rng.random::<f64>() < 0.25 { vary(rng, 0.0, 0.05) } else { 0.0 };
    let [sine, cosine] = sine_and_cosine(tilt);
    let mut affine = [[0.0; 4]; 3];
    let mut shape = [0; 3];
    for (voxel_axis, (world, direction)) in axes.into_iter().enumerate() {
        let mut step = [0.0; 3];
        step[world] = direction * spacing_mm[world];
        let step = [step[0], cosine * step[1] - sine * step[2], sine * step[1] + cosine * step[2]];
        shape[2 - voxel_axis] = counts[world] as usize;
        for row in 0..3 {
            affine[row][voxel_axis] = step[row];
            affine[row][3] -= step[row] * (counts[world] - 1.0) / 2.0;
        }
    }
    // Rounded as in a NIfTI header, so that image and file agree exactly.
    let affine = affine.map(|row| row.map(|value| f64::from(value as f32)));
    Geometry { shape, affine, has_spacing: true }
}

/// Rounds to hundredths of a millimetre, the precision that scanners report.
pub(super) fn rounded(spacing_mm: f64) -> f64 {
    (spacing_mm * 100.0 + 0.5).floor() / 100.0
}

/// Mean intensity over each voxel, where `value` is the intensity of a tissue. Only voxels at an edge are subsampled.
pub(super) fn partial_volumes(
    anatomy: &Anatomy,
    geometry: &Geometry,
    tissues: &Array3<Tissue>,
    value: impl Fn(Tissue) -> f64,
) -> Array3<f64> {
    let centers = tissues.mapv(&value);
    Array3::from_shape_fn(geometry.shape, |place| {
        if !is_edge(&centers, place) {
            return centers[place];
        }
        let (z, y, x) = place;
        // Pose and deformation hardly vary within a voxel, so grid steps are added without them.
        let center = anatomy.standard(geometry.to_world([z as f64, y as f64, x as f64]));
        let step = |row: usize, [dz, dy, dx]: [f64; 3]| {
            let affine = geometry.affine[row];
            center[row] + affine[0] * dx + affine[1] * dy + affine[2] * dz
        };
        let places = SUBVOXELS.into_iter().flat_map(|dz| SUBVOXELS.map(|dy| SUBVOXELS.map(|dx| [dz, dy, dx])));
        places.flatten().map(|offset| value(anatomy.at([0, 1, 2].map(|row| step(row, offset))))).sum::<f64>() / 8.0
    })
}

fn is_edge(centers: &Array3<f64>, (z, y, x): (usize, usize, usize)) -> bool {
    let value = centers[(z, y, x)];
    let neighbours = [
        (z.wrapping_sub(1), y, x),
        (z + 1, y, x),
        (z, y.wrapping_sub(1), x),
        (z, y + 1, x),
        (z, y, x.wrapping_sub(1)),
        (z, y, x + 1),
    ];
    neighbours.iter().any(|&place| centers.get(place).is_some_and(|other| (other - value).abs() > EDGE))
}

/// Adds slow intensity variation within tissue; air has none.
fn add_texture(image: &mut Array3<f64>, geometry: &Geometry, texture: &Field) {
    image.indexed_iter_mut().filter(|(_, hu)| **hu > AIR.hu / 2.0).for_each(|((z, y, x), hu)| {
        *hu += texture.at(geometry.to_world([z as f64, y as f64, x as f64]));
    });
}

/// Adds noise as left by reconstruction: correlated between neighbours within a slice.
fn add_noise(image: &mut Array3<f64>, rng: &mut ChaCha8Rng) {
    let deviation = vary(rng, 17.0, 4.0);
    let mut noise = Array3::from_shape_simple_fn(image.dim(), || normal(rng));
    smooth(&mut noise, Axis(1));
    smooth(&mut noise, Axis(2));
    Zip::from(image).and(&noise).for_each(|hu, noise| *hu += deviation * noise);
}

/// Binomial filter 1-2-1, scaled so that the standard deviation stays 1.
fn smooth(noise: &mut Array3<f64>, axis: Axis) {
    let scale = 1.0 / 6_f64.sqrt();
    for mut lane in noise.lanes_mut(axis) {
        let original = lane.to_vec();
        let last = original.len() - 1;
        for (place, value) in lane.iter_mut().enumerate() {
            let before = original[place.saturating_sub(1)];
            let after = original[(place + 1).min(last)];
            *value = (before + 2.0 * original[place] + after) * scale;
        }
    }
}
