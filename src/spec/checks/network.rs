//! Checks the sizes of a network.

use crate::dataset::Dataset;
use crate::interact::guidance;
use crate::model::staged::DecoderBlocks;
use crate::model::{Interface, Model, Staged, Stages};
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings};

pub fn check(model: &Model, findings: &mut Findings) {
    for [name, message, help] in model.mistakes() {
        findings.error(KeyPath::from(model.key()).key(&name), message, help);
    }
    let network = model.staged();
    stages(&network, findings);
    for (name, list) in [("features", &network.features), ("blocks", &network.blocks)] {
        for (stage, _) in list.fixed().into_iter().flatten().enumerate().filter(|(_, value)| **value == 0) {
            let path = KeyPath::from(network.key).key(name).item(stage);
            findings.error(path, format!("stage {stage} has no {name}"), "use at least 1");
        }
    }
    for (name, list) in [("strides", &network.strides), ("kernels", &network.kernels)] {
        for (stage, triple) in list.fixed().into_iter().flatten().enumerate() {
            let path = KeyPath::from(network.key).key(name).item(stage);
            triples(name, triple, &path, findings);
        }
    }
    supervision(model, &network, findings);
}

/// What a network refuses, as far as the spec states its stages, and the dataset its channels.
pub fn fits(experiment: &Experiment, dataset: &Dataset, findings: &mut Findings) {
    let (model, network) = (&experiment.model, experiment.model.staged());
    passes(model, &network, findings);
    let lists = [
        network.features.fixed().map(Vec::len),
        network.strides.fixed().map(Vec::len),
        network.kernels.fixed().map(Vec::len),
        network.blocks.fixed().map(Vec::len),
    ];
    let mut stated = lists.into_iter().flatten();
    let count = stated.next().unwrap_or(2);
    // Lists of different lengths are reported separately.
    if count == 0 || stated.any(|length| length != count) {
        return;
    }
    let usual = |stage: usize| network.base_features << stage.min(4);
    let stages = Stages {
        features: network.features.fixed().cloned().unwrap_or_else(|| (0..count).map(usual).collect()),
        strides: network.strides.fixed().cloned().unwrap_or_else(|| vec![[1; 3]; count]),
        kernels: network.kernels.fixed().cloned().unwrap_or_else(|| vec![[network.kernel; 3]; count]),
        blocks: network.blocks.fixed().cloned().unwrap_or_else(|| (0..count).map(network.default_blocks).collect()),
        decoder_blocks: network.decoder_blocks.of(count - 1),
    };
    let structures = match experiment.structures.len() {
        0 => dataset.structures.len(),
        chosen => chosen,
    };
    let told = experiment.interact.map_or(0, |_| guidance::channels(structures));
    let (channels, outputs) = (dataset.channels.len().max(1) + told, dataset.structures.len() + 1);
    if let Some(reason) = model.resolve(stages).refuses(Interface { channels, outputs, sigmoid: false }) {
        findings.error(KeyPath::from(model.key()), reason, "change the lists that have one entry per stage");
    }
}

/// Passes join the image with the result of the pass before, so that a pass must keep its size.
fn passes(model: &Model, network: &Staged, findings: &mut Findings) {
    let first = network.strides.fixed().and_then(|strides| strides.first());
    if matches!(model, Model::MultipassUnet(_)) && first.is_some_and(|first| *first != [1; 3]) {
        let path = KeyPath::from(network.key).key("strides").item(0);
        let help = "use [1, 1, 1]: each pass sees the image and the result of the pass before";
        findings.error(path, "the first stage of a pass must keep the size of the patch", help);
    }
}

fn triples(name: &str, triple: &[usize; 3], path: &KeyPath, findings: &mut Findings) {
    for (axis, value) in triple.iter().enumerate() {
        let along = super::AXES[axis];
        if *value == 0 {
            findings.error(
                path.item(axis),
                format!("`{name}` is 0 along {along}"),
                "use at least 1: 1 leaves the axis unchanged",
            );
        } else if name == "kernels" && value % 2 == 0 {
            let help = format!("use {} or {}: only an odd kernel has a centre", value - 1, value + 1);
            findings.error(path.item(axis), format!("the kernel size {value} along {along} is even"), help);
        }
    }
}

/// Lists with one entry per stage must have the same length.
fn stages(network: &Staged, findings: &mut Findings) {
    let lengths = [
        ("features", network.features.fixed().map(Vec::len)),
        ("strides", network.strides.fixed().map(Vec::len)),
        ("kernels", network.kernels.fixed().map(Vec::len)),
        ("blocks", network.blocks.fixed().map(Vec::len)),
    ];
    let mut stated = lengths.into_iter().filter_map(|(name, length)| Some((name, length?)));
    let Some((first, stages)) = stated.next() else { return };
    if stages == 0 {
        let path = KeyPath::from(network.key).key(first);
        findings.error(path, format!("`{first}` is empty"), "give one entry per stage, or \"auto\"");
    }
    for (name, length) in stated.filter(|(_, length)| *length != stages) {
        let message = format!("`{name}` has {length} entries, but `{first}` has {stages}");
        let help = format!("every list has one entry per stage: give {stages}, or \"auto\"");
        findings.error(KeyPath::from(network.key).key(name), message, help);
    }
    if let DecoderBlocks::Each(blocks) = &network.decoder_blocks
        && blocks.len() + 1 != stages
    {
        let path = KeyPath::from(network.key).key("decoder-blocks");
        let message = format!("`decoder-blocks` has {} entries, but there are {stages} stages", blocks.len());
        findings.error(path, message, format!("give one entry fewer than stages: {}", stages.saturating_sub(1)));
    }
}

fn supervision(model: &Model, network: &Staged, findings: &mut Findings) {
    let stages = [network.features.fixed().map(Vec::len), network.strides.fixed().map(Vec::len)];
    if model.has_deep_supervision() && stages.contains(&Some(1)) {
        let help = "use two stages or more, or remove `deep-supervision`";
        let path = KeyPath::from(network.key).key("deep-supervision");
        findings.error(path, "a network of one stage has no coarser resolution to supervise", help);
    }
}
