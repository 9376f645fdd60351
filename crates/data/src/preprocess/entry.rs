//! Cache files: a JSON header followed by arrays, with a checksum, written atomically.
//!
//! Layout: `segspec` + format version (8 bytes), header length (u64), header (JSON), arrays; numbers are little-endian.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files;

/// Incremented when the layout or the meaning of cache files changes; older files are then ignored.
pub(super) const FORMAT: u8 = b'2';

const MAGIC: [u8; 8] = [b's', b'e', b'g', b's', b'p', b'e', b'c', FORMAT];

/// Bytes before the header.
const OPENING: usize = MAGIC.len() + size_of::<u64>();

/// Number of elements converted to bytes at a time.
const CHUNK: usize = 16 * 1024;

/// One array of an entry.
pub(super) enum Array<'a> {
    F32(&'a [f32]),
    U32(&'a [u32]),
    Packed(&'a [u8]),
}

/// Labels, packed: they become a fiftieth of their size or less, which is unpacked faster than the rest would be read from a disk.
///
/// # Errors
/// Those of the encoder, which has none while it writes to memory.
pub(super) fn packed(labels: &[u16]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    Array::each(labels, u16::to_le_bytes, &mut |piece| encoder.write_all(piece))?;
    encoder.finish()
}

#[derive(Serialize, Deserialize)]
struct Head<T> {
    /// BLAKE3 of all arrays.
    checksum: String,
    /// Their total size in bytes.
    bytes: u64,
    content: T,
}

impl Array<'_> {
    /// Passes the bytes to `take` in pieces.
    fn pieces(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::F32(values) => Self::each(values, f32::to_le_bytes, &mut take),
            Self::U32(values) => Self::each(values, u32::to_le_bytes, &mut take),
            Self::Packed(bytes) => take(bytes),
        }
    }

    fn each<const N: usize, A: Copy>(
        values: &[A],
        bytes_of: impl Fn(A) -> [u8; N],
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        values.chunks(CHUNK).try_for_each(|chunk| {
            let bytes: Vec<u8> = chunk.iter().flat_map(|&value| bytes_of(value)).collect();
            take(&bytes)
        })
    }
}

/// Writes an entry atomically.
///
/// # Errors
/// I/O errors; no partial file is left.
pub(super) fn write<T: Serialize>(path: &Path, content: &T, arrays: &[Array<'_>]) -> io::Result<()> {
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    for array in arrays {
        array.pieces(|piece| {
            hasher.update(piece);
            bytes += piece.len() as u64;
            Ok(())
        })?;
    }
    let head = serde_json::to_vec(&Head { checksum: hasher.finalize().to_hex().to_string(), bytes, content })?;
    files::write_atomic_with(path, |file| {
        file.write_all(&MAGIC)?;
        file.write_all(&(head.len() as u64).to_le_bytes())?;
        file.write_all(&head)?;
        arrays.iter().try_for_each(|array| array.pieces(|piece| file.write_all(piece)))
    })
}

/// Reads an entry and verifies its checksum. The second value holds the bytes of the arrays.
///
/// # Errors
/// I/O errors, and `InvalidData` for a damaged file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<(T, Bytes)> {
    let content = std::fs::read(path)?;
    let (head, start) = opening::<T>(&content)?;
    let arrays = &content[start..];
    if arrays.len() as u64 != head.bytes || blake3::hash(arrays).to_hex().as_str() != head.checksum {
        return Err(damaged("checksum mismatch"));
    }
    Ok((head.content, Bytes { content, at: start }))
}

/// Reads only the header. The arrays have their size, and nothing else is known of them.
///
/// # Errors
/// As for [`read`], but for damage to the arrays.
pub(super) fn head<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut file = File::open(path)?;
    let mut content = vec![0; OPENING];
    file.read_exact(&mut content)?;
    let (whole, length) = (file.metadata()?.len(), header_length(&content)?);
    // A length of nonsense must not ask for memory.
    (&mut file).take((length as u64).min(whole)).read_to_end(&mut content)?;
    let (head, start) = opening::<T>(&content)?;
    match whole.checked_sub(start as u64) {
        Some(bytes) if bytes == head.bytes => Ok(head.content),
        _ => Err(damaged("truncated file")),
    }
}

/// The header at the beginning of `content`, and where the arrays begin.
fn opening<T: DeserializeOwned>(content: &[u8]) -> io::Result<(Head<T>, usize)> {
    let end = OPENING.checked_add(header_length(content)?);
    let (head, end) =
        end.and_then(|end| Some((content.get(OPENING..end)?, end))).ok_or_else(|| damaged("truncated file"))?;
    Ok((serde_json::from_slice(head).map_err(|_| damaged("invalid header"))?, end))
}

fn header_length(content: &[u8]) -> io::Result<usize> {
    let rest = content.strip_prefix(&MAGIC).ok_or_else(|| damaged("not a cache file of this version"))?;
    let (length, _) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("truncated file"))?;
    Ok(usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The arrays of an entry, read one after the other in the order of writing.
pub(super) struct Bytes {
    content: Vec<u8>,
    at: usize,
}

impl Bytes {
    pub(super) fn f32(&mut self, count: usize) -> io::Result<Vec<f32>> {
        self.take(count, f32::from_le_bytes)
    }

    /// So many labels, which [`packed`] made so many bytes of.
    pub(super) fn labels(&mut self, count: usize, length: usize) -> io::Result<Vec<u16>> {
        let size = count.checked_mul(2).ok_or_else(mismatch)?;
        let packed = self.next(length)?;
        // A damaged header must not ask for memory: deflate packs 1032 bytes into one at best.
        let mut bytes = Vec::with_capacity(size.min(packed.len().saturating_mul(1032)));
        // One byte more than is due would show.
        DeflateDecoder::new(packed).take(size as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() != size {
            return Err(mismatch());
        }
        Ok(bytes.as_chunks::<2>().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect())
    }

    pub(super) fn u32(&mut self, count: usize) -> io::Result<Vec<u32>> {
        self.take(count, u32::from_le_bytes)
    }

    fn take<const N: usize, A>(&mut self, count: usize, from_bytes: impl Fn([u8; N]) -> A) -> io::Result<Vec<A>> {
        let bytes = self.next(count.checked_mul(N).ok_or_else(mismatch)?)?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|&bytes| from_bytes(bytes)).collect())
    }

    fn next(&mut self, length: usize) -> io::Result<&[u8]> {
        let end = self.at.checked_add(length).ok_or_else(mismatch)?;
        let bytes = self.content.get(self.at..end).ok_or_else(mismatch)?;
        self.at = end;
        Ok(bytes)
    }
}

fn mismatch() -> io::Error {
    damaged("header and arrays do not match")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn numbers_in_the_head_come_back_bit_by_bit() {
        // A change in the last digit of a spacing would change the plan derived from it, and the run ID.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        let mut rng = crate::random::stream(1, "test", 0, 0);
        let numbers: Vec<f64> = (0..2000).map(|_| rng.random_range(0.1..20.0)).collect();
        write(&path, &numbers, &[]).unwrap();
        assert_eq!(read::<Vec<f64>>(&path).unwrap().0, numbers);
    }

    #[test]
    fn arrays_come_back_and_any_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        let labels = packed(&[7, 65_535]).unwrap();
        let arrays = [Array::F32(&[1.5, -2.0]), Array::Packed(&labels), Array::U32(&[70_000])];
        write(&path, &"head", &arrays).unwrap();
        let (found, mut bytes) = read::<String>(&path).unwrap();
        assert_eq!((found.as_str(), head::<String>(&path).unwrap().as_str()), ("head", "head"));
        assert_eq!(bytes.f32(2).unwrap(), [1.5, -2.0]);
        assert_eq!(bytes.labels(2, labels.len()).unwrap(), [7, 65_535]);
        assert_eq!(bytes.u32(1).unwrap(), [70_000]);
        assert!(bytes.u32(1).is_err());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(read::<String>(&path).is_err() && head::<String>(&path).is_err(), "cut to {length} bytes");
        }
        for byte in (0..8).chain(whole.len() - 14..whole.len()) {
            let mut flipped = whole.clone();
            flipped[byte] ^= 16;
            std::fs::write(&path, &flipped).unwrap();
            assert!(read::<String>(&path).is_err(), "byte {byte} flipped");
        }
    }

    #[test]
    fn labels_are_small_and_of_the_number_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        let labels: Vec<u16> = (0..200_000).map(|at| if at % 1000 < 300 { 300 } else { 0 }).collect();
        let made = packed(&labels).unwrap();
        assert!(made.len() < 2 * labels.len() / 50, "{} bytes", made.len());
        write(&path, &"head", &[Array::Packed(&made)]).unwrap();
        let of = |count| read::<String>(&path).unwrap().1.labels(count, made.len());
        assert_eq!(of(labels.len()).unwrap(), labels);
        for count in [0, labels.len() - 1, labels.len() + 1, 1 << 50, usize::MAX] {
            assert!(of(count).is_err(), "{count}");
        }
    }
}
