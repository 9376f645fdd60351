//! Left and right: a warning where mirrored images would exchange structures without their names.

use crate::augment::spec::Axis;
use crate::dataset::mirror::partners;
use crate::dataset::{Dataset, target};
use crate::spec::Experiment;
use crate::spec::cascade::first_stage;

/// A warning if an experiment mirrors the width although structures with a side have no partner in `labels.mirror-pairs`. Presets leave
/// the width out in that case; only a list in the experiment mirrors it.
pub fn side_warning(experiment: &Experiment, dataset: &Dataset) -> Option<String> {
    let first = first_stage(experiment);
    [Some(experiment), first.as_ref()].into_iter().flatten().find_map(|stage| of_stage(stage, dataset))
}

fn of_stage(experiment: &Experiment, dataset: &Dataset) -> Option<String> {
    experiment.augment.mirror.as_ref().filter(|axes| axes.contains(&Axis::Width))?;
    let target = target(dataset, &experiment.structures).ok()?;
    let mirrored = dataset.mirrored_values();
    let alone: Vec<&str> = target.unpaired_sided_structures(&mirrored).collect();
    let (first, rest) = alone.split_first()?;
    let verb = if rest.is_empty() { "has" } else { "have" };
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    let names: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    let partners = partners(&names);
    let missing = partners.iter().filter(|pair| pair.iter().any(|name| alone.contains(&name.as_str())));
    let pairs: Vec<String> = missing.map(|[one, other]| format!("[\"{one}\", \"{other}\"]")).collect();
    let remedy = match pairs.is_empty() {
        true => "remove \"width\" from `augment.mirror`".into(),
        false => format!("add {} to `labels.mirror-pairs` in the dataset file, or remove \"width\"", pairs.join(", ")),
    };
    Some(format!(
        "`augment.mirror` flips the width, but `{first}`{more} {verb} no partner in `labels.mirror-pairs`: left and right are trained as \
         one another; {remedy}"
    ))
}
