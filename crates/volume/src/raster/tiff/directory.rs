//! The directory of a TIFF file, checked before a decoder allocates what it claims.

use std::io::{self, Read, Seek, SeekFrom};

use crate::stored::Wrong;

/// Bytes of a value of each type: 1 byte, 2 text, 3 short, …, 18 offset of a directory in a large file.
const VALUE_BYTES: [u64; 19] = [1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 1, 1, 8, 8, 8];

/// Refuses a file whose first directory lists more values than the file has bytes; leaves the reader at the beginning.
///
/// Source: TIFF 6.0, section 2, and the BigTIFF design.
pub(super) fn check(reader: &mut (impl Read + Seek), file_bytes: u64) -> Result<(), Wrong> {
    let claimed =
        largest_entry(reader).map_err(|error| Wrong::Damaged(format!("its directory cannot be read: {error}")))?;
    reader.rewind().map_err(|error| Wrong::Damaged(error.to_string()))?;
    if claimed > file_bytes {
        return Err(Wrong::Damaged(format!("its directory claims {claimed} bytes, the file has {file_bytes}")));
    }
    Ok(())
}

/// Bytes of the largest entry of the first directory, or of the directory itself.
fn largest_entry(reader: &mut (impl Read + Seek)) -> io::Result<u64> {
    let start: [u8; 4] = bytes(reader)?;
    let little = start[0] == b'I';
    let number = |bytes: &[u8]| {
        let digits: Box<dyn Iterator<Item = &u8>> =
            if little { Box::new(bytes.iter().rev()) } else { Box::new(bytes.iter()) };
        digits.fold(0, |number: u64, &byte| number << 8 | u64::from(byte))
    };
    let large = number(&start[2..]) == 43;
    let place = if large {
        let _: [u8; 4] = bytes(reader)?;
        number(&bytes::<8>(reader)?)
    } else {
        number(&bytes::<4>(reader)?)
    };
    reader.seek(SeekFrom::Start(place))?;
    let count = if large { number(&bytes::<8>(reader)?) } else { number(&bytes::<2>(reader)?) };
    let mut largest = count.saturating_mul(if large { 20 } else { 12 });
    for _ in 0..count {
        let head: [u8; 4] = bytes(reader)?;
        let values = if large { number(&bytes::<8>(reader)?) } else { number(&bytes::<4>(reader)?) };
        let value_bytes = VALUE_BYTES.get(number(&head[2..]) as usize).copied().unwrap_or(1);
        largest = largest.max(values.saturating_mul(value_bytes));
        if large { bytes::<8>(reader).map(drop)? } else { bytes::<4>(reader).map(drop)? }
    }
    Ok(largest)
}

fn bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}
