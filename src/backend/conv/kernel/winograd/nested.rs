//! The transforms of tiles and kernels, axis after axis.

use std::mem::MaybeUninit;

use super::super::LANES;
use super::super::lanes::Lanes;
use super::lines::*;
use super::{INPUT, OUTPUT, PLANE, Rows};

/// Values between two axes, written before they are read; zeros first would cost as much as the transform.
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

// No closures here: they would be compiled without the caller's instructions, and each of these a call.

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

/// Six neighbours of which only those `within` exist, the first at the pointer; the others are zero.
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

/// Products of a plane of inputs, given row by row.
#[inline(always)]
unsafe fn input_plane<V: Lanes, const N: usize>(
    rows: &[*const f32],
    rest: &Rows,
    planes: &mut Slots<V, N>,
    first: usize,
) {
    // SAFETY: as `Transforms::input` has checked.
    unsafe {
        let mut lines = Slots::<V, PLANE>::new();
        for (y, row) in rows.iter().enumerate() {
            match row.is_null() {
                true => lines.set(y * INPUT, 1, [V::zero(); INPUT]),
                false => lines.set(y * INPUT, 1, input_of_four(load_within(*row, rest.step, rest.within))),
            }
        }
        for x in 0..INPUT {
            planes.set(first + x, INPUT, input_of_four(lines.get(x, INPUT)));
        }
    }
}

/// Products of a plane of gradients.
#[inline(always)]
unsafe fn gradient_plane<V: Lanes, const N: usize>(
    from: *const f32,
    row: usize,
    column: usize,
    planes: &mut Slots<V, N>,
    first: usize,
) {
    // SAFETY: as `Transforms::gradient` has checked.
    unsafe {
        let mut lines = Slots::<V, { OUTPUT * INPUT }>::new();
        for y in 0..OUTPUT {
            lines.set(y * INPUT, 1, gradient_of_four(load(from.add(y * row), column)));
        }
        for x in 0..INPUT {
            planes.set(first + x, INPUT, gradient_of_four(lines.get(x, INPUT)));
        }
    }
}

#[inline(always)]
pub unsafe fn input_deep<V: Lanes>(rows: &Rows, to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::input` has checked.
    unsafe {
        let mut planes = Slots::<V, { 4 * PLANE }>::new();
        for (z, starts) in rows.starts.chunks_exact(INPUT).enumerate() {
            input_plane(starts, rows, &mut planes, z * PLANE);
        }
        for i in 0..PLANE {
            store(input_of_two(planes.get(i, PLANE)), to.add(i * step), PLANE * step);
        }
    }
}

#[inline(always)]
pub unsafe fn gradient_deep<V: Lanes>(from: *const f32, place: [usize; 3], to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::gradient` has checked.
    unsafe {
        let mut planes = Slots::<V, { 2 * PLANE }>::new();
        for z in 0..2 {
            gradient_plane(from.add(z * place[0]), place[1], place[2], &mut planes, z * PLANE);
        }
        for i in 0..PLANE {
            store(gradient_of_two(planes.get(i, PLANE)), to.add(i * step), PLANE * step);
        }
    }
}

#[inline(always)]
pub unsafe fn input_flat<V: Lanes>(rows: &Rows, to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::input` has checked.
    unsafe {
        let mut plane = Slots::<V, PLANE>::new();
        input_plane(&rows.starts[..INPUT], rows, &mut plane, 0);
        store(plane.get::<PLANE>(0, 1), to, step);
    }
}

#[inline(always)]
pub unsafe fn gradient_flat<V: Lanes>(from: *const f32, place: [usize; 3], to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::gradient` has checked.
    unsafe {
        let mut plane = Slots::<V, PLANE>::new();
        gradient_plane(from, place[1], place[2], &mut plane, 0);
        store(plane.get::<PLANE>(0, 1), to, step);
    }
}

/// Outputs of a plane of products, with the bias.
#[inline(always)]
unsafe fn output_plane<V: Lanes, const N: usize>(planes: &Slots<V, N>, first: usize, bias: V, to: *mut f32) {
    // SAFETY: as `Transforms::output` has checked.
    unsafe {
        let mut lines = Slots::<V, { INPUT * OUTPUT }>::new();
        for y in 0..INPUT {
            lines.set(y * OUTPUT, 1, output_of_four(planes.get(first + y * INPUT, 1)));
        }
        for x in 0..OUTPUT {
            for (y, value) in output_of_four(lines.get(x, OUTPUT)).into_iter().enumerate() {
                value.plus(bias).store(to.add((OUTPUT * y + x) * LANES));
            }
        }
    }
}

#[inline(always)]
pub unsafe fn output_deep<V: Lanes>(from: *const f32, step: usize, bias: *const f32, to: *mut f32) {
    // SAFETY: as `Transforms::output` has checked.
    unsafe {
        let mut planes = Slots::<V, { 2 * PLANE }>::new();
        for i in 0..PLANE {
            planes.set(i, PLANE, output_of_two(load(from.add(i * step), PLANE * step)));
        }
        let bias = V::load(bias);
        output_plane(&planes, 0, bias, to);
        output_plane(&planes, PLANE, bias, to.add(OUTPUT * OUTPUT * LANES));
    }
}

#[inline(always)]
pub unsafe fn output_flat<V: Lanes>(from: *const f32, step: usize, bias: *const f32, to: *mut f32) {
    // SAFETY: as `Transforms::output` has checked.
    unsafe {
        let mut plane = Slots::<V, PLANE>::new();
        plane.set(0, 1, load::<V, PLANE>(from, step));
        output_plane(&plane, 0, V::load(bias), to);
    }
}

/// Products of a plane of 3×3 taps.
#[inline(always)]
unsafe fn taps_plane<V: Lanes, const N: usize>(from: *const f32, planes: &mut Slots<V, N>, first: usize) {
    // SAFETY: as `Transforms::taps` has checked.
    unsafe {
        let mut lines = Slots::<V, { 3 * INPUT }>::new();
        for y in 0..3 {
            lines.set(y * INPUT, 1, taps_of_four(load(from.add(3 * y * LANES), LANES)));
        }
        for x in 0..INPUT {
            planes.set(first + x, INPUT, taps_of_four(lines.get(x, INPUT)));
        }
    }
}

#[inline(always)]
pub unsafe fn taps_deep<V: Lanes>(from: *const f32, to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::taps` has checked.
    unsafe {
        let mut planes = Slots::<V, { 3 * PLANE }>::new();
        for z in 0..3 {
            taps_plane(from.add(9 * z * LANES), &mut planes, z * PLANE);
        }
        for i in 0..PLANE {
            store(taps_of_two(planes.get(i, PLANE)), to.add(i * step), PLANE * step);
        }
    }
}

#[inline(always)]
pub unsafe fn taps_flat<V: Lanes>(from: *const f32, to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::taps` has checked.
    unsafe {
        let mut plane = Slots::<V, PLANE>::new();
        taps_plane(from, &mut plane, 0);
        store(plane.get::<PLANE>(0, 1), to, step);
    }
}

/// Gradient of a plane of 3×3 taps.
#[inline(always)]
unsafe fn tap_gradient_plane<V: Lanes, const N: usize>(planes: &Slots<V, N>, first: usize, to: *mut f32) {
    // SAFETY: as `Transforms::tap_gradient` has checked.
    unsafe {
        let mut lines = Slots::<V, { 3 * INPUT }>::new();
        for y in 0..INPUT {
            lines.set(y * 3, 1, tap_gradient_of_four(planes.get(first + y * INPUT, 1)));
        }
        for x in 0..3 {
            store(tap_gradient_of_four(lines.get(x, 3)), to.add(x * LANES), 3 * LANES);
        }
    }
}

#[inline(always)]
pub unsafe fn tap_gradient_deep<V: Lanes>(from: *const f32, step: usize, to: *mut f32) {
    // SAFETY: as `Transforms::tap_gradient` has checked.
    unsafe {
        let mut planes = Slots::<V, { 3 * PLANE }>::new();
        for i in 0..PLANE {
            planes.set(i, PLANE, tap_gradient_of_two(load(from.add(i * step), PLANE * step)));
        }
        for z in 0..3 {
            tap_gradient_plane(&planes, z * PLANE, to.add(9 * z * LANES));
        }
    }
}

#[inline(always)]
pub unsafe fn tap_gradient_flat<V: Lanes>(from: *const f32, step: usize, to: *mut f32) {
    // SAFETY: as `Transforms::tap_gradient` has checked.
    unsafe {
        let mut plane = Slots::<V, PLANE>::new();
        plane.set(0, 1, load::<V, PLANE>(from, step));
        tap_gradient_plane(&plane, 0, to);
    }
}
