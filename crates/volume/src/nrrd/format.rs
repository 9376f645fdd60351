//! NRRD in the table of formats, with and without named segments.

use super::{check_exact, names_segments, read_header, read_label_map, read_segments, read_volume};
use super::{write_label_map, write_segmentation, write_segments, write_volume};
use crate::format::{Entry, Probe, Reader, Writer, never, unnamed};

const READER: Reader = Reader {
    header: |path, _| read_header(path),
    volume: |path, _| read_volume(path),
    label_map: |path, _| read_label_map(path),
    segments: |path, _| Ok(unnamed(read_label_map(path)?)),
    facts: None,
    exact: Some(|path, _| check_exact(path)),
};

/// Images and label maps.
pub(crate) static FORMAT: Entry = Entry {
    name: "NRRD",
    endings: &[".nrrd", ".nhdr"],
    magic: |file| Ok(is_nrrd(file)),
    names: &[],
    likely: never,
    holds_labels: false,
    read: READER,
    write: Writer {
        endings: &[".nrrd"],
        folder: false,
        volume: Some(|path, volume, _| write_volume(path, volume).map(|()| vec![path.into()])),
        label_map: Some(write_label_map),
        segmentation: Some(write_segmentation),
        segments: None,
    },
};

/// Segmentations of 3D Slicer, by their name or by the segments that their header names.
pub(crate) static SEGMENTS: Entry = Entry {
    name: "NRRD",
    endings: &[".seg.nrrd"],
    magic: |file| Ok(is_nrrd(file) && (file.is_named(&[".seg.nrrd"]) || names_segments(file.path)?)),
    names: &[],
    likely: never,
    holds_labels: true,
    read: Reader {
        segments: |path, _| match names_segments(path)? {
            true => read_segments(path),
            false => Ok(unnamed(read_label_map(path)?)),
        },
        ..READER
    },
    write: Writer {
        endings: &[".seg.nrrd"],
        segments: Some(|path, segments, _| write_segments(path, segments).map(|()| vec![path.into()])),
        ..Writer::NONE
    },
};

fn is_nrrd(file: &Probe) -> bool {
    file.has(0, b"NRRD000")
}
