//! Percentile bootstrap of means (Efron 1979), resampling whole cases: the structures of one patient are not independent.

use rand::Rng;
use rayon::prelude::*;

use super::{Grid, Metric, quantile};
use crate::random;

/// Resamples behind every interval.
pub const RESAMPLES: usize = 2000;

const METRICS: usize = Metric::ALL.len();

/// 95 % intervals of the mean per metric: of every structure, and last of the mean over structures.
///
/// `None` where fewer than two cases have a value.
pub(super) fn intervals(grid: &Grid, seed: u64) -> Vec<[Option<[f64; 2]>; METRICS]> {
    let (cases, structures) = (grid.cases.len(), grid.structures.len());
    let values: Vec<Vec<Option<f64>>> = (0..cases)
        .map(|case| {
            let places = (0..structures).flat_map(|structure| Metric::ALL.map(|metric| (structure, metric)));
            places.map(|(structure, metric)| grid.value(case, structure, metric)).collect()
        })
        .collect();
    let resamples: Vec<Vec<f64>> =
        (0..RESAMPLES as u64).into_par_iter().map(|resample| means(&values, structures, seed, resample)).collect();
    let enough = |place: usize| values.iter().filter(|case| case[place].is_some()).count() > 1;
    let any_enough = |metric: usize| (0..structures).any(|structure| enough(structure * METRICS + metric));
    let interval = |row: usize, metric: usize| {
        let defined = if row < structures { enough(row * METRICS + metric) } else { any_enough(metric) };
        defined.then(|| percentiles(resamples.iter().map(|means| means[row * METRICS + metric]))).flatten()
    };
    (0..=structures).into_par_iter().map(|row| std::array::from_fn(|metric| interval(row, metric))).collect()
}

/// Means of one resample, `[structure, metric]` and at the end `[metric]` over structures; NaN where nothing was drawn.
fn means(values: &[Vec<Option<f64>>], structures: usize, seed: u64, resample: u64) -> Vec<f64> {
    let mut sums = vec![0.0; structures * METRICS];
    let mut counts = vec![0.0; structures * METRICS];
    let mut draws = random::stream(seed, "bootstrap", 0, resample);
    for _ in 0..values.len() {
        let case = &values[draws.random_range(0..values.len())];
        for ((value, sum), count) in case.iter().zip(&mut sums).zip(&mut counts) {
            *sum += value.unwrap_or(0.0);
            *count += f64::from(u8::from(value.is_some()));
        }
    }
    let mut means: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    let overall: [f64; METRICS] = std::array::from_fn(|metric| {
        let defined: Vec<f64> =
            means.iter().skip(metric).step_by(METRICS).copied().filter(|mean| !mean.is_nan()).collect();
        defined.iter().sum::<f64>() / defined.len() as f64
    });
    means.extend(overall);
    means
}

fn percentiles(means: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let mut ascending: Vec<f64> = means.filter(|mean| !mean.is_nan()).collect();
    ascending.sort_by(f64::total_cmp);
    Some([quantile(&ascending, 0.025)?, quantile(&ascending, 0.975)?])
}
