//! 2D images without a position in the patient: PNG and TIFF, as volumes of depth 1 without spacing.
//!
//! Rows run downwards as stored: `voxels[channel, 0, row, column]`. The resolutions that such files state are those of print and
//! screen, not of the patient, so that [`Geometry::has_spacing`](crate::Geometry) is false.
//!
//! Intensities are the stored values: 0…255 or 0…65535, never scaled. Palette indices become red, green and blue. Alpha is ignored.

mod format;
mod mask;
mod png;
mod stack;
mod tiff;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use ndarray::{Array4, Axis, Slice};

use crate::memory;
use crate::stored::{Layout, Wrong, no_voxel, unsupported};
use crate::{Geometry, Header, ReadError, Volume};

pub(crate) use format::FORMAT;
pub use mask::{MaskForm, read_label_map};
pub use stack::read_stack;

/// A picture as its file stores it.
struct Picture {
    /// Height and width.
    shape: [usize; 2],
    /// Samples per pixel, including alpha.
    samples: usize,
    /// Whether the last sample is alpha.
    alpha: bool,
    /// Name of the samples' type.
    value_type: &'static str,
    /// Whether samples are stored in separate planes instead of pixel by pixel.
    planar: bool,
    /// The colours of a picture with one sample, by index.
    palette: Option<Vec<[u8; 3]>>,
    /// All samples; empty where only the header was read.
    values: Vec<f32>,
    /// Whether the file's numbers are all among these 32-bit floats.
    exact: bool,
}

/// How much of a file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    All,
}

/// Reads size, channels and value type of a `.png` or `.tif` file, not the pixels.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_header(path: &Path) -> Result<Header, ReadError> {
    let picture = read(path, Part::Header)?;
    let channels = picture.channels();
    Ok(Header {
        geometry: picture.geometry(),
        channels,
        value_type: picture.value_type,
        oriented: false,
        warnings: Vec::new(),
    })
}

/// Reads a picture as an image of one slice: one channel for grey, three for colours, or one per band.
///
/// # Errors
/// [`ReadError`] with the file's name; animations and files of several pages are refused.
pub fn read_volume(path: &Path) -> Result<Volume, ReadError> {
    let picture = read(path, Part::All)?;
    let geometry = picture.geometry();
    let voxels = picture.into_voxels().map_err(|wrong| wrong.at(path))?;
    if let Some(((channel, z, y, x), value)) = voxels.indexed_iter().find(|(_, value)| !value.is_finite()) {
        let place = format!("[{z}, {y}, {x}] of channel {channel}");
        return Err(no_voxel::<f32>(path, &place, (*value).into()));
    }
    Ok(Volume { voxels, geometry })
}

/// Refuses a picture with values that [`read_volume`] would change because 32-bit floats do not hold them.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn check_exact(path: &Path) -> Result<(), ReadError> {
    let picture = read(path, Part::All)?;
    let reason = || format!("holds {} values that 32-bit floats, which hold images, would change", picture.value_type);
    if picture.exact { Ok(()) } else { Err(unsupported(path, reason())) }
}

/// Reads a file of either format; the content decides which.
fn read(path: &Path, part: Part) -> Result<Picture, ReadError> {
    let open_error = |source| ReadError::Open { path: path.into(), source };
    let file = File::open(path).map_err(open_error)?;
    let metadata = file.metadata().map_err(open_error)?;
    if metadata.is_dir() {
        return Err(unsupported(path, "is a folder, expected a .png or .tif file"));
    }
    let mut reader = BufReader::new(file);
    let picture = match reader.fill_buf().map_err(open_error)? {
        [0x89, b'P', b'N', b'G', ..] => png::read(reader, metadata.len(), part),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => tiff::read(reader, metadata.len(), part),
        _ => return Err(unsupported(path, "is neither PNG nor TIFF")),
    };
    picture.map_err(|wrong| wrong.at(path))
}

impl Picture {
    fn geometry(&self) -> Geometry {
        let [height, width] = self.shape;
        Geometry { has_spacing: false, ..Geometry::axis_aligned([1, height, width], [1.0; 3]) }
    }

    /// Channels of the image: those of the palette's colours, without alpha.
    fn channels(&self) -> usize {
        if self.palette.is_some() { 3 } else { self.samples - usize::from(self.alpha) }
    }

    /// `[channel, 0, y, x]`.
    fn into_voxels(self) -> Result<Array4<f32>, Wrong> {
        let ([height, width], channels) = (self.shape, self.channels());
        let (samples, slower) = (self.samples, if self.planar { 0 } else { 3 });
        let (values, samples) = match &self.palette {
            Some(palette) => (colors(&self.values, palette)?, 3),
            None => (self.values, samples),
        };
        let layout = Layout { shape: [1, height, width], channels: samples, slower };
        let mut voxels = layout.arrange(values).map_err(Wrong::Damaged)?;
        voxels.slice_axis_inplace(Axis(0), Slice::from(..channels));
        Ok(if channels < samples { voxels.as_standard_layout().into_owned() } else { voxels })
    }

    /// Refuses a size that a file of this length cannot hold.
    fn check_size(&self, bits: usize, largest: u64) -> Result<(), Wrong> {
        let [height, width] = self.shape;
        let row =
            width.checked_mul(self.samples).and_then(|count| count.checked_mul(bits)).map(|bits| bits.div_ceil(8));
        let bytes = row.and_then(|row| row.checked_mul(height));
        if height == 0 || width == 0 || bytes.is_none_or(|bytes| bytes as u64 > largest) {
            let text =
                format!("its header claims {height} × {width} pixels (height × width), which its data cannot hold");
            return Err(Wrong::Damaged(text));
        }
        Ok(())
    }

    /// Asks for the memory of the pixels: as stored, as numbers, and in the order of channels.
    fn ask_memory(&self, bits: usize) -> Result<(), Wrong> {
        let samples = (self.shape[0] as u64).saturating_mul(self.shape[1] as u64).saturating_mul(self.samples as u64);
        let copies = if self.palette.is_some() {
            6
        } else if self.samples > 1 {
            2
        } else {
            1
        };
        let bytes = samples.saturating_mul(bits as u64).div_ceil(8).saturating_add(samples.saturating_mul(4 * copies));
        Ok(memory::ask(bytes)?)
    }
}

/// Red, green and blue of each pixel of a picture with a palette.
fn colors(values: &[f32], palette: &[[u8; 3]]) -> Result<Vec<f32>, Wrong> {
    let mut colors = Vec::with_capacity(3 * values.len());
    for &index in values {
        let color = palette.get(index as usize).ok_or_else(|| {
            Wrong::Damaged(format!("has a pixel of colour {index}, its palette has {}", palette.len()))
        })?;
        colors.extend(color.map(f32::from));
    }
    Ok(colors)
}

/// Unpacks samples of fewer than eight bits, the first in the highest bits; each row begins at a new byte.
fn unpacked(bytes: &[u8], per_row: usize, bits: usize) -> impl Iterator<Item = f32> {
    let mask = (1_u16 << bits) - 1;
    let row_bytes = (per_row * bits).div_ceil(8).max(1);
    bytes.chunks(row_bytes).flat_map(move |row| {
        let numbers = row.iter().flat_map(move |&byte| (0..8 / bits).map(move |place| (byte, 8 - bits * (place + 1))));
        numbers.take(per_row).map(move |(byte, shift)| f32::from(u16::from(byte) >> shift & mask))
    })
}

#[cfg(test)]
mod tests;
