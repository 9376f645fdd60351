//! `cargo bench --bench augment`: milliseconds per training patch of nnU-Net's augmentation on one thread, compared with
//! batchgeneratorsv2.
//!
//! `SEGSPEC_BENCH_PYTHON` names a Python with `batchgeneratorsv2`; without it, only our own figures are printed. Both sides
//! alternate, each in a separate process; the patch is cut from a case 1.5 times as large along each axis.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "memory is not measured here")]
mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hint::black_box;
use std::time::Instant;

use common::{in_new_process, median, peer};
use ndarray::{Array3, Array4};
use segspec::augment::dice::End;
use segspec::augment::patch::{Draw, Place, Source, draw};
use segspec::augment::spec::Preset;
use segspec::augment::{Augment, AugmentPlan};
use segspec::random;

const SIZES: [(&str, [usize; 3]); 2] = [("64", [64, 64, 64]), ("hippocampus", [40, 56, 40])];
const STEPS: [&str; 10] = [
    "preset",
    "rotation",
    "zoom",
    "noise",
    "blur",
    "brightness",
    "contrast",
    "low-resolution",
    "inverted-gamma",
    "gamma",
];

/// Processes per side; the median is reported.
const TURNS: usize = 3;
/// Patches of the whole preset in one process, and of one transform alone.
const PATCHES: u64 = 300;
const ALONE: u64 = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [measure, size, step] = arguments.as_slice()
        && measure == "--measure"
    {
        println!("{}", milliseconds(size, step));
        return;
    }
    let python = std::env::var_os("SEGSPEC_BENCH_PYTHON");
    println!("| Patch | Work | Ours, ms | batchgeneratorsv2, ms | Ratio |\n|---|---|---|---|---|");
    for (name, size) in SIZES {
        for step in STEPS {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                ours.push(in_new_process(&["--measure", name, step].map(OsStr::new)));
                let arguments = [size.map(|voxels| voxels.to_string()).join(","), step.to_owned()];
                let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
                theirs.extend(python.as_ref().map(|python| peer::<f64>(python, "augment.py", &arguments)));
            }
            let ours = median(ours);
            let (theirs, ratio) = match theirs.is_empty() {
                true => ("–".to_owned(), "–".to_owned()),
                false => (format!("{:.2}", median(theirs.clone())), format!("{:.2}", ours / median(theirs))),
            };
            println!(
                "| {} | {step} | {ours:.2} | {theirs} | {ratio} |",
                size.map(|voxels| voxels.to_string()).join("×")
            );
        }
    }
}

/// Mean time per patch.
fn milliseconds(size: &str, step: &str) -> f64 {
    let size = SIZES.iter().find(|(name, _)| *name == size).map_or([64; 3], |(_, size)| *size);
    let whole = AugmentPlan::resolve(&Augment { preset: Preset::NnuNet, ..Augment::default() }, size, &[], false);
    let alone = whole.each().into_iter().find(|(name, _)| *name == step).map(|(_, plan)| plan);
    let patches = if alone.is_some() { ALONE } else { PATCHES };
    // The low end of low resolution, half the resolution, is its strongest setting; the high end does not resample.
    let end = alone.as_ref().map(|_| if step == "low-resolution" { End::Low } else { End::High });
    let mut augment = alone.unwrap_or(whole);
    for step in &mut augment.intensity {
        use segspec::augment::intensity::Intensity;
        if let (Intensity::LowResolution(it), Some(_)) = (step, end) {
            it.channel_probability = 1.0;
        }
    }
    let shape = size.map(|voxels| voxels * 3 / 2);
    let image = Array4::from_shape_fn((1, shape[0], shape[1], shape[2]), |(_, z, y, x)| {
        ((z * 31 + y * 17 + x * 7) % 97) as f32 / 48.0 - 1.0
    });
    let labels = Array3::from_shape_fn(shape, |(z, y, x)| [0u16, 1, 0, 2][(z / 12 + y / 12 + x / 12) % 4]);
    let locations = BTreeMap::new();
    let source =
        Source { image: image.view(), labels: labels.view(), spacing_mm: [1.0; 3], locations: &locations, near: None };
    let structures = [vec![1], vec![2]];
    let how =
        Draw { size, structures: &structures, place: Place::Anywhere, drop_background: 0.0, augment: &augment, end };
    let make = |sample: u64| black_box(draw(source, how, &mut random::stream(1, "patch", 0, sample)));
    (0..10).for_each(|sample| drop(make(sample)));
    let start = Instant::now();
    (0..patches).for_each(|sample| drop(make(sample)));
    start.elapsed().as_secs_f64() * 1000.0 / patches as f64
}
