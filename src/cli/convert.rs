//! `segspec convert`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::inspect::SeriesArgs;
use super::{Exit, Failure, dataset};
use crate::dataset::unlabelled;
use crate::volume::Format;
use crate::volume::convert::{ConvertError, Options, convert};
use crate::volume::dicom::{self, Anonymous};
use crate::volume::format::Notes;
use crate::volume::surface::CoordinateSystem;

/// Convert images, labels and surfaces; grids and voxel values are kept
#[derive(Debug, Args)]
#[command(after_help = "\
The target's ending selects the format: .nii, .nii.gz, .nrrd, .seg.nrrd (named segments), .dcm (DICOM SEG),
.stl, .obj, .ply (one surface per structure), .glb (all surfaces, coloured). A name without ending is written as a
folder with a DICOM series.

Examples:
  segspec convert dicom/ ct.nii.gz --series \"Abdomen 1.0\"
  segspec convert label.nii.gz label.dcm --on dicom/
  segspec convert femur.stl femur.nrrd --on ct.nii.gz
  segspec convert rtstruct.dcm organs.seg.nrrd --on dicom/
  segspec convert prediction.nii.gz organs.glb --triangles 20000
  segspec convert organs.seg.nrrd organs.nii.gz --colours organs.txt
  segspec convert patients/ nifti/ --to nii.gz --anonymize --map patients.csv")]
pub struct Convert {
    /// File, or folder of DICOM slices
    source: PathBuf,
    /// File or folder to write
    target: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
    /// Convert every image of the source folder (files, or folders of DICOM slices) to files with this ending in the target folder
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
    /// File that names the source's label values: .json (label_map.json, dataset.json), .txt (ITK-SNAP), .ctbl (3D Slicer)
    /// [default: label_map.json beside the source]
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Write surfaces along voxel faces, without smoothing
    #[arg(long)]
    blocky: bool,
    /// Simplify each written surface to at most this many triangles
    #[arg(long, value_name = "N")]
    triangles: Option<usize>,
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
        notes: Notes::default(),
    };
    if let Some(ending) = &args.to {
        return folder(&args, ending, &options);
    }
    let written = match args.anonymize {
        true => anonymous_series(&args, &options)?,
        false => convert(&args.source, &args.target, &options).map_err(failure)?,
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

/// Converts every image below a folder; failures are listed at the end.
fn folder(args: &Convert, ending: &str, options: &Options) -> Result<Exit, Failure> {
    let (cases, excluded) = unlabelled(&args.source, 1).map_err(dataset::failure)?;
    if cases.is_empty() {
        let text = format!("{}: no image file or DICOM series found", args.source.display());
        return Err(Failure::message(Exit::BadData, text));
    }
    let bar = dataset::progress_bar("converting");
    let (mut rows, mut failed) = (csv::Writer::from_writer(Vec::new()), Vec::new());
    let mut row = |cells: [&str; 2]| rows.write_record(cells).map_err(|error| Failure::new(Exit::Environment, error));
    row(["result", "source"])?;
    for (index, case) in cases.iter().enumerate() {
        let name = if args.anonymize { format!("case-{:04}", index + 1) } else { case.name.clone() };
        let ending = ending.trim_start_matches('.');
        let target = args.target.join(if ending == "dicom" { name } else { format!("{name}.{ending}") });
        let source = &case.images[0];
        match convert(source, &target, options) {
            Ok(_) => row([&target.to_string_lossy(), &source.to_string_lossy()])?,
            Err(error) => failed.push(error.to_string()),
        }
        dataset::show(&bar, index + 1, cases.len());
    }
    bar.finish_and_clear();
    if let Some(path) = &args.map {
        let map = rows.into_inner().map_err(|error| Failure::new(Exit::Environment, error.into_error()))?;
        crate::files::write_atomic(path, &map).map_err(|error| Failure::new(Exit::Environment, error))?;
    }
    println!("{} of {} converted", cases.len() - failed.len(), cases.len() + excluded.len());
    failed.extend(excluded.into_iter().map(|row| format!("{}: {}", row.case, row.reason)));
    if failed.is_empty() { Ok(Exit::Ok) } else { Err(Failure::message(Exit::BadData, failed.join("\n"))) }
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
