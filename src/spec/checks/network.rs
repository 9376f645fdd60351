//! Checks the sizes of a network.

use crate::model::staged::DecoderBlocks;
use crate::model::{Model, Staged};
use crate::spec::Findings;
use crate::spec::finding::KeyPath;

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
