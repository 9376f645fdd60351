//! Numbers in place of the names of cases and patients: a name may be that of a person.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::DataFrame;

use crate::dataset::{Excluded, Label};
use crate::evaluate::frame::{column, rows};
use crate::evaluate::table::TableError;
use crate::observe::Outcome;
use crate::plan::{Plan, RunIds};
use crate::store::{Manifest, PredictionRecord, Stored};

/// The new names.
#[derive(Debug, Default)]
pub struct Names {
    cases: BTreeMap<String, String>,
    patients: BTreeMap<String, String>,
    kept: bool,
}

impl Names {
    /// For a run and those that it depends on.
    pub fn of(run: &Stored, kept: bool) -> Self {
        let (mut cases, mut patients) = (BTreeSet::new(), BTreeSet::new());
        collect(run, &mut cases, &mut patients);
        let numbered = |names: BTreeSet<String>, word: &str| {
            let name = |(number, name): (usize, String)| (name, format!("{word}-{number:03}"));
            (1..).zip(names).map(name).collect()
        };
        Self { cases: numbered(cases, "case"), patients: numbered(patients, "patient"), kept }
    }

    /// Whether names stay as they are.
    pub fn are_kept(&self) -> bool {
        self.kept
    }

    /// Number of cases.
    pub fn count(&self) -> usize {
        self.cases.len()
    }

    /// The texts that must not be in the archive: every name, and every word of one that is no number.
    pub fn secrets(&self) -> Vec<&str> {
        if self.kept {
            return Vec::new();
        }
        let words = |name: &'_ str| -> Vec<String> {
            name.split(|letter: char| !letter.is_alphabetic())
                .filter(|word| word.chars().count() > 2)
                .map(str::to_owned)
                .collect()
        };
        // A word that all cases share, such as `phantom`, names nobody.
        let all: Vec<&str> = self.cases.keys().chain(self.patients.keys()).map(String::as_str).collect();
        let is_shared = |word: &str| all.len() > 1 && self.cases.keys().all(|name| name.contains(word));
        let mut found = all.clone();
        for name in &all {
            found.extend(words(name).iter().filter(|word| !is_shared(word)).filter_map(|word| {
                let at = name.find(word.as_str())?;
                Some(&name[at..at + word.len()])
            }));
        }
        found.retain(|text| text.chars().count() > 2);
        found
    }

    fn case(&self, name: &str) -> String {
        let new = self.cases.get(name).filter(|_| !self.kept);
        // A name that is not known may be anybody's.
        new.cloned().unwrap_or_else(|| if self.kept { name.to_owned() } else { "other-case".into() })
    }

    fn patient(&self, name: &str) -> String {
        let new = self.patients.get(name).filter(|_| !self.kept);
        // Without `group-by`, a case is its own patient.
        new.cloned().unwrap_or_else(|| self.case(name))
    }

    /// A plan without paths of this machine.
    pub fn plan(&self, mut plan: Plan) -> Plan {
        plan.about.pretrained_file = None;
        plan.about.track = Default::default();
        let data = &mut plan.data;
        data.root = data.dataset.clone().into();
        data.found_at = data.root.clone();
        data.excluded.iter_mut().for_each(|row| *row = self.excluded(row));
        for case in &mut data.cases {
            case.name = self.case(&case.name);
            case.patient = case.patient.as_ref().map(|patient| self.patient(patient));
            if !self.kept {
                (case.images, case.series, case.label, case.ignored) = (Vec::new(), Vec::new(), None, None);
            }
            // Corrected labels lie outside of the dataset's folder.
            if let Some(Label::Corrected(path)) = &mut case.label {
                *path = path.file_name().map(Into::into).unwrap_or_default();
            }
        }
        plan
    }

    /// An unusable case; its reason names files.
    pub fn excluded(&self, row: &Excluded) -> Excluded {
        let reason = if self.kept { row.reason.clone() } else { "not packed: reasons name files".into() };
        Excluded { case: self.case(&row.case), reason }
    }

    /// A manifest without this machine's name, paths and command line, with the results of one prediction, whose ids are `from` and become
    /// `to`.
    pub fn manifest(&self, mut manifest: Manifest, from: &RunIds, to: &RunIds) -> Manifest {
        manifest.run_id.clone_from(&to.training);
        manifest.command = ["segspec", "run", "experiment.toml"].map(str::to_owned).into();
        manifest.kernel_cache = None;
        manifest.host.name = String::new();
        manifest.imported_from = manifest.imported_from.map(|_| "not packed".into());
        if let Some(git) = &mut manifest.git {
            if git.diff.take().is_some() {
                manifest.warnings.push("the experiment's folder had uncommitted changes, which are not packed".into());
            }
            git.untracked.clear();
        }
        manifest.warnings.retain(|text| !text.contains(['/', '\\']));
        for session in &mut manifest.sessions {
            if let Some(Outcome::Failed { reason, .. }) = &mut session.outcome {
                *reason = "not packed".into();
            }
        }
        let record = manifest.predictions.remove(&from.prediction).unwrap_or_default();
        let scores = record.evaluations.get(&from.evaluation).cloned();
        let files = record.files.iter().map(|(path, hash)| (self.path(path), hash.clone()));
        let evaluations = scores.into_iter().map(|scores| (to.evaluation.clone(), scores)).collect();
        let record = PredictionRecord { files: files.collect(), evaluations, ..record };
        manifest.predictions = BTreeMap::from([(to.prediction.clone(), record)]);
        manifest
    }

    /// A path below a prediction's folder, whose file may be named after a case: `pass-1/CASE.nii.gz`.
    pub fn path(&self, path: &str) -> String {
        let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
        let is_of = |case: &&String| file.strip_prefix(case.as_str()).is_some_and(|rest| rest.starts_with('.'));
        let Some(case) = self.cases.keys().filter(is_of).max_by_key(|case| case.len()) else { return path.to_owned() };
        let file = format!("{}{}", self.case(case), &file[case.len()..]);
        if folder.is_empty() { file } else { format!("{folder}/{file}") }
    }

    /// A table with the columns `case` and `patient`, where it has them.
    ///
    /// # Errors
    /// A column is of another type.
    pub fn table(&self, mut table: DataFrame) -> Result<DataFrame, TableError> {
        for (name, of) in [("case", Self::case as fn(&Self, &str) -> String), ("patient", Self::patient)] {
            if table.column(name).is_ok() {
                let new: Vec<String> = rows(&table).map(|row| of(self, row.text(name))).collect();
                table.with_column(column(name, new)).map_err(TableError::malformed)?;
            }
        }
        Ok(table)
    }
}

fn collect(run: &Stored, cases: &mut BTreeSet<String>, patients: &mut BTreeSet<String>) {
    let data = &run.plan.data;
    cases.extend(data.cases.iter().map(|case| case.name.clone()));
    cases.extend(data.excluded.iter().map(|row| row.case.clone()));
    patients.extend(data.cases.iter().filter_map(|case| case.patient.clone()));
    for ids in super::needed(&run.plan) {
        if let Ok(other) = run.beside(ids) {
            collect(&other, cases, patients);
        }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    fn names(kept: bool) -> Names {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        Names {
            cases: map(&[("Ann", "case-001"), ("Ann.2", "case-002")]),
            patients: map(&[("A", "patient-001")]),
            kept,
        }
    }

    #[test]
    fn files_and_tables_lose_the_names() {
        let new = names(false);
        for (path, expected) in [
            ("Ann.nii.gz", "case-001.nii.gz"),
            ("Ann.2.nii.gz", "case-002.nii.gz"),
            ("pass-1/Ann.json", "pass-1/case-001.json"),
            ("label_map.json", "label_map.json"),
        ] {
            assert_eq!((new.path(path).as_str(), names(true).path(path).as_str()), (expected, path));
        }
        let table =
            df!("case" => ["Ann", "Ann.2", "Bob"], "patient" => ["A", "Ann", "C"], "dice" => [1.0, 0.5, 0.0]).unwrap();
        let found = new.table(table.clone()).unwrap();
        let texts = |column: &str| rows(&found).map(|row| row.text(column).to_owned()).collect::<Vec<_>>();
        assert_eq!(texts("case"), ["case-001", "case-002", "other-case"]);
        assert_eq!(texts("patient"), ["patient-001", "case-001", "other-case"]);
        assert!(names(true).table(table.clone()).unwrap().equals(&table));
    }
}
