//! Matching of a file's tensors with a network's parameters.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::PretrainedPlan;
use super::read::Foreign;
use crate::model::{Names, Network, Parameter};

/// What was loaded, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Parameters with weights from the file.
    pub loaded: Vec<Loaded>,
    /// Parameters that keep their initial values: not in the file, or of another shape.
    pub missing: Vec<String>,
    /// Tensors of the file whose shape differs from their parameter's.
    pub unfit: Vec<String>,
    /// Tensors of the file that match no parameter.
    pub unused: Vec<String>,
}

/// A parameter with weights from the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// Our name.
    pub parameter: String,
    /// The file's name.
    pub tensor: String,
    /// How the tensor was adapted; empty if it was not.
    pub adapted: String,
}

/// Tensors by their names without the prefix and after renaming.
pub(super) fn renamed(
    tensors: BTreeMap<String, Foreign>,
    plan: &PretrainedPlan,
) -> Result<BTreeMap<String, Foreign>, String> {
    let compile =
        |[pattern, name]: &[String; 2]| Ok((Regex::new(pattern).map_err(|error| error.to_string())?, name.clone()));
    let rules: Vec<(Regex, String)> = plan.rename.iter().map(compile).collect::<Result<_, String>>()?;
    let mut found = BTreeMap::new();
    for (name, tensor) in tensors {
        let Some(name) = name.strip_prefix(&plan.prefix) else { continue };
        let start = name.to_owned();
        let name = rules.iter().fold(start, |name, (pattern, new)| pattern.replace(&name, new.as_str()).into_owned());
        found.insert(name, tensor);
    }
    if found.is_empty() {
        return Err(format!("no tensor name begins with `{}`: correct `pretrained.prefix`", plan.prefix));
    }
    Ok(found)
}

/// Loads the tensors that fit into a network; `channels` is the number of image channels.
pub(super) fn fill(
    network: Network,
    names: &Names,
    tensors: &BTreeMap<String, Foreign>,
    channels: usize,
) -> Result<(Network, Report), String> {
    let parameters = network.parameters();
    // The input layer: the first with a kernel.
    let first = parameters.iter().find(|parameter| parameter.shape.len() > 2).map(|parameter| parameter.name.clone());
    let mut report = Report::default();
    let mut taken = BTreeSet::new();
    let mut damaged = None;
    let network = network.with_values(|parameter| {
        let known = std::iter::once(parameter.name.clone()).chain(names.of(&parameter.name));
        let Some((name, tensor)) = known.into_iter().find_map(|name| tensors.get_key_value(&name)) else {
            report.missing.push(parameter.name.clone());
            return None;
        };
        taken.insert(name);
        let sees_image = first.as_ref() == Some(&parameter.name) && parameter.shape.get(1) == Some(&channels);
        match fitted(parameter, tensor, sees_image) {
            Some((values, adapted)) => {
                if !values.iter().all(|value| value.is_finite()) {
                    damaged = Some(name.clone());
                }
                report.loaded.push(Loaded { parameter: parameter.name.clone(), tensor: name.clone(), adapted });
                Some(values)
            }
            None => {
                let (ours, theirs) = (&parameter.shape, &tensor.shape);
                report.unfit.push(format!("{name} {theirs:?} for {} {ours:?}", parameter.name));
                report.missing.push(parameter.name.clone());
                None
            }
        }
    });
    if let Some(name) = damaged {
        return Err(format!("`{name}` holds a value that is not a finite number: these weights predict nothing"));
    }
    report.unused = tensors.keys().filter(|name| !taken.contains(name)).cloned().collect();
    Ok((network, report))
}

/// Values for a parameter, and how they were adapted; none if they do not fit.
fn fitted(parameter: &Parameter, tensor: &Foreign, sees_image: bool) -> Option<(Vec<f32>, String)> {
    let (ours, theirs) = (without_ones(&parameter.shape), without_ones(&tensor.shape));
    if ours == theirs {
        return Some((tensor.values.clone(), String::new()));
    }
    if !sees_image {
        return None;
    }
    let [outputs, wanted] = [parameter.shape[0], parameter.shape[1]];
    let kernel: usize = parameter.shape[2..].iter().product();
    let present = *tensor.shape.get(1)?;
    let same = tensor.shape.first() == Some(&outputs)
        && without_ones(&parameter.shape[2..]) == without_ones(&tensor.shape[2..]);
    if !same || present == 0 {
        return None;
    }
    // Preserves the output for images whose channels are all equal.
    let mut values = Vec::with_capacity(outputs * wanted * kernel);
    for filters in tensor.values.chunks_exact(present * kernel) {
        let tap = |tap: usize| filters[tap..].iter().step_by(kernel).sum::<f32>() / wanted as f32;
        let mean: Vec<f32> = (0..kernel).map(tap).collect();
        (0..wanted).for_each(|_| values.extend(&mean));
    }
    Some((values, format!("{present} image channels to {wanted}")))
}

/// Drops axes of length 1: a 2D kernel equals a 3D one of depth 1.
fn without_ones(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&length| length != 1).collect()
}
