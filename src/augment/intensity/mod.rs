//! Changes of a patch's intensities, in the units of the prepared image. Labels stay as they are.

mod blur;
mod dropout;
mod gamma;
mod level;
mod low_resolution;
mod noise;
mod normal;
mod power;
mod statistics;
mod streaks;

use ndarray::Array4;
use serde::{Deserialize, Serialize};

pub use blur::Blur;
pub use dropout::Dropout;
pub use gamma::Gamma;
pub use level::{Brightness, Contrast, Scale, Shift};
pub use low_resolution::LowResolution;
pub use noise::Noise;
pub use streaks::Streaks;

use super::dice::Dice;
use super::spec::Augment;

/// One change of intensities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Intensity {
    /// See [`Augment::streaks`].
    Streaks(Streaks),
    /// See [`Augment::noise`].
    Noise(Noise),
    /// See [`Augment::blur`].
    Blur(Blur),
    /// See [`Augment::brightness`].
    Brightness(Brightness),
    /// See [`Augment::contrast`].
    Contrast(Contrast),
    /// See [`Augment::scale`].
    Scale(Scale),
    /// See [`Augment::shift`].
    Shift(Shift),
    /// See [`Augment::low_resolution`].
    LowResolution(LowResolution),
    /// See [`Augment::inverted_gamma`].
    InvertedGamma(Gamma),
    /// See [`Augment::gamma`].
    Gamma(Gamma),
    /// See [`Augment::dropout`].
    Dropout(Dropout),
}

/// The patch's grid.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Voxels `[z, y, x]`.
    pub size: [usize; 3],
    /// Millimetres `[z, y, x]`.
    pub spacing_mm: [f64; 3],
    /// Whether slices are changed each on its own: see [`Spatial::in_plane`](super::spatial::Spatial::in_plane).
    pub in_plane: bool,
}

impl Intensity {
    /// The tables of a spec with its preset filled in, in the order in which they are applied: nnU-Net's, with streaks before
    /// everything that a scanner does to them, and dropout last. Those that never take place are left out.
    pub fn of(spec: &Augment) -> Vec<Self> {
        let steps = [
            spec.streaks.map(Self::Streaks),
            spec.noise.map(Self::Noise),
            spec.blur.map(Self::Blur),
            spec.brightness.map(Self::Brightness),
            spec.contrast.map(Self::Contrast),
            spec.scale.map(Self::Scale),
            spec.shift.map(Self::Shift),
            spec.low_resolution.map(Self::LowResolution),
            spec.inverted_gamma.map(Self::InvertedGamma),
            spec.gamma.map(Self::Gamma),
            spec.dropout.map(Self::Dropout),
        ];
        steps.into_iter().flatten().filter(|step| step.probability() > 0.0).collect()
    }

    /// The table's key.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Streaks(_) => "streaks",
            Self::Noise(_) => "noise",
            Self::Blur(_) => "blur",
            Self::Brightness(_) => "brightness",
            Self::Contrast(_) => "contrast",
            Self::Scale(_) => "scale",
            Self::Shift(_) => "shift",
            Self::LowResolution(_) => "low-resolution",
            Self::InvertedGamma(_) => "inverted-gamma",
            Self::Gamma(_) => "gamma",
            Self::Dropout(_) => "dropout",
        }
    }

    /// Probability per patch.
    pub fn probability(&self) -> f64 {
        match self {
            Self::Streaks(it) => it.probability,
            Self::Noise(it) => it.probability,
            Self::Blur(it) => it.probability,
            Self::Brightness(it) => it.probability,
            Self::Contrast(it) => it.probability,
            Self::Scale(it) => it.probability,
            Self::Shift(it) => it.probability,
            Self::LowResolution(it) => it.probability,
            Self::InvertedGamma(it) | Self::Gamma(it) => it.probability,
            Self::Dropout(it) => it.probability,
        }
    }

    /// Draws whether it takes place, and changes the image `[channel, z, y, x]` (in standard layout).
    pub fn apply(&self, image: &mut Array4<f32>, grid: Grid, dice: &mut Dice) {
        if !dice.chance(self.probability()) {
            return;
        }
        let voxels = grid.size.iter().product::<usize>().max(1);
        let Some(values) = image.as_slice_mut() else { return };
        let channels = values.chunks_exact_mut(voxels);
        match self {
            Self::Streaks(it) => it.apply(channels, grid, dice),
            Self::Noise(it) => it.apply(channels, dice),
            Self::Dropout(it) => it.apply(channels, grid, dice),
            Self::Blur(it) => channels.for_each(|channel| it.apply(channel, grid, dice)),
            Self::Brightness(it) => channels.for_each(|channel| it.apply(channel, dice)),
            Self::Contrast(it) => channels.for_each(|channel| it.apply(channel, dice)),
            Self::Scale(it) => channels.for_each(|channel| it.apply(channel, dice)),
            Self::Shift(it) => channels.for_each(|channel| it.apply(channel, dice)),
            Self::LowResolution(it) => channels.for_each(|channel| it.apply(channel, grid, dice)),
            Self::InvertedGamma(it) => channels.for_each(|channel| it.apply(channel, true, dice)),
            Self::Gamma(it) => channels.for_each(|channel| it.apply(channel, false, dice)),
        }
    }
}

#[cfg(test)]
mod tests;
