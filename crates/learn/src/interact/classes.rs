//! Classes of label values.

use crate::dataset::Target;

/// The class of each label value of structures that do not overlap.
#[derive(Clone, Debug)]
pub struct Classes(Vec<i32>);

impl Classes {
    /// Of the structures of a target, in their order.
    pub fn new(target: &Target) -> Self {
        let values = target.structures.iter().flat_map(|structure| &structure.values).copied();
        let largest = values.chain(target.ignore).max().unwrap_or(0);
        let mut class_of = vec![0; usize::from(largest) + 1];
        for (index, structure) in target.structures.iter().enumerate() {
            for &value in &structure.values {
                class_of[usize::from(value)] = index as i32 + 1;
            }
        }
        if let Some(value) = target.ignore {
            class_of[usize::from(value)] = -1;
        }
        Self(class_of)
    }

    /// Class of a label value: 0 background, i the structure i − 1, −1 where the labels are to be ignored.
    pub fn of(&self, label: u16) -> i32 {
        self.0.get(usize::from(label)).copied().unwrap_or(0)
    }

    /// As [`Classes::of`], with background where labels are to be ignored: of a segmentation.
    pub fn shown(&self, label: u16) -> u16 {
        self.of(label).max(0) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::TargetStructure;

    #[test]
    fn values_of_a_merged_structure_are_one_class() {
        let structures = vec![TargetStructure::new("bone", &[5, 9]), TargetStructure::new("organ", &[2])];
        let classes = Classes::new(&Target { ignore: Some(7), ..Target::of(structures) });
        assert_eq!([0, 5, 9, 2, 40, 7].map(|label| classes.of(label)), [0, 1, 1, 2, 0, -1]);
        assert_eq!([9, 7].map(|label| classes.shown(label)), [1, 0]);
    }
}
