//! Intensities → 16-bit samples with slope and intercept, without loss.

use std::collections::HashSet;

use super::build::decimal;

/// Number of values of 16 bits.
const VALUES: usize = 1 << 16;
/// Numbers of digits that are tried for slope and intercept, fewest first: real ones are short.
const DIGITS: std::ops::RangeInclusive<usize> = 1..=15;

/// Storage of a set of intensities.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub slope: f64,
    pub intercept: f64,
    pub signed: bool,
}

impl Storage {
    /// The stored value of an intensity, as the bits of a 16-bit word.
    pub fn stored(&self, value: f32) -> u16 {
        let stored = ((f64::from(value) - self.intercept) / self.slope).round();
        if self.signed { stored as i16 as u16 } else { stored as u16 }
    }

    /// Whether every value reads back exactly, with slope and intercept as the decimal strings in the header.
    fn is_exact(&self, values: &[f32]) -> bool {
        let [slope, intercept] = [self.slope, self.intercept].map(|number| decimal(number).parse().unwrap_or(f64::NAN));
        values.iter().all(|&value| {
            let word = self.stored(value);
            let stored = if self.signed { f64::from(word as i16) } else { f64::from(word) };
            (stored * slope + intercept) as f32 == value
        })
    }
}

/// Finds an exact storage for values.
///
/// # Errors
/// Why there is none.
pub(super) fn storage(values: impl Iterator<Item = f32>) -> Result<Storage, String> {
    let mut distinct = HashSet::new();
    for value in values {
        if !value.is_finite() {
            return Err(format!("holds the value {value}, which no sample can store"));
        }
        // Adding 0 turns −0 into 0.
        distinct.insert((value + 0.0).to_bits());
        if distinct.len() > VALUES {
            return Err(format!(
                "holds more than {VALUES} different values, which 16-bit samples cannot represent; {REMEDY}"
            ));
        }
    }
    let mut values: Vec<f32> = distinct.into_iter().map(f32::from_bits).collect();
    values.sort_by(f32::total_cmp);
    candidates(&values).find(|storage| storage.is_exact(&values)).ok_or_else(|| {
        format!(
            "its {} different values are not multiples of a step, so that 16-bit samples cannot represent them; {REMEDY}",
            values.len()
        )
    })
}

const REMEDY: &str = "round them to whole numbers, or write NIfTI";

/// Candidates: whole numbers as they are, whole numbers above the lowest one, then multiples of a step: the smallest difference, or the
/// largest number that divides all differences.
fn candidates(values: &[f32]) -> impl Iterator<Item = Storage> + '_ {
    let lowest = values.first().map_or(0.0, |&value| f64::from(value));
    let whole = [(0.0, true), (0.0, false), (lowest, false)].map(|(intercept, signed)| (1.0, intercept, signed));
    let nearest = smallest_difference(values).map(|step| refined(values, step));
    let slopes = |step: f64| {
        let rounded = DIGITS.filter_map(move |digits| format!("{step:.digits$e}").parse().ok());
        // Thirds and the like have no short decimals.
        rounded.chain((step < 0.5).then(|| (1.0 / step).round().recip()))
    };
    let steps = nearest.into_iter().chain(divisor(values)).flat_map(slopes).flat_map(move |slope: f64| {
        let intercepts = DIGITS.filter_map(move |digits| format!("{lowest:.digits$e}").parse().ok());
        let shifted = intercepts.map(move |intercept| (slope, intercept, false));
        [(slope, 0.0, true), (slope, 0.0, false)].into_iter().chain(shifted)
    });
    let storage = |(slope, intercept, signed)| Storage { slope, intercept, signed };
    whole.into_iter().chain(steps).map(storage)
}

/// The largest part of the smallest difference that divides all others; `None` where there is none that 16 bits can count.
fn divisor(values: &[f32]) -> Option<f64> {
    let smallest = smallest_difference(values)?;
    let [low, high] = [*values.first()?, *values.last()?].map(f64::from);
    // Two roundings to 32-bit floats.
    let noise = low.abs().max(high.abs()) * f64::from(f32::EPSILON);
    let divides = |step: f64| {
        values.iter().all(|&value| {
            let offset = f64::from(value) - low;
            (offset - (offset / step).round() * step).abs() <= noise
        })
    };
    let most = (VALUES as f64 * smallest / (high - low)) as usize;
    let parts = (2..=most).map(|parts| refined(values, smallest / parts as f64));
    parts.take_while(|step| *step > 8.0 * noise).find(|&step| divides(step))
}

fn smallest_difference(values: &[f32]) -> Option<f64> {
    let differences = values.windows(2).map(|pair| f64::from(pair[1]) - f64::from(pair[0]));
    let smallest = differences.fold(f64::INFINITY, f64::min);
    (smallest.is_finite() && smallest > 0.0).then_some(smallest)
}

/// A step, made exact by the offsets of the values from the lowest one, small ones first.
fn refined(values: &[f32], step: f64) -> f64 {
    let first = values.first().map_or(0.0, |&value| f64::from(value));
    values.iter().fold(step, |step, &value| {
        let offset = f64::from(value) - first;
        let count = (offset / step).round();
        if count > 0.0 { offset / count } else { step }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(values: &[f32]) -> Storage {
        let storage = storage(values.iter().copied()).unwrap();
        assert!(storage.is_exact(values));
        storage
    }

    #[test]
    fn whole_numbers_stay_as_they_are() {
        assert_eq!(round_trip(&[-1024.0, 0.0, 3071.0]), Storage { slope: 1.0, intercept: 0.0, signed: true });
        assert_eq!(round_trip(&[0.0, 65535.0]), Storage { slope: 1.0, intercept: 0.0, signed: false });
        assert_eq!(round_trip(&[-3024.0, 40000.0]), Storage { slope: 1.0, intercept: -3024.0, signed: false });
        round_trip(&[-0.0, 1.0]);
        round_trip(&[7.5]);
    }

    #[test]
    fn a_slope_that_a_scanner_stated_is_found_again() {
        for (slope, intercept) in
            [(0.5, 0.0), (2.19731, 0.0), (0.003_479, -1000.0), (1.525_902e-5, 0.25), (4.7e-9, 0.0)]
        {
            let stored = (0..4000_u32).map(|index| index * index % 32_749);
            let values: Vec<f32> = stored.map(|raw| (f64::from(raw) * slope + intercept) as f32).collect();
            round_trip(&values);
        }
    }

    #[test]
    fn values_that_are_multiples_of_a_step_that_is_no_difference_are_stored() {
        let random = |index: u32| index.wrapping_mul(2_654_435_761) >> 16;
        for (step, lowest) in [(0.2, 0.0), (0.1, -3.5), (0.05, 0.35), (1.0 / 3.0, 1.0), (0.001, -12.0), (2.5e-7, 0.0)] {
            for multiples in [vec![0, 2, 5], vec![0, 6, 10, 15], vec![0, 4, 6, 9], (1..200).map(random).collect()] {
                let values: Vec<f32> =
                    multiples.iter().map(|&count| (f64::from(count) * step + lowest) as f32).collect();
                round_trip(&values);
            }
        }
        assert_eq!(round_trip(&[0.0, 0.4, 1.0]).slope, 0.2);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let many = storage((0..70_000).map(|index| index as f32)).unwrap_err();
        assert!(many.contains("more than 65536 different values"), "{many}");
        let odd = storage([0.0, 1.0, std::f32::consts::PI, 40_000.5].into_iter()).unwrap_err();
        assert!(odd.contains("not multiples of a step"), "{odd}");
        assert!(storage([f32::NAN].into_iter()).is_err());
    }
}
