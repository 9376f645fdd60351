//! One axis of the transforms: F(4, 3) and F(2, 5), both with the points 0, ±1, ±2 and infinity, and so with the same transform of
//! inputs.

use super::super::lanes::Lanes;
use super::INPUT;

/// Products of six inputs.
#[inline(always)]
pub unsafe fn input_line<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; INPUT] {
    // SAFETY: the caller's processor has the instructions, as for all functions below.
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

/// Products of four gradients.
#[inline(always)]
pub unsafe fn gradient_line<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; INPUT] {
    // SAFETY: as above.
    unsafe {
        let (even, odd) = (a.plus(c), b.plus(d));
        let (evens, odds) = (c.times_plus(4.0, a), d.times_plus(4.0, b));
        [a, even.plus(odd), even.minus(odd), odds.times_plus(2.0, evens), odds.times_plus(-2.0, evens), d]
    }
}

/// Outputs of six products.
#[inline(always)]
pub unsafe fn output_line<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; 4] {
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

/// Products of three taps.
#[inline(always)]
pub unsafe fn taps_line<V: Lanes>([a, b, c]: [V; 3]) -> [V; INPUT] {
    // SAFETY: as above.
    unsafe {
        let (even, odd) = (a.plus(c).times(-1.0 / 6.0), b.times(-1.0 / 6.0));
        let (evens, odds) = (c.times(1.0 / 6.0).plus(a.times(1.0 / 24.0)), b.times(1.0 / 12.0));
        [a.times(0.25), even.plus(odd), even.minus(odd), evens.plus(odds), evens.minus(odds), c]
    }
}

/// Gradient of three taps from that of six products.
#[inline(always)]
pub unsafe fn tap_gradient_line<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; 3] {
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

/// Products of two gradients.
#[inline(always)]
pub unsafe fn gradient_line_of_two<V: Lanes>([a, b]: [V; 2]) -> [V; INPUT] {
    // SAFETY: as above.
    unsafe { [a, a.plus(b), a.minus(b), b.times_plus(2.0, a), b.times_plus(-2.0, a), b] }
}

/// Two outputs of six products.
#[inline(always)]
pub unsafe fn output_line_of_two<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; 2] {
    // SAFETY: as above.
    unsafe {
        let (near, turned) = (b.plus(c), b.minus(c));
        let (far, twisted) = (d.plus(e), d.minus(e));
        [a.plus(near).plus(far), twisted.times_plus(2.0, turned).plus(f)]
    }
}

/// Products of five taps.
#[inline(always)]
pub unsafe fn taps_line_of_five<V: Lanes>([a, b, c, d, e]: [V; 5]) -> [V; INPUT] {
    // SAFETY: as above.
    unsafe {
        let (even, odd) = (a.plus(c).plus(e).times(-1.0 / 6.0), b.plus(d).times(-1.0 / 6.0));
        let evens = e.times_plus(16.0, c.times_plus(4.0, a)).times(1.0 / 24.0);
        let odds = d.times_plus(4.0, b).times(1.0 / 12.0);
        [a.times(0.25), even.plus(odd), even.minus(odd), evens.plus(odds), evens.minus(odds), e]
    }
}

/// Gradient of five taps from that of six products.
#[inline(always)]
pub unsafe fn tap_gradient_line_of_five<V: Lanes>([a, b, c, d, e, f]: [V; INPUT]) -> [V; 5] {
    // SAFETY: as above.
    unsafe {
        let (near, turned) = (b.plus(c).times(-1.0 / 6.0), b.minus(c).times(-1.0 / 6.0));
        let (far, twisted) = (d.plus(e).times(1.0 / 24.0), d.minus(e).times(1.0 / 24.0));
        [
            a.times_plus(0.25, near).plus(far),
            twisted.times_plus(2.0, turned),
            far.times_plus(4.0, near),
            twisted.times_plus(8.0, turned),
            far.times_plus(16.0, near).plus(f),
        ]
    }
}
