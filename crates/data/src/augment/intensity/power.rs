//! `x^p` for many values at once, in plain arithmetic that the compiler vectorises, unlike the C library's function.

/// Replaces every value `x ≥ 0` by `x^power`, `power > 0`, with a relative error of about 1e-6. Values below 1e-30 become 0.
pub(super) fn power(values: &mut [f32], power: f32) {
    for value in values {
        *value = if *value > 1e-30 { exp2(log2(*value) * power) } else { 0.0 };
    }
}

/// Exponent, plus a series of `atanh` for a mantissa in √½…√2.
fn log2(x: f32) -> f32 {
    let bits = x.to_bits() as i32;
    // Bits of √½: larger mantissas count towards the exponent.
    let shifted = bits - 0x3f35_04f3;
    let exponent = shifted >> 23;
    let mantissa = f32::from_bits((bits - (exponent << 23)) as u32);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let series = 2.885_39 + s2 * (0.961_796_7 + s2 * (0.577_078 + s2 * (0.412_198_6 + s2 * 0.320_599)));
    exponent as f32 + s * series
}

/// Whole part as exponent, and a series for the rest in −½…½.
fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 126.0);
    // Adding 1.5 · 2^23 leaves the nearest whole number in the lowest bits.
    let rounded = x + 12_582_912.0;
    let whole = rounded - 12_582_912.0;
    let part = (x - whole) * std::f32::consts::LN_2;
    let series = 1.0
        + part * (1.0 + part * (0.5 + part * (1.0 / 6.0 + part * (1.0 / 24.0 + part * (1.0 / 120.0 + part / 720.0)))));
    f32::from_bits(((rounded.to_bits() as i32) << 23).wrapping_add(series.to_bits() as i32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_powf() {
        for exponent in [0.5f32, 0.7, 1.0, 1.3, 1.5, 3.0] {
            let base: Vec<f32> = (0..=4000).map(|k| k as f32 / 4000.0).chain([1e-6, 1e-12, 7.5, 123.0]).collect();
            let mut found = base.clone();
            power(&mut found, exponent);
            for (x, found) in base.iter().zip(found) {
                let expected = f64::from(*x).powf(f64::from(exponent));
                let error = (f64::from(found) - expected).abs();
                assert!(error <= 4e-6 * expected, "{x}^{exponent}: {found} {expected}");
            }
        }
    }
}
