//! How far two right results may lie apart.

use crate::backend::Precision;

/// Half the distance from 1 to the next number in 32 bits: the largest relative error of one rounding.
const ROUNDING_F32: f64 = 1.0 / (1u64 << 24) as f64;

/// Relative error of a device's exponentials, logarithms, roots and quotients, in roundings: the languages of GPUs allow some units in the
/// last place (Vulkan: 3 for an exponential of a small number, 2.5 for a quotient), and a result may hold several.
const FUNCTIONS: f64 = 16.0;

/// How many standard deviations a right result may lie away: of a million normal numbers, the largest lies at 5.
const DEVIATIONS: f64 = 8.0;

/// Relative rounding of the factors of a product in TF32, to which matrix units may round 32 bits.
const ROUNDING_TF32: f64 = 1.0 / (1u64 << 11) as f64;

/// What decides the error of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Arithmetic {
    /// Terms of its longest sum, in the output or a gradient.
    pub terms: usize,
    /// Results that are stored in the operation's floating-point type one after the other, the last included.
    pub stored: usize,
    /// Products of numbers that may have been rounded to TF32 one after the other; 0 where the factors are exact in it.
    pub products: usize,
}

impl Arithmetic {
    /// An operation with sums of this many terms and one stored result.
    pub fn sums(terms: usize) -> Self {
        Self { terms, stored: 1, products: 0 }
    }

    /// Largest accepted error, see [`error`].
    ///
    /// Roundings are independent of each other and as often up as down. A sum of `n` terms is rounded `n` times to 32 bits (16-bit types
    /// sum in 32, too), so that its error has a standard deviation of about `√n` roundings; `k` results stored in turn add `√k` roundings
    /// of the type, and `p` products in turn `√(2p)` roundings of the matrix units. Sums by halves or in blocks are more precise than that.
    /// A sum in 16 bits, or one that misses a term in a hundred, is not within these bounds.
    pub fn allowed(self, precision: Precision) -> f64 {
        let sums = ROUNDING_F32 * ((self.terms as f64).sqrt() + FUNCTIONS);
        let stored = rounding(precision) * (self.stored as f64).sqrt();
        let products = ROUNDING_TF32 * (2.0 * self.products as f64).sqrt();
        DEVIATIONS * (sums + stored + products)
    }
}

/// Relative error of one rounding to a type: half a unit in the last of its 24, 11 or 8 digits.
fn rounding(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => ROUNDING_F32,
        Precision::F16 => 1.0 / f64::from(1 << 11),
        Precision::Bf16 => 1.0 / f64::from(1 << 8),
    }
}

/// Largest difference of two results, each relative to the expected value plus the root mean square of all: small values among large ones
/// are sums that cancel, with the errors of their terms. Infinite where a value is missing or no number.
pub fn error(found: &[f32], expected: &[f32]) -> f64 {
    let size = root_mean_square(expected);
    compared(
        found,
        expected,
        |difference, expected| {
            if difference == 0.0 { 0.0 } else { difference / (expected.abs() + size) }
        },
    )
}

/// Length of the difference of two results relative to that of the expected one, for the gradients of whole networks: a value on the other
/// side of a ReLU's kink changes a few terms of a gradient by their full size, which no bound for single values covers. `terms`: size of
/// the numbers that the result is made of (see [`super::shake::sizes`]), which takes the place of its own size where that is smaller:
/// where large numbers cancel, the result has their errors.
pub fn relative_length(found: &[f32], expected: &[f32], terms: f64) -> f64 {
    let mut squares = 0.0;
    let worst = compared(found, expected, |difference, _| {
        squares += difference * difference;
        0.0
    });
    let length = (squares / expected.len().max(1) as f64).sqrt();
    if worst.is_infinite() { worst } else { length / root_mean_square(expected).max(terms).max(f64::MIN_POSITIVE) }
}

/// Root of the mean of squares.
pub fn root_mean_square(values: &[f32]) -> f64 {
    let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
    (squares / values.len().max(1) as f64).sqrt()
}

fn compared(found: &[f32], expected: &[f32], mut measure: impl FnMut(f64, f64) -> f64) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let mut worst = 0.0f64;
    for (found, expected) in found.iter().zip(expected) {
        let difference = (f64::from(*found) - f64::from(*expected)).abs();
        if !difference.is_finite() {
            return f64::INFINITY;
        }
        worst = worst.max(measure(difference, f64::from(*expected)));
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_grows_with_the_terms_and_with_the_roundings_of_the_type() {
        let of = |terms, precision| Arithmetic::sums(terms).allowed(precision);
        assert!((1e-6..1e-5).contains(&of(1, Precision::F32)), "{}", of(1, Precision::F32));
        assert!((2e-4..3e-4).contains(&of(262_144, Precision::F32)), "{}", of(262_144, Precision::F32));
        assert!((0.03..0.04).contains(&of(27, Precision::Bf16)) && (0.003..0.005).contains(&of(27, Precision::F16)));
        let network = Arithmetic { products: 8, ..Arithmetic::sums(1000) }.allowed(Precision::F32);
        assert!((0.01..0.02).contains(&network), "{network}");
    }

    #[test]
    fn differences_are_relative_and_what_is_no_number_is_infinite() {
        assert_eq!(error(&[1.0, -2.0], &[1.0, -2.0]), 0.0);
        // The root mean square of 3 and 1 is √5.
        assert!((error(&[3.0, 1.1], &[3.0, 1.0]) - 0.1 / (1.0 + 5f64.sqrt())).abs() < 1e-6);
        assert!((relative_length(&[3.0, 1.1], &[3.0, 1.0], 0.0) - (0.01f64 / 2.0).sqrt() / 5f64.sqrt()).abs() < 1e-6);
        for found in [&[f32::NAN, 1.0][..], &[f32::INFINITY, 1.0], &[1.0], &[]] {
            assert_eq!(
                (error(found, &[1.0, 1.0]), relative_length(found, &[1.0, 1.0], 1.0)),
                (f64::INFINITY, f64::INFINITY)
            );
        }
        assert_eq!((error(&[0.0], &[0.0]), relative_length(&[0.0], &[0.0], 0.0)), (0.0, 0.0));
    }
}
