//! Corrected cases become training cases: a network learns nothing from labels that only test it, and labels that began as its prediction
//! are no fair test. Corrected reference labels are: their cases keep their roles.

use std::collections::BTreeSet;

use toml_edit::{Array, DocumentMut, Item, Table};

use super::{Base, Correction};
use crate::plan::{PlannedCase, Role};
use crate::store::Stored;
use crate::store::corrected::{CorrectedLabels, corrected_labels};

/// Which cases of the new dataset train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learning {
    /// Cases whose labels began as a prediction and that tested the run, or chose its checkpoint, train the next one, with the other cases of
    /// their patients.
    #[default]
    Train,
    /// Every case keeps its role.
    Keep,
}

/// Cases whose corrected labels began as a prediction, or as a reference that had begun so.
pub(super) fn resembling<'a>(run: &Stored, corrections: &'a [Correction]) -> BTreeSet<&'a str> {
    let before = corrected_labels(&run.plan.data);
    let resembles = |it: &&Correction| match it.base {
        Base::Prediction => true,
        Base::Reference => before.get(&it.case).is_some_and(CorrectedLabels::may_resemble_prediction),
        Base::Empty => false,
    };
    corrections.iter().filter(resembles).map(|it| it.case.as_str()).collect()
}

/// Writes the split of the run with its corrected cases among the training cases. Returns those that had another role; none where a
/// cross-validation trains on every case in its other folds.
pub(super) fn train_on(document: &mut DocumentMut, run: &Stored, corrected: &BTreeSet<&str>) -> Vec<String> {
    let (cases, about) = (&run.plan.data.cases, &run.plan.about);
    if about.folds > 1 || about.smoke {
        return Vec::new();
    }
    let moved = moved(cases, corrected);
    if moved.is_empty() {
        return Vec::new();
    }
    let list = |role: Role| -> Array {
        let is_in = |case: &&PlannedCase| match moved.contains(case.name.as_str()) {
            true => role == Role::Train,
            false => case.role == role,
        };
        let mut names: Vec<&str> = cases.iter().filter(is_in).map(|case| case.name.as_str()).collect();
        names.sort_unstable();
        names.into_iter().collect()
    };
    let mut fixed = Table::new();
    for (key, role) in [("train", Role::Train), ("validation", Role::Validation), ("test", Role::Test)] {
        fixed.insert(key, toml_edit::value(list(role)));
    }
    let mut split = Table::new();
    split.set_implicit(true);
    split.insert("fixed", Item::Table(fixed));
    document.insert("split", Item::Table(split));
    moved.into_iter().map(str::to_owned).collect()
}

/// Corrected cases that do not train yet, and the other such cases of their patients: they would be tested by a network that knows the
/// patient.
fn moved<'a>(cases: &'a [PlannedCase], corrected: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let others = || cases.iter().filter(|case| case.role != Role::Train);
    let is_corrected = |case: &&PlannedCase| corrected.contains(case.name.as_str());
    let patients: BTreeSet<&String> = others().filter(is_corrected).filter_map(|case| case.patient.as_ref()).collect();
    let is_moved =
        |case: &&PlannedCase| is_corrected(case) || case.patient.as_ref().is_some_and(|it| patients.contains(it));
    others().filter(is_moved).map(|case| case.name.as_str()).collect()
}

/// Whether the run's experiment states a split, which goes before that of a dataset.
pub(super) fn has_own_split(run: &Stored) -> bool {
    let [experiment, _] = run.folder.specs();
    let text = std::fs::read_to_string(experiment).unwrap_or_default();
    toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key("split"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_cases_of_a_patient_are_moved_as_well() {
        let case = |name: &str, role: Role, patient: Option<&str>| {
            let text = format!("name = \"{name}\"\nrole = \"{}\"\nimages = []\n[content]\nimage = \"x\"\n", word(role));
            PlannedCase { patient: patient.map(str::to_owned), ..toml::from_str(&text).unwrap() }
        };
        let cases = [
            case("a", Role::Train, Some("p")),
            case("b", Role::Test, Some("q")),
            case("c", Role::Validation, Some("q")),
            case("d", Role::Test, None),
            case("e", Role::Test, None),
        ];
        let names =
            |corrected: &[&str]| moved(&cases, &corrected.iter().copied().collect()).into_iter().collect::<Vec<_>>();
        assert_eq!(names(&["a"]), Vec::<&str>::new());
        assert_eq!(names(&["b"]), ["b", "c"]);
        assert_eq!(names(&["a", "d"]), ["d"]);
    }

    fn word(role: Role) -> &'static str {
        match role {
            Role::Train => "train",
            Role::Validation => "validation",
            Role::Test => "test",
        }
    }
}
