//! One axis of the transforms: Winograd's with the points 0, ±1, ±2 and infinity for three taps, and ±½ as well for five. A point `p`
//! has the row `(1, p, p², …)` in `A`, the same divided by the product of its distances to the other points in `G`, and the
//! coefficients of the polynomial whose roots are the other points in `Bᵀ`.

use super::super::lanes::Lanes;

/// F(4, 3): four outputs, three taps.
pub mod three {
    use super::Lanes;

    /// Products of six inputs.
    #[inline(always)]
    pub unsafe fn input_line<V: Lanes>([a, b, c, d, e, f]: [V; 6]) -> [V; 6] {
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
    pub unsafe fn gradient_line<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 6] {
        // SAFETY: as above.
        unsafe {
            let (even, odd) = (a.plus(c), b.plus(d));
            let (evens, odds) = (c.times_plus(4.0, a), d.times_plus(4.0, b));
            [a, even.plus(odd), even.minus(odd), odds.times_plus(2.0, evens), odds.times_plus(-2.0, evens), d]
        }
    }

    /// Outputs of six products.
    #[inline(always)]
    pub unsafe fn output_line<V: Lanes>([a, b, c, d, e, f]: [V; 6]) -> [V; 4] {
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
    pub unsafe fn taps_line<V: Lanes>([a, b, c]: [V; 3]) -> [V; 6] {
        // SAFETY: as above.
        unsafe {
            let (even, odd) = (a.plus(c).times(-1.0 / 6.0), b.times(-1.0 / 6.0));
            let (evens, odds) = (c.times(1.0 / 6.0).plus(a.times(1.0 / 24.0)), b.times(1.0 / 12.0));
            [a.times(0.25), even.plus(odd), even.minus(odd), evens.plus(odds), evens.minus(odds), c]
        }
    }

    /// Gradient of three taps from that of six products.
    #[inline(always)]
    pub unsafe fn tap_gradient_line<V: Lanes>([a, b, c, d, e, f]: [V; 6]) -> [V; 3] {
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
}

/// F(4, 5): four outputs, five taps.
pub mod five {
    use super::Lanes;

    /// Products of eight inputs.
    #[inline(always)]
    pub unsafe fn input_line<V: Lanes>([a, b, c, d, e, f, g, h]: [V; 8]) -> [V; 8] {
        // SAFETY: as above.
        unsafe {
            let (even, odd) = (e.times_plus(-4.25, c.plus(g)), d.times_plus(-4.25, b.plus(f)));
            let (evens, odds) =
                (c.times_plus(0.25, e.times_plus(-1.25, g)), b.times_plus(0.25, d.times_plus(-1.25, f)));
            let (fine, turned) = (c.times_plus(4.0, e.times_plus(-5.0, g)), b.times_plus(4.0, d.times_plus(-5.0, f)));
            [
                e.minus(c).times_plus(5.25, a.minus(g)),
                even.plus(odd),
                even.minus(odd),
                odds.times_plus(2.0, evens),
                odds.times_plus(-2.0, evens),
                turned.times_plus(0.5, fine),
                turned.times_plus(-0.5, fine),
                d.minus(f).times_plus(5.25, h.minus(b)),
            ]
        }
    }

    /// Products of four gradients.
    #[inline(always)]
    pub unsafe fn gradient_line<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 8] {
        // SAFETY: as above.
        unsafe {
            let (even, odd) = (a.plus(c), b.plus(d));
            let (evens, odds) = (c.times_plus(4.0, a), d.times_plus(4.0, b));
            let (fine, turned) = (c.times_plus(0.25, a), d.times_plus(0.25, b));
            [
                a,
                even.plus(odd),
                even.minus(odd),
                odds.times_plus(2.0, evens),
                odds.times_plus(-2.0, evens),
                turned.times_plus(0.5, fine),
                turned.times_plus(-0.5, fine),
                d,
            ]
        }
    }

    /// Outputs of eight products.
    #[inline(always)]
    pub unsafe fn output_line<V: Lanes>([a, b, c, d, e, f, g, h]: [V; 8]) -> [V; 4] {
        // SAFETY: as above.
        unsafe {
            let (near, turned) = (b.plus(c), b.minus(c));
            let (far, twisted) = (d.plus(e), d.minus(e));
            let (fine, bent) = (f.plus(g), f.minus(g));
            [
                a.plus(near).plus(far.plus(fine)),
                bent.times_plus(0.5, twisted.times_plus(2.0, turned)),
                fine.times_plus(0.25, far.times_plus(4.0, near)),
                bent.times_plus(0.125, twisted.times_plus(8.0, turned)).plus(h),
            ]
        }
    }

    /// Products of five taps.
    #[inline(always)]
    pub unsafe fn taps_line<V: Lanes>([a, b, c, d, e]: [V; 5]) -> [V; 8] {
        // SAFETY: as above.
        unsafe {
            let (even, odd) = (a.plus(c).plus(e).times(-2.0 / 9.0), b.plus(d).times(-2.0 / 9.0));
            let evens = e.times_plus(16.0, c.times_plus(4.0, a)).times(1.0 / 90.0);
            let odds = d.times_plus(4.0, b).times(1.0 / 45.0);
            let fine = e.times_plus(1.0 / 16.0, c.times_plus(0.25, a)).times(32.0 / 45.0);
            let turned = d.times_plus(0.25, b).times(16.0 / 45.0);
            [
                a,
                even.plus(odd),
                even.minus(odd),
                evens.plus(odds),
                evens.minus(odds),
                fine.plus(turned),
                fine.minus(turned),
                e,
            ]
        }
    }

    /// Gradient of five taps from that of eight products.
    #[inline(always)]
    pub unsafe fn tap_gradient_line<V: Lanes>([a, b, c, d, e, f, g, h]: [V; 8]) -> [V; 5] {
        // SAFETY: as above.
        unsafe {
            let (near, turned) = (b.plus(c).times(-2.0 / 9.0), b.minus(c).times(-2.0 / 9.0));
            let (far, twisted) = (d.plus(e).times(1.0 / 90.0), d.minus(e).times(1.0 / 90.0));
            let (fine, bent) = (f.plus(g).times(32.0 / 45.0), f.minus(g).times(32.0 / 45.0));
            [
                a.plus(near).plus(far.plus(fine)),
                bent.times_plus(0.5, twisted.times_plus(2.0, turned)),
                fine.times_plus(0.25, far.times_plus(4.0, near)),
                bent.times_plus(0.125, twisted.times_plus(8.0, turned)),
                fine.times_plus(1.0 / 16.0, far.times_plus(16.0, near)).plus(h),
            ]
        }
    }
}
