//! PNG and TIFF in the table of formats.

use super::{MaskForm, check_exact, read_header, read_label_map, read_volume};
use crate::format::{Entry, Reader, Writer, never, unnamed};

/// First bytes of PNG, and of TIFF in either byte order with 32-bit or 64-bit offsets (BigTIFF).
const MAGIC: [&[u8]; 5] = [b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

/// 2D images without a position in the patient.
pub(crate) static FORMAT: Entry = Entry {
    name: "picture",
    endings: &[".png", ".tiff", ".tif"],
    magic: |file| Ok(MAGIC.iter().any(|magic| file.has(0, magic))),
    names: &[],
    likely: never,
    holds_labels: false,
    read: Reader {
        header: |path, _| read_header(path),
        volume: |path, _| read_volume(path),
        label_map: |path, _| read_label_map(path, &MaskForm::Values),
        segments: |path, _| Ok(unnamed(read_label_map(path, &MaskForm::Values)?)),
        facts: None,
        exact: Some(|path, _| check_exact(path)),
    },
    write: Writer::NONE,
};
