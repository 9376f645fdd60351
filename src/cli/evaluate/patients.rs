//! Which cases are of one patient.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;
use regex::Regex;

use crate::cli::{Exit, Failure};
use crate::dataset::spec::{Layout, ListedCase};
use crate::dataset::split::patients;
use crate::dataset::{Dataset, Groups};
use crate::evaluate::frame::{column, rows};
use crate::evaluate::table::TableError;

/// Finds the patient of a case.
#[derive(Debug, Default)]
pub(super) struct Patients {
    expression: Option<String>,
    listed: Groups,
}

impl Patients {
    /// By the expression of the command line, else as the dataset says.
    ///
    /// # Errors
    /// The expression is invalid, or has no group.
    pub fn of(expression: Option<&str>, dataset: Option<&Dataset>) -> Result<Self, Failure> {
        if let Some(text) = expression {
            let wrong = |reason: String| Failure::message(Exit::Usage, format!("--group-by: `{text}`: {reason}"));
            let regex = Regex::new(text).map_err(|error| wrong(error.to_string()))?;
            if regex.captures_len() < 2 {
                return Err(wrong("has no group; put the patient in parentheses, as in `^(patient\\d+)_`".into()));
            }
        }
        let own = dataset.and_then(|dataset| dataset.split.group_by());
        let listed = match dataset.map(|dataset| &dataset.layout) {
            Some(Layout::List { cases, .. }) => cases.as_slice(),
            _ => &[],
        };
        let named = |case: &ListedCase| Some((case.case.clone(), case.patient.clone()?));
        let listed = Groups { patients: listed.iter().filter_map(named).collect(), ..Groups::default() };
        Ok(Self { expression: expression.or(own).map(str::to_owned), listed })
    }

    /// Refuses an expression that matches no case.
    ///
    /// # Errors
    /// No case has a patient.
    pub fn refuse_unmatched<'a>(&self, cases: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
        let Some(regex) = self.expression.as_deref().and_then(|text| Regex::new(text).ok()) else { return Ok(()) };
        let mut cases = cases.peekable();
        let Some(first) = cases.peek().map(|case| (*case).to_owned()) else { return Ok(()) };
        if !self.listed.patients.is_empty() || cases.any(|case| regex.is_match(case)) {
            return Ok(());
        }
        let text = format!("--group-by: `{regex}` matches the name of no case, such as `{first}`");
        Err(Failure::message(Exit::Usage, text))
    }

    /// A score table with a column `patient`. A case that the expression does not match is a patient of its own.
    pub fn add(&self, mut scores: DataFrame) -> Result<DataFrame, TableError> {
        let cases: Vec<String> = rows(&scores).map(|row| row.text("case").to_owned()).collect();
        let names = cases.iter().map(String::as_str);
        let known: BTreeMap<String, String> = patients(names, self.expression.as_deref(), &self.listed);
        let patient = |case: &String| known.get(case).unwrap_or(case).clone();
        let patients: Vec<String> = cases.iter().map(patient).collect();
        scores.with_column(column("patient", patients)).map_err(TableError::malformed)?;
        Ok(scores)
    }
}
