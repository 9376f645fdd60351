//! What a summary says in words: its worst cases, and cautions.

use super::{LengthUnit, Summary, counted};
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::MetricId;
use crate::evaluate::statistics::FEWEST;

/// A case with a low score.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Worst {
    /// The case.
    pub case: String,
    /// The structure.
    pub structure: String,
    /// Its score.
    pub value: f64,
    /// Whether the structure was missed altogether.
    pub missed: bool,
}

/// What readers of a summary must know, one sentence each.
pub type Cautions = Vec<String>;

impl Summary {
    /// The scores that are worst by a metric, worst first; equal ones by case and structure.
    pub fn worst(&self, metric: MetricId, most: usize) -> Vec<Worst> {
        let of = |row: Row| {
            let missed = row.count("n_missed").unwrap_or_default() > 0;
            let (case, structure) = (row.text("case").to_owned(), row.text("structure").to_owned());
            Some(Worst { case, structure, value: row.number(metric.column)?, missed })
        };
        let mut found: Vec<Worst> = rows(&self.cases).filter_map(of).collect();
        let key = |it: &Worst| (it.case.clone(), it.structure.clone());
        found.sort_by(|a, b| metric.merit(a.value).total_cmp(&metric.merit(b.value)).then_with(|| key(a).cmp(&key(b))));
        found.truncate(most);
        found
    }

    /// Cautions: too few patients for intervals, and distances of several units.
    pub fn cautions(&self) -> Cautions {
        let mut cautions = Vec::new();
        if self.n_patients > 0 && self.n_patients < FEWEST {
            let n = counted(self.n_patients, "patient");
            cautions.push(format!("{n}: too few for a confidence interval or a test (at least {FEWEST})."));
        }
        if LengthUnit::of(&self.distance_unit).is_none() {
            cautions.push(format!(
                "Distances are in {}, as some images have no spacing: they are not averaged.",
                self.distance_unit
            ));
        }
        cautions
    }
}
