//! The values that are ranked: one per structure, case and competitor.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;
use serde::Serialize;

use super::RankError;
use crate::evaluate::frame::{Row, rows};
use crate::evaluate::metric::{Better, LengthUnit, MetricId, Unit, Worst};

/// One competitor and the score tables of its runs. Several rows of a case and structure (seeds, trials) are averaged.
pub struct Competitor<'a> {
    /// Its name.
    pub name: String,
    /// Its score tables, optionally with a column `patient`.
    pub tables: Vec<&'a DataFrame>,
}

/// Cases × structures that are not ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// In the reference of no case and in no prediction: every competitor is right.
    pub absent: usize,
    /// Where a competitor has no value and the metric has no worst one.
    pub undefined: usize,
}

/// Values of all competitors on the same cases and structures.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The metric.
    pub metric: MetricId,
    /// Unit of distances.
    pub unit: String,
    /// Names of the competitors.
    pub competitors: Vec<String>,
    /// Names of the structures that have values.
    pub structures: Vec<String>,
    /// Names of the cases, sorted.
    pub cases: Vec<String>,
    /// Patient of each case.
    pub patients: Vec<usize>,
    /// Number of patients.
    pub n_patients: usize,
    /// What is not ranked.
    pub left_out: LeftOut,
    /// Missed structures and false positives on an empty reference, by competitor and structure.
    pub failures: Vec<Vec<[u64; 2]>>,
    /// `[structure, case, competitor]`; NaN where there is no value.
    pub(super) values: Vec<f64>,
}

/// What one score says about a competitor.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    /// A value.
    Value(f64),
    /// Rightly absent: neither reference nor prediction has the structure.
    Absent,
    /// A complete failure for which the metric itself is undefined: precision of a missed structure.
    Failed,
    /// Not measured.
    Unknown,
}

impl Cell {
    fn of(row: &Row, metric: MetricId) -> Self {
        let [reference, prediction] = ["reference_empty", "prediction_empty"].map(|name| row.flag(name) == Some(true));
        match (row.number(metric.column), reference, prediction) {
            // The difference of two empty volumes is 0: it shows nothing.
            (_, true, true) => Self::Absent,
            (Some(value), ..) if metric.better == Better::NearZero => Self::Value(value.abs()),
            (Some(value), ..) => Self::Value(value),
            (None, true, _) | (None, _, true) => Self::Failed,
            (None, false, false) => Self::Unknown,
        }
    }
}

/// The best value of a metric.
fn best(metric: MetricId) -> f64 {
    if metric.better == Better::Higher { 1.0 } else { 0.0 }
}

type Cells = BTreeMap<(usize, usize), Vec<Cell>>;

impl Grid {
    /// The grid of several competitors, by the rules of docs/ranking.md for missing values.
    ///
    /// # Errors
    /// [`RankError::Differs`] if a competitor lacks a case or structure of the others, [`RankError::NoValues`].
    pub fn new(competitors: &[Competitor], structures: &[String], metric: MetricId) -> Result<Self, RankError> {
        let mut found = Found::new(structures, metric);
        let cells: Vec<Cells> = competitors.iter().map(|it| found.cells(it)).collect();
        let [first, others @ ..] = cells.as_slice() else {
            return Err(RankError::Few("nothing to rank".into()));
        };
        for (cells, competitor) in others.iter().zip(&competitors[1..]) {
            refuse_other_cells(first, cells, competitor)?;
        }
        let names = competitors.iter().map(|it| it.name.clone()).collect();
        Ok(found.fill(names, &cells)?.sorted())
    }

    /// The grid of a single competitor's structures, which compete with each other: values are missing where a structure is absent.
    ///
    /// # Errors
    /// [`RankError::NoValues`].
    pub fn of_structures(competitor: &Competitor, structures: &[String], metric: MetricId) -> Result<Self, RankError> {
        let mut found = Found::new(structures, metric);
        let cells = found.cells(competitor);
        let plain = found.fill(vec![competitor.name.clone()], &[cells])?.sorted();
        let (n, cases) = (plain.structures.len(), plain.cases.len());
        let mut values = vec![f64::NAN; n * cases];
        for structure in 0..n {
            (0..cases).for_each(|case| values[case * n + structure] = plain.values[structure * cases + case]);
        }
        let failures = plain.failures[0].iter().map(|failures| vec![*failures]).collect();
        let (competitors, structures) = (plain.structures.clone(), vec![String::new()]);
        Ok(Self { competitors, structures, failures, values, ..plain })
    }

    /// A grid of values `[structure][case][competitor]`, each case a patient of its own.
    #[cfg(test)]
    pub(super) fn of_values(metric: MetricId, values: &[&[&[f64]]]) -> Self {
        let (cases, competitors) = (values[0].len(), values[0][0].len());
        let name = |prefix: &str, n: usize| (0..n).map(|at| format!("{prefix}{at}")).collect::<Vec<_>>();
        Self {
            metric,
            unit: "mm".into(),
            competitors: name("A", competitors),
            structures: name("s", values.len()),
            cases: name("c", cases),
            patients: (0..cases).collect(),
            n_patients: cases,
            left_out: LeftOut::default(),
            failures: vec![vec![[0; 2]; values.len()]; competitors],
            values: values.iter().flat_map(|cases| cases.iter().flat_map(|it| it.iter().copied())).collect(),
        }
    }

    /// The competitors' values in one case.
    pub fn row(&self, structure: usize, case: usize) -> &[f64] {
        let start = (structure * self.cases.len() + case) * self.competitors.len();
        &self.values[start..start + self.competitors.len()]
    }

    /// Per competitor the values of all cases, averaged over structures; NaN are left out.
    pub(super) fn case_values(&self) -> Vec<Vec<f64>> {
        let all: Vec<usize> = (0..self.structures.len()).collect();
        let by_case: Vec<Vec<f64>> = (0..self.cases.len()).map(|case| self.over(&all, case)).collect();
        let of = |competitor: usize| by_case.iter().map(|row| row[competitor]).filter(|it| !it.is_nan()).collect();
        (0..self.competitors.len()).map(of).collect()
    }

    /// The competitors' means over some structures in one case; NaN without a value.
    pub(super) fn over(&self, structures: &[usize], case: usize) -> Vec<f64> {
        let mean = |competitor: usize| {
            let values = structures.iter().map(|structure| self.row(*structure, case)[competitor]);
            let (sum, n) = values.filter(|it| !it.is_nan()).fold((0.0, 0.0), |(sum, n), it| (sum + it, n + 1.0));
            sum / n
        };
        (0..self.competitors.len()).map(mean).collect()
    }

    /// The grid with its cases sorted by name, whatever the order of the tables.
    fn sorted(self) -> Self {
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        order.sort_by(|a, b| self.cases[*a].cmp(&self.cases[*b]));
        let values = (0..self.structures.len()).flat_map(|it| order.iter().flat_map(move |case| [(it, *case)]));
        let values = values.flat_map(|(structure, case)| self.row(structure, case).to_vec()).collect();
        let cases = order.iter().map(|case| self.cases[*case].clone()).collect();
        let patients = order.iter().map(|case| self.patients[*case]).collect();
        Self { values, cases, patients, ..self }
    }
}

/// Names found in the tables, and their places.
struct Found {
    metric: MetricId,
    structures: Vec<String>,
    cases: BTreeMap<String, usize>,
    /// Patient of each case, by its place.
    patients: Vec<String>,
    units: Vec<String>,
    failures: Vec<Vec<[u64; 2]>>,
}

impl Found {
    fn new(structures: &[String], metric: MetricId) -> Self {
        let (cases, patients, units, failures) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        Self { metric, structures: structures.to_vec(), cases, patients, units, failures }
    }

    /// A competitor's cells by structure and case.
    fn cells(&mut self, competitor: &Competitor) -> Cells {
        let mut cells = Cells::new();
        let mut failures: BTreeMap<usize, [u64; 2]> = BTreeMap::new();
        for row in competitor.tables.iter().flat_map(|table| rows(table)) {
            let structure = self.structure(row.text("structure"));
            let case = self.case(&row);
            cells.entry((structure, case)).or_default().push(Cell::of(&row, self.metric));
            let [reference, prediction] = ["reference_empty", "prediction_empty"].map(|name| row.flag(name));
            let failures = failures.entry(structure).or_default();
            failures[0] += u64::from((reference, prediction) == (Some(false), Some(true)));
            failures[1] += u64::from((reference, prediction) == (Some(true), Some(false)));
            let unit = row.text("distance_unit").to_owned();
            if !unit.is_empty() && !self.units.contains(&unit) {
                self.units.push(unit);
            }
        }
        let of = |structure: usize| failures.get(&structure).copied().unwrap_or_default();
        self.failures.push((0..self.structures.len()).map(of).collect());
        cells
    }

    fn structure(&mut self, name: &str) -> usize {
        let known = self.structures.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.structures.push(name.to_owned());
            self.structures.len() - 1
        })
    }

    fn case(&mut self, row: &Row) -> usize {
        let (case, patient) = (row.text("case"), row.text("patient"));
        if let Some(place) = self.cases.get(case) {
            return *place;
        }
        let place = self.patients.len();
        self.cases.insert(case.to_owned(), place);
        self.patients.push(if patient.is_empty() { case } else { patient }.to_owned());
        place
    }

    /// Fills the grid: what a cell counts for depends on the others of its case and structure.
    fn fill(self, competitors: Vec<String>, cells: &[Cells]) -> Result<Grid, RankError> {
        let (cases, n) = (self.cases.len(), competitors.len());
        let mut cells_by_structure: Vec<Option<Vec<f64>>> = vec![None; self.structures.len()];
        let mut left_out = vec![LeftOut::default(); self.structures.len()];
        let worst = match self.metric.worst {
            Worst::Value(value) => Some(value),
            Worst::Diagonal | Worst::Unbounded => None,
        };
        let mixed = self.units.len() > 1 && self.metric.unit == Unit::Millimetres;
        for ((structure, case), _) in cells.first().into_iter().flatten() {
            let own: Vec<&Vec<Cell>> = cells.iter().filter_map(|cells| cells.get(&(*structure, *case))).collect();
            if own.iter().all(|rows| rows.iter().all(|cell| *cell == Cell::Absent)) {
                left_out[*structure].absent += 1;
                continue;
            }
            let value = |cell: &Cell| match cell {
                Cell::Value(value) => Some(*value),
                Cell::Absent => Some(best(self.metric)),
                Cell::Failed => worst,
                Cell::Unknown => None,
            };
            let mean = |rows: &&Vec<Cell>| {
                let values: Option<Vec<f64>> = rows.iter().map(value).collect();
                values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
            };
            let row: Option<Vec<f64>> = own.iter().map(mean).collect();
            let Some(row) = row.filter(|_| !mixed) else {
                left_out[*structure].undefined += 1;
                continue;
            };
            let block = cells_by_structure[*structure].get_or_insert_with(|| vec![f64::NAN; cases * n]);
            block[case * n..(case + 1) * n].copy_from_slice(&row);
        }
        self.grid(competitors, cells_by_structure, left_out)
    }

    fn grid(
        self,
        competitors: Vec<String>,
        blocks: Vec<Option<Vec<f64>>>,
        left_out: Vec<LeftOut>,
    ) -> Result<Grid, RankError> {
        let has = |structure: usize| blocks[structure].is_some();
        let kept: Vec<usize> = (0..self.structures.len()).filter(|it| has(*it)).collect();
        if kept.is_empty() {
            let hint = match self.metric.column {
                "nsd" | "boundary_iou" => "it needs a tolerance (`evaluate.tolerance-mm`, `--tolerance-mm`)",
                "cl_dice" => "it needs a structure with `tubular = true`",
                "lesion_f1" => "it needs a structure with `instances = true`",
                _ if self.units.len() > 1 => "some distances are in mm, others in voxels",
                _ => "nothing to rank by",
            };
            return Err(RankError::NoValues { metric: self.metric.name, hint });
        }
        // Structures without any value are not measured by this metric, such as clDice of an organ.
        let left_out = kept.iter().fold(LeftOut::default(), |sum, place| LeftOut {
            absent: sum.absent + left_out[*place].absent,
            undefined: sum.undefined + left_out[*place].undefined,
        });
        let mut names: Vec<(String, usize)> = self.cases.into_iter().collect();
        names.sort_by_key(|(_, place)| *place);
        let mut known: Vec<&String> = Vec::new();
        let mut patients = Vec::new();
        for patient in &self.patients {
            let place = known.iter().position(|name| *name == patient);
            patients.push(place.unwrap_or(known.len()));
            if place.is_none() {
                known.push(patient);
            }
        }
        let failures = |of: &Vec<[u64; 2]>| {
            kept.iter().map(|structure| of.get(*structure).copied().unwrap_or_default()).collect::<Vec<_>>()
        };
        Ok(Grid {
            metric: self.metric,
            unit: self.units.first().cloned().unwrap_or_else(|| LengthUnit::Millimetres.name().to_owned()),
            n_patients: known.len(),
            patients,
            structures: kept.iter().map(|structure| self.structures[*structure].clone()).collect(),
            cases: names.into_iter().map(|(name, _)| name).collect(),
            failures: self.failures.iter().map(failures).collect(),
            values: blocks.into_iter().flatten().flatten().collect(),
            competitors,
            left_out,
        })
    }
}

fn refuse_other_cells(first: &Cells, cells: &Cells, competitor: &Competitor) -> Result<(), RankError> {
    let missing = first.keys().filter(|key| !cells.contains_key(key)).count();
    let more = cells.keys().filter(|key| !first.contains_key(key)).count();
    if missing + more == 0 {
        return Ok(());
    }
    let reason =
        format!("was scored on other cases or structures ({missing} of their scores are missing, {more} are new)");
    Err(RankError::Differs { name: competitor.name.clone(), reason })
}
