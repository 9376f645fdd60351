//! The work, as done by segspec.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use segspec::Cancel;
use segspec::dataset::{self, Dataset, read_label};
use segspec::preprocess::resample::{Order, resample};
use segspec::volume::dicom::{Choice, read_series};
use segspec::volume::{read_geometry, read_label_map, read_volume};

use super::Measured;
use super::common::{median, memory};

/// Kinds of work, named as in `benches/peer/files.py`.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// An image of 32-bit floats from a NIfTI file.
    Nifti,
    /// As [`Work::Nifti`]; the peers keep the type of the file.
    Stored,
    /// A label map from a NIfTI file.
    Labels,
    /// An image from a DICOM series.
    Dicom,
    /// An image on another grid, linear.
    Linear,
    /// An image on another grid, cubic splines.
    Cubic,
    /// A label map from one file per structure.
    Masks,
}

/// Grid that images are resampled to.
const TARGET: [usize; 3] = [180, 400, 400];

const TIMES: usize = 5;

/// Repeats the work in this process and measures it.
pub fn measure(work: Work, path: &Path) -> Measured {
    let read = |path: &Path| read_volume(path).expect("an image").voxels;
    match work {
        Work::Nifti | Work::Stored => repeat(|| 4 * read(path).len()),
        Work::Labels => repeat(|| 2 * black_box(read_label_map(path).expect("labels")).voxels.len()),
        Work::Dicom => repeat(|| 4 * black_box(read_series(path, &Choice::default()).expect("a series")).voxels.len()),
        Work::Linear | Work::Cubic => {
            let image = read(path);
            let image = image.index_axis(ndarray::Axis(0), 0);
            let order = if matches!(work, Work::Linear) { Order::Linear } else { Order::Cubic };
            repeat(|| 4 * black_box(resample(image, TARGET, order, None)).len())
        }
        Work::Masks => masks(path),
    }
}

/// Reads the structures of the dataset file, one mask file each, in one folder.
fn masks(root: &Path) -> Measured {
    let text = include_str!("../../datasets/totalsegmentator-v2.toml")
        .replace("Totalsegmentator_dataset_v201", "totalsegmentator")
        .replace("{case}/ct.nii.gz", "{case}_ct_sm.nii.gz")
        .replace("{case}/segmentations/", "{case}_seg_fast/");
    let spec: Dataset = toml::from_str(&text).expect("a dataset");
    let opened =
        dataset::open(&spec, "totalsegmentator", root.parent().unwrap_or(root), &Cancel::new()).expect("a case");
    let case = &opened.cases[0];
    let grid = read_geometry(&case.images[0]).expect("an image");
    repeat(|| 2 * black_box(read_label(case, &grid).expect("117 masks")).voxels.len())
}

/// `work` returns the size of its result in bytes.
fn repeat(mut work: impl FnMut() -> usize) -> Measured {
    let before = memory("VmRSS");
    let decoded = work() as f64;
    let peak = (memory("VmHWM") - before).max(0.0);
    let mut timed = || {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64()
    };
    Measured { seconds: median((0..TIMES).map(|_| timed()).collect()), peak, decoded }
}
