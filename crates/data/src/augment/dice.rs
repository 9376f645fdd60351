//! Random draws of one patch from its stream, or the ends of every range for previews.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// For previews of a transform: it always takes place, at this strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the smallest value of its range.
    Low,
    /// At the largest value.
    High,
    /// At a random value, as in training.
    Drawn,
}

/// All randomness of one patch.
pub struct Dice<'a> {
    rng: &'a mut ChaCha8Rng,
    end: Option<End>,
}

impl<'a> Dice<'a> {
    /// Draws from a stream; with an end, every chance above 0 succeeds and every range gives that end.
    pub fn new(rng: &'a mut ChaCha8Rng, end: Option<End>) -> Self {
        Self { rng, end }
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        match self.end {
            None => probability > 0.0 && self.rng.random_bool(probability.clamp(0.0, 1.0)),
            Some(_) => probability > 0.0,
        }
    }

    /// True with probability one half: at the high end always, at the low end never.
    pub fn flip(&mut self) -> bool {
        match self.end {
            None | Some(End::Drawn) => self.rng.random_bool(0.5),
            Some(end) => end == End::High,
        }
    }

    /// Uniform in a range.
    pub fn between(&mut self, range: [f64; 2]) -> f64 {
        match self.end {
            None | Some(End::Drawn) => self.anywhere(range),
            Some(End::Low) => range[0],
            Some(End::High) => range[1],
        }
    }

    /// Uniform in a range whatever the end: for positions, and for fields whose single values have no strength of their own.
    pub fn anywhere(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.rng.random::<f64>()
    }

    /// A factor below or above 1 with equal chance, uniform on each side (nnU-Net's rule: otherwise most of 0.7…1.5 lies above 1).
    pub fn factor(&mut self, [low, high]: [f64; 2]) -> f64 {
        match self.end {
            Some(End::Low | End::High) => self.between([low, high]),
            _ if high <= 1.0 || (low < 1.0 && self.rng.random_bool(0.5)) => self.anywhere([low, high.min(1.0)]),
            _ => self.anywhere([low.max(1.0), high]),
        }
    }

    /// A whole number from a range, including both ends.
    pub fn count(&mut self, [low, high]: [usize; 2]) -> usize {
        match self.end {
            None | Some(End::Drawn) => self.rng.random_range(low as u64..=high.max(low) as u64) as usize,
            Some(End::Low) => low,
            Some(End::High) => high,
        }
    }

    /// The stream itself.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn factors_are_balanced_and_stay_in_their_range() {
        let mut rng = random::stream(1, "test", 0, 0);
        let mut dice = Dice::new(&mut rng, None);
        let drawn: Vec<f64> = (0..2000).map(|_| dice.factor([0.7, 1.5])).collect();
        let below = drawn.iter().filter(|factor| **factor < 1.0).count();
        assert!((900..1100).contains(&below), "{below} of 2000 below 1");
        assert!(drawn.iter().all(|factor| (0.7..=1.5).contains(factor)));
        assert!((0..100).all(|_| dice.factor([1.2, 1.5]) >= 1.2));
        assert!((0..100).all(|_| (0.5..=0.8).contains(&dice.factor([0.5, 0.8]))));
    }

    #[test]
    fn ends_are_reached_exactly_and_zero_probability_never_happens() {
        let mut rng = random::stream(1, "test", 0, 0);
        let mut dice = Dice::new(&mut rng, Some(End::High));
        assert_eq!((dice.between([0.1, 0.3]), dice.factor([0.7, 1.5]), dice.count([1, 4])), (0.3, 1.5, 4));
        assert!(dice.chance(0.01) && !dice.chance(0.0));
        let mut dice = Dice::new(&mut rng, None);
        assert!((0..1000).all(|_| !dice.chance(0.0) && dice.chance(1.0)));
        assert!((0..100).all(|_| (2..=3).contains(&dice.count([2, 3]))));
    }
}
