//! Exponential, logarithm and error function that compilers can vectorise. Errors are at most two units in the last place for the
//! first two and three for the third.
//!
//! Source of methods and coefficients: Moshier, Cephes Mathematical Library (1989), `expf` and `logf`; Eigen's `generic_fast_erf` for the
//! error function.

/// Added and subtracted again, it rounds to a whole number; after the addition, that number is in the low bits.
const ROUND: f32 = 12_582_912.0;

/// ln 2 in two parts, the first with few bits, so that its multiples are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// e^x for x ≤ 88; below −87 as at −87 (1.6e-38). NaN stays NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let power = shifted - ROUND;
    let r = x - power * LN_2[0] - power * LN_2[1];
    let mut y = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        y = y * r + coefficient;
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    (y * r * r + r + 1.0) * f32::from_bits(exponent << 23)
}

/// ln x for normal x > 0. NaN stays NaN.
#[expect(clippy::eq_op, reason = "the difference is zero, and NaN where x is")]
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // Mantissa between √½ and √2.
    let above = (bits & 0x007f_ffff > 0x0035_04f3) as u32;
    let exponent = (bits >> 23) as i32 - 127 + above as i32;
    let m = f32::from_bits(bits & 0x007f_ffff | (127 - above) << 23) - 1.0;
    let mut y = 7.037_683_6e-2;
    for coefficient in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_7e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        y = y * m + coefficient;
    }
    let (square, exponent) = (m * m, exponent as f32);
    let y = y * m * square + exponent * LN_2[1] - 0.5 * square;
    m + y + exponent * LN_2[0] + (x - x)
}

/// erf x = 2 / √π · ∫ e^(−t²) dt from 0 to x. NaN stays NaN.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    // Beyond this, erf rounds to ±1 in 32 bits.
    const END: f32 = 3.743_921_2;
    let x = if x > END { END } else { x };
    let x = if x < -END { -END } else { x };
    let square = x * x;
    let mut upper = 2.290_506_5e-4;
    for coefficient in [3.408_291e-3, 5.095_569_5e-2, 1.852_083_2e-1, std::f32::consts::FRAC_2_SQRT_PI] {
        upper = upper * square + coefficient;
    }
    let mut lower = -1.179_160_3e-7;
    for coefficient in [2.354_796_6e-5, 1.017_962_5e-3, 1.407_047e-2, 1.109_850_5e-1, 4.974_692_5e-1, 1.0] {
        lower = lower * square + coefficient;
    }
    x * upper / lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_and_logarithm_agree_with_the_standard_library() {
        for step in 0..200_000 {
            let x = -87.0 + 0.000_874 * step as f32;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 2.5e-7, "e^{x}: {} {expected}", exp(x));
            let (y, expected) = (x.exp(), f64::from(x.exp()).ln());
            assert!((f64::from(ln(y)) - expected).abs() < 1e-7 + 1.3e-7 * expected.abs(), "ln {y}: {}", ln(y));
        }
    }

    /// `∫ e^(−t²) dt` by Simpson's rule.
    #[test]
    fn the_error_function_is_its_integral() {
        let (step, density) = (1e-3, |t: f64| (-t * t).exp());
        let mut integral = 0.0;
        for index in 0..5000 {
            let t = f64::from(index) * step;
            let expected = integral * std::f64::consts::FRAC_2_SQRT_PI;
            for sign in [-1.0, 1.0] {
                let found = f64::from(erf((sign * t) as f32));
                assert!((found - sign * expected).abs() < 4e-7 * expected.max(1e-3), "erf {t}: {found} {expected}");
            }
            integral += step / 6.0 * (density(t) + 4.0 * density(t + step / 2.0) + density(t + step));
        }
        assert!(erf(f32::NAN).is_nan() && erf(1e30) <= 1.0 && erf(0.0) == 0.0);
    }

    #[test]
    fn what_is_no_number_stays_none_and_what_is_tiny_stays_finite() {
        assert!(exp(f32::NAN).is_nan() && ln(f32::NAN).is_nan());
        assert!(exp(-1e30) > 0.0 && exp(-1e30) < 1e-37);
        assert!(ln(f32::INFINITY).is_nan());
        assert_eq!((exp(0.0), ln(1.0)), (1.0, 0.0));
    }
}
