//! Images in the kernels' layout: channels in blocks, the channels of a block side by side, zeros around the edges, so
//! that a kernel reads neighbouring inputs without asking where an image ends.

use rayon::prelude::*;

use super::axis::Axis;
use super::kernel::LANES;
use super::scratch::Scratch;

/// `[batch, block, z, y, x, channel of the block]`, padded.
pub struct Blocked {
    values: Scratch,
    /// Blocks of channels.
    pub blocks: usize,
    /// Channels per block; those beyond the last channel are zero.
    pub width: usize,
    /// Padded size.
    size: [usize; 3],
    /// Zeros before the first voxel.
    pub before: [usize; 3],
}

/// Blocks for so many channels, as even as possible: (blocks, channels of each).
pub fn even_blocks(channels: usize) -> (usize, usize) {
    let blocks = channels.div_ceil(LANES).max(1);
    (blocks, channels.div_ceil(blocks))
}

/// Contiguous images `[batch, channels, z, y, x]`.
#[derive(Clone, Copy)]
pub struct Images<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Size `[z, y, x]`.
    pub size: [usize; 3],
}

impl Images<'_> {
    /// Voxels of one channel.
    pub fn volume(&self) -> usize {
        self.size.iter().product()
    }
}

impl Blocked {
    /// Copies images, padded as the axes ask for, in `blocks` blocks of `width` channels.
    pub fn new(images: &Images, axes: &[Axis; 3], (blocks, width): (usize, usize)) -> Self {
        let size = [axes[0].padded, axes[1].padded, axes[2].padded];
        let before = [axes[0].before, axes[1].before, axes[2].before];
        let plane = size[1] * size[2] * width;
        let mut values = Scratch::new(images.batch * blocks * size[0] * plane);
        if plane > 0 {
            values.par_chunks_mut(plane).enumerate().for_each(|(index, plane)| {
                let (z, rest) = (index % size[0], index / size[0]);
                let first = rest / blocks * images.channels + rest % blocks * width;
                let count = width.min(images.channels - (rest % blocks * width).min(images.channels));
                match z.checked_sub(before[0]).filter(|&z| z < images.size[0]) {
                    Some(z) => fill_plane(plane, images, (first, count), z, &size, &before, width),
                    None => plane.fill(0.0),
                }
            });
        }
        Self { values, blocks, width, size, before }
    }

    /// The values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Floats of a row.
    pub fn row(&self) -> usize {
        self.size[2] * self.width
    }

    /// Floats of a plane.
    pub fn plane(&self) -> usize {
        self.size[1] * self.row()
    }

    /// Floats of a block.
    pub fn block(&self) -> usize {
        self.size[0] * self.plane()
    }

    /// Floats of an image.
    pub fn image(&self) -> usize {
        self.blocks * self.block()
    }
}

fn fill_plane(
    plane: &mut [f32],
    images: &Images,
    (first, count): (usize, usize),
    z: usize,
    size: &[usize; 3],
    before: &[usize; 3],
    width: usize,
) {
    let [_, height, length] = images.size;
    let volume = images.volume();
    for (y, row) in plane.chunks_exact_mut(size[2] * width).enumerate() {
        let Some(y) = y.checked_sub(before[1]).filter(|&y| y < height) else {
            row.fill(0.0);
            continue;
        };
        let (left, rest) = row.split_at_mut((before[2] * width).min(row.len()));
        let (middle, right) = rest.split_at_mut((length * width).min(rest.len()));
        left.fill(0.0);
        right.fill(0.0);
        let start = first * volume + (z * height + y) * length;
        interleave(&images.values[start..], volume, count, width, middle);
    }
}

/// `voxels[x · width + c] = rows[c · stride + x]` for `count` channels, zero for the rest of the block.
fn interleave(rows: &[f32], stride: usize, count: usize, width: usize, voxels: &mut [f32]) {
    if count == 1 && width == 1 {
        voxels.copy_from_slice(&rows[..voxels.len()]);
        return;
    }
    // Sixteen voxels of every channel first, into a tile that stays in the cache: channels often lie a power of two
    // apart, where their lines would evict each other.
    let mut tile = [[0.0f32; LANES]; LANES];
    for (step, target) in voxels.chunks_mut(LANES * width).enumerate() {
        let length = target.len() / width;
        for (c, tile) in tile.iter_mut().enumerate().take(count) {
            let start = c * stride + step * LANES;
            tile[..length].copy_from_slice(&rows[start..start + length]);
        }
        match (width, length) {
            (LANES, LANES) => transpose(&tile, target),
            _ => {
                for (x, voxel) in target.chunks_exact_mut(width).enumerate() {
                    for (c, value) in voxel.iter_mut().enumerate() {
                        *value = tile[c][x];
                    }
                }
            }
        }
    }
}

/// `target[x][c] = tile[c][x]`.
fn transpose(tile: &[[f32; LANES]; LANES], target: &mut [f32]) {
    for (x, voxel) in target.chunks_exact_mut(LANES).enumerate() {
        for (c, value) in voxel.iter_mut().enumerate() {
            *value = tile[c][x];
        }
    }
}
