//! Images as the kernels read them: channels last and padded with zeros, so that a kernel needs no bounds checks at the image's border.

use std::ops::Deref;

use rayon::prelude::*;

use super::super::memory::Buffer;
use super::axis::Axis;

/// Images `[batch, z, y, x, channel]`.
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

/// Zero-padded images; the images themselves where no padding is needed.
pub struct Padded<'a> {
    values: Values<'a>,
    /// Channels per voxel; those beyond the image's are zero.
    pub channels: usize,
    /// Padded size.
    size: [usize; 3],
    /// Zeros before the first voxel.
    pub before: [usize; 3],
}

enum Values<'a> {
    Images(&'a [f32]),
    Copy(Buffer),
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Images(values) => values,
            Self::Copy(values) => values,
        }
    }
}

impl<'a> Padded<'a> {
    /// Images padded for the axes, with `channels` channels, at least as many as they have.
    pub fn new(images: Images<'a>, axes: &[Axis; 3], channels: usize) -> Self {
        let size = [axes[0].padded, axes[1].padded, axes[2].padded];
        let before = [axes[0].before, axes[1].before, axes[2].before];
        let values = match size == images.size && channels == images.channels {
            true => Values::Images(images.values),
            false => Values::Copy(copy(&images, &size, &before, channels)),
        };
        Self { values, channels, size, before }
    }

    /// The values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Floats per row.
    pub fn row(&self) -> usize {
        self.size[2] * self.channels
    }

    /// Floats per plane.
    pub fn plane(&self) -> usize {
        self.size[1] * self.row()
    }

    /// Floats per image.
    pub fn image(&self) -> usize {
        self.size[0] * self.plane()
    }
}

fn copy(images: &Images, size: &[usize; 3], before: &[usize; 3], channels: usize) -> Buffer {
    let [depth, height, length] = images.size;
    let row = size[2] * channels;
    let mut values = Buffer::new(images.batch * size[0] * size[1] * row);
    if row == 0 {
        return values;
    }
    values.par_chunks_mut(size[1] * row).enumerate().for_each(|(index, plane)| {
        let (image, z) = (index / size[0], index % size[0]);
        let z = z.checked_sub(before[0]).filter(|&z| z < depth);
        for (y, row) in plane.chunks_exact_mut(row).enumerate() {
            let y = y.checked_sub(before[1]).filter(|&y| y < height);
            let (Some(z), Some(y)) = (z, y) else {
                row.fill(0.0);
                continue;
            };
            let source = ((image * depth + z) * height + y) * length * images.channels;
            let source = &images.values[source..][..length * images.channels];
            copy_row(row, source, before[2] * channels, channels, images.channels);
        }
    });
    values
}

/// One row, with zeros before and after it and in its additional channels.
fn copy_row(row: &mut [f32], source: &[f32], before: usize, channels: usize, own: usize) {
    let (left, rest) = row.split_at_mut(before);
    let (middle, right) = rest.split_at_mut(source.len() / own * channels);
    left.fill(0.0);
    right.fill(0.0);
    if channels == own {
        middle.copy_from_slice(source);
        return;
    }
    for (voxel, source) in middle.chunks_exact_mut(channels).zip(source.chunks_exact(own)) {
        voxel[..own].copy_from_slice(source);
        voxel[own..].fill(0.0);
    }
}
