//! The bytes of a file's voxels, decompressed.

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use libdeflater::Decompressor;

use crate::memory;

/// Largest expansion of deflate: a header that claims more is wrong.
pub(crate) const GZIP_EXPANSION: u64 = 1032;

/// Uncompressed bytes.
pub(crate) enum Content {
    /// All of them, and no more than requested.
    Whole(Vec<u8>),
    /// As a stream.
    Stream(Box<dyn Read>),
}

/// The first `length` bytes of a file of `stored` bytes, which become `decoded` bytes of voxels.
///
/// Reading them as a whole is faster (compressed files take half the time) but needs memory for both forms: it is done where the bytes
/// and the voxels together take less than 2.5 times the voxels. A file that contradicts its header is read as a stream, which reports
/// the reason.
///
/// # Errors
/// Those of `file`.
pub(crate) fn content(
    mut file: impl BufRead + 'static,
    compressed: bool,
    stored: u64,
    [length, decoded]: [u64; 2],
) -> io::Result<Content> {
    let held = if compressed { stored.saturating_add(length) } else { length };
    let room = held <= decoded / 2 * 3;
    match (compressed, room) {
        (true, false) => Ok(Content::Stream(Box::new(MultiGzDecoder::new(file)))),
        (false, true) if length <= stored => {
            let mut bytes = memory::reserved(length as usize);
            file.take(length).read_to_end(&mut bytes)?;
            Ok(Content::Whole(bytes))
        }
        (false, _) => Ok(Content::Stream(Box::new(file))),
        (true, true) => {
            let mut packed = memory::reserved(stored as usize);
            file.read_to_end(&mut packed)?;
            let mut bytes = memory::zeros(length as usize);
            match Decompressor::new().gzip_decompress(&packed, &mut bytes) {
                Ok(written) if written as u64 == length => Ok(Content::Whole(bytes)),
                _ => Ok(Content::Stream(Box::new(MultiGzDecoder::new(Cursor::new(packed))))),
            }
        }
    }
}
