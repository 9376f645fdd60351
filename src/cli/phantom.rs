//! `segspec phantom`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Exit, Failure, dataset, session};
use crate::dataset::phantom::{self, PhantomLayout, PhantomRecipe, PhantomSize};

/// Generate a synthetic abdominal dataset; the same seed gives the same files
///
/// Bodies with liver, kidneys, spleen, spine, ribs and more in plausible Hounsfield units, with varying anatomy, spacing and
/// orientation, and with labels. The default layout is that of the Medical Segmentation Decathlon, including dataset.json;
/// --layout selects the folders, file names and structures of another project.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec phantom data/phantom --cases 20 --seed 1
  segspec phantom data/phantom-tiny --cases 6 --size tiny
  segspec phantom data/phantom-uw-madison --layout uw-madison --cases 16
  segspec new --from data/phantom        # write a dataset and an experiment for it")]
pub struct Phantom {
    /// Folder to create; must be empty if it exists
    out: PathBuf,
    /// Number of cases
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    cases: u16,
    /// Seed of anatomy and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Size of the images
    #[arg(long, value_enum, default_value_t = Size::Small)]
    size: Size,
    /// Folders, file formats and structures
    #[arg(long, value_enum, default_value_t = Layout::Decathlon)]
    layout: Layout,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    /// Medical Segmentation Decathlon: liver, kidneys, spleen, spine, ribs as NIfTI, dataset.json
    Decathlon,
    /// patient01/dicom/*.dcm and a surface per bone: patient01/spine.stl, ribs.stl
    DicomStl,
    /// Patient_01/im_1/*.dcm and a DICOM SEG in Patient_01/im_3: spine, kidneys, liver, spleen
    DicomSeg,
    /// UW-Madison GI Tract: MR slices as PNG, train.csv with stomach and bowel; two cases per patient
    UwMadison,
    /// TotalSegmentator: s0000/ct.nii.gz, a mask for each of 16 structures, meta.csv
    #[value(name = "totalsegmentator")]
    TotalSegmentator,
    /// FLARE 2022: images/CASE_0000.nii.gz, labels/CASE.nii.gz with nine of its 13 organs
    Flare,
}

impl From<Layout> for PhantomLayout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Decathlon => Self::Decathlon,
            Layout::DicomStl => Self::DicomStl,
            Layout::DicomSeg => Self::DicomSeg,
            Layout::UwMadison => Self::UwMadison,
            Layout::TotalSegmentator => Self::TotalSegmentator,
            Layout::Flare => Self::Flare,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Size {
    /// About 20×28×28 voxels, for tests
    Tiny,
    /// About 40×64×64 voxels, for a first run
    Small,
    /// About 96×160×160 voxels
    Large,
}

pub fn execute(args: Phantom) -> Result<Exit, Failure> {
    let size = match args.size {
        Size::Tiny => PhantomSize::Tiny,
        Size::Small => PhantomSize::Small,
        Size::Large => PhantomSize::Large,
    };
    let recipe = PhantomRecipe { cases: args.cases.into(), seed: args.seed, size, layout: args.layout.into() };
    let bar = dataset::progress_bar("writing");
    phantom::write(&args.out, recipe, &|done, all| dataset::show(&bar, done, all), &session::cancellation())
        .map_err(dataset::failure)?;
    bar.finish_and_clear();
    println!("{}: {recipe}", args.out.display());
    Ok(Exit::Ok)
}
