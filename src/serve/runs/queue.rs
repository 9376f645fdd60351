//! Which cases a person should look at first: those on which the members of an ensemble disagree.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

use axum::extract::{Path, State};
use axum::response::Response;
use ndarray::Zip;
use serde_json::{Value, json};

use super::super::answer;
use super::super::error::{Answer, Refusal};
use super::super::image::of_structure;
use super::super::state::{Inner, Shared, locked, working};
use super::details::predicted_file;
use crate::dataset::Target;
use crate::predict::export;
use crate::store::Stored;
use crate::volume::Segmentation;

/// How the numbers are to be read.
const MEASURE: &str = "1 − mean pairwise Dice of the members";

/// Disagreements that were computed: by the folder of the prediction.
#[derive(Default)]
pub struct Queues(Mutex<HashMap<PathBuf, Vec<(String, f64)>>>);

/// `GET /api/runs/ID/queue`.
pub async fn queue(State(state): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    let rows = working(&state, move |state| compute(state, &id)).await?;
    let listed = rows.iter().map(|(case, value)| json!({ "case": case, "disagreement": value, "measure": MEASURE }));
    Ok(answer::json(&Value::Array(listed.collect())))
}

fn compute(state: &Inner, id: &str) -> Answer<Vec<(String, f64)>> {
    let run = state.catalog.open(id)?;
    let key = run.prediction().path().to_path_buf();
    if let Some(known) = locked(&state.queues.0).get(&key) {
        return Ok(known.clone());
    }
    let ids = run.plan.work.members();
    if ids.is_empty() {
        return Err(Refusal::conflict("disagreement is that of the members of an ensemble, and this run has none")
            .help("open an ensemble: `[ensemble]` in the experiment, or several seeds"));
    }
    let members = ids.iter().map(|ids| run.beside(ids)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for (_, case) in run.plan.predicted() {
        if state.cancel.is_stopped() {
            return Err(Refusal::failed("the server stops"));
        }
        let predictions = members.iter().filter(|member| predicted_file(member, &case.name).is_some());
        let found = predictions.map(|member| prediction(member, &case.name)).collect::<Answer<Vec<_>>>()?;
        if let Some(disagreement) = disagreement(&found, &run.plan.target)? {
            rows.push((case.name.clone(), disagreement));
        }
    }
    rows.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    // What is kept is complete: members may still be at their predictions.
    if rows.len() == run.plan.predicted().count() {
        locked(&state.queues.0).insert(key, rows.clone());
    }
    Ok(rows)
}

fn prediction(run: &Stored, case: &str) -> Answer<Segmentation> {
    Ok(export::read(run.prediction().path(), case, &run.plan.target)?)
}

/// One minus the mean Dice over pairs of members and structures; a structure that is in neither of a pair agrees. `None` for fewer than two
/// predictions.
fn disagreement(found: &[Segmentation], target: &Target) -> Answer<Option<f64>> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for place in 0..target.structures.len() {
        let masks = found.iter().map(|labels| of_structure(labels, target, place)).collect::<Answer<Vec<_>>>()?;
        for (index, one) in masks.iter().enumerate() {
            for other in masks.iter().skip(index + 1).filter(|other| other.dim() == one.dim()) {
                let (mut both, mut either) = (0_u64, 0_u64);
                Zip::from(one).and(other).for_each(|&a, &b| {
                    both += u64::from(a & b);
                    either += u64::from(a) + u64::from(b);
                });
                sum += if either == 0 { 1.0 } else { 2.0 * both as f64 / either as f64 };
                count += 1;
            }
        }
    }
    Ok((count > 0).then(|| 1.0 - sum / count as f64))
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::dataset::TargetStructure;
    use crate::volume::{Geometry, LabelMap};

    #[test]
    fn members_that_agree_have_no_disagreement() {
        let structure = |value: u16| TargetStructure::new(value.to_string(), &[value]);
        let target = Target::of(vec![structure(1), structure(2)]);
        let map = |values: [u16; 4]| {
            let voxels = Array3::from_shape_vec([1, 1, 4], values.to_vec()).unwrap();
            Segmentation::Labels(LabelMap { voxels, geometry: Geometry::axis_aligned([1, 1, 4], [1.0; 3]) })
        };
        let of = |all: &[[u16; 4]]| {
            disagreement(&all.iter().map(|values| map(*values)).collect::<Vec<_>>(), &target).unwrap()
        };
        assert_eq!(of(&[[0, 1, 1, 0]]), None);
        // The second structure is in neither.
        assert_eq!(of(&[[0, 1, 1, 0], [0, 1, 1, 0]]), Some(0.0));
        assert_eq!(of(&[[0, 1, 1, 0], [0, 1, 0, 0]]), Some(1.0 - (2.0 / 3.0 + 1.0) / 2.0));
    }
}
