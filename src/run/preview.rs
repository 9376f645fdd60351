//! Previews the training data of a planned run: some preprocessed cases and the first training patches.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array3, Array4};

use super::cases::Cases;
use super::error::RunError;
use super::preparing::prepare_cases;
use super::setting::Setting;
use crate::augment::AugmentPlan;
use crate::augment::dice::End;
use crate::augment::patch::Place;
use crate::plan::{Plan, Role, Training};
use crate::preprocess::{Origin, Prepared};
use crate::report::panel::preview::{PATCHES, PatchRow, Preview, Sample};
use crate::store::Stored;
use crate::train::spec::{Sampling, StepsPerEpoch};
use crate::train::{Deal, LoadedCase, Sampler, Tiles, TrainPlan, case_of, tiles_of};
use crate::volume::{Geometry, LabelMap, Volume};

/// Which patches to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// The first training patches.
    Training,
    /// One patch without augmentation, then with each transform of the plan alone at both ends of its range.
    Augmentation,
}

/// Preprocesses only the cases shown. The patches are exactly those of the first training steps (same random streams), unless
/// preprocessing would exclude a case that is not shown. With `steps-per-epoch = "tiles"` they are tiles of the shown cases.
///
/// # Errors
/// A case cannot be preprocessed, the cache cannot be written, or [`RunError::Interrupted`].
pub fn gather(run: &Stored, cases: usize, show: Show, setting: &Setting) -> Result<Preview, RunError> {
    let Some(training) = run.plan.work.training() else {
        return Err(RunError::NothingThere("an ensemble is not trained: there is no training data to preview".into()));
    };
    let run = Shown { run, plan: &run.plan, training };
    let train = run.plan.data.names(Role::Train);
    if train.is_empty() {
        return Err(RunError::NoCases { what: "training", excluded: run.plan.data.excluded.clone() });
    }
    let shown = spread(&train, cases);
    let count = if show == Show::Training { PATCHES } else { 1 };
    let drawn: Vec<&String> = (0..count).map(|sample| &train[case_of(sample, train.len(), training.seed)]).collect();
    let names: BTreeSet<&String> = shown.iter().chain(&drawn).copied().collect();
    let prepared = prepare(&run, &names, setting)?;
    let of = |name: &String| prepared.get(name).ok_or_else(|| RunError::Internal(format!("{name} is not prepared")));
    let cases: Result<Vec<Sample>, RunError> =
        shown.iter().map(|name| Ok(case_sample(name, of(name)?.clone()))).collect();
    let rows = match show {
        Show::Training => vec![training_row(&run, &shown, &drawn, of)?],
        Show::Augmentation => augment_rows(&run, drawn[0], of(drawn[0])?),
    };
    let title = run.plan.about.experiment.clone();
    Ok(Preview { title, subtitle: subtitle(run.plan), cases: cases?, rows, target: run.plan.target.clone() })
}

/// The run to preview.
struct Shown<'a> {
    run: &'a Stored,
    plan: &'a Plan,
    training: &'a Training,
}

/// The patches of the first training steps, one per case; or the first tiles of the shown cases.
fn training_row<'a>(
    run: &Shown,
    shown: &'a [&String],
    drawn: &'a [&String],
    of: impl Fn(&String) -> Result<&'a Prepared, RunError>,
) -> Result<PatchRow, RunError> {
    let train = &run.training.train;
    let tiled = train.steps_per_epoch == StepsPerEpoch::Tiles;
    let cases: Result<Vec<(&str, &Prepared)>, RunError> =
        if tiled { shown } else { drawn }.iter().map(|name| Ok((name.as_str(), of(name)?))).collect();
    let patches = if tiled { first_tiles(run, &cases?) } else { first_patches(run, &cases?) };
    let [depth, height, width] = train.patch_size;
    let augment = &train.augment;
    let note = format!(
        "The first {PATCHES} of seed {}, axial, {depth}×{height}×{width} voxels [z, y, x], {} per step, {}",
        run.training.seed,
        train.batch_size,
        mirrored(&augment.mirror_axes)
    );
    let notes = [vec![note], changes(augment)].concat();
    Ok(PatchRow { title: "Training patches".into(), notes, alike: false, patches })
}

/// One patch of each case, in order.
fn first_patches(run: &Shown, cases: &[(&str, &Prepared)]) -> Vec<Sample> {
    let structures = structures(run.plan);
    let sampler = Sampler { plan: &run.training.train, structures: &structures, seed: run.training.seed };
    let patch = |(number, (name, prepared)): (usize, &(&str, &Prepared))| {
        let case = LoadedCase::from((*prepared).clone());
        let (patch, place) = sampler.draw(case.source(), number, None, None);
        let note = if place == Place::OnStructure { "on a structure" } else { "anywhere" };
        sample(name, note.into(), patch.image, patch.labels, &prepared.origin)
    };
    cases.iter().enumerate().map(patch).collect()
}

/// The first tiles of an epoch over these cases.
fn first_tiles(run: &Shown, cases: &[(&str, &Prepared)]) -> Vec<Sample> {
    let structures = structures(run.plan);
    let loaded: Vec<LoadedCase> = cases.iter().map(|(_, prepared)| LoadedCase::from((*prepared).clone())).collect();
    let tiles = |case: &LoadedCase| tiles_of(case.source(), run.training.train.patch_size, &structures);
    let deal =
        Deal::Tiles(Tiles::new(&run.training.train, &loaded.iter().map(tiles).collect::<Vec<_>>(), run.training.seed));
    let train = deal.counted(&run.training.train);
    let sampler = Sampler { plan: &train, structures: &structures, seed: run.training.seed };
    let patch = |number: usize| {
        let (case, tile) = deal.of(number);
        let (patch, _) = sampler.draw(loaded[case].source(), number, tile, None);
        let (name, prepared) = cases[case];
        sample(name, "tile".into(), patch.image, patch.labels, &prepared.origin)
    };
    (0..PATCHES).map(patch).collect()
}

/// A row for each transform, with the unchanged patch first.
fn augment_rows(run: &Shown, name: &str, prepared: &Prepared) -> Vec<PatchRow> {
    let structures = structures(run.plan);
    let case = LoadedCase::from(prepared.clone());
    let patch = |augment: AugmentPlan, sample: usize, end: Option<End>, note: &str| {
        let sampling = Sampling { foreground: 1.0, drop_background: 0.0 };
        let train = TrainPlan { augment, sampling, ..run.training.train.clone() };
        let sampler = Sampler { plan: &train, structures: &structures, seed: run.training.seed };
        let (patch, _) = sampler.draw(case.source(), sample, None, end);
        self::sample(name, note.into(), patch.image, patch.labels, &prepared.origin)
    };
    let row = |(transform, augment): (&str, AugmentPlan)| {
        let mut patches = vec![patch(AugmentPlan::default(), 0, None, "unchanged")];
        patches.push(patch(augment.clone(), 0, Some(End::Low), "low end"));
        patches.push(patch(augment.clone(), 0, Some(End::High), "high end"));
        patches.extend((1..PATCHES - 2).map(|sample| patch(augment.clone(), sample, Some(End::Drawn), "drawn")));
        PatchRow { title: transform.into(), notes: vec![described(&augment)], alike: true, patches }
    };
    let each = run.training.train.augment.each();
    match each.is_empty() {
        true => vec![PatchRow {
            title: "No augmentation".into(),
            notes: vec!["[augment] is empty: set a preset or a transform".into()],
            alike: true,
            patches: vec![patch(AugmentPlan::default(), 0, None, "unchanged")],
        }],
        false => each.into_iter().map(row).collect(),
    }
}

/// The settings of a transform on one line.
fn described(augment: &AugmentPlan) -> String {
    let text = serde_json::to_value(augment).unwrap_or_default();
    let tables = [&text["spatial"], &text["intensity"][0]].into_iter().filter_map(|value| value.as_object());
    let table = tables.flatten().find(|(_, value)| value.is_object());
    match table {
        Some((_, table)) => table.to_string().replace(['{', '}', '"'], "").replace(':', " = ").replace(',', ", "),
        None => format!("each axis with probability one half: {}", axes(&augment.mirror_axes)),
    }
}

/// Picks names evenly from a sorted list.
fn spread(names: &[String], count: usize) -> Vec<&String> {
    let count = count.min(names.len());
    (0..count).map(|index| &names[index * names.len() / count]).collect()
}

fn prepare(run: &Shown, names: &BTreeSet<&String>, setting: &Setting) -> Result<BTreeMap<String, Prepared>, RunError> {
    let cases = Cases::locate(run.run, setting)?.all();
    let cases: Vec<_> = cases.into_iter().filter(|(case, _)| names.contains(&case.name)).collect();
    let (set, _) = prepare_cases(&run.training.preprocess, &cases, run.run, setting)?;
    if !set.excluded.is_empty() {
        return Err(RunError::NoCases { what: "previewed", excluded: set.excluded });
    }
    set.cases.iter().map(|case| Ok((case.name.clone(), case.load()?))).collect()
}

fn case_sample(name: &str, prepared: Prepared) -> Sample {
    let origin = prepared.origin.clone();
    let (channels, depth, height, width) = prepared.image.dim();
    let spacing = origin.prepared_spacing_mm.map(|mm| format!("{}", (mm * 100.0).round() / 100.0)).join("×");
    let unit = if origin.geometry.has_spacing { format!(", {spacing} mm") } else { String::new() };
    let more = if channels > 1 { format!(", channel 1 of {channels}") } else { String::new() };
    let labels = prepared.labels.unwrap_or_else(|| Array3::zeros((depth, height, width)));
    let note = format!("prepared: {depth}×{height}×{width} voxels [z, y, x]{unit}{more}");
    sample(name, note, prepared.image, labels, &origin)
}

/// Label values of each structure.
fn structures(plan: &Plan) -> Vec<Vec<u16>> {
    plan.target.structures.iter().map(|it| it.values.clone()).collect()
}

fn sample(name: &str, note: String, image: Array4<f32>, labels: Array3<u16>, origin: &Origin) -> Sample {
    let (_, depth, height, width) = image.dim();
    let geometry = Geometry {
        has_spacing: origin.geometry.has_spacing,
        ..Geometry::axis_aligned([depth, height, width], origin.prepared_spacing_mm)
    };
    Sample {
        name: name.to_owned(),
        note,
        image: Volume { voxels: image.as_standard_layout().to_owned(), geometry: geometry.clone() },
        labels: LabelMap { voxels: labels.as_standard_layout().to_owned(), geometry },
    }
}

fn subtitle(plan: &Plan) -> String {
    let (trial, count) = (plan.about.trial.label(), |role| plan.data.of(role).count());
    let trial = if trial.is_empty() { String::new() } else { format!(", trial {trial}") };
    format!(
        "Dataset {}: {} training, {} validation, {} scored cases{trial}",
        plan.data.dataset,
        count(Role::Train),
        count(Role::Validation),
        count(Role::Test)
    )
}

fn mirrored(mirror_axes: &[usize]) -> String {
    match mirror_axes.is_empty() {
        true => "not mirrored".into(),
        false => format!("mirrored at random along {}", axes(mirror_axes)),
    }
}

/// The active transforms with their probabilities, as lines of text.
fn changes(augment: &AugmentPlan) -> Vec<String> {
    let percent = |probability: f64| format!("{} %", (probability * 100.0).round());
    let each =
        augment.probabilities().into_iter().map(|(name, probability)| format!("{name} {}", percent(probability)));
    let each: Vec<String> = each.collect();
    each.chunks(6).map(|line| line.join(", ")).collect()
}

fn axes(axes: &[usize]) -> String {
    let names: Vec<&str> = axes.iter().filter_map(|&axis| ["depth", "height", "width"].get(axis).copied()).collect();
    names.join(", ")
}
