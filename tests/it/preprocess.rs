//! From files to prepared cases and back into the cache, on files of our own and on the hippocampus set.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ndarray::{Array3, Array4};
use segspec::Cancel;
use segspec::dataset::content::content_of;
use segspec::dataset::{Access, Case, Content, FileHashes, Label};
use segspec::preprocess::source::read_case;
use segspec::preprocess::spec::{Crop, ImageInterpolation, IntensityStep, LabelInterpolation, Region};
use segspec::preprocess::{
    Orientation, Outcome, PrepareError, PreparedSet, PreprocessPlan, fingerprint, prepare, prepare_case,
};
use segspec::volume::{Geometry, LabelMap, Volume, nifti};

use crate::lab::shared;

fn plan() -> PreprocessPlan {
    PreprocessPlan {
        orientation: Orientation::Canonical,
        crop: Crop::Nonzero,
        body_threshold: None,
        spacing_mm: Some([1.5, 1.0, 1.0]),
        shape: None,
        image_interpolation: ImageInterpolation::Cubic,
        label_interpolation: LabelInterpolation::OneHotLinear,
        anisotropy_threshold: 3.0,
        intensity: vec![IntensityStep::ZScore { region: Region::Image, channels: vec![] }],
    }
}

/// Three cases of different shape, written as NIfTI.
fn write_cases(folder: &Path) -> Vec<Case> {
    (0..3usize)
        .map(|index| {
            let shape = [8 + index, 10, 12];
            let geometry = Geometry::axis_aligned(shape, [2.0, 1.0, 1.0]);
            let value = |z: usize, y: usize, x: usize| ((z * 7 + y * 3 + x * 5 + index) % 23 + 1) as f32;
            let voxels = Array4::from_shape_fn([1, shape[0], 10, 12], |(_, z, y, x)| value(z, y, x));
            let labels =
                Array3::from_shape_fn(shape, |(z, y, x)| u16::from((3..7).contains(&y) && x > 5) * (1 + z as u16 % 2));
            let image = folder.join(format!("image-{index}.nii.gz"));
            let label = folder.join(format!("label-{index}.nii.gz"));
            nifti::write_volume(&image, &Volume { voxels, geometry: geometry.clone() }).unwrap();
            nifti::write_label_map(&label, &LabelMap { voxels: labels, geometry }).unwrap();
            Case::new(&format!("case-{index}"), vec![image], Some(Label::Map(label)))
        })
        .collect()
}

/// Cases with the names of their contents; of one that cannot be read, another name.
fn named(cases: &[Case]) -> Vec<(Case, Content)> {
    let unreadable = |case: &Case| Content { image: case.name.clone(), label: None };
    cases.iter().map(|case| (case.clone(), content_of(case).unwrap_or_else(|_| unreadable(case)))).collect()
}

/// No known hashes, to be kept in a folder.
fn hashes(folder: &Path) -> FileHashes {
    FileHashes::open(&folder.join("file-hashes.json"))
}

/// Prepares, and tells how each case ended.
fn run(plan: &PreprocessPlan, cases: &[Case], cache: &Path) -> (PreparedSet, BTreeMap<String, Outcome>) {
    let seen = Mutex::new(BTreeMap::new());
    let observe = |progress: segspec::preprocess::Progress<'_>| {
        assert_eq!(progress.total, cases.len());
        seen.lock().unwrap().insert(progress.case.to_owned(), progress.outcome);
    };
    let set = prepare(plan, &named(cases), &hashes(cache), cache, &observe, &Cancel::new()).unwrap();
    (set, seen.into_inner().unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_second_run_reads_the_cache_and_gets_the_same() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cases = write_cases(data.path());
    let (first, outcomes) = run(&plan(), &cases, cache.path());
    assert!(outcomes.values().all(|outcome| *outcome == Outcome::Computed), "{outcomes:?}");
    let (second, outcomes) = run(&plan(), &cases, cache.path());
    assert!(outcomes.values().all(|outcome| *outcome == Outcome::Cached), "{outcomes:?}");
    assert_eq!(first, second);
    assert_eq!(first.cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), ["case-0", "case-1", "case-2"]);
    for (case, stored) in cases.iter().zip(&second.cases) {
        let (image, label) = read_case(case).unwrap();
        assert_eq!(stored.load().unwrap(), prepare_case(&plan(), &image, label.as_ref()).unwrap());
        assert_eq!(stored.labels_present, [1, 2]);
    }
}

#[test]
fn only_what_changed_is_made_again() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cases = write_cases(data.path());
    run(&plan(), &cases, cache.path());
    fs::copy(&cases[0].images[0], data.path().join("moved.nii.gz")).unwrap();
    let mut changed = cases.clone();
    changed[0].images[0] = data.path().join("moved.nii.gz");
    changed[2].label = None;
    let (set, outcomes) = run(&plan(), &changed, cache.path());
    assert_eq!(outcomes["case-0"], Outcome::Cached, "the same content elsewhere");
    assert_eq!(outcomes["case-1"], Outcome::Cached);
    assert_eq!(outcomes["case-2"], Outcome::Computed, "no label any more");
    assert!(set.excluded.is_empty());
    let other = PreprocessPlan { anisotropy_threshold: 2.0, ..plan() };
    let (_, outcomes) = run(&other, &cases, cache.path());
    assert!(outcomes.values().all(|outcome| *outcome == Outcome::Computed));
}

#[test]
fn damaged_cache_files_are_made_again() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cases = write_cases(data.path());
    let (first, _) = run(&plan(), &cases, cache.path());
    let whole = fs::read(&first.cases[0].path).unwrap();
    fs::write(&first.cases[0].path, &whole[..whole.len() / 2]).unwrap();
    let mut flipped = fs::read(&first.cases[1].path).unwrap();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    fs::write(&first.cases[1].path, flipped).unwrap();
    assert!(matches!(first.cases[0].load(), Err(PrepareError::Damaged { .. })));
    let (second, outcomes) = run(&plan(), &cases, cache.path());
    assert_eq!(outcomes.values().copied().collect::<Vec<_>>(), [Outcome::Computed, Outcome::Computed, Outcome::Cached]);
    assert_eq!(fs::read(&second.cases[0].path).unwrap(), whole);
}

#[test]
fn files_of_the_cache_are_read_once_and_damage_still_shows() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cases = write_cases(data.path());
    let (first, _) = run(&plan(), &cases, cache.path());
    let known = hashes(cache.path());
    let again = || prepare(&plan(), &named(&cases), &known, cache.path(), &|_| {}, &Cancel::new()).unwrap();
    let are_known = || first.cases.iter().filter(|case| known.knows(&case.path)).count();
    assert_eq!(are_known(), 0);
    assert_eq!(again(), first);
    assert_eq!(are_known(), 3);
    assert_eq!(again(), first);
    let whole = fs::read(&first.cases[1].path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(&first.cases[1].path, flipped).unwrap();
    assert_eq!((are_known(), again()), (2, first.clone()));
    assert_eq!(fs::read(&first.cases[1].path).unwrap(), whole, "made again");
}

#[test]
fn cases_that_changed_since_they_were_checked_are_refused_and_nothing_is_cached() {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut cases = write_cases(data.path());
    let attempt = |cases: &[(Case, Content)]| {
        let hashes = FileHashes::open(&cache.path().join("file-hashes.json"));
        prepare(&plan(), cases, &hashes, cache.path(), &|_| {}, &Cancel::new()).unwrap_err()
    };
    let planned = named(&cases[..1]);
    fs::copy(&cases[1].images[0], &cases[0].images[0]).unwrap();
    let error = attempt(&planned);
    assert!(matches!(&error, PrepareError::Changed { case } if case == "case-0"), "{error}");
    // What cannot be read at all, although it could when the run was planned.
    let image = fs::read(&cases[2].images[0]).unwrap();
    fs::write(&cases[2].images[0], &image[..image.len() / 2]).unwrap();
    let error = attempt(&named(&cases[2..]));
    let text = error.to_string();
    assert!(
        error.is_environment() && text.contains("image-2.nii.gz") && text.contains("run the same command"),
        "{text}"
    );
    cases[1].images[0] = data.path().join("missing.nii.gz");
    assert!(matches!(attempt(&named(&cases[1..2])), PrepareError::Changed { .. }));
    assert!(files(cache.path()).iter().all(|file| file.extension().is_none_or(|ending| ending != "case")));
}

#[test]
fn an_unwritable_cache_and_a_cancelled_run_leave_nothing_half_written() {
    let data = tempfile::tempdir().unwrap();
    let cases = write_cases(data.path());
    let blocked = data.path().join("a-file");
    fs::write(&blocked, b"").unwrap();
    let never = Cancel::new();
    let failed = prepare(&plan(), &named(&cases), &hashes(data.path()), &blocked, &|_| {}, &never);
    assert!(matches!(failed, Err(PrepareError::Cache { .. })), "{failed:?}");

    let cache = data.path().join("cache");
    let stop = Cancel::new();
    let observe = |_: segspec::preprocess::Progress<'_>| {
        stop.stop();
    };
    let cancelled = prepare(&plan(), &named(&cases), &hashes(data.path()), &cache, &observe, &stop);
    assert!(matches!(cancelled, Err(PrepareError::Cancelled)) || files(&cache).len() == 3);
    assert!(files(&cache).iter().all(|file| file.extension().is_some_and(|extension| extension == "case")));
}

/// `/dev/full` cannot hold a folder; a small tmpfs, where the tester made one: `SEGSPEC_TEST_FULL_DISK=/mnt/tiny`.
#[test]
fn a_full_disk_is_the_environments_fault() {
    let Some(folder) = std::env::var_os("SEGSPEC_TEST_FULL_DISK").map(PathBuf::from) else {
        eprintln!("skipped: SEGSPEC_TEST_FULL_DISK names no small file system");
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let cases = write_cases(data.path());
    let large = PreprocessPlan { spacing_mm: Some([0.1, 0.1, 0.1]), ..plan() };
    let failed = prepare(&large, &named(&cases), &hashes(data.path()), &folder.join("cache"), &|_| {}, &Cancel::new());
    assert!(failed.is_err_and(|error| error.is_environment()));
    assert!(files(&folder.join("cache")).is_empty());
}

fn hippocampus() -> Option<Vec<Case>> {
    let folder = shared()?.join("hippocampus");
    let images = files(&folder.join("imagesTr"))
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("hippocampus")));
    let case = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let label = folder.join("labelsTr").join(&name);
        Case::new(name.trim_end_matches(".nii.gz"), vec![path], Some(Label::Map(label)))
    };
    Some(images.map(case).collect())
}

#[test]
fn the_hippocampus_fingerprint_is_nnunets() {
    let Some(cases) = hippocampus() else { return };
    let cache = tempfile::tempdir().unwrap();
    let take = || {
        let never = Cancel::new();
        fingerprint(Crop::Nonzero, None, &named(&cases), cache.path(), Access::Read, &|_| {}, &never).unwrap()
    };
    let found = take();
    assert_eq!(found.excluded, []);
    assert_eq!(found, take(), "the second time from the cache");
    let (spacings, shapes) = (found.spacings_mm(), found.cropped_shapes());
    let target = segspec::plan::spacing::target_spacing(&spacings, &shapes).unwrap();
    let median = segspec::plan::spacing::median_shape(&spacings, &shapes, target).unwrap();
    assert_eq!(target, [1.0; 3]);
    // nnU-Net documents 36, 50, 35 (z, y, x) for all 260 cases; these are 200 of them.
    for (found, documented) in median.into_iter().zip([36.0, 50.0, 35.0]) {
        assert!((found - documented).abs() <= 1.0, "{median:?}");
    }
    assert_eq!(found.label_voxels.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!(found.channels[0].p00_5 < found.channels[0].median && found.channels[0].median < found.channels[0].p99_5);
}
