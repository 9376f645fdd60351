//! Overlay pictures and 3D pages of the best, the median and the worst case of a run.

use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::cases::Cases;
use super::error::RunError;
use crate::dataset::{self, Case};
use crate::evaluate::examples::{Example, Rank, examples};
use crate::files::write_atomic;
use crate::predict::export;
use crate::report::case_files::{SCENE, TURNING};
use crate::report::scene::{self, Detail, SceneError};
use crate::report::{Panel, panel};
use crate::store::{Stored, read_json, write_json};
use crate::volume::surface::SurfaceError;
use crate::volume::{LabelMap, Segmentation};

/// An entry of `report/panels.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    rank: Rank,
    case: String,
    picture: String,
    /// The page in 3D; images of one slice, and cases without any structure, have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scene: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turning: Option<String>,
}

/// Edge of an animation in pixels.
const SIZE: u16 = 240;

/// Draws and saves the pictures and pages.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(run: &Stored, cases: &Cases, scores: &DataFrame) -> Result<(), RunError> {
    let place = run.evaluation();
    let mut entries = Vec::new();
    for example in examples(scores)? {
        let Some(case) = cases.case(&example.case) else { continue };
        entries.push(draw(run, case, example)?);
    }
    Ok(write_json(&place.panels(), &entries)?)
}

/// The pictures saved by [`write()`]; empty without any.
///
/// # Errors
/// `panels.json` is damaged.
pub fn read(run: &Stored) -> Result<Vec<Panel>, RunError> {
    let place = run.evaluation();
    let entries: Vec<Entry> = read_json(&place.panels())?.unwrap_or_default();
    let file = |name: String| place.report().join(name);
    // What was deleted is not linked.
    let existing = |name: Option<String>| name.map(file).filter(|path| path.is_file());
    let panel = |entry: Entry| Panel {
        rank: entry.rank,
        case: entry.case,
        picture: file(entry.picture),
        scene: existing(entry.scene),
        turning: existing(entry.turning),
    };
    Ok(entries.into_iter().map(panel).collect())
}

fn draw(run: &Stored, case: &Case, Example { rank, case: name, dice }: Example) -> Result<Entry, RunError> {
    let unreadable = |error: &dyn std::fmt::Display| RunError::Reference(error.to_string());
    let (target, folder) = (&run.plan.target, run.evaluation().report());
    let stem = format!("{}-{name}", rank.name().to_lowercase());
    let image = dataset::read_image(case).map_err(|error| unreadable(&error))?;
    let reference = dataset::read_label(case, &image.geometry).map_err(|error| unreadable(&error))?.to_canonical();
    let prediction = export::read(run.prediction().path(), &name, target).map_err(|error| unreadable(&error))?;
    let (image, prediction, scores) = (image.to_canonical(), prediction.to_canonical(), format!("mean Dice {dice:.3}"));
    let rendered = panel::render(&name, &scores, &image, &reference, &prediction, target);
    let rendered = rendered.map_err(|error| RunError::Internal(error.to_string()))?;
    let picture = format!("{stem}.png");
    panel::save(&rendered, &folder.join(&picture)).map_err(RunError::file(folder.join(&picture)))?;
    let [scene, turning] =
        surfaces(run, &stem, &format!("{} case: {name}, {scores}", rank.name()), (reference, prediction))?;
    Ok(Entry { rank, case: name, picture, scene, turning })
}

/// Writes the page in 3D and the animation; those of a case that has neither surfaces nor millimetres are left out.
fn surfaces(
    run: &Stored,
    stem: &str,
    title: &str,
    (reference, prediction): (LabelMap, Segmentation),
) -> Result<[Option<String>; 2], RunError> {
    let internal = |error: &dyn std::fmt::Display| RunError::Internal(error.to_string());
    let folder = run.evaluation().report();
    let structures = scene::of_target(&run.plan.target, matches!(prediction, Segmentation::Masks { .. }));
    let reference = Segmentation::Labels(reference);
    let made = match scene::build(&structures, Some(&reference), Some(&prediction), &Detail::default()) {
        Ok(made) => made,
        Err(SceneError::Flat | SceneError::Empty | SceneError::Surface(SurfaceError::NoSpacing)) => {
            return Ok([None, None]);
        }
        Err(error) => return Err(internal(&error)),
    };
    let line = format!("{}, run {}", run.plan.about.experiment, run.id());
    let page = scene::render(&made, title, &line).map_err(|error| internal(&error))?;
    let turning = scene::turn(&made, SIZE).map_err(|error| internal(&error))?;
    let names = [SCENE, TURNING].map(|ending| format!("{stem}{ending}"));
    for (name, bytes) in names.iter().zip([page.into_bytes(), turning]) {
        let path = folder.join(name);
        write_atomic(&path, &bytes).map_err(RunError::file(path))?;
    }
    Ok(names.map(Some))
}
