//! The scored cases after simulated clicks, of a network that takes them: the deepest place of the largest error, again and again.

use super::stop_if_cancelled;
use crate::dataset::Case;
use crate::evaluate::clicks::{COUNTS, ClickRow};
use crate::evaluate::{self, DICE};
use crate::infer::trained::read_image;
use crate::infer::{ClickError, InferError, Prompt, Refiner, Trained};
use crate::interact::{Classes, simulate};
use crate::observe::Kind;
use crate::plan::Role;
use crate::predict::export;
use crate::run::cases::Cases;
use crate::run::error::RunError;
use crate::run::setting::Setting;
use crate::store::Stored;
use crate::volume::{LabelMap, Segmentation, Volume};

/// Dice of every predicted case after each number of [`COUNTS`]; none for a network that takes no clicks.
///
/// # Errors
/// A case cannot be read, or the run was stopped.
pub(super) fn curve(run: &Stored, cases: &Cases, setting: &Setting) -> Result<Option<Vec<ClickRow>>, RunError> {
    if run.plan.work.training().is_none_or(|training| training.interact.is_none()) {
        return Ok(None);
    }
    let trained = Trained::open(run, setting.device)?;
    let names = cases.names(Role::Test);
    let mut rows = Vec::new();
    for (done, name) in names.iter().enumerate() {
        stop_if_cancelled(setting.cancel)?;
        setting.events.emit(Kind::Scoring { done, of: names.len() });
        let Some(case) = cases.case(name) else { continue };
        if export::file(run.prediction().path(), name).exists() {
            rows.extend(of_case(run, case, &trained, setting)?);
        }
    }
    setting.events.emit(Kind::Scoring { done: names.len(), of: names.len() });
    Ok(Some(rows))
}

fn of_case(run: &Stored, case: &Case, trained: &Trained, setting: &Setting) -> Result<Vec<ClickRow>, RunError> {
    let image: Volume = read_image(case)?;
    let reference = super::segment::reference(case, &image.geometry)?;
    let found = export::read(run.prediction().path(), &case.name, &run.plan.target);
    let Segmentation::Labels(mut labels) = found.map_err(|error| RunError::Reference(error.to_string()))? else {
        return Ok(Vec::new());
    };
    let prepared = trained.prepare(&image)?;
    let refiner = Refiner::new(trained, &prepared).map_err(InferError::from)?;
    let (mut clicks, mut rows) = (Vec::new(), Vec::new());
    let mut goes_on = true;
    for count in COUNTS {
        while goes_on && clicks.len() < count {
            stop_if_cancelled(setting.cancel)?;
            let next = next_click(run, &reference, &labels);
            clicks.extend(next);
            goes_on = next.is_some();
            if goes_on {
                match refiner.refine(&labels, &clicks, setting.cancel) {
                    Ok(refined) => labels = refined,
                    // An error outside the crop of the image, which no click can reach.
                    Err(InferError::Click(ClickError::Outside { .. })) => goes_on = false,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let scores =
            evaluate::score_overlap(&case.name, &run.plan.target, &reference, &Segmentation::Labels(labels.clone()))?;
        rows.extend(scores.into_iter().map(|score| ClickRow {
            case: score.case.clone(),
            dice: score[DICE],
            clicks: count as u64,
            structure: score.structure,
        }));
    }
    Ok(rows)
}

/// A click into the worst error; none where there is none.
fn next_click(run: &Stored, reference: &LabelMap, labels: &LabelMap) -> Option<Prompt> {
    let classes = Classes::new(&run.plan.target);
    let truth = reference.voxels.mapv(|label| classes.of(label));
    let found = labels.voxels.mapv(|label| classes.shown(label));
    let click = simulate::worst(truth.view(), found.view(), labels.geometry.spacing_mm())?;
    Some(Prompt { class: click.class, at_mm: labels.geometry.to_world(click.at) })
}
