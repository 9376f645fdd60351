//! Terms of the loss: their weights, and whether they fit the structures.

use super::structures;
use crate::dataset::Dataset;
use crate::loss::Loss;
use crate::spec::finding::KeyPath;
use crate::spec::{Auto, Experiment, Findings};

pub fn check(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let Auto::Fixed(terms) = &experiment.loss else { return };
    let list = KeyPath::from("loss");
    if terms.is_empty() {
        findings.error("loss", "the loss has no terms", "add one, or leave `loss` out for Dice + cross-entropy");
    } else if terms.iter().all(|term| term.weight() == 0.0) {
        let name = terms[0].name();
        let help = "give at least one term a weight above 0";
        findings.error(list.item(0).key(name).key("weight"), "all terms have the weight 0", help);
    }
    for (index, term) in terms.iter().enumerate() {
        let (name, weight) = (term.name(), term.weight());
        let path = list.item(index).key(name);
        if weight < 0.0 {
            let help = "a term with a negative weight would reward errors";
            findings.error(path.key("weight"), format!("the weight {weight} is negative"), help);
        }
        exponent(term, &path, findings);
        fits_structures(term, &path, experiment, dataset, findings);
        class_weights(term, &path, experiment, dataset, findings);
    }
}

fn exponent(term: &Loss, path: &KeyPath, findings: &mut Findings) {
    if let Loss::Tversky { exponent, .. } = term
        && *exponent <= 0.0
    {
        let help = "0.75 is Abraham and Khan's, 1 the plain Tversky loss";
        findings.error(path.key("exponent"), format!("the exponent {exponent} is not above 0"), help);
    }
}

fn fits_structures(term: &Loss, path: &KeyPath, experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let chosen = structures::chosen(experiment, dataset);
    match (term, structures::overlap(&chosen)) {
        (Loss::CrossEntropy { .. }, Some((first, second))) => {
            let message =
                format!("`cross-entropy` allows one structure per voxel, but `{first}` and `{second}` overlap");
            findings.error(path.clone(), message, "use `binary-cross-entropy`");
        }
        (Loss::BinaryCrossEntropy { .. }, None) => {
            let message = "`binary-cross-entropy` is for structures that overlap, and these do not";
            findings.error(path.clone(), message, "use `cross-entropy`");
        }
        (term, Some((first, second))) if term.counts_background() => {
            let message = format!("there is no background output where `{first}` and `{second}` overlap");
            findings.error(path.key("background"), message, "leave `background` out");
        }
        _ => {}
    }
}

fn class_weights(term: &Loss, path: &KeyPath, experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let names: Vec<&str> = structures::chosen(experiment, dataset).iter().map(|chosen| chosen.name).collect();
    let (weights, classes) = match term {
        Loss::CrossEntropy { class_weights: Some(weights), .. } => (weights, [&["background"], &names[..]].concat()),
        Loss::BinaryCrossEntropy { class_weights: Some(weights), .. } => (weights, names),
        _ => return,
    };
    let path = path.key("class-weights");
    if weights.len() != classes.len() {
        let message = format!("{} class weights for {} classes", weights.len(), classes.len());
        findings.error(path.clone(), message, format!("give one weight each, in this order: {}", classes.join(", ")));
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        findings.error(path.clone(), "all class weights are 0", "give at least one class a weight above 0");
    }
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight < 0.0) {
        findings.error(path.item(index), format!("the class weight {weight} is negative"), "use 0 or more");
    }
}
