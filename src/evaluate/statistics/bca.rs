//! Bootstrap intervals.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::evaluate::quantile::quantile;

/// Bias-corrected and accelerated interval (Efron 1987) of a statistic from its value, its values in the resamples, and those without each
/// unit that is resampled (jackknife); as `scipy.stats.bootstrap(method = "BCa")`, where ties with the value count one half. Undefined (NaN)
/// resamples are left out. `None` if no resample is defined, or all of them lie on one side of the value. Where the statistic is the same in
/// all resamples, the interval is that value.
pub fn bca(value: f64, resamples: impl Iterator<Item = f64>, jackknife: &[f64], level: f64) -> Option<[f64; 2]> {
    let mut ascending: Vec<f64> = resamples.filter(|it| !it.is_nan()).collect();
    ascending.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*ascending.first()?, *ascending.last()?);
    if first == last {
        return Some([first, last]);
    }
    let normal = Normal::standard();
    let below = ascending.partition_point(|it| *it < value);
    let up_to = ascending.partition_point(|it| *it <= value);
    let bias = normal.inverse_cdf((below + up_to) as f64 / 2.0 / ascending.len() as f64);
    let acceleration = acceleration(jackknife);
    let tail = normal.inverse_cdf((1.0 - level) / 2.0);
    let at = |z: f64| {
        let shifted = bias + z;
        let fraction = normal.cdf(bias + shifted / (1.0 - acceleration * shifted));
        fraction.is_finite().then(|| quantile(&ascending, fraction)).flatten()
    };
    if !bias.is_finite() {
        return None;
    }
    Some([at(tail)?, at(-tail)?])
}

/// Skewness of the influence of single units, a sixth of it.
fn acceleration(jackknife: &[f64]) -> f64 {
    let defined: Vec<f64> = jackknife.iter().copied().filter(|it| !it.is_nan()).collect();
    let mean = defined.iter().sum::<f64>() / defined.len() as f64;
    let power = |exponent: i32| defined.iter().map(|it| (mean - it).powi(exponent)).sum::<f64>();
    let (squares, cubes) = (power(2), power(3));
    // Differences by rounding alone have no skewness.
    let rounding = (1e-12 * mean.abs()).powi(2) * defined.len() as f64;
    if squares > rounding { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}
