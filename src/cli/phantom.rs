//! `segspec phantom`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Exit, Failure, dataset};
use crate::dataset::phantom;
use crate::dataset::spec::{PhantomRecipe, PhantomSize};

/// Write a synthetic abdominal CT set: the same files for the same seed
///
/// Bodies with liver, kidneys, spleen, spine and ribs in plausible Hounsfield units, of different anatomy, spacing and
/// orientation, with labels, in the folders and with the dataset.json of the Medical Segmentation Decathlon.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec phantom data/phantom --cases 20 --seed 1
  segspec phantom data/phantom-tiny --cases 6 --size tiny
  segspec new --from data/phantom        # write a dataset and an experiment for it")]
pub struct Phantom {
    /// Folder to make; it must not exist or be empty
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
    let recipe = PhantomRecipe { cases: args.cases.into(), seed: args.seed, size };
    let bar = dataset::progress_bar("writing");
    phantom::write(&args.out, recipe, &|done, all| dataset::show(&bar, done, all)).map_err(dataset::failure)?;
    bar.finish_and_clear();
    println!("{}: {}", args.out.display(), phantom::describe(recipe));
    Ok(Exit::Ok)
}
