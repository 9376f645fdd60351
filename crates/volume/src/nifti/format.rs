//! NIfTI in the table of formats.

use super::{check_exact, read_header, read_label_map, read_volume, write_label_map, write_segmentation, write_volume};
use crate::format::{Entry, Reader, Writer, unnamed};

/// Magic bytes of both versions, in one file or as a pair; and of gzip, with which only NIfTI files are compressed as a whole.
const MAGIC: [(usize, &[u8]); 5] = [(344, b"n+1\0"), (344, b"ni1\0"), (4, b"n+2\0"), (4, b"ni2\0"), (0, &[0x1f, 0x8b])];

/// The two header sizes, which every header begins with in either byte order.
const SIZES: [i32; 2] = [348, 540];

/// NIfTI-1 and -2.
pub(crate) static FORMAT: Entry = Entry {
    name: "NIfTI",
    endings: &[".nii.gz", ".nii", ".hdr"],
    magic: |file| Ok(MAGIC.iter().any(|(at, magic)| file.has(*at, magic))),
    names: &[".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz"],
    // ANALYZE and damaged headers: the reader reports what is wrong with them.
    likely: |file| Ok(SIZES.iter().any(|size| file.has(0, &size.to_le_bytes()) || file.has(0, &size.to_be_bytes()))),
    holds_labels: false,
    read: Reader {
        header: |path, _| read_header(path),
        volume: |path, _| read_volume(path),
        label_map: |path, _| read_label_map(path),
        segments: |path, _| Ok(unnamed(read_label_map(path)?)),
        facts: None,
        exact: Some(|path, _| check_exact(path)),
    },
    write: Writer {
        endings: &[".nii", ".nii.gz"],
        folder: false,
        volume: Some(|path, volume, _| write_volume(path, volume).map(|()| vec![path.into()])),
        label_map: Some(write_label_map),
        segmentation: Some(write_segmentation),
        segments: None,
    },
};
