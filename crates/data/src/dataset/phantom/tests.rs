//! Properties of the phantom.

use super::*;
use crate::dataset::{Dataset, check, open, read_image, read_label};
use crate::volume::{Segmentation, read_label_map, read_volume};

fn recipe(cases: usize, seed: u64, size: PhantomSize) -> PhantomRecipe {
    PhantomRecipe { cases, seed, size, layout: PhantomLayout::Decathlon }
}

const LAYOUTS: [PhantomLayout; 6] = [
    PhantomLayout::Decathlon,
    PhantomLayout::DicomStl,
    PhantomLayout::DicomSeg,
    PhantomLayout::UwMadison,
    PhantomLayout::TotalSegmentator,
    PhantomLayout::Flare,
];

/// Voxel counts per structure and HU, and per HU, pooled over cases.
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

/// The best Dice of any set of bins: the best prefix of the bins sorted by the structure's share.
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

/// Hash of the names and contents of all files of a set.
fn hash(recipe: PhantomRecipe, threads: usize) -> blake3::Hash {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("set");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| write(&out, recipe, &|_, _| {}, &Cancel::new())).unwrap();
    let mut hasher = blake3::Hasher::new();
    for file in crate::files::below(&out).unwrap() {
        hasher.update(file.strip_prefix(&out).unwrap().as_os_str().as_encoded_bytes());
        hasher.update(&std::fs::read(&file).unwrap());
    }
    hasher.finalize()
}

#[test]
fn same_seed_gives_the_same_bytes_whatever_the_threads_in_every_layout() {
    for layout in LAYOUTS {
        let of_seed = |seed, threads| hash(PhantomRecipe { layout, ..recipe(3, seed, PhantomSize::Tiny) }, threads);
        assert_eq!(of_seed(3, 1), of_seed(3, 3), "{layout:?}");
        assert_ne!(of_seed(3, 2), of_seed(4, 2), "{layout:?}");
    }
}

#[test]
fn every_set_says_what_it_was_made_with_and_one_of_another_recipe_is_refused() {
    for layout in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("set");
        let recipe = PhantomRecipe { layout, ..recipe(1, 5, PhantomSize::Tiny) };
        generate_if_missing(&out, recipe, &Cancel::new()).unwrap();
        assert_eq!(recipe_of(&out).unwrap(), Some(recipe));
        generate_if_missing(&out, recipe, &Cancel::new()).unwrap();
        let other =
            generate_if_missing(&out, PhantomRecipe { seed: 6, ..recipe }, &Cancel::new()).unwrap_err().to_string();
        assert!(other.contains("seed 5") && other.contains("seed 6") && other.contains(layout.name()), "{other}");
    }
}

/// An order-dependent checksum.
fn checksum(values: impl Iterator<Item = i64>) -> i64 {
    (1..).zip(values).map(|(place, value): (i64, i64)| place * value).sum()
}

/// Existing sets and published results use these images: if one changes, increment `stamp::VERSION`. The first two numbers
/// come from files written by an earlier version of the program, the third from PNG files read by Pillow.
#[test]
fn images_and_labels_of_a_recipe_stay_as_they_are() {
    let (image, labels) = case(recipe(8, 2, PhantomSize::Tiny), 0);
    assert_eq!(checksum(image.voxels.iter().map(|&hu| hu as i64)), -65_136_766_503);
    assert_eq!(checksum(labels.voxels.iter().map(|&label| i64::from(label))), 41_830_757);
    let second_day = mr::mr(2, 0, 1, PhantomSize::Tiny).image;
    assert_eq!(checksum(second_day.voxels.iter().map(|&value| value as i64)), 506_516_451_449);
}

/// Centroid of a part along `[z, y, x]` as fractions of the image size, and its number of voxels.
fn place(scan: &Scan, part: Part) -> ([f64; 3], f64) {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for ((z, y, x), _) in scan.parts.indexed_iter().filter(|(_, own)| **own == part) {
        (0..3).for_each(|axis| sum[axis] += [z, y, x][axis] as f64);
        count += 1.0;
    }
    let shape = scan.image.geometry.shape;
    ([0, 1, 2].map(|axis| sum[axis] / count / shape[axis] as f64), count)
}

const HOLLOW: [Part; 3] = [Part::LargeBowel, Part::SmallBowel, Part::Stomach];

#[test]
fn an_mr_lies_as_on_a_screen_and_its_days_show_one_patient() {
    for patient in 0..4 {
        let days = [0, 1].map(|day| mr::mr(9, patient, 2 * patient + day, PhantomSize::Tiny));
        for scan in &days {
            let ([height, row, column], _) = place(scan, Part::Stomach);
            assert!(column > 0.5 && row < 0.5, "the stomach is anterior and on the left, which is right on a screen");
            assert!(height > place(scan, Part::SmallBowel).0[0], "slices run from inferior to superior");
            assert!(place(scan, Part::Liver).0[2] < 0.5 && place(scan, Part::Spine).0[1] > 0.5);
            let range =
                scan.image.voxels.iter().fold([f32::MAX, f32::MIN], |[low, high], &v| [low.min(v), high.max(v)]);
            assert!(range[0] >= 0.0 && range[1] > 500.0 && range[1] < 4000.0, "{range:?}");
        }
        for part in HOLLOW {
            let [a, b] = [0, 1].map(|day| place(&days[day], part).1 * days[day].image.geometry.voxel_mm3() / 1000.0);
            assert!(a > 60.0 && (a / b - 1.0).abs() < 0.2, "{part:?}: {a} and {b} ml");
        }
        assert_ne!(days[0].image.geometry, days[1].image.geometry);
    }
}

#[test]
fn many_slices_of_an_mr_at_both_ends_hold_no_bowel() {
    for number in 0..6 {
        let scan = mr::mr(4, number, number, PhantomSize::Tiny);
        let holds = |slice: ndarray::ArrayView2<Part>| slice.iter().any(|part| HOLLOW.contains(part));
        let full: Vec<bool> = scan.parts.outer_iter().map(holds).collect();
        let (first, last) = (full.iter().position(|&full| full), full.iter().rposition(|&full| full));
        let (first, last) = (first.unwrap(), full.len() - 1 - last.unwrap());
        let empty = full.iter().filter(|full| !**full).count() as f64 / full.len() as f64;
        println!("{} slices, {first} empty below, {last} above, {empty:.2} empty", full.len());
        assert!((0.3..0.6).contains(&empty), "{empty}");
        assert!(first >= 8 && last >= 8, "{first} {last}");
    }
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
    let text = "root = \"set\"\nmodality = \"ct\"\nlayout = { msd = {} }\ngenerate = { cases = 2, seed = 1, size = \"tiny\" }\n";
    let structures =
        STRUCTURES.map(|(name, value)| format!("[[structure]]\nname = \"{name}\"\nvalue = {value}\n")).concat();
    let mut spec: Dataset = toml::from_str(&format!("{text}{structures}")).unwrap();
    for _ in 0..2 {
        let opened = open(&spec, "phantom", folder.path(), &Cancel::new()).unwrap();
        let rows = check(&opened, &spec, &|_, _| {}, &crate::Cancel::new()).unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.excluded.is_none() && row.warnings.is_empty()), "{rows:?}");
    }
    let (image, labels) = case(recipe(2, 1, PhantomSize::Tiny), 1);
    let file = |kind: &str| folder.path().join("set").join(kind).join("phantom_001.nii.gz");
    assert_eq!(read_volume(&file("imagesTr")).unwrap(), image);
    assert_eq!(Segmentation::Labels(read_label_map(&file("labelsTr")).unwrap()), Segmentation::Labels(labels));
    let again =
        write(&folder.path().join("set"), recipe(2, 1, PhantomSize::Tiny), &|_, _| {}, &Cancel::new()).unwrap_err();
    assert!(again.to_string().contains("not empty"), "{again}");
    spec.generate = Some(recipe(3, 1, PhantomSize::Tiny));
    let other = open(&spec, "phantom", folder.path(), &Cancel::new()).unwrap_err().to_string();
    assert!(other.contains("2 cases, seed 1, size tiny") && other.contains("3 cases"), "{other}");
}

#[test]
fn runs_of_a_table_give_back_every_voxel_of_stomach_and_bowel() {
    let folder = tempfile::tempdir().unwrap();
    let text = "root = \"set\"\nmodality = \"mr\"\nlayout = { uw-madison = {} }\nlabels.overlap = true\ngenerate = { cases = 3, seed = 1, size = \"tiny\", layout = \"uw-madison\" }\n";
    let structures = ["large_bowel", "small_bowel", "stomach"]
        .map(|name| format!("[[structure]]\nname = \"{name}\"\nvalue = {}\n", name.len()))
        .concat();
    let spec: Dataset = toml::from_str(&format!("{text}{structures}")).unwrap();
    let opened = open(&spec, "phantom", folder.path(), &Cancel::new()).unwrap();
    for (number, case) in opened.cases.iter().enumerate() {
        let scan = mr::mr(1, number as u64 / 2, number as u64, PhantomSize::Tiny);
        let image = read_image(case).unwrap();
        assert_eq!(image.voxels, scan.image.voxels);
        let bits = scan.labels(|part| HOLLOW.iter().position(|own| *own == part).map_or(0, |bit| 1 << bit));
        assert_eq!(read_label(case, &image.geometry).unwrap().voxels, bits.voxels);
    }
}

#[test]
fn ct_and_mr_show_the_same_body() {
    for patient in 0..3 {
        let recipe = recipe(4, 8, PhantomSize::Small);
        let (ct, mr) = (ct(recipe, patient as usize), mr::mr(8, patient, 2 * patient + 1, PhantomSize::Small));
        for part in [Part::Stomach, Part::LargeBowel, Part::Liver, Part::LeftKidney] {
            let measured = [&ct, &mr].map(|scan| {
                let labels = scan.labels(|own| u16::from(own == part));
                let inside = labels.voxels.indexed_iter().filter(|(_, inside)| **inside > 0);
                let places = inside.map(|((z, y, x), _)| labels.geometry.to_world([z as f64, y as f64, x as f64]));
                let (sum, count) = places.fold(([0.0; 3], 0.0), |(sum, count), place| {
                    ([0, 1, 2].map(|axis| sum[axis] + place[axis]), count + 1.0)
                });
                (sum.map(|sum| sum / count), count * labels.geometry.voxel_mm3())
            });
            let [(a, volume), (b, other)] = measured;
            let away = (0..3).map(|axis| (a[axis] - b[axis]).abs()).fold(0.0, f64::max);
            assert!(away < 5.0 && (volume / other - 1.0).abs() < 0.15, "{part:?}: {away} mm, {volume} and {other}");
        }
    }
}
