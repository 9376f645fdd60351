//! Correlation of two rankings.

/// Kendall's tau-b of two lists of numbers (Kendall 1945), which accounts for ties; `None` if one list has a single value.
pub fn kendall_tau(one: &[f64], other: &[f64]) -> Option<f64> {
    let (mut concordant, mut in_one, mut in_other) = (0_i64, 0_u64, 0_u64);
    for (place, (a, b)) in one.iter().zip(other).enumerate() {
        for (c, d) in one.iter().zip(other).skip(place + 1) {
            let (left, right) = (sign(a - c), sign(b - d));
            concordant += left * right;
            in_one += left.unsigned_abs();
            in_other += right.unsigned_abs();
        }
    }
    (in_one > 0 && in_other > 0).then(|| concordant as f64 / (in_one as f64).sqrt() / (in_other as f64).sqrt())
}

fn sign(value: f64) -> i64 {
    i64::from(value > 0.0) - i64::from(value < 0.0)
}
