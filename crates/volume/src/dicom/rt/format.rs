//! Structure sets in the table of formats.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::facts::contour_facts;
use super::place::{On, read_contours};
use crate::dicom::format::is_marked;
use crate::dicom::series::{Choice, Series};
use crate::dicom::unsupported;
use crate::dicom::{Content, label_objects};
use crate::format::{Entry, Format, Options, Reader, Writer, single};
use crate::segments::chosen;
use crate::{Facts, Geometry, Header, ReadError, Segments};

/// Structure sets (RTSTRUCT): contours that become voxels on the grid of an image.
pub(crate) static CONTOURS: Entry = Entry {
    name: "DICOM RTSTRUCT",
    endings: &[],
    magic: |file| Ok(is_marked(file) && file.dicom()? == Some(Content::Contours)),
    names: &[],
    likely: |file| Ok(file.dicom()? == Some(Content::Contours)),
    holds_labels: true,
    read: Reader {
        header: |path, options| {
            let geometry = Image::open(&only_contours(path)?, options)?.geometry().clone();
            Ok(Header { geometry, channels: 1, value_type: "uint8", oriented: true, warnings: Vec::new() })
        },
        volume: |path, _| Err(unsupported(path, "holds contours (RTSTRUCT), no image")),
        label_map: |path, options| single(path, read(path, options)?),
        segments: read,
        facts: Some(|path, _| Ok(Facts::Contours(contour_facts(&only_contours(path)?)?))),
        exact: None,
    },
    write: Writer::NONE,
};

/// The image whose voxels the contours are put on.
enum Image {
    Series(Box<Series>),
    Other(Geometry),
}

impl Image {
    fn open(path: &Path, options: &Options) -> Result<Self, ReadError> {
        let image = options.on.as_ref().ok_or_else(|| no_grid(path))?;
        let format = Format::of(image)?;
        if format != Format::DicomImage {
            let own = Options { on: None, ..options.clone() };
            return Ok(Self::Other((format.entry().read.header)(image, &own)?.geometry));
        }
        // A folder may hold several series: without a choice, the one that the contours were drawn on.
        let named = contour_facts(path)?.series.into_iter().filter(|_| options.choice.series.is_none());
        let choices = named.map(|uid| Choice { series: Some(uid), ..options.choice.clone() });
        let opened = choices.into_iter().find_map(|choice| Series::open(image, &choice).ok());
        Ok(Self::Series(Box::new(opened.map_or_else(|| Series::open(image, &options.choice), Ok)?)))
    }

    fn geometry(&self) -> &Geometry {
        match self {
            Self::Series(series) => series.geometry(),
            Self::Other(geometry) => geometry,
        }
    }
}

fn no_grid(path: &Path) -> ReadError {
    let remedy = "name the image that they were drawn on (`--on IMAGE`)";
    unsupported(path, format!("holds contours (RTSTRUCT), which have no voxels: {remedy}"))
}

/// The only structure set of a folder, or the file itself.
///
/// # Errors
/// [`ReadError`] where a folder holds none or several.
pub fn only_contours(path: &Path) -> Result<PathBuf, ReadError> {
    let mut objects = label_objects(path, Content::Contours)?;
    match objects.len() {
        1 => Ok(objects.remove(0)),
        count => Err(unsupported(path, format!("holds {count} structure sets (RTSTRUCT): name one of the files"))),
    }
}

fn read(path: &Path, options: &Options) -> Result<Segments, ReadError> {
    let path = only_contours(path)?;
    let image = Image::open(&path, options)?;
    let on = match &image {
        Image::Series(series) => On::Series(series),
        Image::Other(geometry) => On::Grid(geometry),
    };
    let wanted = wanted(&path, options)?;
    let contoured = read_contours(&path, on, &|name| wanted.as_ref().is_none_or(|wanted| wanted.contains(name)))?;
    options.notes.extend(contoured.notes);
    Ok(contoured.segments)
}

/// The names of the chosen structures; `None` for all.
fn wanted(path: &Path, options: &Options) -> Result<Option<BTreeSet<String>>, ReadError> {
    if options.structures.is_empty() {
        return Ok(None);
    }
    let found = contour_facts(path)?.structures;
    let names: Vec<&str> = found.iter().map(|structure| structure.name.as_str()).collect();
    let kept = chosen(&names, &options.structures, path)?;
    Ok(Some(kept.into_iter().map(|index| names[index].to_owned()).collect()))
}
