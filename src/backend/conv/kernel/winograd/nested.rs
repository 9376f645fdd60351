//! The transforms of tiles and kernels, axis after axis.

use super::super::LANES;
use super::super::lanes::Lanes;
use super::lines::*;
use super::{INPUT, OUTPUT, PLANE};

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

/// One value of every line.
#[inline(always)]
unsafe fn column<V: Lanes, const N: usize, const M: usize>(lines: &[[V; M]; N], place: usize) -> [V; N] {
    // SAFETY: the caller's.
    let mut column = unsafe { [V::zero(); N] };
    for (value, line) in column.iter_mut().zip(lines) {
        *value = line[place];
    }
    column
}

/// A row of a plane.
#[inline(always)]
unsafe fn row<V: Lanes>(plane: &[V; PLANE], y: usize) -> [V; INPUT] {
    // SAFETY: the caller's.
    let mut row = unsafe { [V::zero(); INPUT] };
    row.copy_from_slice(&plane[INPUT * y..INPUT * (y + 1)]);
    row
}

/// Products of a plane of inputs.
#[inline(always)]
unsafe fn input_plane<V: Lanes>(from: *const f32, row: usize, column: usize, plane: &mut [V; PLANE]) {
    // SAFETY: as `Transforms::input` has checked.
    unsafe {
        let mut lines = [[V::zero(); INPUT]; INPUT];
        for (y, line) in lines.iter_mut().enumerate() {
            let at = from.add(y * row);
            *line = input_of_four(load(at, column));
        }
        for x in 0..INPUT {
            let column = input_of_four(self::column(&lines, x));
            for (y, value) in column.into_iter().enumerate() {
                plane[INPUT * y + x] = value;
            }
        }
    }
}

/// Products of a plane of gradients.
#[inline(always)]
unsafe fn gradient_plane<V: Lanes>(from: *const f32, row: usize, column: usize, plane: &mut [V; PLANE]) {
    // SAFETY: as `Transforms::gradient` has checked.
    unsafe {
        let mut lines = [[V::zero(); INPUT]; OUTPUT];
        for (y, line) in lines.iter_mut().enumerate() {
            let at = from.add(y * row);
            *line = gradient_of_four(load(at, column));
        }
        for x in 0..INPUT {
            let column = gradient_of_four(self::column(&lines, x));
            for (y, value) in column.into_iter().enumerate() {
                plane[INPUT * y + x] = value;
            }
        }
    }
}

#[inline(always)]
pub unsafe fn input_deep<V: Lanes>(from: *const f32, place: [usize; 3], to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::input` has checked.
    unsafe {
        let mut planes = [[V::zero(); PLANE]; 4];
        for (z, plane) in planes.iter_mut().enumerate() {
            input_plane(from.add(z * place[0]), place[1], place[2], plane);
        }
        for i in 0..PLANE {
            let line = input_of_two(column(&planes, i));
            for (z, value) in line.into_iter().enumerate() {
                value.store(to.add((PLANE * z + i) * step));
            }
        }
    }
}

#[inline(always)]
pub unsafe fn gradient_deep<V: Lanes>(from: *const f32, place: [usize; 3], to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::gradient` has checked.
    unsafe {
        let mut planes = [[V::zero(); PLANE]; 2];
        for (z, plane) in planes.iter_mut().enumerate() {
            gradient_plane(from.add(z * place[0]), place[1], place[2], plane);
        }
        for i in 0..PLANE {
            for (z, value) in gradient_of_two(column(&planes, i)).into_iter().enumerate() {
                value.store(to.add((PLANE * z + i) * step));
            }
        }
    }
}

#[inline(always)]
pub unsafe fn input_flat<V: Lanes>(from: *const f32, place: [usize; 3], to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::input` has checked.
    unsafe {
        let mut plane = [V::zero(); PLANE];
        input_plane(from, place[1], place[2], &mut plane);
        for (i, value) in plane.into_iter().enumerate() {
            value.store(to.add(i * step));
        }
    }
}

#[inline(always)]
pub unsafe fn gradient_flat<V: Lanes>(from: *const f32, place: [usize; 3], to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::gradient` has checked.
    unsafe {
        let mut plane = [V::zero(); PLANE];
        gradient_plane(from, place[1], place[2], &mut plane);
        for (i, value) in plane.into_iter().enumerate() {
            value.store(to.add(i * step));
        }
    }
}

/// Outputs of a plane of products, with the bias.
#[inline(always)]
unsafe fn output_plane<V: Lanes>(plane: &[V; PLANE], bias: V, to: *mut f32) {
    // SAFETY: as `Transforms::output` has checked.
    unsafe {
        let mut lines = [[V::zero(); OUTPUT]; INPUT];
        for (y, line) in lines.iter_mut().enumerate() {
            *line = output_of_four(row(plane, y));
        }
        for x in 0..OUTPUT {
            let column = output_of_four(self::column(&lines, x));
            for (y, value) in column.into_iter().enumerate() {
                value.plus(bias).store(to.add((OUTPUT * y + x) * LANES));
            }
        }
    }
}

#[inline(always)]
pub unsafe fn output_deep<V: Lanes>(from: *const f32, step: usize, bias: *const f32, to: *mut f32) {
    // SAFETY: as `Transforms::output` has checked.
    unsafe {
        let mut planes = [[V::zero(); PLANE]; 2];
        for i in 0..PLANE {
            let line = output_of_two(load(from.add(i * step), PLANE * step));
            for (plane, value) in planes.iter_mut().zip(line) {
                plane[i] = value;
            }
        }
        let bias = V::load(bias);
        output_plane(&planes[0], bias, to);
        output_plane(&planes[1], bias, to.add(OUTPUT * OUTPUT * LANES));
    }
}

#[inline(always)]
pub unsafe fn output_flat<V: Lanes>(from: *const f32, step: usize, bias: *const f32, to: *mut f32) {
    // SAFETY: as `Transforms::output` has checked.
    unsafe {
        let mut plane = [V::zero(); PLANE];
        for (i, value) in plane.iter_mut().enumerate() {
            *value = V::load(from.add(i * step));
        }
        output_plane(&plane, V::load(bias), to);
    }
}

/// Products of a plane of 3×3 taps.
#[inline(always)]
unsafe fn taps_plane<V: Lanes>(from: *const f32, plane: &mut [V; PLANE]) {
    // SAFETY: as `Transforms::taps` has checked.
    unsafe {
        let mut lines = [[V::zero(); INPUT]; 3];
        for (y, line) in lines.iter_mut().enumerate() {
            *line = taps_of_four(load(from.add(3 * y * LANES), LANES));
        }
        for x in 0..INPUT {
            for (y, value) in taps_of_four(column(&lines, x)).into_iter().enumerate() {
                plane[INPUT * y + x] = value;
            }
        }
    }
}

#[inline(always)]
pub unsafe fn taps_deep<V: Lanes>(from: *const f32, to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::taps` has checked.
    unsafe {
        let mut planes = [[V::zero(); PLANE]; 3];
        for (z, plane) in planes.iter_mut().enumerate() {
            taps_plane(from.add(9 * z * LANES), plane);
        }
        for i in 0..PLANE {
            for (z, value) in taps_of_two(column(&planes, i)).into_iter().enumerate() {
                value.store(to.add((PLANE * z + i) * step));
            }
        }
    }
}

#[inline(always)]
pub unsafe fn taps_flat<V: Lanes>(from: *const f32, to: *mut f32, step: usize) {
    // SAFETY: as `Transforms::taps` has checked.
    unsafe {
        let mut plane = [V::zero(); PLANE];
        taps_plane(from, &mut plane);
        for (i, value) in plane.into_iter().enumerate() {
            value.store(to.add(i * step));
        }
    }
}

/// Gradient of a plane of 3×3 taps.
#[inline(always)]
unsafe fn tap_gradient_plane<V: Lanes>(plane: &[V; PLANE], to: *mut f32) {
    // SAFETY: as `Transforms::tap_gradient` has checked.
    unsafe {
        let mut lines = [[V::zero(); 3]; INPUT];
        for (y, line) in lines.iter_mut().enumerate() {
            *line = tap_gradient_of_four(row(plane, y));
        }
        for x in 0..3 {
            let column = tap_gradient_of_four(self::column(&lines, x));
            for (y, value) in column.into_iter().enumerate() {
                value.store(to.add((3 * y + x) * LANES));
            }
        }
    }
}

#[inline(always)]
pub unsafe fn tap_gradient_deep<V: Lanes>(from: *const f32, step: usize, to: *mut f32) {
    // SAFETY: as `Transforms::tap_gradient` has checked.
    unsafe {
        let mut planes = [[V::zero(); PLANE]; 3];
        for i in 0..PLANE {
            let line = load(from.add(i * step), PLANE * step);
            for (plane, value) in planes.iter_mut().zip(tap_gradient_of_two(line)) {
                plane[i] = value;
            }
        }
        for (z, plane) in planes.iter().enumerate() {
            tap_gradient_plane(plane, to.add(9 * z * LANES));
        }
    }
}

#[inline(always)]
pub unsafe fn tap_gradient_flat<V: Lanes>(from: *const f32, step: usize, to: *mut f32) {
    // SAFETY: as `Transforms::tap_gradient` has checked.
    unsafe {
        let plane = load(from, step);
        tap_gradient_plane::<V>(&plane, to);
    }
}
