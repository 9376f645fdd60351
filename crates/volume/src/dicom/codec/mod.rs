//! Compressed frames → stored sample values.
//!
//! Frames are decoded here instead of by `dicom-pixeldata`:
//!
//! - That crate decodes JPEG-LS through CharLS (C++) and JPEG 2000 through OpenJPEG (C, or its translation to unsafe Rust). Here a decoder
//!   of our own and `hayro-jpeg2000` do it in safe Rust, so that no C toolchain is needed and no C code parses files from elsewhere.
//! - It works on data sets with all their pixel data in memory. Here a frame is read from its place in the file when it is needed, and
//!   frames are decoded on all threads ([`Frames`](super::frames::Frames)).
//! - Its decoders copy what a stream holds into a buffer for what the header states, and panic where that is too small. Here the size in
//!   the stream is compared with the header's before memory is allocated, and panics of decoders are contained: damaged files are
//!   errors (`tests`, and `dicom::tests::mutation`).
//! - It reads samples of 1, 8 and 16 bits. Here 32 bits, frames of single bits that start within a byte, and deflated frames are read, too.

mod jpeg;
mod jpeg_2000;
mod jpeg_ls;
mod rle;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Coding of a frame's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Native { big_endian: bool },
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
    DeflatedFrame,
}

/// Size of a frame, from the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Bits that one sample occupies: 1, 8, 16 or 32.
    pub bits_allocated: u32,
}

impl Layout {
    pub fn samples(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Bytes of one uncompressed frame, if it begins at a byte.
    pub fn bytes(&self) -> usize {
        (self.samples() * self.bits_allocated as usize).div_ceil(8)
    }
}

/// Decodes one frame to the bit patterns of its samples, in rows.
///
/// # Errors
/// What is wrong with the stream, or which part of it is not supported.
pub(super) fn decode(codec: Codec, bytes: &[u8], layout: &Layout) -> Result<Vec<u32>, String> {
    let decoded = match codec {
        Codec::Native { big_endian } => native(bytes, layout, big_endian),
        Codec::Rle => rle::decode(bytes, layout).and_then(|bytes| native(&bytes, layout, false)),
        Codec::DeflatedFrame => native(&inflated(bytes, layout)?, layout, false),
        Codec::JpegLs => jpeg_ls::decode(bytes, layout.size),
        Codec::Jpeg => contained(|| jpeg::decode(bytes, layout.size)),
        Codec::Jpeg2000 => contained(|| jpeg_2000::decode(bytes, layout.size)),
    }?;
    if decoded.len() == layout.samples() {
        Ok(decoded)
    } else {
        Err(format!("the frame holds {} samples, its header states {}", decoded.len(), layout.samples()))
    }
}

/// Third-party decoders may panic on damaged streams; one bad file must not end the program.
fn contained(decode: impl FnOnce() -> Result<Vec<u32>, String>) -> Result<Vec<u32>, String> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err("the decoder panicked on a damaged stream".into()))
}

/// Splits uncompressed bytes into samples; single bits are packed from the lowest.
fn native(bytes: &[u8], layout: &Layout, big_endian: bool) -> Result<Vec<u32>, String> {
    let bytes = bytes.get(..layout.bytes()).ok_or_else(|| {
        format!("the frame has {} bytes, {} samples need {}", bytes.len(), layout.samples(), layout.bytes())
    })?;
    let word = |pair: &[u8]| {
        let [first, second] = [u32::from(pair[0]), u32::from(pair[1])];
        if big_endian { first << 8 | second } else { second << 8 | first }
    };
    Ok(match layout.bits_allocated {
        1 => (0..layout.samples()).map(|index| u32::from(bytes[index / 8] >> (index % 8) & 1)).collect(),
        8 => bytes.iter().map(|&byte| u32::from(byte)).collect(),
        16 => bytes.chunks_exact(2).map(word).collect(),
        32 if big_endian => bytes.chunks_exact(4).map(|four| word(&four[..2]) << 16 | word(&four[2..])).collect(),
        32 => bytes.chunks_exact(4).map(|four| word(&four[2..]) << 16 | word(&four[..2])).collect(),
        other => return Err(format!("{other} bits per sample; 1, 8, 16 and 32 are read")),
    })
}

/// Inflates no more than one frame.
fn inflated(bytes: &[u8], layout: &Layout) -> Result<Vec<u8>, String> {
    let mut frame = Vec::new();
    let mut inflater = flate2::read::DeflateDecoder::new(bytes).take(layout.bytes() as u64);
    inflater.read_to_end(&mut frame).map_err(|error| error.to_string())?;
    Ok(frame)
}
