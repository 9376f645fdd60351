//! Percentiles by NumPy's default definition: linear between the two nearest ranks.

/// Percentiles (each 0…100) of `values`, which are reordered; NaN if there are none.
pub fn percentiles<const N: usize>(values: &mut [f32], wanted: [f64; N]) -> [f64; N] {
    wanted.map(|percent| percentile(values, percent))
}

fn percentile(values: &mut [f32], percent: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let rank = (percent / 100.0).clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (_, &mut low, above) = values.select_nth_unstable_by(rank as usize, f32::total_cmp);
    let high = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
    f64::from(low) + (f64::from(high) - f64::from(low)) * rank.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_equal_those_of_numpy() {
        // np.percentile([7, 1, 4, 9, -2, 4], [0, 0.5, 37, 50, 99.5, 100])
        let found = percentiles(&mut [7.0, 1.0, 4.0, 9.0, -2.0, 4.0], [0.0, 0.5, 37.0, 50.0, 99.5, 100.0]);
        for (found, expected) in found.into_iter().zip([-2.0, -1.925, 3.55, 4.0, 8.95, 9.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert_eq!(percentiles(&mut [3.0], [0.5, 99.5]), [3.0, 3.0]);
        assert!(percentiles(&mut [], [50.0])[0].is_nan());
    }
}
