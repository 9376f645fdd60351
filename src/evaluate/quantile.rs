//! Quantiles of sorted numbers.

/// The quantile at `fraction` (0–1) of ascending values, linearly interpolated (definition 7 of Hyndman & Fan 1996, the default of
/// R and NumPy); `None` for no values.
pub fn quantile(ascending: &[f64], fraction: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let position = fraction.clamp(0.0, 1.0) * last as f64;
    let below = ascending.get(position.floor() as usize)?;
    let above = ascending.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_linearly_interpolated() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.25), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.25), Some(1.75));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 1.0), Some(4.0));
    }
}
