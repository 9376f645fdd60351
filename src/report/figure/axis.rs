//! Numeric axes: ranges that use the room, and round ticks.

/// A scale from values to a fraction of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Value at its start.
    pub low: f64,
    /// Value at its end.
    pub high: f64,
    /// Equal ratios take equal room.
    pub logarithmic: bool,
}

impl Axis {
    /// From the smallest to the largest value and a little beyond; `None` without a finite value.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) = extent(values)?;
        let pad = if high > low { (high - low) * 0.04 } else { (high.abs() * 0.1).max(0.5) };
        Some(Self { low: low - pad, high: high + pad, logarithmic: false })
    }

    /// The same for positive values whose ratios matter; others are left out.
    pub fn logarithmic(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) = extent(values.into_iter().filter(|value| *value > 0.0))?;
        let pad = (high / low).powf(0.04).max(1.02);
        Some(Self { low: low / pad, high: high * pad, logarithmic: true })
    }

    /// For ratios from 0 to 1: from a round value below the smallest to a round value above the largest.
    pub fn of_ratios(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = extent(values).unwrap_or((0.0, 1.0));
        let step = if high - low > 0.5 { 0.1 } else { 0.05 };
        let low = ((low - 0.01) / step).floor() * step;
        let high = ((high + 0.005) / step).ceil() * step;
        let (low, high) = (low.max(0.0), high.min(1.0));
        let low = if high - low < 0.1 { high - 0.1 } else { low };
        Self { low, high, logarithmic: false }
    }

    /// Place of a value: 0 at the start, 1 at the end; values beyond are moved to the ends.
    pub fn place(&self, value: f64) -> f64 {
        let part = match self.logarithmic {
            true => (value.max(self.low) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        part.clamp(0.0, 1.0)
    }

    /// Round values within it, about as many.
    pub fn ticks(&self, about: f64) -> Vec<f64> {
        match self.logarithmic {
            true => log_ticks(self.low, self.high, about),
            false => ticks(self.low, self.high, about),
        }
    }
}

fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |range: Option<(f64, f64)>, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// Round values between two limits, `about` as many and at least two if there are any (steps of 1, 2 or 5 times a power of ten).
pub fn ticks(low: f64, high: f64, about: f64) -> Vec<f64> {
    if !(high > low && (high - low).is_finite()) {
        return vec![low];
    }
    let mut wanted = about.max(2.0);
    for _ in 0..4 {
        let step = step((high - low) / wanted);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        if last > first {
            return (first..=last).map(|index| index as f64 * step).collect();
        }
        wanted *= 2.0;
    }
    vec![low]
}

/// The next of 1, 2 or 5 times a power of ten.
fn step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw * 0.999).unwrap_or(power * 10.0)
}

/// Powers of ten, or 1, 2 and 5 times them where there are few.
fn log_ticks(low: f64, high: f64, about: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    if decades < 0.5 {
        return ticks(low, high, about);
    }
    let factors: &[f64] = match decades {
        decades if decades * 3.0 <= about => &[1.0, 2.0, 5.0],
        decades if decades * 2.0 <= about.max(4.0) => &[1.0, 3.0],
        _ => &[1.0],
    };
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let every = (decades / about).ceil().max(1.0) as i32;
    let powers = powers.filter(|power| factors.len() > 1 || power.rem_euclid(every) == 0);
    let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
    all.filter(|value| (low * 0.999..=high * 1.001).contains(value)).collect()
}

/// A tick's value: plain if short, else scientific.
pub fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs();
    if (0.001..100_000.0).contains(&magnitude) {
        let text = format!("{value:.4}");
        return text.trim_end_matches('0').trim_end_matches('.').replace('-', "−");
    }
    // Products such as 3 × 10⁻⁴ are not exact.
    let text = format!("{value:.2e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}e{power}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_never_a_single_zero() {
        assert_eq!(ticks(0.0, 0.0042, 2.0), [0.0, 0.002, 0.004]);
        assert_eq!(ticks(0.0, 1.0, 5.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        for high in 1..200 {
            let high = f64::from(high) * 1e-4;
            assert!(ticks(0.0, high, 2.0).len() >= 2, "{high}");
        }
    }

    #[test]
    fn axes_use_the_range_of_their_values() {
        let axis = Axis::of_ratios([0.83, 0.94]);
        assert!((axis.low - 0.8).abs() < 1e-9 && (axis.high - 0.95).abs() < 1e-9, "{axis:?}");
        assert_eq!(Axis::of_ratios([0.0, 1.0]), Axis { low: 0.0, high: 1.0, logarithmic: false });
        let axis = Axis::logarithmic([0.0, 1e-5, 1e-2]).unwrap();
        let ticks: Vec<String> = axis.ticks(4.0).into_iter().map(short).collect();
        assert_eq!(ticks, ["1e−5", "1e−4", "0.001", "0.01"]);
        assert!((axis.place(1e-5) - 0.037).abs() < 0.01 && axis.place(0.0) == 0.0 && axis.place(9.0) == 1.0);
        assert_eq!([3.0 * 10f64.powi(-4), 1.25e-7, -2e6].map(short), ["3e−4", "1.25e−7", "−2e6"]);
        assert_eq!((Axis::of([f64::NAN]), Axis::logarithmic([-1.0])), (None, None));
    }
}
