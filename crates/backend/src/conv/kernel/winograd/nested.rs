//! The transforms of tiles and kernels, axis by axis.

use std::mem::MaybeUninit;

use super::super::LANES;
use super::super::lanes::Lanes;
use super::lines;
use super::{OUTPUT, Window, inputs};

/// Values between two axes. They are written before they are read: zeroing them first would cost as much as the transform.
struct Slots<V, const N: usize>([MaybeUninit<V>; N]);

impl<V: Copy, const N: usize> Slots<V, N> {
    #[inline(always)]
    fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; N])
    }

    /// Writes values into slots `step` apart.
    #[inline(always)]
    fn set<const M: usize>(&mut self, first: usize, step: usize, values: [V; M]) {
        for (i, value) in values.into_iter().enumerate() {
            self.0[first + i * step].write(value);
        }
    }

    /// Values of slots `step` apart, all of which were written.
    #[inline(always)]
    unsafe fn get<const M: usize>(&self, first: usize, step: usize) -> [V; M] {
        // SAFETY: the caller's.
        let mut values = [unsafe { self.0[first].assume_init() }; M];
        for (i, value) in values.iter_mut().enumerate() {
            // SAFETY: the caller's.
            *value = unsafe { self.0[first + i * step].assume_init() };
        }
        values
    }
}

// No closures here: they would be compiled without the caller's instruction set, and each use would be a call.

/// Values `step` floats apart.
#[inline(always)]
unsafe fn load<V: Lanes, const N: usize>(from: *const f32, step: usize) -> [V; N] {
    // SAFETY: the caller's.
    unsafe {
        let mut line = [V::zero(); N];
        for (i, value) in line.iter_mut().enumerate() {
            *value = V::load(from.add(i * step));
        }
        line
    }
}

/// Neighbours, of which those `within` exist, the first of them at the pointer; the others are zero.
#[inline(always)]
unsafe fn load_within<V: Lanes, const N: usize>(from: *const f32, step: usize, within: [usize; 2]) -> [V; N] {
    // SAFETY: the caller's.
    unsafe {
        if within == [0, N] {
            return load(from, step);
        }
        let mut line = [V::zero(); N];
        for (i, value) in line.iter_mut().enumerate() {
            if i >= within[0] && i < within[1] {
                *value = V::load(from.add((i - within[0]) * step));
            }
        }
        line
    }
}

/// Writes values `step` floats apart.
#[inline(always)]
unsafe fn store<V: Lanes, const N: usize>(values: [V; N], to: *mut f32, step: usize) {
    for (i, value) in values.into_iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { value.store(to.add(i * step)) };
    }
}

/// The transforms for `$edge` taps along an axis, with the functions of `lines` in the module `$name`.
macro_rules! filtering {
    ($name:ident, $edge:literal) => {
        pub mod $name {
            use super::*;
            use lines::$name::*;

            /// Taps along an axis.
            pub const EDGE: usize = $edge;

            /// Inputs along an axis.
            const INPUT: usize = inputs(EDGE);

            /// Products of a tile of inputs.
            #[inline(always)]
            pub unsafe fn input<V: Lanes>(tile: &Window, to: *mut f32, step: usize) {
                // SAFETY: as `Transforms::input` has checked.
                unsafe {
                    let mut lines = Slots::<V, { INPUT * INPUT }>::new();
                    for (y, row) in tile.starts[..INPUT].iter().enumerate() {
                        match row.is_null() {
                            true => lines.set(y * INPUT, 1, [V::zero(); INPUT]),
                            false => {
                                let line = load_within(row.add(tile.offset), tile.step, tile.within);
                                lines.set(y * INPUT, 1, input_line(line));
                            }
                        }
                    }
                    for x in 0..INPUT {
                        store(input_line(lines.get(x, INPUT)), to.add(x * step), INPUT * step);
                    }
                }
            }

            /// Products of a tile of gradients with these distances between rows and columns.
            #[inline(always)]
            pub unsafe fn gradient<V: Lanes>(from: *const f32, [row, column]: [usize; 2], to: *mut f32, step: usize) {
                // SAFETY: as `Transforms::gradient` has checked.
                unsafe {
                    let mut lines = Slots::<V, { OUTPUT * INPUT }>::new();
                    for y in 0..OUTPUT {
                        lines.set(y * INPUT, 1, gradient_line(load(from.add(y * row), column)));
                    }
                    for x in 0..INPUT {
                        store(gradient_line(lines.get(x, INPUT)), to.add(x * step), INPUT * step);
                    }
                }
            }

            /// Outputs of a tile of products, with the bias.
            #[inline(always)]
            pub unsafe fn output<V: Lanes>(from: *const f32, step: usize, bias: *const f32, to: *mut f32) {
                // SAFETY: as `Transforms::output` has checked.
                unsafe {
                    let bias = V::load(bias);
                    let mut lines = Slots::<V, { INPUT * OUTPUT }>::new();
                    for y in 0..INPUT {
                        lines.set(y * OUTPUT, 1, output_line(load(from.add(y * INPUT * step), step)));
                    }
                    for x in 0..OUTPUT {
                        for (y, value) in output_line(lines.get(x, OUTPUT)).into_iter().enumerate() {
                            value.plus(bias).store(to.add((OUTPUT * y + x) * LANES));
                        }
                    }
                }
            }

            /// Products of a plane of taps.
            #[inline(always)]
            pub unsafe fn taps<V: Lanes>(from: *const f32, to: *mut f32, step: usize) {
                // SAFETY: as `Transforms::taps` has checked.
                unsafe {
                    let mut lines = Slots::<V, { EDGE * INPUT }>::new();
                    for y in 0..EDGE {
                        lines.set(y * INPUT, 1, taps_line(load(from.add(EDGE * y * LANES), LANES)));
                    }
                    for x in 0..INPUT {
                        store(taps_line(lines.get(x, INPUT)), to.add(x * step), INPUT * step);
                    }
                }
            }

            /// Gradient of a plane of taps from that of their products.
            #[inline(always)]
            pub unsafe fn tap_gradient<V: Lanes>(from: *const f32, step: usize, to: *mut f32) {
                // SAFETY: as `Transforms::tap_gradient` has checked.
                unsafe {
                    let mut lines = Slots::<V, { EDGE * INPUT }>::new();
                    for y in 0..INPUT {
                        lines.set(y * EDGE, 1, tap_gradient_line(load(from.add(y * INPUT * step), step)));
                    }
                    for x in 0..EDGE {
                        store(tap_gradient_line(lines.get(x, EDGE)), to.add(x * LANES), EDGE * LANES);
                    }
                }
            }
        }
    };
}

filtering!(three, 3);
filtering!(five, 5);
