//! Means and mean ranks of every competitor on every board, in resamples of the patients.

use rand::Rng;
use rayon::prelude::*;

use super::board::Over;
use super::grid::Grid;
use super::methods::within_case;
use crate::random;

/// Number of resamples.
pub const RESAMPLES: usize = 1000;

/// Means of one set of patients: `[board, competitor]`.
#[derive(Clone, Debug)]
pub struct Means {
    /// Over cases, then structures.
    pub values: Vec<f64>,
    /// The same of the ranks in every case.
    pub ranks: Vec<f64>,
}

/// The means of all patients, without each of them, and in the resamples.
pub struct Resamples {
    pub all: Means,
    pub without: Vec<Means>,
    pub drawn: Vec<Means>,
}

/// Sums over the cases of every patient, `[patient, structure, competitor]`, and numbers of values.
struct Sums<'a> {
    grid: &'a Grid,
    overs: &'a [Over],
    values: Vec<f64>,
    ranks: Vec<f64>,
    counts: Vec<f64>,
    rank_counts: Vec<f64>,
}

/// Resamples patients with replacement.
pub fn resample(grid: &Grid, overs: &[Over], seed: u64) -> Resamples {
    let sums = Sums::new(grid, overs);
    let patients = grid.n_patients;
    let ones = vec![1.0; patients];
    let without = |patient: usize| {
        let mut weights = ones.clone();
        weights[patient] = 0.0;
        sums.means(&weights)
    };
    let drawn = |resample: u64| {
        let mut draws = random::stream(seed, "rank bootstrap", 0, resample);
        let mut weights = vec![0.0; patients];
        (0..patients).for_each(|_| weights[draws.random_range(0..patients)] += 1.0);
        sums.means(&weights)
    };
    Resamples {
        all: sums.means(&ones),
        without: (0..patients).into_par_iter().map(without).collect(),
        drawn: (0..RESAMPLES as u64).into_par_iter().map(drawn).collect(),
    }
}

impl<'a> Sums<'a> {
    fn new(grid: &'a Grid, overs: &'a [Over]) -> Self {
        let (structures, n) = (grid.structures.len(), grid.competitors.len());
        let empty = || vec![0.0; grid.n_patients * structures * n];
        let (values, ranks, counts, rank_counts) = (empty(), empty(), empty(), empty());
        let mut sums = Self { grid, overs, values, ranks, counts, rank_counts };
        for structure in 0..structures {
            for (case, patient) in grid.patients.iter().enumerate() {
                let row = grid.row(structure, case);
                let start = (patient * structures + structure) * n;
                for (at, (value, rank)) in row.iter().zip(within_case(row, grid.metric)).enumerate() {
                    add(&mut sums.values[start + at], &mut sums.counts[start + at], *value);
                    add(&mut sums.ranks[start + at], &mut sums.rank_counts[start + at], rank);
                }
            }
        }
        sums
    }

    fn means(&self, weights: &[f64]) -> Means {
        Means {
            values: self.mean_of(weights, &self.values, &self.counts),
            ranks: self.mean_of(weights, &self.ranks, &self.rank_counts),
        }
    }

    /// Means over cases, then over the structures of every board that have a value.
    fn mean_of(&self, weights: &[f64], sums: &[f64], counts: &[f64]) -> Vec<f64> {
        let n = self.grid.competitors.len();
        let width = self.grid.structures.len() * n;
        let (mut total, mut number) = (vec![0.0; width], vec![0.0; width]);
        for (patient, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let range = patient * width..(patient + 1) * width;
            total.iter_mut().zip(&sums[range.clone()]).for_each(|(total, sum)| *total += weight * sum);
            number.iter_mut().zip(&counts[range]).for_each(|(number, count)| *number += weight * count);
        }
        let mean = |structure: usize, competitor: usize| {
            total[structure * n + competitor] / number[structure * n + competitor]
        };
        let board = |over: &Over, competitor: usize| {
            let means = over.structures.iter().map(|structure| mean(*structure, competitor));
            let (sum, number) = means.filter(|it| !it.is_nan()).fold((0.0, 0.0), |(sum, n), it| (sum + it, n + 1.0));
            sum / number
        };
        self.overs.iter().flat_map(|over| (0..n).map(move |competitor| board(over, competitor))).collect()
    }
}

fn add(sum: &mut f64, count: &mut f64, value: f64) {
    if !value.is_nan() {
        *sum += value;
        *count += 1.0;
    }
}
