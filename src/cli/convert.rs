//! `segspec convert`.

mod folder;
mod parts;
mod scene;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::inspect::SeriesArgs;
use super::{Exit, Failure};
use crate::volume::Format;
use crate::volume::convert::{ConvertError, Options, convert};
use crate::volume::dicom::{self, Anonymous};
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
    /// Name the results case-0001 and so on; a DICOM series written as DICOM loses the elements that identify the patient
    #[arg(long)]
    anonymize: bool,
    /// Write the source of each result to this CSV file
    #[arg(long, value_name = "FILE", requires = "to")]
    map: Option<PathBuf>,
    /// Treat the values as labels (always so for DICOM SEG, RTSTRUCT, .seg.nrrd and surfaces)
    #[arg(long)]
    labels: bool,
    /// Image on whose grid surfaces and contours (RTSTRUCT) are voxelised, or DICOM series that a DICOM SEG refers to
    #[arg(long, value_name = "PATH")]
    on: Option<PathBuf>,
    /// Put labels on the grid of --on, whatever their own, such as a coarser one: each voxel takes the nearest label
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
    let options = Options {
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
        notes: Notes::default(),
    };
    if let Some(ending) = &args.to {
        return folder::execute(&args, ending, &options);
    }
    // Only labels have names.
    let labels = options.labels || args.names.is_some() || !args.structures.is_empty();
    let options = Options { labels, ..options };
    if let Some(kind) = scene::Kind::of(&args.target) {
        let written = scene::convert(&args, kind, &options)?;
        options.notes.all().iter().for_each(|note| eprintln!("note: {note}"));
        println!("{}", written.display());
        return Ok(Exit::Ok);
    }
    if args.reference.is_some() {
        let text = "--reference compares surfaces on a page: the target's name must end in .html (`segspec evaluate` computes scores)";
        return Err(Failure::message(Exit::Usage, text));
    }
    if let (Ok(source), Ok(target)) = (args.source.canonicalize(), args.target.canonicalize())
        && source == target
    {
        let text = format!("{}: this would replace the source; choose another target", args.target.display());
        return Err(Failure::message(Exit::Usage, text));
    }
    let written = match parts::of(&args.source, args.labels)? {
        Some(source) => parts::convert(&args, &source, &options)?,
        None if args.anonymize => anonymous_series(&args, &options)?,
        None => convert(&args.source, &args.target, &options).map_err(failure)?,
    };
    options.notes.all().iter().for_each(|note| eprintln!("note: {note}"));
    match written.as_slice() {
        [] => {}
        [one] => println!("{}", one.display()),
        [first, .., last] => println!("{} … {}, {} files", first.display(), last.display(), written.len()),
    }
    Ok(Exit::Ok)
}

fn failure(error: ConvertError) -> Failure {
    let environment = matches!(&error, ConvertError::Write(error) if error.environment);
    Failure::new(if environment { Exit::Environment } else { Exit::BadData }, error)
}

/// Copies a DICOM series without the elements that identify the patient.
fn anonymous_series(args: &Convert, options: &Options) -> Result<Vec<PathBuf>, Failure> {
    if Format::written_as(&args.target) != Some(Format::DicomImage) {
        // The other formats hold no patient data.
        return convert(&args.source, &args.target, options).map_err(failure);
    }
    let name = args.target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let identity = Anonymous { patient: name.clone(), description: name, secret: secret() };
    dicom::anonymise(&args.source, &options.choice, &args.target, &identity)
        .map_err(|error| Failure::new(Exit::BadData, error))
}

/// New for each call, so that anonymised UIDs cannot be traced back. The standard library seeds its hashers with system randomness.
fn secret() -> String {
    let number = || RandomState::new().build_hasher().finish();
    [number(), number(), number(), number()].map(|number| format!("{number:016x}")).concat()
}
