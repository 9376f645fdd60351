//! Checks pretrained weights.

use crate::spec::Findings;
use crate::spec::finding::KeyPath;
use crate::train::pretrained::Pretrained;

pub fn check(pretrained: Option<&Pretrained>, findings: &mut Findings) {
    let Some(pretrained) = pretrained else { return };
    let help = "give `file = \"weights.safetensors\"` or `from-run = \"runs/EXPERIMENT/ID\"`";
    match (&pretrained.file, &pretrained.from_run) {
        (None, None) => findings.error("pretrained", "no weights are given", help),
        (Some(_), Some(_)) => findings.error("pretrained.from-run", "`file` and `from-run` are both given", help),
        _ => {}
    }
    for (index, [pattern, _]) in pretrained.rename.iter().enumerate() {
        if let Err(error) = regex::Regex::new(pattern) {
            let path = KeyPath::from("pretrained.rename").item(index);
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            findings.error(
                path,
                format!("`{pattern}` is not a regular expression: {reason}"),
                "give pairs of pattern and replacement",
            );
        }
    }
}
