//! The structures that the command line asks for.

use crate::cli::{Exit, Failure};
use crate::dataset::spec::Structure;
use crate::dataset::{self, Dataset, Target, TargetStructure};
use crate::evaluate::files::Wanted;
use crate::evaluate::files::named::Asked;

/// Parses `liver=1,spleen=2`; the values of a repeated name are merged.
pub(super) fn parse_labels(text: &str) -> Result<Wanted, String> {
    let mut structures: Vec<TargetStructure> = Vec::new();
    let mut names = Asked::new();
    for part in text.split(',') {
        let wrong =
            || format!("--labels: `{part}` is not NAME=VALUE with a value from 1 to 65535, as in liver=1,spleen=2");
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let (name, value) = (name.trim(), value.trim().parse::<u16>().map_err(|_| wrong())?);
        if name.is_empty() || value == 0 {
            return Err(wrong());
        }
        match structures.iter_mut().find(|structure| structure.name == name) {
            Some(structure) => structure.values.push(value),
            None => {
                structures.push(TargetStructure::new(name, &[value]));
                names.push((name.to_owned(), value));
            }
        }
    }
    for (place, one) in structures.iter().enumerate() {
        let shares = |other: &&TargetStructure| other.values.iter().any(|value| one.values.contains(value));
        if let Some(other) = structures[place + 1..].iter().find(shares) {
            let value = other.values.iter().find(|value| one.values.contains(value)).copied().unwrap_or_default();
            let text = format!("--labels: `{}` and `{}` both have the value {value}", one.name, other.name);
            // Unions, such as a whole organ and its parts, overlap on purpose.
            if one.values.len() == 1 && other.values.len() == 1 {
                return Err(text);
            }
        }
    }
    // A union of several values is asked for by these values, whatever a file calls each of them.
    names.retain(|(name, _)| structures.iter().any(|known| known.name == *name && known.values.len() == 1));
    Ok(Wanted { target: Target::of(structures), names })
}

/// The named structures of a dataset, or every `[[structure]]`.
pub(super) fn dataset_target(dataset: &Dataset, structures: &[String]) -> Result<Wanted, Failure> {
    let target = dataset::target(dataset, structures).map_err(|error| Failure::new(Exit::Usage, error))?;
    let mut names: Asked =
        dataset.structures.iter().map(|structure| (structure.name.clone(), structure.value)).collect();
    // Predictions of merged structures have their names, too.
    let merged = target.structures.iter().filter(|merged| dataset.labels.merge.contains_key(&merged.name));
    names.extend(merged.map(|merged| (merged.name.clone(), merged.value)));
    if dataset.labels.overlap {
        // Values of label maps are sets of structures, each of which is a bit.
        let bit = |(index, structure): (usize, &Structure)| (structure.name.clone(), dataset.mask_value(index));
        names = dataset.structures.iter().enumerate().map(bit).collect();
    }
    Ok(Wanted { target, names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_with_values() {
        let target = parse_labels("liver=1, bone=3,bone=7").unwrap().target;
        let found: Vec<_> = target.structures.iter().map(|s| (s.name.as_str(), s.values.clone())).collect();
        assert_eq!(found, [("liver", vec![1]), ("bone", vec![3, 7])]);
        for wrong in ["liver", "liver=", "=1", "liver=0", "liver=-1", "liver=70000", "liver=1,", ""] {
            let message = parse_labels(wrong).err().unwrap();
            assert!(message.contains("is not NAME=VALUE"), "{message}");
        }
        let twice = parse_labels("liver=1,foo=1").err().unwrap();
        assert!(twice.contains("both have the value 1"), "{twice}");
        assert!(parse_labels("kidney=1,kidney=2,left=1").is_ok());
    }
}
