//! The transforms of tiles and kernels, axis by axis.

use std::mem::MaybeUninit;

use super::super::LANES;
use super::super::lanes::Lanes;
use super::lines::*;
use super::{INPUT, PRODUCTS, Window};

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

/// Six neighbours, of which those `within` exist, the first of them at the pointer; the others are zero.
#[inline(always)]
unsafe fn load_within<V: Lanes>(from: *const f32, step: usize, within: [usize; 2]) -> [V; INPUT] {
    // SAFETY: the caller's.
    unsafe {
        if within == [0, INPUT] {
            return load(from, step);
        }
        let mut line = [V::zero(); INPUT];
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

/// Products of a tile of inputs.
#[inline(always)]
pub unsafe fn input<V: Lanes>(tile: &Window, to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::input` has checked.
    unsafe {
        let mut lines = Slots::<V, PRODUCTS>::new();
        for (y, row) in tile.starts.iter().enumerate() {
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

/// The transforms of one form of filtering: `$outputs` outputs along an axis, `$edge` taps.
macro_rules! filtering {
    ($name:ident, $outputs:literal, $edge:literal, $gradient_line:ident, $output_line:ident, $taps_line:ident, $tap_gradient_line:ident) => {
        pub mod $name {
            use super::*;

            /// Taps along an axis.
            pub const EDGE: usize = $edge;

            /// Products of a tile of gradients with these distances between rows and columns.
            #[inline(always)]
            pub unsafe fn gradient<V: Lanes>(from: *const f32, [row, column]: [usize; 2], to: *mut f32, step: usize) {
                // SAFETY: as `Transforms::gradient` has checked.
                unsafe {
                    let mut lines = Slots::<V, { $outputs * INPUT }>::new();
                    for y in 0..$outputs {
                        lines.set(y * INPUT, 1, $gradient_line(load(from.add(y * row), column)));
                    }
                    for x in 0..INPUT {
                        store($gradient_line(lines.get(x, INPUT)), to.add(x * step), INPUT * step);
                    }
                }
            }

            /// Outputs of a tile of products, with the bias.
            #[inline(always)]
            pub unsafe fn output<V: Lanes>(from: *const f32, step: usize, bias: *const f32, to: *mut f32) {
                // SAFETY: as `Transforms::output` has checked.
                unsafe {
                    let bias = V::load(bias);
                    let mut lines = Slots::<V, { INPUT * $outputs }>::new();
                    for y in 0..INPUT {
                        lines.set(y * $outputs, 1, $output_line(load(from.add(y * INPUT * step), step)));
                    }
                    for x in 0..$outputs {
                        for (y, value) in $output_line(lines.get(x, $outputs)).into_iter().enumerate() {
                            value.plus(bias).store(to.add(($outputs * y + x) * LANES));
                        }
                    }
                }
            }

            /// Products of a plane of taps.
            #[inline(always)]
            pub unsafe fn taps<V: Lanes>(from: *const f32, to: *mut f32, step: usize) {
                // SAFETY: as `Transforms::taps` has checked.
                unsafe {
                    let mut lines = Slots::<V, { $edge * INPUT }>::new();
                    for y in 0..$edge {
                        lines.set(y * INPUT, 1, $taps_line(load(from.add($edge * y * LANES), LANES)));
                    }
                    for x in 0..INPUT {
                        store($taps_line(lines.get(x, INPUT)), to.add(x * step), INPUT * step);
                    }
                }
            }

            /// Gradient of a plane of taps from that of their products.
            #[inline(always)]
            pub unsafe fn tap_gradient<V: Lanes>(from: *const f32, step: usize, to: *mut f32) {
                // SAFETY: as `Transforms::tap_gradient` has checked.
                unsafe {
                    let mut lines = Slots::<V, { $edge * INPUT }>::new();
                    for y in 0..INPUT {
                        lines.set(y * $edge, 1, $tap_gradient_line(load(from.add(y * INPUT * step), step)));
                    }
                    for x in 0..$edge {
                        store($tap_gradient_line(lines.get(x, $edge)), to.add(x * LANES), $edge * LANES);
                    }
                }
            }
        }
    };
}

filtering!(three, 4, 3, gradient_line, output_line, taps_line, tap_gradient_line);
filtering!(five, 2, 5, gradient_line_of_two, output_line_of_two, taps_line_of_five, tap_gradient_line_of_five);
