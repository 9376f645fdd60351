//! Summary of a file's content, for `segspec inspect`.

use std::path::Path;

use serde::Serialize;

use super::dicom::{self, Choice, Series, SeriesSummary};
use super::format::Options;
use super::image_warnings;
use super::label_names::own;
use super::surface::{ReadOptions, Topology, read_surface};
use super::{Format, Geometry, Header, LabelMap, ReadError, Segment, Segmentation, Segments, Volume};

/// Images with at most this many different whole numbers may be label maps: their values are counted.
const MAX_LABELS: usize = 256;

/// Bins of a histogram.
pub const BINS: usize = 32;

/// Content of a path.
#[derive(Clone, Debug)]
pub enum Facts {
    /// An image, or labels.
    Image(Box<ImageFacts>),
    /// Several DICOM series, of which one has to be chosen.
    Series(Vec<SeriesSummary>),
    /// A surface.
    Surface(SurfaceFacts),
    /// Contours, which become voxels only on an image.
    Contours(dicom::ContourFacts),
}

/// An image, or labels.
#[derive(Clone, Debug)]
pub struct ImageFacts {
    /// The format.
    pub format: Format,
    /// Type of the stored numbers.
    pub value_type: &'static str,
    /// Channels, or masks of segments that overlap.
    pub channels: usize,
    /// The grid, as stored.
    pub geometry: Geometry,
    /// Whether the file states an orientation, and so which side is left.
    pub oriented: bool,
    /// Smallest and largest value.
    pub range: [f32; 2],
    /// Mean value.
    pub mean: f64,
    /// Voxels per bin; bins have equal widths from the smallest value to the largest.
    pub histogram: [usize; BINS],
    /// CRC-32 of the values as little-endian floats, in the order `[channel, z, y, x]` of the stored grid.
    pub crc32: u32,
    /// Structures and their numbers of voxels; empty where the image is not a label map.
    pub segments: Vec<(Segment, usize)>,
    /// The most informative elements of a DICOM series.
    pub tags: Vec<(String, String)>,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// A surface in RAS millimetres.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SurfaceFacts {
    /// Number of triangles.
    pub triangles: usize,
    /// Smallest and largest corner `[x, y, z]`.
    pub bounds_mm: Option<[[f64; 3]; 2]>,
    /// Surface area.
    pub area_mm2: f64,
    /// Enclosed volume, by the divergence theorem; approximate where there are holes.
    pub volume_mm3: f64,
    /// Edges with one triangle, which border holes.
    pub open_edges: usize,
    /// Connected components.
    pub components: usize,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// Summarises the content of a path. `choice` names the DICOM series where a folder has several; without a choice they are listed.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn facts(path: &Path, choice: &Choice) -> Result<Facts, ReadError> {
    let format = Format::of(path)?;
    let options = Options { choice: choice.clone(), ..Options::default() };
    match format.entry().read.facts {
        Some(facts) => facts(path, &options),
        None => of_image(path, format, &options).map(|facts| Facts::Image(Box::new(facts))),
    }
}

fn of_image(path: &Path, format: Format, options: &Options) -> Result<ImageFacts, ReadError> {
    let read = &format.entry().read;
    let header = (read.header)(path, options)?;
    let mut warnings = Vec::new();
    let (volume, segments) = match format.entry().holds_labels {
        true => of_segments((read.segments)(path, options)?),
        false => {
            let volume = (read.volume)(path, options)?;
            let segments = with_names(path, &volume, labels(&volume), options, &mut warnings);
            (volume, segments)
        }
    };
    let mut facts = of_volume(format, &volume, header);
    facts.warnings.extend(warnings);
    Ok(ImageFacts { segments, ..facts })
}

/// The structures with the names that a file beside the labels gives them; what is wrong with these names becomes a warning.
fn with_names(
    path: &Path,
    volume: &Volume,
    mut segments: Vec<(Segment, usize)>,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Vec<(Segment, usize)> {
    let present = segments.iter().map(|(segment, _)| segment.value).collect();
    let (names, doubt) = match own::found(path, &present) {
        Ok(Some((_, names, doubt))) if !segments.is_empty() || names.overlapping => (names, doubt),
        Ok(_) => return segments,
        Err(error) => {
            warnings.push(error.to_string());
            return segments;
        }
    };
    warnings.extend(doubt);
    if names.overlapping {
        // Images beside masks have other channels.
        let is_masks = volume.voxels.dim().0 == names.labels.len();
        let read = is_masks.then(|| names.segments(path, options).ok()).flatten();
        return read.map_or(segments, |masks| of_segments(masks).1);
    }
    for (segment, _) in &mut segments {
        if let Some(label) = names.labels.iter().find(|label| label.number == segment.value) {
            (segment.name, segment.color) = (label.name.clone(), label.color);
        }
    }
    segments
}

/// Summary of a DICOM series, or the list of a folder's series.
pub(super) fn of_series(path: &Path, options: &Options) -> Result<Facts, ReadError> {
    let found = dicom::scan(path)?;
    if options.choice == Choice::default() && found.series.len() > 1 {
        return Ok(Facts::Series(found.series));
    }
    let series = Series::open(path, &options.choice)?;
    let facts = of_volume(Format::DicomImage, &series.read()?, series.header());
    Ok(Facts::Image(Box::new(ImageFacts { tags: series.tags()?, ..facts })))
}

/// Summary of a surface file.
pub(super) fn of_surface(path: &Path, options: &Options) -> Result<Facts, ReadError> {
    let file = read_surface(path, &ReadOptions { coordinates: options.coordinates, ..ReadOptions::default() })?;
    let topology = Topology::of(&file.surface);
    Ok(Facts::Surface(SurfaceFacts {
        triangles: file.surface.triangles().len(),
        bounds_mm: file.surface.bounds_mm(),
        area_mm2: file.surface.area_mm2(),
        volume_mm3: file.surface.volume_mm3(),
        open_edges: topology.open_edges,
        components: topology.components,
        warnings: file.warnings.iter().map(ToString::to_string).collect(),
    }))
}

fn of_volume(format: Format, volume: &Volume, header: Header) -> ImageFacts {
    let (mut range, mut sum) = ([f32::INFINITY, f32::NEG_INFINITY], 0.0);
    let mut crc = flate2::Crc::new();
    for &value in &volume.voxels {
        range = [range[0].min(value), range[1].max(value)];
        sum += f64::from(value);
        crc.update(&value.to_le_bytes());
    }
    let mut histogram = [0; BINS];
    let width = f64::from(range[1]) - f64::from(range[0]);
    for &value in &volume.voxels {
        let part = (f64::from(value) - f64::from(range[0])) / width.max(f64::MIN_POSITIVE) * BINS as f64;
        histogram[(part as usize).min(BINS - 1)] += 1;
    }
    let mut warnings = image_warnings(&volume.geometry, header.oriented, range);
    warnings.extend(header.warnings);
    ImageFacts {
        format,
        value_type: header.value_type,
        channels: volume.voxels.dim().0,
        geometry: volume.geometry.clone(),
        oriented: header.oriented,
        range,
        mean: sum / volume.voxels.len().max(1) as f64,
        histogram,
        crc32: crc.sum(),
        segments: Vec::new(),
        tags: Vec::new(),
        warnings,
    }
}

/// Segments as an image, and how many voxels each has.
fn of_segments(segments: Segments) -> (Volume, Vec<(Segment, usize)>) {
    let geometry = segments.geometry().clone();
    let (voxels, counts) = match &segments.content {
        Segmentation::Labels(LabelMap { voxels, .. }) => {
            let mut counts = vec![0; usize::from(u16::MAX) + 1];
            voxels.iter().for_each(|&value| counts[usize::from(value)] += 1);
            let counts = segments.segments.iter().map(|segment| counts[usize::from(segment.value)]).collect();
            (voxels.mapv(f32::from).insert_axis(ndarray::Axis(0)), counts)
        }
        Segmentation::Masks { masks, .. } => {
            let count = |mask: ndarray::ArrayView3<u8>| mask.iter().filter(|&&inside| inside > 0).count();
            (masks.mapv(f32::from), masks.outer_iter().map(count).collect::<Vec<_>>())
        }
    };
    (Volume { voxels, geometry }, segments.segments.into_iter().zip(counts).collect())
}

/// The labels of an image with one channel, if its values look like labels: few, whole and not negative.
fn labels(volume: &Volume) -> Vec<(Segment, usize)> {
    let mut counts = std::collections::BTreeMap::<u16, usize>::new();
    if volume.voxels.dim().0 != 1 {
        return Vec::new();
    }
    for &value in &volume.voxels {
        let label = value as u16;
        if f32::from(label) != value || counts.len() > MAX_LABELS {
            return Vec::new();
        }
        *counts.entry(label).or_default() += 1;
    }
    let segment = |value| Segment { name: format!("label {value}"), value, color: None };
    counts.into_iter().filter(|(value, _)| *value > 0).map(|(value, count)| (segment(value), count)).collect()
}
