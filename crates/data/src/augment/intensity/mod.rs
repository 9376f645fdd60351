//! Intensity transforms of a patch, in the units of the prepared image. Labels stay as they are.

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

pub use super::spec::Intensity;
pub use super::transform::Grid;
pub use blur::Blur;
pub use dropout::Dropout;
pub use gamma::Gamma;
pub use level::{Brightness, Contrast, Scale, Shift};
pub use low_resolution::LowResolution;
pub use noise::Noise;
pub use streaks::Streaks;

use super::dice::Dice;

impl Intensity {
    /// Draws whether it takes place, and changes the image `[channel, z, y, x]` (in standard layout).
    pub fn apply(&self, image: &mut Array4<f32>, grid: Grid, dice: &mut Dice) {
        if !dice.chance(self.probability()) {
            return;
        }
        let voxels = grid.size.iter().product::<usize>().max(1);
        let Some(values) = image.as_slice_mut() else { return };
        self.change(values.chunks_exact_mut(voxels), grid, dice);
    }
}

#[cfg(test)]
mod tests;
