//! Which trials can be compared: those scored on the same cases and structures of the same split of one dataset.

use super::{Trial, Trials};
use crate::evaluate::frame::{Groups, frame, rows};
use crate::evaluate::table::TableError;

/// What a trial was scored on.
#[derive(Clone, Debug, PartialEq)]
struct Scope {
    dataset: String,
    split: String,
    /// Names, sorted.
    cases: Vec<String>,
    /// Names, sorted.
    structures: Vec<String>,
}

impl Scope {
    fn of(trial: &Trial) -> Result<Self, TableError> {
        let names = |column: &str| {
            let groups = Groups::by(&trial.summary.cases, &[column])?;
            let keys = frame(groups.count(), groups.keys())?;
            let mut names: Vec<String> = rows(&keys).map(|row| row.text(column).to_owned()).collect();
            names.sort_unstable();
            Ok::<_, TableError>(names)
        };
        let (dataset, split) = (trial.context.dataset.clone(), trial.context.split.clone());
        Ok(Self { dataset, split, cases: names("case")?, structures: names("structure")? })
    }

    /// How it differs from what the compared trials were scored on.
    fn difference(&self, compared: &Self) -> String {
        if self.cases.is_empty() {
            return "has no scores".into();
        }
        if self.dataset != compared.dataset {
            return format!("was scored on another dataset ({})", self.dataset);
        }
        if self.split != compared.split {
            return format!("was scored on another split ({})", self.split);
        }
        if self.structures != compared.structures {
            return "was scored on other structures".into();
        }
        let common = self.cases.iter().filter(|case| compared.cases.contains(case)).count();
        format!("was scored on other cases ({}, {common} of them in common)", self.cases.len())
    }
}

/// A trial that is not compared with the others, and why: it "was scored on other structures".
pub struct Incomparable<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// The rest of a sentence about it.
    pub reason: String,
}

impl Trials {
    /// The largest set of trials scored on the same cases and structures (the first one if tied), and the other trials with reasons.
    ///
    /// # Errors
    /// [`TableError`] if a score table is malformed.
    pub fn comparable(&self) -> Result<(Vec<&Trial>, Vec<Incomparable<'_>>), TableError> {
        let scopes = self.all.iter().map(Scope::of).collect::<Result<Vec<_>, _>>()?;
        let size = |scope: &Scope| scopes.iter().filter(|other| *other == scope).count();
        let scored = scopes.iter().filter(|scope| !scope.cases.is_empty());
        let Some(chosen) = scored.reduce(|best, scope| if size(scope) > size(best) { scope } else { best }) else {
            return Ok((self.all.iter().collect(), Vec::new()));
        };
        let (mut same, mut other) = (Vec::new(), Vec::new());
        for (trial, scope) in self.all.iter().zip(&scopes) {
            match scope == chosen {
                true => same.push(trial),
                false => other.push(Incomparable { trial, reason: scope.difference(chosen) }),
            }
        }
        Ok((same, other))
    }
}
