//! Surface elements (surfels): the corners of voxels at which a mask has both inside and outside, with the area of its surface there.
//!
//! Definition of google-deepmind/surface-distance: the eight voxels around a corner (in an image of one slice the four pixels) form a
//! neighbour code, whose surface by marching cubes has an area (a contour length).

use super::crop::Crop;
use super::triangles::TRIANGLES;

/// Neighbour codes of one mask at the corners of a crop's voxels.
pub(super) struct Elements {
    /// Corners along each axis: one more than voxels, but as many along the thin axis of a flat image.
    pub size: [usize; 3],
    /// Codes, the last axis contiguous.
    pub codes: Vec<u8>,
    /// Code of a corner inside the mask.
    full: u8,
}

impl Elements {
    /// Of the mask with this bit in a crop's voxels.
    pub fn of(crop: &Crop, bit: u8) -> Self {
        let [depth, height, width] = crop.size;
        let (rows, columns) = (height + 1, width + 1);
        let planes = if crop.flat { depth } else { depth + 1 };
        let mut codes = vec![0; planes * rows * columns];
        let mut in_plane = vec![0; if crop.flat { 0 } else { rows * columns }];
        for (plane, out) in codes.chunks_exact_mut((rows * columns).max(1)).enumerate() {
            if crop.flat {
                plane_codes(crop, plane, bit, out);
                continue;
            }
            let before = in_plane.clone();
            in_plane.fill(0);
            if plane < depth {
                plane_codes(crop, plane, bit, &mut in_plane);
            }
            for ((code, before), after) in out.iter_mut().zip(&before).zip(&in_plane) {
                *code = before << 4 | after;
            }
        }
        Self { size: [planes, rows, columns], codes, full: if crop.flat { 0b1111 } else { u8::MAX } }
    }

    /// Whether a code is that of a corner on the surface.
    pub fn on_surface(&self, code: u8) -> bool {
        code != 0 && code != self.full
    }

    /// Codes of a plane of corners.
    pub fn plane(&self, plane: usize) -> &[u8] {
        let area = self.size[1] * self.size[2];
        &self.codes[plane * area..(plane + 1) * area]
    }

    /// Calls `found` with every surface element among the codes: its index and code.
    pub fn each(&self, codes: &[u8], mut found: impl FnMut(usize, u8)) {
        for (block, codes) in codes.chunks(32).enumerate() {
            let first = codes[0];
            let differ = codes.iter().fold(0, |differ, code| differ | (code ^ first));
            if differ == 0 && !self.on_surface(first) {
                continue;
            }
            let in_block = codes.iter().enumerate().filter(|(_, code)| self.on_surface(**code));
            in_block.for_each(|(index, code)| found(block * 32 + index, *code));
        }
    }
}

/// Codes of the four pixels around each corner of a slice: bits 8, 4, 2, 1 from upper left to lower right.
fn plane_codes(crop: &Crop, slice: usize, bit: u8, out: &mut [u8]) {
    let columns = crop.size[2] + 1;
    let mut padded = vec![0; columns + 1];
    let mut before = vec![0; columns];
    for (row, out) in out.chunks_exact_mut(columns).enumerate() {
        padded.fill(0);
        if row < crop.size[1] {
            let inside = |voxel: &u8| u8::from(voxel & bit != 0);
            padded[1..columns].iter_mut().zip(crop.row(slice, row)).for_each(|(it, voxel)| *it = inside(voxel));
        }
        for (((code, before), left), right) in out.iter_mut().zip(&mut before).zip(&padded).zip(&padded[1..]) {
            let pair = left << 1 | right;
            *code = *before << 2 | pair;
            *before = pair;
        }
    }
}

/// Area of the surface at a corner by neighbour code, in units of the spacing: mm², or mm in a flat image.
pub(super) fn areas(spacing: [f64; 3], flat: bool) -> [f64; 256] {
    if flat {
        return contour_lengths(spacing[1], spacing[2]);
    }
    let face = [spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1]].map(|area| area / 8.0);
    let area = |normal: &[u8; 3]| {
        let squares = [0, 1, 2].map(|axis| (f64::from(normal[axis]) * face[axis]).powi(2));
        squares.iter().sum::<f64>().sqrt()
    };
    std::array::from_fn(|code| TRIANGLES[code.min(255 - code)].iter().map(area).sum())
}

/// Length of a contour among four pixels, by code.
fn contour_lengths(vertical: f64, horizontal: f64) -> [f64; 256] {
    let diagonal = 0.5 * vertical.hypot(horizontal);
    std::array::from_fn(|code| match code {
        0b0011 | 0b1100 => horizontal,
        0b0101 | 0b1010 => vertical,
        0b0110 | 0b1001 => 2.0 * diagonal,
        1..15 => diagonal,
        _ => 0.0,
    })
}
