//! Structures that a person added while correcting: their names, and what they must not collide with.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Correction, CorrectionError};
use crate::dataset::Target;
use crate::store::Stored;
use crate::volume::{LabelMap, Segment, is_same_name};

/// Most structures that can be added to a run.
const MOST: usize = 50;
/// Most characters of a name.
const LONGEST: usize = 64;

/// A structure that the run does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// Its name.
    pub name: String,
    /// Its value in corrected labels; the run's dataset uses it for nothing else.
    pub value: u16,
    /// Its colour, as `#rrggbb`.
    pub color: String,
}

impl Added {
    /// Red, green, blue; `None` for a colour that is none.
    pub fn rgb(&self) -> Option<[u8; 3]> {
        let digits = self.color.strip_prefix('#').filter(|text| text.len() == 6 && text.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some([part(0)?, part(2)?, part(4)?])
    }

    fn wrong(&self, why: &str) -> String {
        format!("the new structure {:?} {why}", self.name)
    }
}

/// Compares a new structure with others, which have names and values of their own.
fn apart(added: &Added, others: &[Added]) -> Result<(), String> {
    if let Some(same) = others.iter().find(|other| is_same_name(&other.name, &added.name)) {
        return Err(added.wrong(&format!("has the name of another one, {}", same.name)));
    }
    match others.iter().find(|other| other.value == added.value) {
        Some(other) => Err(added.wrong(&format!("has the value {}, which is {}", added.value, other.name))),
        None => Ok(()),
    }
}

/// What the dataset of a run calls its values, as the file beside the run says: structures, and values without a name that are background.
#[derive(Clone, Debug, Default)]
pub struct Known {
    structures: Vec<(String, u16)>,
    background: Vec<u16>,
}

impl Known {
    /// Reads the dataset file of a run; runs that were imported have none.
    pub fn of(run: &Stored) -> Self {
        let [_, path] = run.folder.specs();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let Ok(dataset) = toml::from_str::<toml::Value>(&text) else { return Self::default() };
        let number = |value: &toml::Value| value.as_integer().and_then(|value| u16::try_from(value).ok());
        let structure =
            |table: &toml::Value| Some((table.get("name")?.as_str()?.to_owned(), number(table.get("value")?)?));
        let listed = |value: Option<&toml::Value>| value.and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let background = listed(dataset.get("labels").and_then(|labels| labels.get("background")));
        Self {
            structures: listed(dataset.get("structure")).iter().filter_map(structure).collect(),
            background: background.iter().filter_map(number).collect(),
        }
    }

    fn name(&self, value: u16) -> Option<&str> {
        self.structures.iter().find(|(_, known)| *known == value).map(|(name, _)| name.as_str())
    }

    /// What a value stands for already, in words; `None` for a free one.
    fn meaning(&self, value: u16, target: &Target) -> Option<String> {
        let of_run = target.structures.iter().find(|it| it.value == value || it.values.contains(&value));
        match (value, of_run) {
            (0, _) => Some("background".into()),
            (_, Some(structure)) => Some(structure.name.clone()),
            (value, None) if target.ignore == Some(value) => Some("what is not labelled".into()),
            (value, None) if self.background.contains(&value) => Some("background of the dataset".into()),
            (value, None) => self.name(value).map(|name| format!("{name} of the dataset")),
        }
    }

    /// Values that new structures cannot have, sorted.
    pub fn taken(&self, target: &Target) -> BTreeSet<u16> {
        let of_run = target.structures.iter().flat_map(|it| it.values.iter().copied().chain([it.value]));
        let of_dataset = self.structures.iter().map(|(_, value)| *value).chain(self.background.iter().copied());
        of_run.chain(of_dataset).chain(target.ignore).chain([0]).collect()
    }

    /// Names of the dataset's structures, which new structures cannot have.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.structures.iter().map(|(name, _)| name.as_str())
    }

    /// Structures of the dataset that the run does not segment, with their values. Its reference labels hold them.
    pub fn others(&self, target: &Target) -> impl Iterator<Item = (&str, u16)> {
        let is_own =
            move |value: u16| target.structures.iter().any(|it| it.value == value || it.values.contains(&value));
        let others = self.structures.iter().filter(move |(_, value)| !is_own(*value) && target.ignore != Some(*value));
        others.map(|(name, value)| (name.as_str(), *value))
    }

    /// Checks new structures, and adds them to those of earlier corrections.
    ///
    /// # Errors
    /// A name or value that is taken or is none, a colour that is none, labels whose values stand for several structures;
    /// [`CorrectionError::Clash`] where an earlier correction took the name or the value.
    pub fn join(&self, new: &[Added], earlier: Vec<Added>, target: &Target) -> Result<Vec<Added>, CorrectionError> {
        let refused = |text: &str| Err(CorrectionError::Refused(text.into()));
        let settled = earlier.len();
        let mut all = earlier;
        for added in new {
            if all.contains(added) {
                continue;
            }
            if target.overlapping {
                return refused(
                    "structures of this run overlap, and label values stand for sets of them: none can be added",
                );
            }
            self.check(added, target).map_err(CorrectionError::Refused)?;
            apart(added, &all[..settled]).map_err(CorrectionError::Clash)?;
            apart(added, &all[settled..]).map_err(CorrectionError::Refused)?;
            all.push(added.clone());
        }
        if all.len() > MOST { refused(&format!("more than {MOST} structures were added to this run")) } else { Ok(all) }
    }

    fn check(&self, added: &Added, target: &Target) -> Result<(), String> {
        let Added { name, value, color } = added;
        let wrong = |why: String| Err(added.wrong(&why));
        if name.trim().is_empty() || name.trim() != name || name.chars().count() > LONGEST {
            return wrong(format!("needs a name of 1 to {LONGEST} characters, without spaces around it"));
        }
        if name.contains(char::is_control) || name.contains('/') || is_same_name(name, "background") {
            return wrong("cannot have this name".into());
        }
        if added.rgb().is_none() {
            return wrong(format!("has the colour {color:?}, expected one such as \"#009e73\""));
        }
        let mut known = target.structures.iter().map(|it| it.name.as_str()).chain(self.names());
        if let Some(same) = known.find(|known| is_same_name(known, name)) {
            return wrong(format!("has the name of another one, {same}"));
        }
        match self.meaning(*value, target) {
            Some(meaning) => wrong(format!("has the value {value}, which is {meaning}")),
            None => Ok(()),
        }
    }

    /// A name and a colour for each value of corrected labels and of the run's structures, as 3D Slicer shows them.
    pub fn segments(&self, labels: &LabelMap, target: &Target, added: &[Added]) -> Vec<Segment> {
        let mut values: BTreeSet<u16> = labels.voxels.iter().copied().filter(|&value| value != 0).collect();
        if !target.overlapping {
            values.extend(target.structures.iter().map(|it| it.value));
        }
        let named = |value: u16| {
            if let Some(new) = added.iter().find(|it| it.value == value) {
                return (new.name.clone(), new.rgb());
            }
            let mut of = target.structures.iter().filter(|it| it.value == value || it.values.contains(&value));
            match (of.next(), of.next()) {
                // A merged structure: the dataset knows its parts by name.
                (Some(only), None) if only.value != value => {
                    let name = self.name(value).map_or_else(|| format!("{} {value}", only.name), str::to_owned);
                    (name, Some(only.color))
                }
                (Some(only), None) => (only.name.clone(), Some(only.color)),
                (Some(first), Some(second)) => {
                    let rest = of.map(|it| format!(" + {}", it.name)).collect::<String>();
                    (format!("{} + {}{rest}", first.name, second.name), Some(first.color))
                }
                (None, _) if target.ignore == Some(value) => ("not labelled".into(), None),
                (None, _) => (self.name(value).map_or_else(|| format!("value {value}"), str::to_owned), None),
            }
        };
        values.into_iter().map(|value| (value, named(value))).map(segment).collect()
    }
}

fn segment((value, (name, color)): (u16, (String, Option<[u8; 3]>))) -> Segment {
    Segment { name, value, color }
}

/// The structures that corrections added, each once.
///
/// # Errors
/// Two of them have one value or one name, which no page saves.
pub fn of_all<'a>(corrections: impl IntoIterator<Item = &'a Correction>) -> Result<Vec<Added>, String> {
    let mut all: BTreeMap<u16, Added> = BTreeMap::new();
    for added in corrections.into_iter().flat_map(|correction| &correction.structures) {
        let others = all.values().find(|it| (it.value == added.value) != (it.name == added.name));
        if let Some(other) = others {
            let [one, two] = [other, added].map(|it| format!("{} ({})", it.name, it.value));
            return Err(format!("the corrections contradict each other: {one} and {two}"));
        }
        all.entry(added.value).or_insert_with(|| added.clone());
    }
    Ok(all.into_values().collect())
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::dataset::TargetStructure;
    use crate::volume::Geometry;

    fn added(name: &str, value: u16) -> Added {
        Added { name: name.into(), value, color: "#009e73".into() }
    }

    fn known() -> (Known, Target) {
        let structures =
            vec![("liver".into(), 1), ("left-kidney".into(), 2), ("right-kidney".into(), 3), ("spine".into(), 5)];
        let structure = |(name, values): (&str, &[u16])| TargetStructure {
            name: name.into(),
            values: values.to_vec(),
            value: values[0],
            members: vec![],
            color: [10, 20, 30],
            code: None,
            instances: false,
            tubular: false,
        };
        let targets = [("liver", &[1][..]), ("kidneys", &[2, 3])].map(structure).to_vec();
        let target =
            Target { overlapping: false, independent: false, painted: false, ignore: Some(255), structures: targets };
        (Known { structures, background: vec![9] }, target)
    }

    #[test]
    fn new_structures_take_free_names_and_values() {
        let (known, target) = known();
        let join = |new: &[Added], earlier: &[Added]| {
            known.join(new, earlier.to_vec(), &target).map_err(|error| error.to_string())
        };
        let tumour = added("tumour", 6);
        assert_eq!(join(std::slice::from_ref(&tumour), &[]), Ok(vec![tumour.clone()]));
        assert_eq!(join(std::slice::from_ref(&tumour), std::slice::from_ref(&tumour)), Ok(vec![tumour.clone()]));
        for (new, part) in [
            (added("", 6), "needs a name"),
            (added(" cyst", 6), "needs a name"),
            (added(&"x".repeat(65), 6), "needs a name"),
            (added("a\nb", 6), "cannot have this name"),
            (added("../x", 6), "cannot have this name"),
            (added("Background", 6), "cannot have this name"),
            (added("Liver", 6), "the name of another one, liver"),
            (added("Left Kidney", 6), "the name of another one, left-kidney"),
            (added("Tumour", 8), "the name of another one, tumour"),
            (added("cyst", 0), "which is background"),
            (added("cyst", 3), "which is kidneys"),
            (added("cyst", 5), "which is spine of the dataset"),
            (added("cyst", 9), "which is background of the dataset"),
            (added("cyst", 255), "which is what is not labelled"),
            (added("cyst", 6), "which is tumour"),
            (Added { color: "red".into(), ..added("cyst", 8) }, "has the colour"),
            (Added { color: "#1234é".into(), ..added("cyst", 8) }, "has the colour"),
        ] {
            let error = join(&[new], std::slice::from_ref(&tumour)).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        // Others took it meanwhile: the page can mend that.
        for clash in [added("Tumour", 8), added("cyst", 6)] {
            let error = known.join(std::slice::from_ref(&clash), vec![tumour.clone()], &target).unwrap_err();
            assert!(matches!(error, CorrectionError::Clash(_)), "{error}");
            let error = known.join(&[tumour.clone(), clash], vec![], &target).unwrap_err();
            assert!(matches!(error, CorrectionError::Refused(_)), "{error}");
        }
        let many: Vec<Added> = (0..51).map(|index| added(&format!("s{index}"), 1000 + index)).collect();
        assert!(join(&many, &[]).unwrap_err().contains("more than 50"));
        let overlapping = Target { overlapping: true, ..target.clone() };
        assert!(known.join(&[tumour], vec![], &overlapping).unwrap_err().to_string().contains("overlap"));
        assert_eq!(known.taken(&target).into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 5, 9, 255]);
    }

    #[test]
    fn every_value_has_a_name_for_3d_slicer() {
        let (known, target) = known();
        let voxels = Array3::from_shape_vec([1, 1, 6], vec![0, 2, 3, 5, 7, 255]).unwrap();
        let labels = LabelMap { voxels, geometry: Geometry::axis_aligned([1, 1, 6], [1.0; 3]) };
        let found = known.segments(&labels, &target, &[added("tumour", 7)]);
        let names: Vec<(u16, &str)> = found.iter().map(|it| (it.value, it.name.as_str())).collect();
        let wanted =
            [(1, "liver"), (2, "kidneys"), (3, "right-kidney"), (5, "spine"), (7, "tumour"), (255, "not labelled")];
        assert_eq!(names, wanted);
        assert_eq!(found[4].color, Some([0, 158, 115]));
    }
}
