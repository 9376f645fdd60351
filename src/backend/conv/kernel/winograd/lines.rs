//! One axis of the transforms.

use super::super::lanes::Lanes;
use super::{INPUT, OUTPUT};

/// F(2, 3): products of four inputs.
#[inline(always)]
pub unsafe fn input_of_two<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 4] {
    // SAFETY: the caller's processor has the instructions; so in all functions below.
    unsafe { [a.minus(c), b.plus(c), c.minus(b), b.minus(d)] }
}

/// F(2, 3): products of two gradients.
#[inline(always)]
pub unsafe fn gradient_of_two<V: Lanes>([a, b]: [V; 2]) -> [V; 4] {
    // SAFETY: as above.
    unsafe { [a, a.plus(b), a.minus(b), V::zero().minus(b)] }
}

/// F(2, 3): outputs of four products.
#[inline(always)]
pub unsafe fn output_of_two<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 2] {
    // SAFETY: as above.
    unsafe { [a.plus(b).plus(c), b.minus(c).minus(d)] }
}

/// F(4, 3), points 0, ±1, ±2 and infinity: products of six inputs.
#[inline(always)]
pub unsafe fn input_of_four<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; INPUT] {
    // SAFETY: as above.
    unsafe {
        let (even, odd) = (c.times_plus(-4.0, e), b.times_plus(-4.0, d));
        let (evens, odds) = (e.minus(c), d.minus(b));
        [
            a.times_plus(4.0, c.times_plus(-5.0, e)),
            even.plus(odd),
            even.minus(odd),
            odds.times_plus(2.0, evens),
            odds.times_plus(-2.0, evens),
            b.times_plus(4.0, d.times_plus(-5.0, f)),
        ]
    }
}

/// F(4, 3): products of four gradients.
#[inline(always)]
pub unsafe fn gradient_of_four<V: Lanes>([a, b, c, d]: [V; OUTPUT]) -> [V; INPUT] {
    // SAFETY: as above.
    unsafe {
        let (even, odd) = (a.plus(c), b.plus(d));
        let (evens, odds) = (c.times_plus(4.0, a), d.times_plus(4.0, b));
        [a, even.plus(odd), even.minus(odd), odds.times_plus(2.0, evens), odds.times_plus(-2.0, evens), d]
    }
}

/// F(4, 3): outputs of six products.
#[inline(always)]
pub unsafe fn output_of_four<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; OUTPUT] {
    // SAFETY: as above.
    unsafe {
        let (near, turned) = (b.plus(c), b.minus(c));
        let (far, twisted) = (d.plus(e), d.minus(e));
        [
            a.plus(near).plus(far),
            twisted.times_plus(2.0, turned),
            far.times_plus(4.0, near),
            twisted.times_plus(8.0, turned).plus(f),
        ]
    }
}

/// F(2, 3): products of three taps.
#[inline(always)]
pub unsafe fn taps_of_two<V: Lanes>([a, b, c]: [V; 3]) -> [V; 4] {
    // SAFETY: as above.
    unsafe {
        let (even, odd) = (a.plus(c).times(0.5), b.times(0.5));
        [a, even.plus(odd), even.minus(odd), c]
    }
}

/// F(4, 3): products of three taps.
#[inline(always)]
pub unsafe fn taps_of_four<V: Lanes>([a, b, c]: [V; 3]) -> [V; INPUT] {
    // SAFETY: as above.
    unsafe {
        let (even, odd) = (a.plus(c).times(-1.0 / 6.0), b.times(-1.0 / 6.0));
        let (evens, odds) = (c.times(1.0 / 6.0).plus(a.times(1.0 / 24.0)), b.times(1.0 / 12.0));
        [a.times(0.25), even.plus(odd), even.minus(odd), evens.plus(odds), evens.minus(odds), c]
    }
}

/// F(2, 3): gradient of three taps from that of four products.
#[inline(always)]
pub unsafe fn tap_gradient_of_two<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 3] {
    // SAFETY: as above.
    unsafe {
        let even = b.plus(c).times(0.5);
        [a.plus(even), b.minus(c).times(0.5), even.plus(d)]
    }
}

/// F(4, 3): gradient of three taps from that of six products.
#[inline(always)]
pub unsafe fn tap_gradient_of_four<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; 3] {
    // SAFETY: as above.
    unsafe {
        let (near, turned) = (b.plus(c).times(-1.0 / 6.0), b.minus(c).times(-1.0 / 6.0));
        let (far, twisted) = (d.plus(e), d.minus(e));
        [
            far.times_plus(1.0 / 24.0, a.times_plus(0.25, near)),
            twisted.times_plus(1.0 / 12.0, turned),
            far.times_plus(1.0 / 6.0, near.plus(f)),
        ]
    }
}
