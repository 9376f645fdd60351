//! Checks the structures that an experiment segments, and the keys that name one.

use crate::dataset::Dataset;
use crate::dataset::target::ANY;
use crate::model::SliceTarget;
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings, suggest};

/// The name of a target and the dataset's structures that it merges.
pub struct Chosen<'a> {
    pub name: &'a str,
    pub members: Vec<&'a str>,
}

/// The targets of an experiment; unknown names are skipped.
pub fn chosen<'a>(experiment: &'a Experiment, dataset: &'a Dataset) -> Vec<Chosen<'a>> {
    if experiment.structures.is_empty() {
        return dataset.structures.iter().map(|s| Chosen { name: &s.name, members: vec![s.name.as_str()] }).collect();
    }
    experiment.structures.iter().filter_map(|name| target(name, dataset)).collect()
}

/// Two chosen targets that may share voxels: they share a structure, or the dataset's structures overlap.
pub fn overlap<'a>(chosen: &'a [Chosen<'a>], dataset: &Dataset) -> Option<(&'a str, &'a str)> {
    if let ([first, second, ..], true) = (chosen, dataset.labels.overlap) {
        return Some((first.name, second.name));
    }
    let shares = |a: &Chosen, b: &Chosen| a.members.iter().any(|member| b.members.contains(member));
    chosen.iter().enumerate().find_map(|(index, first)| {
        let second = chosen.iter().skip(index + 1).find(|second| shares(first, second))?;
        Some((first.name, second.name))
    })
}

fn target<'a>(name: &'a str, dataset: &'a Dataset) -> Option<Chosen<'a>> {
    if dataset.structures.iter().any(|structure| structure.name == name) {
        return Some(Chosen { name, members: vec![name] });
    }
    let members = dataset.labels.merge.get(name)?.iter().map(String::as_str).collect();
    Some(Chosen { name, members })
}

pub fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let known: Vec<&str> = dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    let merged = dataset.labels.merge.keys().map(String::as_str);
    let known: Vec<&str> = known.into_iter().chain(merged).collect();
    for (index, name) in experiment.structures.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let message = format!("the dataset `{}` has no structure `{name}`", experiment.dataset);
            let help = suggest::help(name, &known, "structures of the dataset");
            findings.error(KeyPath::from("structures").item(index), message, help);
        }
    }
    if let Some(index) = super::repeated(&experiment.structures) {
        let help = "list every structure once";
        findings.error(KeyPath::from("structures").item(index), "this structure is listed twice", help);
    }
    torn(experiment, dataset, findings);
    uses(experiment, dataset, findings);
}

/// Refuses targets with a part of what the labels do not tell apart.
fn torn(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    for target in chosen(experiment, dataset) {
        let members: Vec<String> = target.members.iter().map(|name| (*name).to_owned()).collect();
        let Some((reason, remedy)) = dataset.labels.torn(&members) else { continue };
        let place = experiment.structures.iter().position(|name| name == target.name);
        let path = place.map_or("structures".into(), |index| KeyPath::from("structures").item(index));
        findings.error(path, format!("`{}`: {reason}", target.name), remedy);
        if place.is_none() {
            // All structures of the dataset: one message for all.
            return;
        }
    }
}

/// Checks keys that name one of the chosen structures.
fn uses(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let chosen = chosen(experiment, dataset);
    let names: Vec<&str> = match experiment.model.slices() {
        Some(SliceTarget::Any) => vec![ANY],
        _ => chosen.iter().map(|chosen| chosen.name).collect(),
    };
    let kept = experiment.predict.largest_component.iter().enumerate();
    let kept = kept.map(|(index, name)| (KeyPath::from("predict.largest-component").item(index), name));
    let best = experiment.train.best.structure.iter().map(|name| (KeyPath::from("train.best.structure"), name));
    let tolerances = experiment.evaluate.structure_tolerances_mm.keys();
    let tolerances = tolerances.map(|name| (KeyPath::from("evaluate.structure-tolerances-mm").key(name), name));
    for (path, name) in kept.chain(best).chain(tolerances) {
        if !names.contains(&name.as_str()) {
            let help = suggest::help(name, &names, "structures of this experiment");
            findings.error(path, format!("this experiment does not segment `{name}`"), help);
        }
    }
    if let Some(index) = super::repeated(&experiment.predict.largest_component) {
        let path = KeyPath::from("predict.largest-component").item(index);
        findings.error(path, "this structure is listed twice", "list every structure once");
    }
}
