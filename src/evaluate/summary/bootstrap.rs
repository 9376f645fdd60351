//! Percentile bootstrap of means (Efron 1979), resampling whole cases: the structures of one patient are not independent.

use polars::prelude::DataFrame;
use rand::Rng;
use rayon::prelude::*;

use super::{Intervals, quantile};
use crate::evaluate::frame::{Groups, numbers};
use crate::evaluate::metric::{METRICS, MetricId};
use crate::evaluate::table::TableError;
use crate::random;

/// Number of resamples per interval.
pub const RESAMPLES: usize = 2000;

/// Values of every case, structure and metric: `[case, structure, metric]`.
struct Grid {
    cases: usize,
    structures: usize,
    /// 0 if undefined.
    values: Vec<f64>,
    /// 1 if defined, else 0.
    defined: Vec<f64>,
}

impl Grid {
    /// From a table with a row per case and structure, sorted by case.
    fn new(table: &DataFrame) -> Result<Self, TableError> {
        let (by_case, by_structure) = (Groups::by(table, &["case"])?, Groups::by(table, &["structure"])?);
        let (cases, structures) = (by_case.count(), by_structure.count());
        let (case, structure) = (by_case.of_rows(), by_structure.of_rows());
        let places = cases * structures * METRICS.len();
        let mut grid = Self { cases, structures, values: vec![0.0; places], defined: vec![0.0; places] };
        for metric in MetricId::all() {
            for (row, value) in numbers(table, metric.column)?.into_iter().enumerate() {
                let place = (case[row] * structures + structure[row]) * METRICS.len() + metric.place();
                grid.values[place] = value.unwrap_or(0.0);
                grid.defined[place] = f64::from(u8::from(value.is_some()));
            }
        }
        Ok(grid)
    }

    /// Structures times metrics.
    fn width(&self) -> usize {
        self.structures * METRICS.len()
    }

    /// Number of cases with a value, `[structure, metric]`.
    fn counts(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.width()];
        self.defined.chunks(self.width().max(1)).for_each(|case| add(&mut counts, case));
        counts
    }
}

/// 95 % confidence intervals of the mean per metric: of every structure, and last of the mean over structures.
///
/// `None` if fewer than two cases have a value.
pub(super) fn intervals(table: &DataFrame, seed: u64) -> Result<Vec<Intervals>, TableError> {
    let grid = Grid::new(table)?;
    let resamples: Vec<Vec<f64>> =
        (0..RESAMPLES as u64).into_par_iter().map(|resample| means(&grid, seed, resample)).collect();
    let counts = grid.counts();
    let enough = |structure: usize, metric: usize| counts[structure * METRICS.len() + metric] > 1.0;
    let interval = |row: usize, metric: usize| {
        let defined = match row < grid.structures {
            true => enough(row, metric),
            false => (0..grid.structures).any(|structure| enough(structure, metric)),
        };
        defined.then(|| percentiles(resamples.iter().map(|means| means[row * METRICS.len() + metric]))).flatten()
    };
    let row = |row: usize| std::array::from_fn(|metric| interval(row, metric));
    Ok((0..=grid.structures).into_par_iter().map(row).collect())
}

/// Means of one resample, `[structure, metric]` and at the end `[metric]` over structures; NaN if no defined value was drawn.
fn means(grid: &Grid, seed: u64, resample: u64) -> Vec<f64> {
    let width = grid.width();
    let (mut sums, mut counts) = (vec![0.0; width], vec![0.0; width]);
    let mut draws = random::stream(seed, "bootstrap", 0, resample);
    for _ in 0..grid.cases {
        let start = draws.random_range(0..grid.cases) * width;
        add(&mut sums, &grid.values[start..start + width]);
        add(&mut counts, &grid.defined[start..start + width]);
    }
    let mut means: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    let overall: [f64; METRICS.len()] = std::array::from_fn(|metric| {
        let structures = means.iter().skip(metric).step_by(METRICS.len());
        let defined: Vec<f64> = structures.copied().filter(|mean| !mean.is_nan()).collect();
        defined.iter().sum::<f64>() / defined.len() as f64
    });
    means.extend(overall);
    means
}

fn add(sums: &mut [f64], values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn percentiles(means: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let mut ascending: Vec<f64> = means.filter(|mean| !mean.is_nan()).collect();
    ascending.sort_by(f64::total_cmp);
    Some([quantile(&ascending, 0.025)?, quantile(&ascending, 0.975)?])
}
