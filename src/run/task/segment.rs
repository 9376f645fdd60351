//! Segmentations of the scored cases, and their scores.

use std::path::PathBuf;

use ndarray::{Array2, ArrayView4};

use super::{Hashes, Steps, scored, stop_if_cancelled};
use crate::dataset::{self, Case};
use crate::evaluate::cascade::{self, SkippedRow, skipped};
use crate::evaluate::clicks;
use crate::evaluate::reliability::count;
use crate::evaluate::summary::overall_mean;
use crate::evaluate::table::{to_frame, variants_frame, write};
use crate::evaluate::{self, DICE, Score, Variant};
use crate::infer::Trained;
use crate::infer::trained::read_image;
use crate::observe::Kind;
use crate::plan::Role;
use crate::predict::export;
use crate::preprocess::PreparedSet;
use crate::run::cases::Cases;
use crate::run::error::RunError;
use crate::run::panels;
use crate::run::setting::Setting;
use crate::store::manifest::EvaluationRecord;
use crate::store::{PredictionFolder, Stored, read_json, write_json};
use crate::volume::{Geometry, LabelMap};

/// Segmentation of whole images.
pub(super) const STEPS: Steps = Steps { is_complete, predict, hashes, evaluate };

/// Segments every scored case that has no prediction yet.
///
/// # Errors
/// A case cannot be read, a file cannot be written, or the run was stopped.
fn predict(
    run: &Stored,
    cases: &Cases,
    prepared: Option<&PreparedSet>,
    trained: &Trained,
    setting: &Setting,
) -> Result<(), RunError> {
    let (folder, names) = (run.prediction(), cases.names(Role::Test));
    for (done, name) in names.iter().enumerate() {
        stop_if_cancelled(setting.cancel)?;
        setting.events.emit(Kind::Predicting { done, of: names.len() });
        let Some(case) = cases.case(name) else { continue };
        if is_there(run, &folder, name, &trained.variants()) {
            continue;
        }
        let segmentation = match prepared {
            None => trained.segment(&read_image(case)?, setting.cancel)?,
            Some(prepared) => {
                // Cases that could not be prepared are excluded already.
                let Some(prepared) = prepared.cases.iter().find(|case| case.name == *name) else { continue };
                let prepared = prepared.load()?;
                let mut counted = Vec::new();
                let mut seen = |probabilities: ArrayView4<f32>| {
                    let labels = prepared.labels.as_ref();
                    counted = labels.map_or(Vec::new(), |labels| count(&run.plan.target, probabilities, labels.view()));
                };
                let found = trained.find(&prepared, || read_image(case), &mut seen, setting.cancel)?;
                write_json(&folder.reliability(name), &counted)?;
                for (variant, segmentation) in &found.variants {
                    export::write(&folder.variant(&file_name(variant)), name, segmentation)?;
                }
                if let Some(chosen) = &found.looked_at {
                    write_json(&folder.looked_at(name), &to_lists(chosen))?;
                }
                found.segmentation
            }
        };
        // Written last: where this file exists, the case's other files exist too.
        export::write(folder.path(), name, &segmentation)?;
    }
    setting.events.emit(Kind::Predicting { done: names.len(), of: names.len() });
    Ok(())
}

/// Whether every scored case has a prediction; excluded cases have none.
fn is_complete(run: &Stored, cases: &Cases) -> bool {
    let files = cases.names(Role::Test).into_iter().map(|name| export::file(run.prediction().path(), name));
    files.map(std::fs::metadata).all(|file| file.is_ok_and(|metadata| metadata.len() > 0))
}

/// Hashes of the predicted files, variants included.
///
/// # Errors
/// A file cannot be read.
fn hashes(run: &Stored, cases: &Cases) -> Hashes {
    let folder = run.prediction();
    let variants = variants_of(run).into_iter().map(|variant| folder.variant(&file_name(&variant)));
    let folders: Vec<PathBuf> = variants.chain([folder.path().to_path_buf()]).collect();
    let names = cases.names(Role::Test);
    let files = folders.iter().flat_map(|folder| names.iter().map(|name| export::file(folder, name)));
    super::hashes(run, files)
}

/// Whether an earlier session already segmented the case (with the same weights).
fn is_there(run: &Stored, folder: &PredictionFolder, case: &str, variants: &[Variant]) -> bool {
    let readable = |place: PathBuf| export::read(&place, case, &run.plan.target).is_ok();
    readable(folder.path().to_path_buf())
        && variants.iter().all(|variant| readable(folder.variant(&file_name(variant))))
        && (!variants.contains(&Variant::SecondStageAlone) || folder.looked_at(case).is_file())
}

/// Folder name of a variant.
fn file_name(variant: &Variant) -> String {
    match variant {
        Variant::Pass(pass) => format!("pass-{pass}"),
        _ => "second-stage-alone".into(),
    }
}

fn to_lists(chosen: &Array2<bool>) -> Vec<Vec<bool>> {
    chosen.outer_iter().map(|structure| structure.to_vec()).collect()
}

/// Scores of a run, collected before writing.
#[derive(Default)]
struct Scored {
    rows: Vec<Score>,
    variants: Vec<(Variant, Vec<Score>)>,
    skipped: Vec<SkippedRow>,
}

/// Scores every predicted case and writes tables and overlay pictures.
///
/// # Errors
/// A file cannot be read or written, or the run was stopped.
fn evaluate(run: &Stored, cases: &Cases, setting: &Setting) -> Result<EvaluationRecord, RunError> {
    let names = cases.names(Role::Test);
    let variants = variants_of(run).into_iter().map(|variant| (variant, Vec::new())).collect();
    let mut all = Scored { variants, ..Scored::default() };
    for (done, name) in names.iter().enumerate() {
        stop_if_cancelled(setting.cancel)?;
        setting.events.emit(Kind::Scoring { done, of: names.len() });
        if let Some(case) = cases.case(name).filter(|case| export::file(run.prediction().path(), &case.name).exists()) {
            one(run, case, &mut all)?;
        }
    }
    setting.events.emit(Kind::Scoring { done: names.len(), of: names.len() });
    let place = run.evaluation();
    let (parquet, csv) = place.scores();
    let scores = to_frame(&all.rows)?;
    write(&scores, &parquet, &csv)?;
    if !all.variants.is_empty() {
        let (parquet, csv) = place.variants();
        write(&variants_frame(&all.variants)?, &parquet, &csv)?;
    }
    if !all.skipped.is_empty() {
        let (parquet, csv) = place.cascade();
        write(&cascade::to_frame(&all.skipped)?, &parquet, &csv)?;
    }
    if let Some(clicked) = super::clicks::curve(run, cases, setting)? {
        let (parquet, csv) = place.clicks();
        write(&clicks::to_frame(&clicked)?, &parquet, &csv)?;
    }
    panels::write(run, cases, &scores)?;
    Ok(scored(run, overall_mean(&scores, DICE)?, None))
}

/// The variants with predictions.
fn variants_of(run: &Stored) -> Vec<Variant> {
    let folder = run.prediction();
    let alone = [Variant::SecondStageAlone].into_iter();
    let passes = (1..).map(Variant::Pass).take_while(|pass| folder.variant(&file_name(pass)).is_dir());
    alone.filter(|alone| folder.variant(&file_name(alone)).is_dir()).chain(passes).collect()
}

fn one(run: &Stored, case: &Case, all: &mut Scored) -> Result<(), RunError> {
    let (folder, name, target) = (run.prediction(), &case.name, &run.plan.target);
    let settings = &run.plan.evaluate;
    let read =
        |place: PathBuf| export::read(&place, name, target).map_err(|error| RunError::Reference(error.to_string()));
    let prediction = read(folder.path().to_path_buf())?;
    let reference = reference(case, prediction.geometry())?;
    all.rows.extend(evaluate::score(name, target, &reference, &prediction, settings)?);
    for (variant, scores) in &mut all.variants {
        let found = read(folder.variant(&file_name(variant)))?;
        scores.extend(evaluate::score(name, target, &reference, &found, settings)?);
    }
    if let Some(lists) = read_json::<Vec<Vec<bool>>>(&folder.looked_at(name))? {
        let slices = lists.first().map_or(0, Vec::len);
        let chosen = Array2::from_shape_vec([lists.len(), slices], lists.concat())
            .map_err(|error| RunError::Reference(format!("{}: {error}", folder.looked_at(name).display())))?;
        let canonical = reference.to_canonical();
        all.skipped.extend(skipped(name, target, canonical.voxels.view(), chosen.view()));
    }
    Ok(())
}

/// The reference label map of a case, on the grid of its image.
pub fn reference(case: &Case, grid: &Geometry) -> Result<LabelMap, RunError> {
    dataset::read_label(case, grid).map_err(|error| RunError::Reference(error.to_string()))
}
