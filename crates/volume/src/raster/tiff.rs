//! TIFF: grey, colours and bands of 1 to 64 bits, in strips or tiles, plain or compressed without loss.

mod directory;

use std::fs::File;
use std::io::BufReader;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::{Part, Picture, unpacked};
use crate::stored::Wrong;

/// Largest expansion: an LZW code takes more than a byte and stands for at most 4096; deflate and PackBits expand less.
const EXPANSION: u64 = 4096;

pub(super) fn read(mut reader: BufReader<File>, file_bytes: u64, part: Part) -> Result<Picture, Wrong> {
    directory::check(&mut reader, file_bytes)?;
    let mut decoder = Decoder::new(reader).map_err(wrong)?;
    let largest = file_bytes.saturating_mul(EXPANSION);
    decoder = decoder.with_limits(limits(largest));
    if decoder.more_images() {
        return Err(Wrong::Unsupported("has several pages; save each picture as a file".into()));
    }
    let (width, height) = decoder.dimensions().map_err(wrong)?;
    let color = decoder.colortype().map_err(wrong)?;
    let (samples, mut alpha) = samples(color)?;
    if let Ok(Some(extra)) = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples) {
        // 1 and 2 stand for alpha, 0 for an unspecified band.
        alpha |= samples > 1 && matches!(extra.last(), Some(1 | 2));
    }
    let layout = decoder.image_buffer_layout().map_err(wrong)?;
    let mut picture = Picture {
        shape: [height as usize, width as usize],
        samples,
        alpha,
        value_type: value_type(&layout),
        planar: layout.planes > 1,
        palette: None,
        values: Vec::new(),
        exact: true,
    };
    picture.check_size(usize::from(color.bit_depth()), largest)?;
    if part == Part::All {
        picture.ask_memory(color.bit_depth().into())?;
        let mut stored = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut stored).map_err(wrong)?;
        if stored.as_buffer(0).as_bytes().len() < layout.complete_len {
            return Err(Wrong::Damaged("its planes are larger than its data can hold".into()));
        }
        let per_row = if picture.planar { picture.shape[1] } else { samples * picture.shape[1] };
        picture.exact = is_exact(&stored);
        picture.values = values(stored, color.bit_depth(), per_row);
    }
    Ok(picture)
}

fn limits(largest: u64) -> Limits {
    let bytes = usize::try_from(largest).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = bytes;
    limits.intermediate_buffer_size = bytes;
    limits.ifd_value_size = bytes;
    limits
}

/// Samples per pixel, and whether the last is alpha.
fn samples(color: ColorType) -> Result<(usize, bool), Wrong> {
    match color {
        ColorType::Gray(_) => Ok((1, false)),
        ColorType::GrayA(_) => Ok((2, true)),
        ColorType::RGB(_) => Ok((3, false)),
        ColorType::RGBA(_) => Ok((4, true)),
        ColorType::Multiband { num_samples, .. } if num_samples > 0 => Ok((num_samples.into(), false)),
        other => Err(Wrong::Unsupported(format!("holds {other:?} colours; save them as RGB or grey"))),
    }
}

fn value_type(layout: &tiff::decoder::BufferLayoutPreference) -> &'static str {
    use tiff::decoder::DecodingSampleType as Type;
    match layout.sample_type {
        Some(Type::U8) => "uint8",
        Some(Type::U16) => "uint16",
        Some(Type::U32) => "uint32",
        Some(Type::U64) => "uint64",
        Some(Type::I8) => "int8",
        Some(Type::I16) => "int16",
        Some(Type::I32) => "int32",
        Some(Type::I64) => "int64",
        Some(Type::F16) => "float16",
        Some(Type::F32) => "float32",
        Some(Type::F64) => "float64",
        _ => "other",
    }
}

/// Whether 32-bit floats hold all numbers.
fn is_exact(stored: &DecodingResult) -> bool {
    match stored {
        DecodingResult::U32(numbers) => numbers.iter().all(|&number| f64::from(number as f32) == f64::from(number)),
        DecodingResult::I32(numbers) => numbers.iter().all(|&number| f64::from(number as f32) == f64::from(number)),
        // Through 128 bits, because 64-bit floats do not hold all of these either.
        DecodingResult::U64(numbers) => numbers.iter().all(|&number| number as f32 as i128 == i128::from(number)),
        DecodingResult::I64(numbers) => numbers.iter().all(|&number| number as f32 as i128 == i128::from(number)),
        DecodingResult::F64(numbers) => numbers.iter().all(|&number| f64::from(number as f32) == number),
        _ => true,
    }
}

fn values(stored: DecodingResult, bits: u8, per_row: usize) -> Vec<f32> {
    match stored {
        DecodingResult::U8(bytes) if bits < 8 => unpacked(&bytes, per_row, bits.into()).collect(),
        DecodingResult::U8(numbers) => numbers.into_iter().map(f32::from).collect(),
        DecodingResult::U16(numbers) => numbers.into_iter().map(f32::from).collect(),
        DecodingResult::U32(numbers) => numbers.into_iter().map(|number| number as f32).collect(),
        DecodingResult::U64(numbers) => numbers.into_iter().map(|number| number as f32).collect(),
        DecodingResult::I8(numbers) => numbers.into_iter().map(f32::from).collect(),
        DecodingResult::I16(numbers) => numbers.into_iter().map(f32::from).collect(),
        DecodingResult::I32(numbers) => numbers.into_iter().map(|number| number as f32).collect(),
        DecodingResult::I64(numbers) => numbers.into_iter().map(|number| number as f32).collect(),
        DecodingResult::F16(numbers) => numbers.into_iter().map(f32::from).collect(),
        DecodingResult::F32(numbers) => numbers,
        DecodingResult::F64(numbers) => numbers.into_iter().map(|number| number as f32).collect(),
    }
}

fn wrong(error: TiffError) -> Wrong {
    match error {
        TiffError::UnsupportedError(_) => {
            Wrong::Unsupported(format!("is a TIFF file of a kind that is not read: {error}"))
        }
        _ => Wrong::Damaged(error.to_string()),
    }
}
