//! Numbers as image files store them, and their conversion to arrays of intensities and labels.

mod content;
mod layout;
mod number;

use std::io::{self, Read};
use std::path::Path;

use ndarray::{Array4, Axis};
use rayon::prelude::*;

pub(super) use content::{Content, GZIP_EXPANSION, content};
pub(super) use layout::Layout;
pub(super) use number::{ByteOrder, NumberType};

use super::{Geometry, LabelMap, ReadError, Volume};
use crate::memory;

/// Bytes that are decoded at once; a multiple of every number's size.
const CHUNK: usize = 1 << 16;

pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::Damaged { path: path.into(), reason: reason.into() }
}

pub(super) fn unsupported(path: &Path, reason: impl Into<String>) -> ReadError {
    ReadError::Unsupported { path: path.into(), reason: reason.into() }
}

/// Asks for the memory of an image before it is taken.
///
/// # Errors
/// [`ReadError::Memory`] with the remedy.
pub(super) fn ask_memory(path: &Path, bytes: u64) -> Result<(), ReadError> {
    memory::ask(bytes).map_err(|refused| Wrong::from(refused).at(path))
}

/// What to do where an image does not fit in memory.
const MORE_MEMORY: &str = "crop or resample it, end other programs, or use a machine with more memory";

/// What is wrong with a header, before the file's name is known.
#[derive(Debug, PartialEq)]
pub(super) enum Wrong {
    Damaged(String),
    Unsupported(String),
    /// This machine has no memory for it.
    Memory(String),
}

impl Wrong {
    pub(super) fn at(self, path: &Path) -> ReadError {
        match self {
            Self::Damaged(reason) => damaged(path, reason),
            Self::Unsupported(reason) => unsupported(path, reason),
            Self::Memory(reason) => ReadError::Memory { path: path.into(), reason },
        }
    }
}

impl From<memory::NoRoom> for Wrong {
    fn from(refused: memory::NoRoom) -> Self {
        Self::Memory(format!("{refused}; {MORE_MEMORY}"))
    }
}

/// The first value of a file that is not a valid voxel.
struct BadNumber {
    index: usize,
    value: f64,
}

/// Type of a voxel.
pub(super) trait Voxel: Copy + Default + Send + Sync {
    /// What to do about a value that is not a valid voxel.
    const REMEDY: &str;

    /// Whether the value is a valid voxel.
    fn holds(value: f64) -> bool;

    /// The voxel of a value; arbitrary where the value is not valid.
    fn cast(value: f64) -> Self;
}

/// Intensities: every finite number.
impl Voxel for f32 {
    const REMEDY: &str = "replace it in the file (for CT by −1024, else by 0), or exclude the case";

    fn holds(value: f64) -> bool {
        (value as f32).is_finite()
    }

    fn cast(value: f64) -> Self {
        value as f32
    }
}

/// Adding this to a smaller number rounds it to a whole one in the lowest bits. That vectorises, unlike Rust's conversions, which
/// saturate.
const ONES: f64 = (1_u64 << 52) as f64;

/// Labels may be this far from a whole number: slope and intercept of a header have 32 bits, and programs compute in 32-bit floats.
const LABEL_ROUNDING: f64 = 1e-3;

/// Labels: whole numbers, rounded.
impl Voxel for u16 {
    const REMEDY: &str = "labels are whole numbers from 0 to 65535 (was the file resampled with interpolation?)";

    fn holds(value: f64) -> bool {
        (-LABEL_ROUNDING..=65535.0 + LABEL_ROUNDING).contains(&value)
            & ((value + ONES - ONES - value).abs() <= LABEL_ROUNDING)
    }

    fn cast(value: f64) -> Self {
        (value + ONES).to_bits() as Self
    }
}

/// Stands for a value that 32-bit floats hold exactly.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exact(#[expect(dead_code, reason = "gives the type a size, as buffers expect")] u8);

/// Whole numbers up to here have been decoded exactly.
const EXACT_WHOLE: f64 = (1_u64 << 53) as f64;

impl Voxel for Exact {
    const REMEDY: &str = "images are held as 32-bit floats, which would change it";

    fn holds(value: f64) -> bool {
        (f64::from(value as f32) == value) & (value.abs() < EXACT_WHOLE)
    }

    fn cast(_: f64) -> Self {
        Self::default()
    }
}

/// Numbers in the order of their file. Conversion stops at the first invalid voxel, counting goes on: a truncated file is damaged
/// whatever else it holds.
pub(super) struct Numbers<T> {
    values: Vec<T>,
    count: usize,
    bad: Option<BadNumber>,
    scale: Option<(f64, f64)>,
}

impl<T: Voxel> Numbers<T> {
    /// `scale` is the slope and the intercept that turn stored numbers into values.
    pub(super) fn new(scale: Option<(f64, f64)>) -> Self {
        Self { values: Vec::new(), count: 0, bad: None, scale }
    }

    pub(super) fn push(&mut self, stored: f64) {
        self.extend(&mut [stored]);
    }

    fn extend(&mut self, stored: &mut [f64]) {
        if self.bad.is_none() {
            let start = self.values.len();
            self.values.resize(start + stored.len(), T::default());
            let bad = converted(self.scale, stored, &mut self.values[start..]);
            self.bad = bad.map(|bad| BadNumber { index: self.count + bad.index, ..bad });
        }
        self.count += stored.len();
    }

    /// Converts all numbers in a buffer, on all threads.
    pub(super) fn convert(&mut self, bytes: &[u8], number: NumberType, order: ByteOrder) {
        let (chunk, count) = (CHUNK / number.bytes(), bytes.len() / number.bytes());
        let start = self.values.len();
        match start {
            0 => self.values = memory::zeros(count),
            _ => self.values.resize(start + count, T::default()),
        }
        let parts = self.values[start..].par_chunks_mut(chunk).zip(bytes.par_chunks(CHUNK)).enumerate();
        let bad = parts.map_init(
            || vec![0.0; chunk],
            |stored, (index, (voxels, bytes))| {
                number.decode(order, bytes, stored);
                let bad = converted(self.scale, &mut stored[..voxels.len()], voxels)?;
                Some(BadNumber { index: self.count + index * chunk + bad.index, ..bad })
            },
        );
        let bad = bad.find_map_first(|bad| bad);
        self.bad = self.bad.take().or(bad);
        self.count += count;
    }

    /// Reads `count` numbers from a stream; returns the bytes read, fewer where the stream ends early.
    ///
    /// Reserves at most twice what has been read: a header may claim anything.
    pub(super) fn fill(
        &mut self,
        reader: &mut dyn Read,
        number: NumberType,
        order: ByteOrder,
        count: usize,
    ) -> io::Result<usize> {
        let mut left = count.saturating_mul(number.bytes());
        let mut done = 0;
        let mut buffer = vec![0; CHUNK.min(left)];
        let mut decoded = vec![0.0; buffer.len() / number.bytes()];
        while left > 0 {
            let wanted = left.min(CHUNK);
            let got = read_full(reader, &mut buffer[..wanted])?;
            if self.values.capacity() - self.values.len() < wanted / number.bytes() {
                self.values.reserve_exact(self.values.len().max(CHUNK).min(left / number.bytes()));
            }
            let whole = number.decode(order, &buffer[..got], &mut decoded);
            self.extend(&mut decoded[..whole]);
            done += got;
            left -= got;
            if got < wanted {
                break;
            }
        }
        Ok(done)
    }

    /// The voxels as `[channel, z, y, x]`.
    fn arranged(self, path: &Path, layout: &Layout) -> Result<Array4<T>, ReadError> {
        if let Some(BadNumber { index, value }) = self.bad {
            return Err(no_voxel::<T>(path, &layout.place(index), value));
        }
        layout.arrange(self.values).map_err(|reason| damaged(path, reason))
    }
}

/// Converts stored numbers to values, in place, and these to voxels; returns the first invalid one. The loops have no branches, so that
/// they vectorise.
fn converted<T: Voxel>(scale: Option<(f64, f64)>, stored: &mut [f64], voxels: &mut [T]) -> Option<BadNumber> {
    if let Some((slope, intercept)) = scale {
        stored.iter_mut().for_each(|number| *number = *number * slope + intercept);
    }
    voxels.iter_mut().zip(&*stored).for_each(|(voxel, &value)| *voxel = T::cast(value));
    if stored.iter().fold(true, |all, &value| all & T::holds(value)) {
        return None;
    }
    let index = stored.iter().position(|&value| !T::holds(value))?;
    Some(BadNumber { index, value: stored[index] })
}

/// The error for a value that is not a valid voxel.
pub(super) fn no_voxel<T: Voxel>(path: &Path, place: &str, value: f64) -> ReadError {
    unsupported(path, format!("voxel {place} is {value}; {}", T::REMEDY))
}

impl Numbers<Exact> {
    /// Refuses the first value that 32-bit floats do not hold.
    pub(super) fn all_exact(self, path: &Path, layout: &Layout) -> Result<(), ReadError> {
        match self.bad {
            Some(BadNumber { index, value }) => Err(no_voxel::<Exact>(path, &layout.place(index), value)),
            None => Ok(()),
        }
    }
}

impl Numbers<f32> {
    pub(super) fn into_volume(self, path: &Path, geometry: Geometry, layout: &Layout) -> Result<Volume, ReadError> {
        Ok(Volume { voxels: self.arranged(path, layout)?, geometry })
    }
}

impl Numbers<u16> {
    /// Label values as `[channel, z, y, x]`.
    pub(super) fn into_labels(self, path: &Path, layout: &Layout) -> Result<Array4<u16>, ReadError> {
        self.arranged(path, layout)
    }

    pub(super) fn into_label_map(
        self,
        path: &Path,
        geometry: Geometry,
        layout: &Layout,
    ) -> Result<LabelMap, ReadError> {
        if layout.channels != 1 {
            let text = format!("is a label image with {} channels; save one whole number per voxel", layout.channels);
            return Err(unsupported(path, text));
        }
        let voxels = self.into_labels(path, layout)?.index_axis_move(Axis(0), 0);
        Ok(LabelMap { voxels, geometry })
    }
}

/// Reads until the buffer is full or the stream ends; returns the bytes read.
pub(super) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
