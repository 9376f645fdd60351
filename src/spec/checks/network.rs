//! The numbers of a network.

use crate::model::Model;
use crate::model::unet::Unet;
use crate::spec::Findings;
use crate::spec::finding::KeyPath;

pub fn check(model: &Model, findings: &mut Findings) {
    match model {
        Model::Unet(unet) => check_unet(unet, findings),
    }
}

fn check_unet(unet: &Unet, findings: &mut Findings) {
    stages(unet, findings);
    for (name, list) in [("features", &unet.features), ("blocks", &unet.blocks)] {
        for (stage, _) in list.fixed().into_iter().flatten().enumerate().filter(|(_, value)| **value == 0) {
            let path = KeyPath::from("model.unet").key(name).item(stage);
            findings.error(path, format!("stage {stage} has no {name}"), "use at least 1");
        }
    }
    for (name, list) in [("strides", &unet.strides), ("kernels", &unet.kernels)] {
        for (stage, triple) in list.fixed().into_iter().flatten().enumerate() {
            let path = KeyPath::from("model.unet").key(name).item(stage);
            triples(name, triple, &path, findings);
        }
    }
    supervision(unet, findings);
}

fn triples(name: &str, triple: &[usize; 3], path: &KeyPath, findings: &mut Findings) {
    for (axis, value) in triple.iter().enumerate() {
        let along = super::AXES[axis];
        if *value == 0 {
            findings.error(
                path.item(axis),
                format!("a value of 0 along {along}"),
                "use at least 1: 1 leaves the axis alone",
            );
        } else if name == "kernels" && value % 2 == 0 {
            let help = format!("use {} or {}: only an odd kernel has a centre", value - 1, value + 1);
            findings.error(path.item(axis), format!("an even kernel of {value} along {along}"), help);
        }
    }
}

/// Lists with one entry per stage must have the same length.
fn stages(unet: &Unet, findings: &mut Findings) {
    let lengths = [
        ("features", unet.features.fixed().map(Vec::len)),
        ("strides", unet.strides.fixed().map(Vec::len)),
        ("kernels", unet.kernels.fixed().map(Vec::len)),
        ("blocks", unet.blocks.fixed().map(Vec::len)),
    ];
    let mut stated = lengths.into_iter().filter_map(|(name, length)| Some((name, length?)));
    let Some((first, stages)) = stated.next() else { return };
    if stages == 0 {
        let path = KeyPath::from("model.unet").key(first);
        findings.error(path, format!("`{first}` is empty"), "give one entry per stage, or \"auto\"");
    }
    for (name, length) in stated.filter(|(_, length)| *length != stages) {
        let message = format!("`{name}` has {length} entries, but `{first}` has {stages}");
        let help = format!("each stage has one entry in every list: give {stages}, or \"auto\"");
        findings.error(KeyPath::from("model.unet").key(name), message, help);
    }
}

fn supervision(unet: &Unet, findings: &mut Findings) {
    let stages = [unet.features.fixed().map(Vec::len), unet.strides.fixed().map(Vec::len)];
    if unet.deep_supervision && stages.contains(&Some(1)) {
        let help = "use two stages or more, or leave `deep-supervision` out";
        findings.error("model.unet.deep-supervision", "a network of one stage has no coarser resolution", help);
    }
}
