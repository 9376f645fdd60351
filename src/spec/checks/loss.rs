//! Checks loss terms: weights, ranges, and whether they fit the structures.

use super::structures;
use crate::auto::Auto;
use crate::dataset::Dataset;
use crate::dataset::target::ANY;
use crate::loss::Loss;
use crate::loss::spec::{Outputs, WeightList};
use crate::model::SliceTarget;
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings};

pub fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let Auto::Fixed(terms) = &experiment.loss else { return };
    let list = KeyPath::from("loss");
    if terms.is_empty() {
        findings.error("loss", "the loss has no terms", "add one, or leave `loss` out for Dice + cross-entropy");
    } else if terms.iter().all(|term| term.weight() == 0.0) {
        let name = terms[0].name();
        let help = "give at least one term a weight above 0";
        findings.error(list.item(0).key(name).key("weight"), "all terms have weight 0", help);
    }
    for (index, term) in terms.iter().enumerate() {
        let (name, weight) = (term.name(), term.weight());
        let path = list.item(index).key(name);
        if weight < 0.0 {
            let help = "a term with a negative weight would reward errors";
            findings.error(path.key("weight"), format!("the weight {weight} is negative"), help);
        }
        for mistake in term.term().mistakes() {
            findings.error(path.key(mistake.key), mistake.message, mistake.help);
        }
        fits_structures(term, &path, experiment, dataset, findings);
        weights(term, &path, experiment, dataset, findings);
    }
}

/// Why the network has sigmoid outputs, if it does: it then has no background output.
fn sigmoid(experiment: &Experiment, dataset: &Dataset) -> Option<String> {
    let chosen = structures::chosen(experiment, dataset);
    if let Some((first, second)) = structures::overlap(&chosen, dataset) {
        return Some(format!("`{first}` and `{second}` overlap"));
    }
    if experiment.model.slices().is_some() {
        return Some("a slice may show several structures".into());
    }
    let terms = experiment.loss.fixed().map_or(&[][..], Vec::as_slice);
    let independent = terms.iter().find(|term| term.term().outputs() == Outputs::Independent)?;
    Some(format!("`{}` gives each structure its own probability", independent.name()))
}

fn fits_structures(term: &Loss, path: &KeyPath, experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let Some(reason) = sigmoid(experiment, dataset) else { return };
    if term.term().outputs() == Outputs::Exclusive {
        let message = format!("`{}` allows one structure per voxel, but {reason}", term.name());
        findings.error(path.clone(), message, "use `binary-cross-entropy`");
    }
    if term.term().counts_background() {
        let message = format!("there is no background output: {reason}");
        findings.error(path.key("background"), message, "remove `background`");
    }
}

/// Lists with one number per output.
fn weights(term: &Loss, path: &KeyPath, experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let chosen = structures::chosen(experiment, dataset);
    let names: Vec<&str> = match experiment.model.slices() {
        Some(SliceTarget::Any) => vec![ANY],
        _ => chosen.iter().map(|chosen| chosen.name).collect(),
    };
    let classes = match sigmoid(experiment, dataset) {
        Some(_) => names,
        None => [&["background"], &names[..]].concat(),
    };
    for WeightList { key, kind, weights } in term.term().weight_lists() {
        list(weights, &path.key(key), kind, &classes, findings);
    }
}

fn list(weights: &[f64], path: &KeyPath, what: &str, classes: &[&str], findings: &mut Findings) {
    if weights.len() != classes.len() {
        let message = format!("{} {what} weights for {} classes", weights.len(), classes.len());
        findings.error(
            path.clone(),
            message,
            format!("give one weight per class, in this order: {}", classes.join(", ")),
        );
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        let help = "give at least one class a weight above 0";
        findings.error(path.clone(), format!("all {what} weights are 0"), help);
    }
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight < 0.0) {
        findings.error(path.item(index), format!("the {what} weight {weight} is negative"), "use 0 or more");
    }
}
