//! DICOM in the table of formats: image series and segmentation objects.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::seg::renumbered;
use super::{Algorithm, Content, Modality, SegmentCoding, SegmentationHeader, Series, SeriesHeader, coding};
use super::{
    name_of, only_segments, read_segments, unsupported, write_anonymous_segments, write_segments, write_series,
};
use crate::format::{Entry, Options, Person, Probe, Reader, Writer, single};
use crate::{Header, ReadError, Segment, Segments, Volume, WriteError, facts};

/// Series of slices, and files of several frames.
pub(crate) static IMAGES: Entry = Entry {
    name: "DICOM",
    endings: &[".dcm"],
    magic: |file| Ok(is_marked(file) && file.dicom()?.is_some()),
    names: &[],
    likely: |file| Ok(file.dicom()?.is_some()),
    holds_labels: false,
    read: Reader {
        header: |path, options| Ok(Series::open(path, &options.choice)?.header()),
        volume: |path, options| {
            let series = Series::open(path, &options.choice)?;
            options.notes.extend(series.header().warnings);
            series.read()
        },
        label_map: |path, _| Err(no_labels(path)),
        segments: |path, _| Err(no_labels(path)),
        facts: Some(facts::of_series),
        exact: None,
    },
    write: Writer { folder: true, volume: Some(write_images), ..Writer::NONE },
};

/// Segmentation objects (DICOM SEG).
pub(crate) static SEGMENTS: Entry = Entry {
    name: "DICOM SEG",
    endings: &[],
    magic: |file| Ok(is_marked(file) && file.dicom()? == Some(Content::Segmentation)),
    names: &[],
    likely: |file| Ok(file.dicom()? == Some(Content::Segmentation)),
    holds_labels: true,
    read: Reader {
        header: |path, options| {
            let geometry = segments(path, options)?.geometry().clone();
            Ok(Header { geometry, channels: 1, value_type: "uint8", oriented: true, warnings: Vec::new() })
        },
        volume: |path, _| Err(unsupported(path, "holds segments (DICOM SEG), no image")),
        label_map: |path, options| single(path, segments(path, options)?),
        segments,
        facts: None,
        exact: None,
    },
    write: Writer { endings: &[".dcm"], segments: Some(write_object), ..Writer::NONE },
};

/// Folders may hold a series; the mark of a file may follow any preamble, also one that makes it a TIFF.
pub(super) fn is_marked(file: &Probe) -> bool {
    file.is_folder || file.has(128, b"DICM") || file.has(0, b"DICM")
}

fn no_labels(path: &Path) -> ReadError {
    let what = if path.is_file() { name_of(path).ok().flatten() } else { None };
    let what = what.filter(|what| what != "image").unwrap_or_else(|| "image series".into());
    unsupported(path, format!("is a DICOM {what}, expected labels (DICOM SEG or RTSTRUCT)"))
}

/// On the grid of the named series, with the slices that the object leaves out; else on the object's own.
fn segments(path: &Path, options: &Options) -> Result<Segments, ReadError> {
    let series = options.on.as_ref().map(|series| Series::open(series, &options.choice)).transpose()?;
    read_segments(&only_segments(path)?, series.as_ref())
}

fn write_images(folder: &Path, volume: &Volume, options: &Options) -> Result<Vec<PathBuf>, WriteError> {
    let own_name = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The name of the source may be that of the patient.
    let anonymous = options.anonymous.as_ref().map(|identity| identity.patient.clone()).filter(|name| !name.is_empty());
    let name = match &options.anonymous {
        Some(_) => anonymous.unwrap_or_else(own_name),
        None => options.name.clone().unwrap_or_else(own_name),
    };
    let header = SeriesHeader {
        modality: options.modality.unwrap_or(Modality::Other),
        description: name.clone(),
        patient: name,
        series_number: 1,
        created: SystemTime::now(),
    };
    write_series(folder, volume, &header)
}

/// How a segment was made that a person had in hands after a program.
fn drawn(made: Algorithm, person: &Person, segment: &str) -> Algorithm {
    match made {
        _ if person.drew_all || person.drew.iter().any(|name| name == segment) => Algorithm::Manual,
        Algorithm::Automatic(program) => Algorithm::SemiAutomatic(program),
        other => other,
    }
}

/// A name without what has a meaning in DICOM's names, and no longer than one may be.
fn plain(name: &str) -> String {
    let is_special = |c: char| c.is_control() || ['\\', '^', '='].contains(&c);
    name.replace(is_special, " ").trim().chars().take(64).collect()
}

fn write_object(path: &Path, segments: &Segments, options: &Options) -> Result<Vec<PathBuf>, WriteError> {
    let series = options.on.as_ref().ok_or_else(|| {
        WriteError::refused(path, "segments refer to a DICOM series: name it (`--on FOLDER` of `segspec convert`)")
    })?;
    let series = Series::open(series, &options.choice).map_err(|error| WriteError::refused(path, error.to_string()))?;
    let by_name = |segment: &Segment| coding(&segment.name).unwrap_or_default();
    let mut coding: Vec<SegmentCoding> = match options.coding.is_empty() {
        true => segments.segments.iter().map(by_name).collect(),
        false => options.coding.clone(),
    };
    if let Some(person) = &options.person {
        for (coding, segment) in coding.iter_mut().zip(&segments.segments) {
            coding.algorithm = drawn(std::mem::take(&mut coding.algorithm), person, &segment.name);
        }
    }
    let creator = options.person.as_ref().filter(|_| options.anonymous.is_none()).map(|person| plain(&person.name));
    let header = SegmentationHeader { coding, creator: creator.unwrap_or_default(), ..SegmentationHeader::default() };
    match &options.anonymous {
        None => write_segments(path, segments, &series, &header),
        Some(identity) => write_anonymous_segments(path, segments, &series, &header, identity),
    }?;
    options.notes.extend(renumbered(&segments.segments).map(|text| format!("{}: {text}", path.display())));
    Ok(vec![path.into()])
}
