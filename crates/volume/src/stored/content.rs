//! Voxels as they lie in a file, perhaps compressed.

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use libdeflater::Decompressor;

use crate::memory;

/// Deflate cannot expand by more than this, so a header that claims more is wrong.
pub(crate) const GZIP_EXPANSION: u64 = 1032;

/// Uncompressed bytes.
pub(crate) enum Content {
    /// All of them, and no more than were asked for.
    Whole(Vec<u8>),
    /// As they come.
    Stream(Box<dyn Read>),
}

/// The first `length` bytes of a file of `stored` bytes, of which `decoded` bytes will be made.
///
/// Taking them all at once is faster, by half where they are compressed, but needs room for both forms: it is done where they and
/// what is made of them stay below 2.5 times the latter. A file that is not what its header says goes the way of the stream, which
/// tells how.
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
