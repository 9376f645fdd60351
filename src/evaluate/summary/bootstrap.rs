//! Bootstrap of means (Efron 1979), resampling whole patients: neither the structures nor the cases of one patient are independent. Where a
//! trial has several seeds, each resample draws seeds, too: seeds and patients are crossed (Owen 2007), every seed scores every patient.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;
use rand::Rng;
use rayon::prelude::*;

use super::Intervals;
use crate::evaluate::frame::{Groups, numbers};
use crate::evaluate::metric::{METRICS, MetricId};
use crate::evaluate::statistics::{FEWEST, bca};
use crate::evaluate::table::TableError;
use crate::random;

/// Number of resamples per interval.
pub const RESAMPLES: usize = 2000;

/// Level of the intervals.
const LEVEL: f64 = 0.95;

/// Values of every case, structure and metric.
struct Grid {
    structures: usize,
    /// Patient of each case.
    patients: Vec<usize>,
    n_patients: usize,
    /// `[case, structure, metric]` of each seed; NaN if undefined.
    seeds: Vec<Vec<f64>>,
    /// Structures whose means are averaged.
    sets: Vec<Vec<usize>>,
}

/// Sums over the cases of every patient, `[patient, structure, metric]`.
struct Sums {
    values: Vec<f64>,
    /// Number of defined values.
    counts: Vec<f64>,
}

impl Grid {
    /// From a table with a row per case and structure, and a column `patient`; of several seeds if it has a column `seed`.
    fn new(table: &DataFrame, sets: Vec<Vec<usize>>) -> Result<Self, TableError> {
        let by = |name| Groups::by(table, &[name]);
        let (by_case, by_structure, by_patient) = (by("case")?, by("structure")?, by("patient")?);
        let seeds = table.column("seed").is_ok().then(|| by("seed")).transpose()?;
        let (cases, structures) = (by_case.count(), by_structure.count());
        let (case, structure, patient) = (by_case.of_rows(), by_structure.of_rows(), by_patient.of_rows());
        let seed = seeds.as_ref().map_or_else(|| vec![0; table.height()], Groups::of_rows);
        let mut grid = Self {
            structures,
            patients: vec![0; cases],
            n_patients: by_patient.count(),
            seeds: vec![vec![f64::NAN; cases * structures * METRICS.len()]; seeds.map_or(1, |seeds| seeds.count())],
            sets,
        };
        case.iter().zip(&patient).for_each(|(case, patient)| grid.patients[*case] = *patient);
        for metric in MetricId::all() {
            for (row, value) in numbers(table, metric.column)?.into_iter().enumerate() {
                let place = (case[row] * structures + structure[row]) * METRICS.len() + metric.place();
                grid.seeds[seed[row]][place] = value.unwrap_or(f64::NAN);
            }
        }
        Ok(grid)
    }

    /// Structures times metrics.
    fn width(&self) -> usize {
        self.structures * METRICS.len()
    }

    /// Sums over cases, with the mean over seeds as the value of a case; `weights` is how often each seed was drawn.
    fn sums(&self, weights: &[u32]) -> Sums {
        let width = self.width();
        let mut sums = Sums { values: vec![0.0; self.n_patients * width], counts: vec![0.0; self.n_patients * width] };
        for (case, patient) in self.patients.iter().enumerate() {
            for column in 0..width {
                let (mut sum, mut count) = (0.0, 0.0);
                for (seed, weight) in self.seeds.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
                    let value = seed[case * width + column];
                    if !value.is_nan() {
                        sum += f64::from(*weight) * value;
                        count += f64::from(*weight);
                    }
                }
                if count > 0.0 {
                    sums.values[patient * width + column] += sum / count;
                    sums.counts[patient * width + column] += 1.0;
                }
            }
        }
        sums
    }

    /// Means from sums and counts, `[structure, metric]`, and then `[metric]` over each set of structures; NaN without a value.
    fn means(&self, sums: &[f64], counts: &[f64]) -> Vec<f64> {
        let mut means: Vec<f64> = sums.iter().zip(counts).map(|(sum, count)| sum / count).collect();
        for set in &self.sets {
            let over: [f64; METRICS.len()] = std::array::from_fn(|metric| {
                let own = set.iter().map(|structure| means[structure * METRICS.len() + metric]);
                let (sum, count) =
                    own.filter(|mean| !mean.is_nan()).fold((0.0, 0.0), |(sum, count), mean| (sum + mean, count + 1.0));
                sum / count
            });
            means.extend(over);
        }
        means
    }

    /// Means of the patients drawn in one resample.
    fn resample(&self, sums: &Sums, drawn: &[usize]) -> Vec<f64> {
        let width = self.width();
        let (mut values, mut counts) = (vec![0.0; width], vec![0.0; width]);
        for patient in drawn {
            let range = patient * width..(patient + 1) * width;
            add(&mut values, &sums.values[range.clone()]);
            add(&mut counts, &sums.counts[range]);
        }
        self.means(&values, &counts)
    }

    /// Means without each patient.
    fn jackknife(&self, sums: &Sums) -> Vec<Vec<f64>> {
        let all: Vec<usize> = (0..self.n_patients).collect();
        let without = |patient: usize| {
            let others: Vec<usize> = all.iter().copied().filter(|other| *other != patient).collect();
            self.resample(sums, &others)
        };
        all.par_iter().map(|patient| without(*patient)).collect()
    }

    /// Number of patients with a value, by row and metric as in [`Self::means`].
    fn patients_with_a_value(&self, sums: &Sums) -> Vec<usize> {
        let width = self.width();
        let has = |patient: usize, column: usize| sums.counts[patient * width + column] > 0.0;
        let count = |is: &dyn Fn(usize) -> bool| (0..self.n_patients).filter(|patient| is(*patient)).count();
        let mut found: Vec<usize> = (0..width).map(|column| count(&|patient| has(patient, column))).collect();
        for set in &self.sets {
            let any = |patient: usize, metric: usize| set.iter().any(|it| has(patient, it * METRICS.len() + metric));
            found.extend((0..METRICS.len()).map(|metric| count(&|patient| any(patient, metric))));
        }
        found
    }
}

/// 95 % confidence intervals of the mean per metric: of every structure, then of the mean over each set of structures.
///
/// `None` if fewer than [`FEWEST`] patients have a value.
pub(super) fn intervals(
    table: &DataFrame,
    sets: &[(String, Vec<usize>)],
    seed: u64,
) -> Result<Vec<Intervals>, TableError> {
    let sets: Vec<Vec<usize>> = sets.iter().map(|(_, members)| members.clone()).collect();
    let grid = Grid::new(table, sets)?;
    let rows = grid.structures + grid.sets.len();
    if grid.n_patients < FEWEST {
        return Ok(vec![[None; METRICS.len()]; rows]);
    }
    let sums = grid.sums(&vec![1; grid.seeds.len()]);
    let all: Vec<usize> = (0..grid.n_patients).collect();
    let (means, jackknife, patients) =
        (grid.resample(&sums, &all), grid.jackknife(&sums), grid.patients_with_a_value(&sums));
    let resamples = resamples(&grid, &sums, seed);
    let interval = |column: usize| {
        let without: Vec<f64> = jackknife.iter().map(|means| means[column]).collect();
        let drawn = resamples.iter().map(|means| means[column]);
        (patients[column] >= FEWEST).then(|| bca(means[column], drawn, &without, LEVEL)).flatten()
    };
    let row = |row: usize| std::array::from_fn(|metric| interval(row * METRICS.len() + metric));
    Ok((0..rows).into_par_iter().map(row).collect())
}

/// The means of every resample, in no particular order.
fn resamples(grid: &Grid, sums: &Sums, seed: u64) -> Vec<Vec<f64>> {
    let (seeds, patients) = (grid.seeds.len(), grid.n_patients);
    let mut by_weights: BTreeMap<Vec<u32>, Vec<Vec<usize>>> = BTreeMap::new();
    for resample in 0..RESAMPLES as u64 {
        let mut draws = random::stream(seed, "bootstrap", 0, resample);
        let drawn = (0..patients).map(|_| draws.random_range(0..patients)).collect();
        let mut weights = vec![0; seeds];
        (0..seeds).for_each(|_| weights[draws.random_range(0..seeds)] += 1);
        by_weights.entry(weights).or_default().push(drawn);
    }
    let of_weights = |(weights, drawn): (Vec<u32>, Vec<Vec<usize>>)| {
        let own = (seeds > 1).then(|| grid.sums(&weights));
        drawn.par_iter().map(|drawn| grid.resample(own.as_ref().unwrap_or(sums), drawn)).collect::<Vec<_>>()
    };
    by_weights.into_par_iter().flat_map_iter(of_weights).collect()
}

fn add(sums: &mut [f64], values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
