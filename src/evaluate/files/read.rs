//! Reads the labels of one case, whatever they are made of.

mod objects;
mod parts;

use std::path::{Path, PathBuf};

use super::images::Image;
use super::labelled::{Called, Labelled};
use super::side::Source;
use crate::dataset::name::folded;
use crate::volume::format::{Notes, Options};
use crate::volume::label_names::{self, LabelName, LabelNames, own};
use crate::volume::segments::repeated;
use crate::volume::surface::CoordinateSystem;
use crate::volume::{Format, ReadError, Segment, Segmentation, Segments, read_label_map, read_segments};

/// What becomes of segments of one name.
const UNITED: &str = "they are scored together, as one structure";

/// Reads the labels of one side.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Names of the values of files that name none themselves.
    pub names: Option<LabelNames>,
    /// The value that is no structure and needs no name.
    pub ignored: Option<u16>,
    /// The coordinate system of surfaces, if it is not what they state.
    pub coordinates: Option<CoordinateSystem>,
    /// What is worth saying of the files.
    pub notes: Notes,
}

impl Reader {
    /// Reads labels. Surfaces and contours become voxels of `image`, pictures get its grid, and DICOM SEG are put on it.
    ///
    /// # Errors
    /// [`ReadError`] with the file's name.
    pub fn read(&self, source: &Source, image: Option<&Image>) -> Result<Labelled, ReadError> {
        match source {
            Source::File(path) => self.file(path, image),
            Source::Mask { name, path, is_case } => {
                let labels = self.file(path, image)?;
                Ok(Labelled { called: Some(Called { name: name.clone(), is_case: *is_case }), ..labels })
            }
            Source::Masks(masks) => parts::masks(source.path(), masks, image, &self.options(image)),
            Source::Slices(files) => {
                let names = self.names_of(source.path(), source.files().first().copied())?.map(|(_, names)| names);
                parts::slices(source.path(), files, image, names)
            }
            Source::Objects(files) => objects::read(source.path(), files, image, &self.notes),
        }
    }

    fn options(&self, image: Option<&Image>) -> Options {
        let (on, choice) = image.map(|image| (image.path.clone(), image.choice.clone())).unzip();
        Options {
            on,
            choice: choice.unwrap_or_default(),
            coordinates: self.coordinates,
            notes: self.notes.clone(),
            ..Options::default()
        }
    }

    fn file(&self, path: &Path, image: Option<&Image>) -> Result<Labelled, ReadError> {
        let format = Format::of(path)?;
        let labels = match format {
            Format::DicomContours | Format::DicomSegments => {
                return objects::read(path, &[path.into()], image, &self.notes);
            }
            Format::NrrdSegments => {
                let segments = read_segments(path)?;
                self.notes.extend(repeated(path, &segments.segments, UNITED));
                Labelled::of_segments(path, segments)?
            }
            Format::Surface => {
                let segments = (format.entry().read.segments)(path, &self.options(image))?;
                let mut labels = Labelled::of_segments(path, segments)?;
                // A file of one structure is usually called as its case.
                labels.names.clear();
                labels
            }
            _ => self.numbers(path, format)?,
        };
        Ok(Labelled { cropped: format.entry().holds_labels, ..labels })
    }

    /// The names that were given, or those of the file beside.
    fn names_of(&self, folder: &Path, file: Option<&Path>) -> Result<Option<(Option<PathBuf>, LabelNames)>, ReadError> {
        let beside = label_names::beside(file.unwrap_or(folder));
        if let Some(names) = &self.names {
            let other = beside.and_then(|beside| Some((LabelNames::read(&beside).ok()?, beside)));
            self.notes.extend(other.and_then(|(own, beside)| overruled(names, &own, &beside)));
            return Ok(Some((None, names.clone())));
        }
        beside.map(|beside| Ok((Some(beside.clone()), LabelNames::read(&beside)?))).transpose()
    }

    /// A label map without names of its own, or masks along its channels.
    fn numbers(&self, path: &Path, format: Format) -> Result<Labelled, ReadError> {
        let (beside, names) = self.names_of(path, Some(path))?.unzip();
        if let Some(names) = names.as_ref().filter(|names| names.overlapping) {
            return Labelled::of_segments(path, names.segments(path, &Options::default())?);
        }
        let read = &format.entry().read;
        let (channels, oriented) = match format {
            Format::Nifti | Format::Nrrd => {
                let header = (read.header)(path, &Options::default())?;
                (header.channels, header.oriented || !header.geometry.has_spacing)
            }
            _ => (1, true),
        };
        if channels > 1 {
            let volume = (read.volume)(path, &Options::default())?;
            let masks = label_names::binary(path, volume.voxels)?;
            let content = Segmentation::Masks { masks, geometry: volume.geometry };
            let segments = Segments { segments: channel_names(channels, names.as_ref()), content };
            return Ok(Labelled { oriented, ..Labelled::of_segments(path, segments)? });
        }
        let map = read_label_map(path)?;
        if let (Some(names), Some(beside)) = (&names, beside.flatten()) {
            let mut present = label_names::present(&map);
            present.retain(|value| Some(*value) != self.ignored);
            self.notes.extend(own::doubt(names, &beside, path, &present)?);
            let labels = names.labels.iter();
            let segment = |label: &LabelName| Segment { name: label.name.clone(), value: label.number, color: None };
            self.notes.extend(repeated(&beside, &labels.map(segment).collect::<Vec<_>>(), UNITED));
        }
        Ok(Labelled { oriented, ..Labelled::new(path, map, pairs(names)) })
    }
}

/// A remark on names that were given and differ from those of the file beside.
fn overruled(given: &LabelNames, own: &LabelNames, beside: &Path) -> Option<String> {
    let other = |label: &LabelName| {
        let own = own.labels.iter().find(|it| it.number == label.number)?;
        (folded(&own.name) != folded(&label.name)).then(|| (label.number, own.name.clone(), label.name.clone()))
    };
    let (number, theirs, ours) = given.labels.iter().find_map(other)?;
    Some(format!(
        "{} calls value {number} `{theirs}`, the names that were given `{ours}`: those that were given are taken",
        beside.display()
    ))
}

/// Names with their values; a value of a region has the region's name, too.
fn pairs(names: Option<LabelNames>) -> Vec<(String, u16)> {
    let Some(LabelNames { labels, regions, .. }) = names else { return Vec::new() };
    let single = labels.into_iter().map(|label| (label.name, label.number));
    let of = |(name, values): (String, Vec<u16>)| values.into_iter().map(move |value| (name.clone(), value));
    single.chain(regions.into_iter().flat_map(of)).collect()
}

/// Channel 0 is label 1.
fn channel_names(channels: usize, names: Option<&LabelNames>) -> Vec<Segment> {
    let name = |value: u16| {
        let named = names.and_then(|names| names.labels.iter().find(|label| label.number == value));
        Segment { name: named.map_or_else(|| value.to_string(), |label| label.name.clone()), value, color: None }
    };
    (1..=u16::try_from(channels).unwrap_or(u16::MAX)).map(name).collect()
}
