//! What a person should know of the data before a run: structures that occur nowhere, sides that are mixed up, how labels were read.

use crate::counted;
use crate::dataset::{Inputs, absent, target};
use crate::plan::side_warning;
use crate::preprocess::spec::Spacing;
use crate::spec::Loaded;

/// Cases whose remarks are printed; `segspec dataset check` prints all.
const CASES: usize = 3;

/// Warnings about an experiment and its data, without repetition.
pub fn cautions(loaded: &Loaded, inputs: &Inputs) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for trial in &loaded.trials {
        let experiment = &trial.experiment;
        found.extend(side_warning(experiment, &loaded.dataset));
        let chosen = target(&loaded.dataset, &experiment.structures).ok();
        found.extend(chosen.and_then(|target| absent(&target, &inputs.checks)));
        if experiment.preprocess.shape.is_none()
            && experiment.preprocess.spacing_mm == Spacing::Auto
            && without_spacing(inputs)
        {
            found.push(
                "the images have no voxel spacing: `spacing-mm = \"auto\"` keeps their voxels, lengths are in voxels"
                    .into(),
            );
        }
    }
    let noted: Vec<_> = inputs.checks.iter().filter(|row| row.excluded.is_none() && !row.notes.is_empty()).collect();
    found.extend(noted.iter().take(CASES).map(|row| format!("{}: {}", row.case, row.notes.join("; "))));
    if noted.len() > CASES {
        let more = noted.len() - CASES;
        let more = counted(more, "more case");
        found.push(format!("{more} with such remarks: `segspec dataset check` prints them"));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|text| seen.insert(text.clone()));
    found
}

/// Whether no usable image has a voxel spacing, as pictures.
pub fn without_spacing(inputs: &Inputs) -> bool {
    let mut usable = inputs.checks.iter().filter(|row| row.excluded.is_none()).peekable();
    usable.peek().is_some() && usable.all(|row| row.spacing_mm.is_none())
}
