//! The networks of a run: one, the members of an ensemble, the stages of a cascade.

use serde::Serialize;

use super::ExportError;
use crate::plan::{LookPlan, Work};
use crate::run::RunError;
use crate::store::Stored;

/// A network of a run.
pub struct Part {
    /// Folder of its files; empty for a run with one network.
    pub folder: String,
    /// What it does in the run.
    pub role: Role,
    /// The run that trained it.
    pub run: Stored,
}

/// What a network does in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Whole,
    /// Its probabilities are averaged with those of other members.
    Member,
    /// It selects where the second stage segments.
    FirstStage,
    /// It segments what the first stage selected.
    SecondStage,
}

/// The networks of a run.
///
/// # Errors
/// A run that it needs is missing, or is itself made of several networks.
pub fn parts(run: &Stored) -> Result<Vec<Part>, ExportError> {
    let part = |folder: String, role, run: Stored| Part { folder, role, run };
    let of_run = match (&run.plan.work, &run.plan.look) {
        (Work::Train(_), LookPlan::Everywhere) => vec![part(String::new(), Role::Whole, run.clone())],
        (Work::Train(_), look) => {
            let first = look.first().map(|ids| run.beside(ids)).transpose().map_err(RunError::from)?;
            let first = first.map(|first| part("first-stage".into(), Role::FirstStage, first));
            first.into_iter().chain([part("second-stage".into(), Role::SecondStage, run.clone())]).collect()
        }
        (Work::Average(average), _) => {
            let members = average.members.iter().enumerate().map(|(index, ids)| {
                let member = run.beside(ids).map_err(RunError::from)?;
                Ok(part(format!("member-{}", index + 1), Role::Member, member))
            });
            members.collect::<Result<_, RunError>>()?
        }
    };
    let nested = of_run.iter().find(|part| match part.role {
        Role::Whole | Role::SecondStage => false,
        Role::Member | Role::FirstStage => {
            part.run.plan.work.training().is_none() || part.run.plan.look != LookPlan::Everywhere
        }
    });
    if let Some(nested) = nested {
        let id = nested.run.id();
        return Err(ExportError::Refused(format!(
            "{}: its part {id} is made of several networks itself; export the parts one by one, beginning with `segspec export {id}`",
            run.folder.path().display()
        )));
    }
    Ok(of_run)
}

/// How the networks of a run combine, in words.
pub fn rule(run: &Stored) -> &'static str {
    match (&run.plan.work, &run.plan.look) {
        (Work::Average(_), _) => {
            "Each member prepares the image as its own metadata.json says; its probabilities (logits, where `windows.averaged` says so) go \
             back to the grid of the image (linearly; background outside its crop). Their mean decides, as `labels` of the first member \
             says."
        }
        (Work::Train(_), LookPlan::Slices { .. }) => {
            "The first stage gives each slice of the image in RAS orientation a probability per output. Slices from the threshold in \
             `first-stage` of the second stage's metadata.json on, and those within the margin of one, are segmented by the second stage; all \
             others are background."
        }
        (Work::Train(_), LookPlan::Labels { .. }) => {
            "The first stage segments the image. The second stage gets its label map as further channels, resampled like labels: for each \
             value in `first-stage` of its metadata.json, 1 where the label map has it, else 0."
        }
        (Work::Train(_), LookPlan::Box { .. }) => {
            "The first stage segments the image. The second stage segments the bounding box of everything found, with the margin in \
             `first-stage` of its metadata.json; everything else is background. If nothing is found, it segments the whole image."
        }
        (Work::Train(_), LookPlan::Everywhere) => "One network.",
    }
}
