//! The normal distribution cut off at two ends.

use std::f64::consts::{LN_2, PI, SQRT_2};

use rand::Rng;
use rand_distr::StandardNormal;

/// A normal distribution of mean `mean` and standard deviation `width`, restricted to an interval that contains the mean.
#[derive(Clone, Copy, Debug)]
pub struct Truncated {
    pub mean: f64,
    pub width: f64,
    pub low: f64,
    pub high: f64,
}

impl Truncated {
    /// A draw, by rejection: since the mean is inside and `width` at most the interval, every third draw is inside even at worst.
    pub fn sample(&self, random: &mut impl Rng) -> f64 {
        for _ in 0..1000 {
            let z: f64 = random.sample(StandardNormal);
            let place = self.mean + self.width * z;
            if (self.low..=self.high).contains(&place) {
                return place;
            }
        }
        self.mean
    }

    /// Logarithm of the density at a place inside.
    pub fn ln_density(&self, place: f64) -> f64 {
        let z = (place - self.mean) / self.width;
        -0.5 * z * z - 0.5 * libm::log(2.0 * PI) - libm::log(self.width) - self.ln_total()
    }

    /// Logarithm of the probability of a part of the interval.
    pub fn ln_mass(&self, left: f64, right: f64) -> f64 {
        ln_mass((left - self.mean) / self.width, (right - self.mean) / self.width) - self.ln_total()
    }

    fn ln_total(&self) -> f64 {
        ln_mass((self.low - self.mean) / self.width, (self.high - self.mean) / self.width)
    }
}

/// Logarithm of the probability that a standard normal number lies between `a` and `b`, exact in both tails.
fn ln_mass(a: f64, b: f64) -> f64 {
    if a > 0.0 {
        return ln_mass(-b, -a);
    }
    if b > 0.0 {
        return libm::log1p(-0.5 * libm::erfc(-a / SQRT_2) - 0.5 * libm::erfc(b / SQRT_2));
    }
    let (lower, upper) = (ln_below(a), ln_below(b));
    upper + libm::log1p(-libm::exp(lower - upper))
}

/// Logarithm of the probability of a standard normal number below `a`, for `a` ≤ 0: far out by the asymptotic series (Abramowitz
/// and Stegun 26.2.12), where `erfc` loses precision.
fn ln_below(a: f64) -> f64 {
    if a > -20.0 {
        return libm::log(libm::erfc(-a / SQRT_2)) - LN_2;
    }
    let square = a * a;
    let series = 1.0 - 1.0 / square + 3.0 / (square * square) - 15.0 / (square * square * square);
    -0.5 * square - libm::log(-a) - 0.5 * libm::log(2.0 * PI) + libm::log(series)
}

/// ln Σ exp(xᵢ); −∞ if there is nothing to add.
pub fn ln_sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + libm::log(terms.iter().map(|term| libm::exp(term - largest)).sum())
}

/// Probability of a standard normal number above `z`.
pub fn above(z: f64) -> f64 {
    0.5 * libm::erfc(z / SQRT_2)
}
