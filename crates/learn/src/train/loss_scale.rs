//! Loss scaling: the loss is multiplied by a factor so that small gradients do not underflow in 16 bits.
//!
//! Source: Micikevicius et al., Mixed Precision Training (ICLR 2018); constants of PyTorch's `torch.amp.GradScaler`.

use serde::{Deserialize, Serialize};

/// Initial factor.
const START: f64 = 65_536.0;

/// Steps without an overflow after which the factor is doubled.
const PATIENCE: usize = 2000;

/// Smallest factor: below it, the factor is not the cause of an overflow.
const LEAST: f64 = 1.0;

/// The factor, and the steps since it last changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    /// The loss is multiplied by this, gradients are divided by it.
    pub factor: f64,
    /// Steps since the last overflow or doubling.
    pub good_steps: usize,
}

impl Default for LossScale {
    fn default() -> Self {
        Self { factor: START, good_steps: 0 }
    }
}

impl LossScale {
    /// After a step whose gradients were finite.
    pub fn succeeded(&mut self) {
        self.good_steps += 1;
        if self.good_steps == PATIENCE {
            *self = Self { factor: self.factor * 2.0, good_steps: 0 };
        }
    }

    /// After a step that overflowed; false if no smaller factor can help.
    pub fn overflowed(&mut self) -> bool {
        *self = Self { factor: self.factor / 2.0, good_steps: 0 };
        self.factor >= LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_halves_and_patience_doubles() {
        let mut scale = LossScale::default();
        assert!(scale.overflowed());
        assert_eq!(scale, LossScale { factor: 32_768.0, good_steps: 0 });
        for _ in 1..PATIENCE {
            scale.succeeded();
        }
        assert_eq!(scale.factor, 32_768.0);
        scale.succeeded();
        assert_eq!(scale, LossScale::default());
        let halvings = (0..100).take_while(|_| scale.overflowed()).count();
        assert_eq!(halvings, 16);
    }
}
