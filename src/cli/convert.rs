//! `segspec convert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::inspect::SeriesArgs;
use super::{Exit, Failure};
use crate::volume::convert::{ConvertError, Options, convert};
use crate::volume::dicom;
use crate::volume::surface::CoordinateSystem;

/// Convert images, labels and surfaces; grids and voxels stay as they are
#[derive(Debug, Args)]
#[command(after_help = "\
The target's name says the format: .nii, .nii.gz, .nrrd, .seg.nrrd (segments with names), .dcm (DICOM SEG), a folder
(DICOM series), .stl, .obj, .ply (a surface per structure), .glb (all of them, in colour).

Examples:
  segspec convert dicom/ ct.nii.gz --series \"Abdomen 1.0\"
  segspec convert label.nii.gz label.dcm --on dicom/
  segspec convert femur.stl femur.nrrd --on ct.nii.gz
  segspec convert prediction.nii.gz organs.glb")]
pub struct Convert {
    /// File, or folder of DICOM slices
    source: PathBuf,
    /// File or folder to write
    target: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
    /// The values are labels (known by itself for DICOM SEG, .seg.nrrd and surfaces)
    #[arg(long)]
    labels: bool,
    /// Image whose grid a surface is put on; DICOM series that segments belong to: written for, or read with all its slices
    #[arg(long, value_name = "PATH")]
    on: Option<PathBuf>,
    /// Surfaces with the steps of the voxels, not smoothed
    #[arg(long)]
    blocky: bool,
    /// Axes of a surface's points: of those read where the file does not say it, of those written (default lps)
    #[arg(long, value_name = "SYSTEM")]
    coordinates: Option<Coordinates>,
    /// Modality of a written series
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

/// Converts, and names the files written.
pub fn execute(args: Convert) -> Result<Exit, Failure> {
    let options = Options {
        choice: args.series.choice(),
        labels: args.labels,
        on: args.on,
        blocky: args.blocky,
        coordinates: args.coordinates.map(|system| match system {
            Coordinates::Lps => CoordinateSystem::Lps,
            Coordinates::Ras => CoordinateSystem::Ras,
        }),
        modality: args.modality.map(|modality| match modality {
            Modality::Ct => dicom::Modality::Ct,
            Modality::Mr => dicom::Modality::Mr,
            Modality::Other => dicom::Modality::Other,
        }),
    };
    let written = convert(&args.source, &args.target, &options).map_err(|error| {
        let environment = matches!(&error, ConvertError::Write(error) if error.environment);
        Failure::new(if environment { Exit::Environment } else { Exit::BadData }, error)
    })?;
    match written.as_slice() {
        [] => {}
        [one] => println!("{}", one.display()),
        [first, .., last] => println!("{} … {}, {} files", first.display(), last.display(), written.len()),
    }
    Ok(Exit::Ok)
}
