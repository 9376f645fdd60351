//! Terms of the loss: their weights, and whether they fit the structures.

use super::structures;
use crate::auto::Auto;
use crate::dataset::Dataset;
use crate::dataset::target::ANY;
use crate::loss::Loss;
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
        findings.error(list.item(0).key(name).key("weight"), "all terms have the weight 0", help);
    }
    for (index, term) in terms.iter().enumerate() {
        let (name, weight) = (term.name(), term.weight());
        let path = list.item(index).key(name);
        if weight < 0.0 {
            let help = "a term with a negative weight would reward errors";
            findings.error(path.key("weight"), format!("the weight {weight} is negative"), help);
        }
        shape(term, &path, findings);
        fits_structures(term, &path, experiment, dataset, findings);
        weights(term, &path, experiment, dataset, findings);
    }
}

/// Numbers of one term alone.
fn shape(term: &Loss, path: &KeyPath, findings: &mut Findings) {
    match term {
        Loss::Tversky(term) if term.exponent <= 0.0 => {
            let help = "0.75 is Abraham and Khan's, 1 the plain Tversky loss";
            findings.error(path.key("exponent"), format!("the exponent {} is not above 0", term.exponent), help);
        }
        Loss::CrossEntropy(term) => {
            smoothing(term.label_smoothing, path, findings);
            fraction(term.top_k_fraction, path, findings);
        }
        Loss::BinaryCrossEntropy(term) => {
            smoothing(term.label_smoothing, path, findings);
            fraction(term.top_k_fraction, path, findings);
        }
        Loss::Focal(term) => {
            if let Some(alpha) = term.alpha.filter(|alpha| !(0.0..=1.0).contains(alpha)) {
                let help = "structures get alpha, background one minus it: use a number from 0 to 1, for example 0.25";
                findings.error(path.key("alpha"), format!("an alpha of {alpha}"), help);
            }
        }
        _ => {}
    }
}

fn smoothing(smoothing: f64, path: &KeyPath, findings: &mut Findings) {
    if smoothing >= 1.0 {
        let help = "use less than 1, for example 0.1";
        findings.error(path.key("label-smoothing"), "nothing of the truth would be left", help);
    }
}

fn fraction(fraction: Option<f64>, path: &KeyPath, findings: &mut Findings) {
    if let Some(fraction) = fraction.filter(|fraction| !(*fraction > 0.0 && *fraction <= 1.0)) {
        let help = "use a part above 0 and at most 1, for example 0.1";
        findings.error(path.key("top-k-fraction"), format!("{fraction} is no part of the voxels"), help);
    }
}

/// Why outputs are probabilities by themselves, if they are: then they have no background.
fn sigmoid(experiment: &Experiment, dataset: &Dataset) -> Option<String> {
    let chosen = structures::chosen(experiment, dataset);
    if let Some((first, second)) = structures::overlap(&chosen, dataset) {
        return Some(format!("`{first}` and `{second}` overlap"));
    }
    if experiment.model.slices().is_some() {
        return Some("a slice may show several structures".into());
    }
    let terms = experiment.loss.fixed().map_or(&[][..], Vec::as_slice);
    let binary = terms.iter().any(|term| matches!(term, Loss::BinaryCrossEntropy(_)));
    binary.then(|| "`binary-cross-entropy` takes each structure by itself".into())
}

fn fits_structures(term: &Loss, path: &KeyPath, experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let Some(reason) = sigmoid(experiment, dataset) else { return };
    match term {
        Loss::CrossEntropy(_) => {
            let message = format!("`cross-entropy` allows one structure per voxel, but {reason}");
            findings.error(path.clone(), message, "use `binary-cross-entropy`");
        }
        term if term.counts_background() => {
            let message = format!("there is no background output: {reason}");
            findings.error(path.key("background"), message, "leave `background` out");
        }
        _ => {}
    }
}

/// Lists with a number per class or structure.
fn weights(term: &Loss, path: &KeyPath, experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let chosen = structures::chosen(experiment, dataset);
    let names: Vec<&str> = match experiment.model.slices() {
        Some(SliceTarget::Any) => vec![ANY],
        _ => chosen.iter().map(|chosen| chosen.name).collect(),
    };
    let classes = match sigmoid(experiment, dataset) {
        Some(_) => names.clone(),
        None => [&["background"], &names[..]].concat(),
    };
    match term {
        Loss::CrossEntropy(term) => list(&term.class_weights, &path.key("class-weights"), "class", &classes, findings),
        Loss::Focal(term) => list(&term.class_weights, &path.key("class-weights"), "class", &classes, findings),
        Loss::BinaryCrossEntropy(term) => {
            list(&term.class_weights, &path.key("class-weights"), "class", &names, findings);
            list(&term.positive_weights, &path.key("positive-weights"), "positive", &names, findings);
        }
        _ => {}
    }
}

fn list(weights: &Option<Vec<f64>>, path: &KeyPath, what: &str, classes: &[&str], findings: &mut Findings) {
    let Some(weights) = weights else { return };
    if weights.len() != classes.len() {
        let message = format!("{} {what} weights for {} classes", weights.len(), classes.len());
        findings.error(path.clone(), message, format!("give one weight each, in this order: {}", classes.join(", ")));
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        let help = "give at least one class a weight above 0";
        findings.error(path.clone(), format!("all {what} weights are 0"), help);
    }
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight < 0.0) {
        findings.error(path.item(index), format!("the {what} weight {weight} is negative"), "use 0 or more");
    }
}
