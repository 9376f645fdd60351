//! The normal distribution and its update (Hansen, arXiv 1604.00772; equation numbers are that tutorial's).

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::Rng;
use rand_distr::StandardNormal;

/// First step size, on axes from 0 to 1.
const FIRST_STEP: f64 = 1.0 / 6.0;
/// A search is over when no standard deviation exceeds this, on axes from 0 to 1.
const SMALLEST: f64 = 1e-6;
/// … or when the objective has varied by less than this for some time.
const FLAT: f64 = 1e-12;
/// … or when the longest axis is longer than the shortest by more than this factor squared.
const CONDITION: f64 = 1e14;

/// Learning rates and weights for a number of dimensions and a population.
#[derive(Clone, Debug)]
pub struct Rates {
    weights: Vec<f64>,
    parents: usize,
    effective: f64,
    step_path: f64,
    damping: f64,
    path: f64,
    rank_one: f64,
    rank_many: f64,
    normal_length: f64,
    patience: usize,
}

/// Mean, step size, covariance and their paths.
#[derive(Clone, Debug)]
pub struct Distribution {
    rates: Rates,
    pub mean: DVector<f64>,
    pub step: f64,
    pub covariance: DMatrix<f64>,
    axes: DMatrix<f64>,
    lengths: DVector<f64>,
    step_path: DVector<f64>,
    path: DVector<f64>,
    generation: i32,
    ranges: Vec<(f64, f64)>,
}

/// The trials of a generation.
pub struct Told {
    /// Their places, best first.
    pub places: Vec<DVector<f64>>,
    /// How many of them have an objective.
    pub succeeded: usize,
    /// Best and worst objective.
    pub range: Option<(f64, f64)>,
}

impl Rates {
    fn new(dimensions: usize, population: usize) -> Self {
        let n = dimensions as f64;
        let parents = population / 2;
        let raw: Vec<f64> = (0..population)
            .map(|rank| libm::log((population as f64 + 1.0) / 2.0) - libm::log(rank as f64 + 1.0))
            .collect(); // (49)
        let effective_of =
            |part: &[f64]| part.iter().sum::<f64>().powi(2) / part.iter().map(|weight| weight * weight).sum::<f64>();
        let (effective, effective_rest) = (effective_of(&raw[..parents]), effective_of(&raw[parents..]));
        let rank_one = 2.0 / ((n + 1.3).powi(2) + effective); // (57)
        let rank_many =
            (1.0 - rank_one - 1e-8).min(2.0 * (effective - 2.0 + 1.0 / effective) / ((n + 2.0).powi(2) + effective)); // (58)
        let negative = (1.0 + rank_one / rank_many)
            .min(1.0 + 2.0 * effective_rest / (effective + 2.0))
            .min((1.0 - rank_one - rank_many) / (n * rank_many)); // (50) to (52)
        let positive_sum: f64 = raw.iter().filter(|weight| **weight > 0.0).sum();
        let negative_sum: f64 = raw.iter().filter(|weight| **weight < 0.0).sum::<f64>().abs();
        let scaled = |weight: &f64| weight * if *weight >= 0.0 { 1.0 / positive_sum } else { negative / negative_sum };
        let step_path = (effective + 2.0) / (n + effective + 5.0); // (55)
        Rates {
            weights: raw.iter().map(scaled).collect(), // (53)
            parents,
            effective,
            step_path,
            damping: 1.0 + 2.0 * (((effective - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + step_path,
            path: (4.0 + effective / n) / (n + 4.0 + 2.0 * effective / n), // (56)
            rank_one,
            rank_many,
            normal_length: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
            patience: 10 + (30.0 * n / population as f64).ceil() as usize,
        }
    }

    /// The weights of `ended` trials, best first, of which the last `ended - succeeded` failed: none that failed is a parent, and
    /// if some are missing, those in the middle count nothing.
    fn weights_of(&self, ended: usize, succeeded: usize) -> Vec<f64> {
        let parents = self.parents.min(succeeded);
        let total: f64 = self.weights[..parents].iter().sum();
        let mut weights: Vec<f64> = self.weights[..parents].iter().map(|weight| weight / total).collect();
        let others = ended - parents;
        let negative = (self.weights.len() - self.parents).min(others);
        weights.extend(std::iter::repeat_n(0.0, others - negative));
        weights.extend(&self.weights[self.weights.len() - negative..]);
        weights
    }
}

impl Distribution {
    /// A round one about `mean`.
    pub fn new(mean: DVector<f64>, population: usize) -> Self {
        let n = mean.len();
        Distribution {
            rates: Rates::new(n, population),
            mean,
            step: FIRST_STEP,
            covariance: DMatrix::identity(n, n),
            axes: DMatrix::identity(n, n),
            lengths: DVector::from_element(n, 1.0),
            step_path: DVector::zeros(n),
            path: DVector::zeros(n),
            generation: 0,
            ranges: Vec::new(),
        }
    }

    /// A place inside the unit cube: drawn again if outside, cut off after 10 draws per dimension. No number spreads less than `spread`.
    pub fn sample(&self, spread: &DVector<f64>, random: &mut impl Rng) -> DVector<f64> {
        let n = self.mean.len();
        let stretch = DVector::from_fn(n, |i, _| (spread[i] / self.deviation(i)).max(1.0));
        let mut place = self.mean.clone();
        for _ in 0..10 * n + 1 {
            let z = DVector::from_fn(n, |i, _| self.lengths[i] * random.sample::<f64, _>(StandardNormal));
            place = &self.mean + (&self.axes * z).component_mul(&stretch) * self.step;
            if place.iter().all(|place| (0.0..=1.0).contains(place)) {
                break;
            }
        }
        place.map(|place| place.clamp(0.0, 1.0))
    }

    /// Standard deviation of one number.
    fn deviation(&self, index: usize) -> f64 {
        self.step * self.covariance[(index, index)].max(0.0).sqrt()
    }

    /// Moves towards the better places. A generation without any objective changes nothing.
    pub fn learn(&mut self, told: &Told) {
        if told.succeeded == 0 {
            return;
        }
        self.generation += 1;
        self.ranges.extend(told.range);
        let weights = self.rates.weights_of(told.places.len(), told.succeeded);
        let whiten =
            &self.axes * DMatrix::from_diagonal(&self.lengths.map(|length| 1.0 / length)) * self.axes.transpose();
        let longest = (self.mean.len() as f64).sqrt() + 3.0;
        let moves: Vec<DVector<f64>> = told
            .places
            .iter()
            .map(|place| {
                let change = (place - &self.mean) / self.step;
                let length = (&whiten * &change).norm();
                if length > longest { change * (longest / length) } else { change }
            })
            .collect();
        let parents = self.rates.parents.min(told.succeeded);
        let mut shift = DVector::zeros(self.mean.len());
        for (weight, change) in weights[..parents].iter().zip(&moves) {
            shift += change * *weight; // (41)
        }
        self.mean += &shift * self.step;
        let is_steady = self.learn_step(&whiten, &shift);
        self.learn_covariance(&whiten, &moves, &weights, &shift, is_steady);
    }

    /// Step size by the length of its path (43), (44); whether the path is short enough for the covariance to follow.
    fn learn_step(&mut self, whiten: &DMatrix<f64>, shift: &DVector<f64>) -> bool {
        let rate = self.rates.step_path;
        self.step_path =
            &self.step_path * (1.0 - rate) + (whiten * shift) * (rate * (2.0 - rate) * self.rates.effective).sqrt();
        let length = self.step_path.norm();
        self.step *= libm::exp(rate / self.rates.damping * (length / self.rates.normal_length - 1.0));
        self.step = self.step.min(1e3);
        let n = self.mean.len() as f64;
        let fading = (1.0 - (1.0 - rate).powi(2 * (self.generation + 1))).sqrt();
        length / fading < (1.4 + 2.0 / (n + 1.0)) * self.rates.normal_length
    }

    /// Covariance by its path and by the places themselves, the worse ones with negative weights (45) to (47).
    fn learn_covariance(
        &mut self,
        whiten: &DMatrix<f64>,
        moves: &[DVector<f64>],
        weights: &[f64],
        shift: &DVector<f64>,
        is_steady: bool,
    ) {
        let Rates { path, rank_one, rank_many, effective, .. } = self.rates;
        let steady = if is_steady { 1.0 } else { 0.0 };
        self.path = &self.path * (1.0 - path) + shift * (steady * (path * (2.0 - path) * effective).sqrt());
        let lost = (1.0 - steady) * path * (2.0 - path);
        let n = self.mean.len() as f64;
        let kept = 1.0 + rank_one * lost - rank_one - rank_many * weights.iter().sum::<f64>();
        let mut covariance = &self.covariance * kept + &self.path * self.path.transpose() * rank_one;
        for (weight, change) in weights.iter().zip(moves) {
            let scale = if *weight < 0.0 { n / ((whiten * change).norm_squared() + 1e-8) } else { 1.0 };
            covariance += change * change.transpose() * (rank_many * weight * scale);
        }
        let covariance = (&covariance + covariance.transpose()) * 0.5;
        let eigen = SymmetricEigen::new(covariance);
        self.lengths = eigen.eigenvalues.map(|value| if value < 0.0 { 1e-8 } else { value.max(1e-300) }.sqrt());
        self.axes = eigen.eigenvectors;
        let squares = DMatrix::from_diagonal(&self.lengths.map(|length| length * length));
        self.covariance = &self.axes * squares * self.axes.transpose();
    }

    /// Whether nothing moves any more: numbers as narrow as they may be, an objective that no longer varies, or a degenerate
    /// covariance.
    pub fn is_done(&self, spread: &DVector<f64>) -> bool {
        let narrow = (0..self.mean.len()).all(|i| self.deviation(i) < spread[i].max(SMALLEST));
        let recent = &self.ranges[self.ranges.len().saturating_sub(self.rates.patience)..];
        let best = recent.iter().map(|range| range.0).fold(f64::INFINITY, f64::min);
        let worst = recent.iter().map(|range| range.1).fold(f64::NEG_INFINITY, f64::max);
        let flat = recent.len() == self.rates.patience && worst - best < FLAT;
        let degenerate = self.lengths.max() > self.lengths.min() * CONDITION.sqrt();
        narrow || flat || degenerate || !self.step.is_finite()
    }
}
