//! What the phantom promises.

use super::*;
use crate::dataset::{Dataset, check, open};
use crate::volume::{Segmentation, read_label_map, read_volume};

fn recipe(cases: usize, seed: u64, size: PhantomSize) -> PhantomRecipe {
    PhantomRecipe { cases, seed, size }
}

/// Voxels per (structure, HU) and per HU, pooled over cases.
fn histograms(cases: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let bins = 4096;
    let (mut of_structure, mut of_all) = (vec![vec![0.0; bins]; STRUCTURES.len()], vec![0.0; bins]);
    for number in 0..cases {
        let (image, labels) = case(recipe(cases, 7, PhantomSize::Small), number);
        for (hu, &label) in image.voxels.iter().zip(&labels.voxels) {
            let bin = (hu + 1024.0) as usize;
            of_all[bin] += 1.0;
            if label > 0 {
                of_structure[usize::from(label) - 1][bin] += 1.0;
            }
        }
    }
    (of_structure, of_all)
}

/// The best Dice of any set of bins: bins enter in the order of the structure's share, the best prefix wins.
fn best_dice(of_structure: &[f64], of_all: &[f64]) -> f64 {
    let mut bins: Vec<usize> = (0..of_all.len()).filter(|&bin| of_structure[bin] > 0.0).collect();
    let share = |bin: usize| of_structure[bin] / of_all[bin];
    bins.sort_by(|&a, &b| share(b).total_cmp(&share(a)));
    let total: f64 = of_structure.iter().sum();
    let (mut hit, mut chosen, mut best) = (0.0, 0.0, 0.0_f64);
    for bin in bins {
        hit += of_structure[bin];
        chosen += of_all[bin];
        best = best.max(2.0 * hit / (total + chosen));
    }
    best
}

#[test]
fn intensity_alone_does_not_segment_it() {
    let (of_structure, of_all) = histograms(6);
    let dice: Vec<f64> = of_structure.iter().map(|counts| best_dice(counts, &of_all)).collect();
    let mean = dice.iter().sum::<f64>() / dice.len() as f64;
    println!("best voxelwise Dice {dice:.2?}, mean {mean:.2}");
    assert!(mean < 0.6, "{dice:?}");
    assert!(mean > 0.1, "the structures are not there: {dice:?}");
}

#[test]
fn same_seed_gives_the_same_bytes_whatever_the_threads() {
    let hash = |threads: usize, seed: u64| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("set");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| write(&out, recipe(3, seed, PhantomSize::Tiny), &|_, _| {})).unwrap();
        let files = (0..3)
            .flat_map(|number| ["imagesTr", "labelsTr"].map(|kind| format!("{kind}/{}.nii.gz", case_name(number))));
        let mut hasher = blake3::Hasher::new();
        files.for_each(|file| {
            hasher.update(&std::fs::read(out.join(file)).unwrap());
        });
        hasher.finalize()
    };
    assert_eq!(hash(1, 3), hash(3, 3));
    assert_ne!(hash(1, 3), hash(1, 4));
}

#[test]
fn every_case_has_every_structure_on_its_side() {
    for number in 0..8 {
        let (_, labels) = case(recipe(8, 11, PhantomSize::Small), number);
        let mut centers = [[0.0; 4]; 7];
        for ((z, y, x), &label) in labels.voxels.indexed_iter() {
            let world = labels.geometry.to_world([z as f64, y as f64, x as f64]);
            let center = &mut centers[usize::from(label)];
            (0..3).for_each(|axis| center[axis] += world[axis]);
            center[3] += 1.0;
        }
        let place = |label: usize, axis: usize| centers[label][axis] / centers[label][3];
        let [right, anterior] = [0, 1];
        assert!(centers[1..].iter().all(|center| center[3] > 300.0), "case {number}: {centers:?}");
        assert!(place(1, right) > 30.0 && place(4, right) < -50.0, "liver right, spleen left");
        assert!(place(2, right) < -40.0 && place(3, right) > 40.0, "left kidney on the left");
        assert!(place(5, anterior) < -30.0 && place(5, right).abs() < 25.0, "spine at the back");
    }
}

#[test]
fn grids_and_orientations_differ_and_organs_are_large_enough() {
    let cases: Vec<_> = (0..12).map(|number| case(recipe(12, 5, PhantomSize::Small), number).1).collect();
    let orientations: std::collections::BTreeSet<String> =
        cases.iter().map(|labels| labels.geometry.orientation()).collect();
    let spacings: std::collections::BTreeSet<String> =
        cases.iter().map(|labels| format!("{:.2?}", labels.to_canonical().geometry.spacing_mm())).collect();
    assert!(orientations.len() >= 4, "{orientations:?}");
    assert_eq!(spacings.len(), 12);
    for labels in &cases {
        for label in 1..=4 {
            for axis in 0..3 {
                let present = labels
                    .voxels
                    .axis_iter(ndarray::Axis(axis))
                    .filter(|slice| slice.iter().any(|&value| value == label));
                assert!(present.count() >= 8, "label {label} along axis {axis}");
            }
        }
    }
}

#[test]
fn the_written_set_is_a_dataset_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let text = "root = \"set\"\nmodality = \"ct\"\nlayout = { phantom = { generate = { cases = 2, seed = 1, size = \"tiny\" } } }\n";
    let structures =
        STRUCTURES.map(|(name, value)| format!("[[structure]]\nname = \"{name}\"\nvalue = {value}\n")).concat();
    let mut spec: Dataset = toml::from_str(&format!("{text}{structures}")).unwrap();
    for _ in 0..2 {
        let opened = open(&spec, "phantom", folder.path()).unwrap();
        let rows = check(&opened, &spec, &|_, _| {});
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.excluded.is_none() && row.warnings.is_empty()), "{rows:?}");
    }
    let (image, labels) = case(recipe(2, 1, PhantomSize::Tiny), 1);
    let file = |kind: &str| folder.path().join("set").join(kind).join("phantom_001.nii.gz");
    assert_eq!(read_volume(&file("imagesTr")).unwrap(), image);
    assert_eq!(Segmentation::Labels(read_label_map(&file("labelsTr")).unwrap()), Segmentation::Labels(labels));
    let again = write(&folder.path().join("set"), recipe(2, 1, PhantomSize::Tiny), &|_, _| {}).unwrap_err();
    assert!(again.to_string().contains("not empty"), "{again}");
    spec.layout = super::super::spec::Layout::Phantom { generate: Some(recipe(3, 1, PhantomSize::Tiny)) };
    let other = open(&spec, "phantom", folder.path()).unwrap_err().to_string();
    assert!(other.contains("2 cases, seed 1, size tiny") && other.contains("3 cases"), "{other}");
}
