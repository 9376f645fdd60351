//! What differs between corrected labels and those that a person started from.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Zip;

use super::Added;
use crate::dataset::Target;
use crate::volume::{LabelMap, Segmentation};

/// Most values named in a message.
const NAMED: usize = 5;

/// Refuses values that are neither background, nor of a structure, nor added, nor in the labels that the person started from.
///
/// # Errors
/// The unknown values, and the known ones.
pub(super) fn check_values(
    labels: &LabelMap,
    base: &Segmentation,
    target: &Target,
    added: &[Added],
) -> Result<(), String> {
    let mut is_known = vec![false; usize::from(u16::MAX) + 1];
    let mut know = |value: u16| is_known[usize::from(value)] = true;
    [0].into_iter().chain(target.ignore).chain(added.iter().map(|it| it.value)).for_each(&mut know);
    target.structures.iter().flat_map(|it| it.values.iter().copied().chain([it.value])).for_each(&mut know);
    if let Segmentation::Labels(map) = base {
        map.voxels.iter().copied().for_each(&mut know);
    }
    let unknown: BTreeSet<u16> = labels.voxels.iter().copied().filter(|&value| !is_known[usize::from(value)]).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let listed = |values: &BTreeSet<u16>| values.iter().take(NAMED).map(u16::to_string).collect::<Vec<_>>().join(", ");
    let named: Vec<String> = target.structures.iter().map(|it| format!("{} ({})", it.name, it.value)).collect();
    Err(format!(
        "the corrected labels hold values without a meaning: {}; the structures are {}",
        listed(&unknown),
        named.join(", ")
    ))
}

/// Voxels that are part of a structure in one of the two and not in the other, by the structure's name. Both have the same shape.
pub(super) fn changed(labels: &LabelMap, base: &Segmentation, target: &Target) -> BTreeMap<String, u64> {
    let mut counts = vec![0_u64; target.structures.len()];
    match base {
        Segmentation::Labels(map) => {
            let of = structures_of_values(target);
            let of = |value: u16| of.get(usize::from(value)).map_or(&[][..], Vec::as_slice);
            Zip::from(&labels.voxels).and(&map.voxels).for_each(|&new, &old| {
                if new != old {
                    for &place in of(new).iter().filter(|place| !of(old).contains(place)) {
                        counts[place] += 1;
                    }
                    for &place in of(old).iter().filter(|place| !of(new).contains(place)) {
                        counts[place] += 1;
                    }
                }
            });
        }
        Segmentation::Masks { masks, .. } => {
            for ((mask, structure), count) in masks.outer_iter().zip(&target.structures).zip(&mut counts) {
                let mut is_in = vec![false; usize::from(u16::MAX) + 1];
                structure.values.iter().for_each(|value| is_in[usize::from(*value)] = true);
                Zip::from(&labels.voxels).and(&mask).for_each(|&new, &old| {
                    *count += u64::from(is_in[usize::from(new)] != (old != 0));
                });
            }
        }
    }
    let named = target.structures.iter().zip(counts).filter(|(_, count)| *count > 0);
    named.map(|(structure, count)| (structure.name.clone(), count)).collect()
}

/// Voxels that became one of the added structures, or ceased to be, by its name.
pub(super) fn drawn(labels: &LabelMap, base: &Segmentation, added: &[Added]) -> BTreeMap<String, u64> {
    let count = |value: u16| match base {
        Segmentation::Labels(map) => {
            let pairs = labels.voxels.iter().zip(&map.voxels);
            pairs.filter(|(new, old)| (**new == value) != (**old == value)).count() as u64
        }
        Segmentation::Masks { .. } => labels.voxels.iter().filter(|&&new| new == value).count() as u64,
    };
    let counts = added.iter().map(|it| (it.name.clone(), count(it.value)));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// For each label value the structures that it stands for.
fn structures_of_values(target: &Target) -> Vec<Vec<usize>> {
    let mut of = vec![Vec::new(); usize::from(u16::MAX) + 1];
    for (place, structure) in target.structures.iter().enumerate() {
        structure.values.iter().for_each(|value| of[usize::from(*value)].push(place));
    }
    of
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;
    use crate::dataset::TargetStructure;
    use crate::volume::Geometry;

    fn target() -> Target {
        let structure = |(name, values): (&str, &[u16])| TargetStructure::new(name, values);
        let structures = [("liver", &[1][..]), ("both", &[1, 2])].map(structure).to_vec();
        Target { overlapping: true, ignore: Some(9), ..Target::of(structures) }
    }

    fn map(values: &[u16]) -> LabelMap {
        let voxels = Array3::from_shape_vec([1, 1, values.len()], values.to_vec()).unwrap();
        LabelMap { voxels, geometry: Geometry::axis_aligned([1, 1, values.len()], [1.0; 3]) }
    }

    #[test]
    fn voxels_are_counted_where_they_enter_or_leave_a_structure() {
        let new = map(&[0, 1, 2, 0, 2]);
        let counted = |base: Segmentation| changed(&new, &base, &target()).into_iter().collect::<Vec<_>>();
        let old = Segmentation::Labels(map(&[0, 1, 1, 2, 0]));
        assert_eq!(counted(old), [("both".into(), 2), ("liver".into(), 1)]);
        assert!(counted(Segmentation::Labels(new.clone())).is_empty());
        let masks = Array4::from_shape_vec([2, 1, 1, 5], vec![0, 1, 1, 0, 0, 0, 1, 1, 1, 0]).unwrap();
        let masks = Segmentation::Masks { masks, geometry: new.geometry.clone() };
        assert_eq!(counted(masks), [("both".into(), 2), ("liver".into(), 1)]);
    }

    #[test]
    fn values_without_a_meaning_are_refused() {
        let base = |values: &[u16]| Segmentation::Labels(map(values));
        assert_eq!(check_values(&map(&[0, 1, 2, 9]), &base(&[0]), &target(), &[]), Ok(()));
        // Other structures of the dataset, which this run does not segment.
        assert_eq!(check_values(&map(&[7]), &base(&[7]), &target(), &[]), Ok(()));
        let error = check_values(&map(&[7, 8]), &base(&[7]), &target(), &[]).unwrap_err();
        assert!(error.contains("without a meaning: 8; the structures are liver (1), both (1)"), "{error}");
        let cyst = [Added { name: "cyst".into(), value: 8, color: "#000000".into() }];
        assert_eq!(check_values(&map(&[7, 8]), &base(&[7]), &target(), &cyst), Ok(()));
        let counts = drawn(&map(&[8, 0, 8]), &base(&[8, 8, 0]), &cyst);
        assert_eq!(counts, BTreeMap::from([("cyst".to_owned(), 2)]));
    }
}
