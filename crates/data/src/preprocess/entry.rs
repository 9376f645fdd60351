//! Cache files: a JSON header followed by arrays, with a checksum, written atomically.
//!
//! Layout: `segspec` + format version (8 bytes), header length (u64), header (JSON), arrays; numbers are little-endian.

use std::io::{self, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files;

/// Incremented when the layout or the meaning of cache files changes; older files are then ignored.
pub(super) const FORMAT: u8 = b'1';

const MAGIC: [u8; 8] = [b's', b'e', b'g', b's', b'p', b'e', b'c', FORMAT];

/// Number of elements converted to bytes at a time.
const CHUNK: usize = 16 * 1024;

/// One array of an entry.
pub(super) enum Array<'a> {
    F32(&'a [f32]),
    U16(&'a [u16]),
    U32(&'a [u32]),
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
        match self {
            Self::F32(values) => each(values, f32::to_le_bytes, &mut take),
            Self::U16(values) => each(values, u16::to_le_bytes, &mut take),
            Self::U32(values) => each(values, u32::to_le_bytes, &mut take),
        }
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
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let rest = content.strip_prefix(&MAGIC).ok_or_else(|| damaged("not a cache file of this version"))?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("truncated file"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (head, arrays) = rest.split_at_checked(length).ok_or_else(|| damaged("truncated file"))?;
    let head: Head<T> = serde_json::from_slice(head).map_err(|_| damaged("invalid header"))?;
    if arrays.len() as u64 != head.bytes || blake3::hash(arrays).to_hex().as_str() != head.checksum {
        return Err(damaged("checksum mismatch"));
    }
    let start = content.len() - arrays.len();
    Ok((head.content, Bytes { content, at: start }))
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

    pub(super) fn u16(&mut self, count: usize) -> io::Result<Vec<u16>> {
        self.take(count, u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, count: usize) -> io::Result<Vec<u32>> {
        self.take(count, u32::from_le_bytes)
    }

    fn take<const N: usize, A>(&mut self, count: usize, from_bytes: impl Fn([u8; N]) -> A) -> io::Result<Vec<A>> {
        let end = count.checked_mul(N).and_then(|bytes| bytes.checked_add(self.at));
        let bytes = end.and_then(|end| self.content.get(self.at..end));
        let bytes =
            bytes.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "header and arrays do not match"))?;
        self.at += bytes.len();
        Ok(bytes.as_chunks::<N>().0.iter().map(|&bytes| from_bytes(bytes)).collect())
    }
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
        write(&path, &"head", &[Array::F32(&[1.5, -2.0]), Array::U16(&[7]), Array::U32(&[70_000])]).unwrap();
        let (head, mut bytes) = read::<String>(&path).unwrap();
        assert_eq!(head, "head");
        assert_eq!(bytes.f32(2).unwrap(), [1.5, -2.0]);
        assert_eq!(bytes.u16(1).unwrap(), [7]);
        assert_eq!(bytes.u32(1).unwrap(), [70_000]);
        assert!(bytes.u16(1).is_err());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(read::<String>(&path).is_err(), "cut to {length} bytes");
        }
        for byte in (0..8).chain(whole.len() - 14..whole.len()) {
            let mut flipped = whole.clone();
            flipped[byte] ^= 16;
            std::fs::write(&path, &flipped).unwrap();
            assert!(read::<String>(&path).is_err(), "byte {byte} flipped");
        }
    }
}
