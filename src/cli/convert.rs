//! `segspec convert`.

mod folder;
mod parts;
mod scene;
mod secret;
mod target;
mod unused;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::inspect::SeriesArgs;
use super::{Exit, Failure};
use crate::volume::convert::{ConvertError, Options, convert};
use crate::volume::dicom;
use crate::volume::format::Notes;
use crate::volume::surface::CoordinateSystem;

/// Convert images, labels and surfaces; grids and voxel values are kept
#[derive(Debug, Args)]
#[command(after_help = "\
The target's ending selects the format: .nii, .nii.gz, .nrrd, .seg.nrrd (named segments), .dcm (DICOM SEG),
.stl, .obj, .ply (one surface per structure), .glb (all surfaces, coloured), .html (a page that shows all surfaces, with --reference
also their distances), .gif (the surfaces turning). A name without ending is written as a
folder with a DICOM series.

Examples:
  segspec convert dicom/ ct.nii.gz --series \"Abdomen 1.0\"
  segspec convert label.nii.gz label.dcm --on dicom/
  segspec convert femur.stl femur.nrrd --on ct.nii.gz
  segspec convert rtstruct.dcm organs.seg.nrrd --on dicom/
  segspec convert prediction.nii.gz organs.glb --triangles 20000
  segspec convert prediction.nii.gz organs.html --reference label.nii.gz
  segspec convert prediction.nii.gz organs.gif
  segspec convert organs.seg.nrrd organs.nii.gz --colours organs.txt
  segspec convert rtstruct.dcm organs.nii.gz --on dicom/ --structures liver,spleen
  segspec convert lesion.dcm lesion.nii.gz --on ct.nii.gz --resample
  segspec convert case/segmentations/ organs.nii.gz
  segspec convert masks/ label.nii.gz --labels --on dicom/
  segspec convert patients/ nifti/ --to nii.gz --anonymize --map patients.csv")]
pub struct Convert {
    /// File, folder of DICOM slices, folder with a mask or surface per structure, or (with --labels) with a label picture per slice
    source: PathBuf,
    /// File or folder to write
    target: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
    /// Convert every image below the source folder (files and DICOM series, also in folders of cases) to files with this ending in the
    /// target folder; DICOM SEG and RTSTRUCT become CASE-labels on the series that they were drawn on. Where names would be the same,
    /// folders are kept
    #[arg(long, value_name = "ENDING")]
    to: Option<String>,
    /// Write nothing that names the patient: with --to, the results are called case-0001 and so on; DICOM series and SEG get new UIDs and
    /// lose the elements that identify the patient. Names of structures are kept
    #[arg(long)]
    anonymize: bool,
    /// File with the secret that new UIDs follow from, made if it is not there: with the same secret, a series and the DICOM SEG that were
    /// drawn on it stay together, also in separate calls. Who has the secret can tell which UID became which [default: new for each call]
    #[arg(long, value_name = "FILE", requires = "anonymize")]
    secret: Option<PathBuf>,
    /// Replace files, and folders with a DICOM series, that are there already
    #[arg(long)]
    overwrite: bool,
    /// Write the source of each result to this CSV file
    #[arg(long, value_name = "FILE", requires = "to")]
    map: Option<PathBuf>,
    /// Treat the values as labels (always so for DICOM SEG, RTSTRUCT, .seg.nrrd and surfaces)
    #[arg(long)]
    labels: bool,
    /// Image on whose grid labels are put: surfaces and contours (RTSTRUCT) are voxelised, label maps must have its voxels or a part of
    /// them. Or the DICOM series that a DICOM SEG refers to
    #[arg(long, value_name = "PATH")]
    on: Option<PathBuf>,
    /// Put labels on the grid of --on, whatever their own, such as a coarser one: each voxel takes the nearest label; what is lost is said
    #[arg(long)]
    resample: bool,
    /// Only these structures
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    structures: Vec<String>,
    /// File that names the source's label values: .json (label_map.json, dataset.json), .txt (ITK-SNAP), .ctbl (3D Slicer)
    /// [default: label_map.json beside the source]
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Write surfaces along voxel faces, without smoothing
    #[arg(long)]
    blocky: bool,
    /// Simplify each written surface to at most this many triangles (.html and .gif: all surfaces together to about as many
    /// [default: 100000])
    #[arg(long, value_name = "N")]
    triangles: Option<usize>,
    /// For .html: the labels to compare with, in any of the source's forms and on any grid; surfaces are coloured by their distance
    #[arg(long, value_name = "PATH", conflicts_with_all = ["to", "on"])]
    reference: Option<PathBuf>,
    /// Also write the structures' names and colours to this file: .txt for ITK-SNAP, .ctbl for 3D Slicer
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    colours: Option<PathBuf>,
    /// Coordinate system of the source surface, even if it states another (which is warned of), or of the target surface [default: what
    /// the source states, else lps]
    #[arg(long, value_name = "SYSTEM")]
    coordinates: Option<Coordinates>,
    /// Modality of a written DICOM series [default: other]
    #[arg(long)]
    modality: Option<Modality>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Coordinates {
    Lps,
    Ras,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Modality {
    Ct,
    Mr,
    Other,
}

/// Converts, and prints the written files.
pub fn execute(args: Convert) -> Result<Exit, Failure> {
    if let Some(ending) = &args.to {
        target::refuse_ending(ending.trim_start_matches('.'))?;
        unused::refuse(&args)?;
        return folder::execute(&args, ending, &options(&args)?);
    }
    target::check(&args)?;
    unused::refuse(&args)?;
    let options = options(&args)?;
    // Only labels have names.
    let labels = options.labels || args.names.is_some() || !args.structures.is_empty();
    let options = Options { labels, ..options };
    let written = match scene::Kind::of(&args.target) {
        Some(kind) => vec![scene::convert(&args, kind, &options)?],
        None => target::write(&args.target, |target| write(&args, target, &options))?,
    };
    options.notes.all().iter().for_each(|note| eprintln!("note: {note}"));
    match written.as_slice() {
        [] => {}
        [one] => println!("{}", one.display()),
        [first, .., last] => println!("{} … {}, {} files", first.display(), last.display(), written.len()),
    }
    Ok(Exit::Ok)
}

fn write(args: &Convert, target: &Path, options: &Options) -> Result<Vec<PathBuf>, Failure> {
    match parts::of(&args.source, args.labels)? {
        Some(source) => parts::convert(args, &source, target, options),
        None => convert(&args.source, target, options).map_err(failure),
    }
}

fn options(args: &Convert) -> Result<Options, Failure> {
    Ok(Options {
        person: None,
        choice: args.series.choice(),
        labels: args.labels,
        on: args.on.clone(),
        blocky: args.blocky,
        triangles: args.triangles,
        colours: args.colours.clone(),
        names: args.names.clone(),
        coding: Vec::new(),
        coordinates: args.coordinates.map(|system| match system {
            Coordinates::Lps => CoordinateSystem::Lps,
            Coordinates::Ras => CoordinateSystem::Ras,
        }),
        modality: args.modality.map(|modality| match modality {
            Modality::Ct => dicom::Modality::Ct,
            Modality::Mr => dicom::Modality::Mr,
            Modality::Other => dicom::Modality::Other,
        }),
        name: None,
        structures: args.structures.clone(),
        resample: args.resample,
        anonymous: secret::identity(args)?,
        keep: !args.overwrite,
        notes: Notes::default(),
    })
}

fn failure(error: ConvertError) -> Failure {
    error.into()
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Self {
        let exit = match &error {
            ConvertError::Exists(_) => Exit::Usage,
            _ if error.is_environment() => Exit::Environment,
            _ => Exit::BadData,
        };
        Self::new(exit, error)
    }
}
