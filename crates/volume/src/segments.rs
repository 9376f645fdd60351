//! Named structures of one file, as in formats that store more than label values: DICOM SEG, `.seg.nrrd`, surfaces.

use std::path::Path;

use ndarray::Axis;

use super::stored::unsupported;
use super::{Geometry, ReadError, Segmentation};

/// One structure of a segmentation file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name as the file gives it.
    pub name: String,
    /// Value in a label map; for [`Segmentation::Masks`] the segment's number in the file.
    pub value: u16,
    /// Display colour.
    pub color: Option<[u8; 3]>,
}

/// A segmentation with the names of its structures.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// The structures; for [`Segmentation::Masks`] in the order of the masks.
    pub segments: Vec<Segment>,
    /// Their voxels.
    pub content: Segmentation,
}

impl Segments {
    /// The grid.
    pub fn geometry(&self) -> &Geometry {
        match &self.content {
            Segmentation::Labels(labels) => &labels.geometry,
            Segmentation::Masks { geometry, .. } => geometry,
        }
    }

    /// Only the segments of these names; what the others fill becomes background.
    ///
    /// # Errors
    /// A name that no segment has.
    pub fn only(self, names: &[String], path: &Path) -> Result<Self, ReadError> {
        if names.is_empty() {
            return Ok(self);
        }
        let all: Vec<&str> = self.segments.iter().map(|segment| segment.name.as_str()).collect();
        let kept = chosen(&all, names, path)?;
        let segments: Vec<Segment> = kept.iter().map(|&index| self.segments[index].clone()).collect();
        let content = match self.content {
            Segmentation::Labels(mut labels) => {
                labels.voxels.mapv_inplace(|label| if segments.iter().any(|it| it.value == label) { label } else { 0 });
                Segmentation::Labels(labels)
            }
            Segmentation::Masks { masks, geometry } => {
                Segmentation::Masks { masks: masks.select(Axis(0), &kept), geometry }
            }
        };
        Ok(Self { segments, content })
    }
}

/// A remark on segments of one name, which may be one structure in parts or a mistake: `how` says what becomes of them.
pub fn repeated(path: &Path, segments: &[Segment], how: &str) -> Option<String> {
    let same =
        |one: &Segment, other: &Segment| !folded(&one.name).is_empty() && folded(&one.name) == folded(&other.name);
    let mut twins: Vec<String> = Vec::new();
    for (index, one) in segments.iter().enumerate() {
        if let Some(first) = segments[..index].iter().find(|other| same(one, other)) {
            twins.push(format!("`{}` ({}) and `{}` ({})", first.name, first.value, one.name, one.value));
        }
    }
    (!twins.is_empty())
        .then(|| format!("{}: several segments have one name: {}; {how}", path.display(), twins.join(", ")))
}

/// The places of chosen names among those of a file, in the order of the file.
///
/// # Errors
/// A name that the file does not have.
pub(crate) fn chosen(all: &[&str], names: &[String], path: &Path) -> Result<Vec<usize>, ReadError> {
    let missing = names.iter().find(|name| !all.iter().any(|known| folded(known) == folded(name)));
    if let Some(missing) = missing {
        let known: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
        return Err(unsupported(path, format!("has no structure `{missing}`; it has {}", known.join(", "))));
    }
    let is = |&index: &usize| names.iter().any(|name| folded(name) == folded(all[index]));
    Ok((0..all.len()).filter(is).collect())
}

/// Whether two names of structures are the same, apart from capital letters, spaces, hyphens and underscores.
pub fn is_same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// Capital letters, spaces, hyphens and underscores make no difference.
fn folded(name: &str) -> String {
    let words = name.split(|letter: char| letter.is_whitespace() || letter == '-' || letter == '_');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;
    use crate::LabelMap;

    fn segments(content: Segmentation) -> Segments {
        let named = |(name, value): (&str, u16)| Segment { name: name.into(), value, color: None };
        Segments { segments: [("Liver", 1), ("left kidney", 4), ("spleen", 2)].map(named).to_vec(), content }
    }

    #[test]
    fn chosen_structures_are_kept_and_unknown_ones_refused() {
        let grid = Geometry::axis_aligned([1, 1, 4], [1.0; 3]);
        let voxels = Array3::from_shape_vec([1, 1, 4], vec![1, 2, 4, 0]).unwrap();
        let labels = segments(Segmentation::Labels(LabelMap { voxels, geometry: grid.clone() }));
        let masks = Array4::from_shape_fn([3, 1, 1, 4], |(mask, _, _, x)| u8::from(mask == x));
        let masks = segments(Segmentation::Masks { masks, geometry: grid });
        let wanted = ["left_kidney".to_owned(), "liver".to_owned()];
        for all in [labels, masks] {
            let only = all.clone().only(&wanted, "a.dcm".as_ref()).unwrap();
            assert_eq!(only.segments.iter().map(|it| it.value).collect::<Vec<_>>(), [1, 4]);
            match only.content {
                Segmentation::Labels(map) => assert_eq!(map.voxels.into_iter().collect::<Vec<_>>(), [1, 0, 4, 0]),
                Segmentation::Masks { masks, .. } => assert_eq!(masks.dim().0, 2),
            }
            assert_eq!(all.clone().only(&[], "a.dcm".as_ref()).unwrap(), all);
            let error = all.only(&["lung".into()], "a.dcm".as_ref()).unwrap_err().to_string();
            assert!(error.contains("no structure `lung`; it has `Liver`"), "{error}");
        }
    }
}
