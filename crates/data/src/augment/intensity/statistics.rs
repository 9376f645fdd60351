//! Sums over a channel in a fixed order, in lanes that the compiler vectorises.

const LANES: usize = 16;

/// Mean, unbiased standard deviation, smallest and largest value. All 0 for an empty channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Statistics {
    pub mean: f64,
    pub sd: f64,
    pub low: f32,
    pub high: f32,
}

/// Mean and unbiased standard deviation.
pub(super) fn mean_and_sd(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = if values.is_empty() { 0.0 } else { sum(values, f64::from) / count };
    let squares = sum(values, |value| {
        let difference = f64::from(value) - mean;
        difference * difference
    });
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// Smallest and largest value.
pub(super) fn range(values: &[f32]) -> (f32, f32) {
    let Some(&first) = values.first() else { return (0.0, 0.0) };
    let (mut low, mut high) = ([first; LANES], [first; LANES]);
    let (lanes, rest) = values.as_chunks::<LANES>();
    for lane in lanes {
        for ((low, high), value) in low.iter_mut().zip(&mut high).zip(lane) {
            *low = if *value < *low { *value } else { *low };
            *high = if *value > *high { *value } else { *high };
        }
    }
    let all = |lanes: [f32; LANES]| lanes.into_iter().chain(rest.iter().copied());
    (all(low).fold(first, f32::min), all(high).fold(first, f32::max))
}

pub(super) fn statistics(values: &[f32]) -> Statistics {
    let ((mean, sd), (low, high)) = (mean_and_sd(values), range(values));
    Statistics { mean, sd, low, high }
}

fn sum(values: &[f32], of: impl Fn(f32) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (lanes, rest) = values.as_chunks::<LANES>();
    for lane in lanes {
        sums.iter_mut().zip(lane).for_each(|(sum, value)| *sum += of(*value));
    }
    sums.iter().sum::<f64>() + rest.iter().map(|value| of(*value)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let values: Vec<f32> = (0..37).map(|value| value as f32).collect();
        let found = statistics(&values);
        // Unbiased variance of 0…n−1: n(n + 1)/12.
        assert!((found.mean - 18.0).abs() < 1e-12 && (found.sd - (37.0f64 * 38.0 / 12.0).sqrt()).abs() < 1e-12);
        assert_eq!((found.low, found.high), (0.0, 36.0));
        assert_eq!(statistics(&[]), Statistics::default());
        assert_eq!(statistics(&[-2.5]), Statistics { mean: -2.5, sd: 0.0, low: -2.5, high: -2.5 });
    }
}
