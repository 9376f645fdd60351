//! Plain Rust: a block of 16 channels is an array, which the compiler maps to the registers of the processor.

use super::{LANES, Sum, SumKernel, Tile, TileKernel};

/// Kernel for a tile of `rows` × `columns` outputs.
pub fn tile(rows: usize, columns: usize) -> TileKernel {
    match (rows, columns) {
        (1, 1) => gather::<1, 1>,
        (1, 2) => gather::<1, 2>,
        (1, 3) => gather::<1, 3>,
        (1, 4) => gather::<1, 4>,
        (2, 1) => gather::<2, 1>,
        (2, 2) => gather::<2, 2>,
        (3, 1) => gather::<3, 1>,
        (4, 1) => gather::<4, 1>,
        _ => unreachable!("no kernel for a tile of {rows} × {columns}"),
    }
}

unsafe fn gather<const R: usize, const C: usize>(tile: &Tile) {
    // SAFETY: the caller has checked that every output, input and weight of the tile lies within its slice; arrays of
    // floats need no more alignment than a float.
    unsafe {
        let output = |r: usize, c: usize| -> *mut [f32; LANES] {
            tile.output.add(r * tile.output_row + c * tile.output_column).cast()
        };
        let start = |r: usize, c: usize| if tile.add { *output(r, c) } else { [0.0; LANES] };
        let mut sums: [[[f32; LANES]; C]; R] = std::array::from_fn(|r| std::array::from_fn(|c| start(r, c)));
        let mut weights: *const [f32; LANES] = tile.weights.cast();
        for &offset in tile.offsets {
            for step in 0..tile.run {
                let weight = *weights;
                for (r, row) in sums.iter_mut().enumerate() {
                    for (c, sum) in row.iter_mut().enumerate() {
                        let value = *tile.input.add(offset + step + r * tile.input_row + c * tile.input_column);
                        add_product(sum, &weight, value);
                    }
                }
                weights = weights.add(1);
            }
        }
        for (r, row) in sums.iter().enumerate() {
            for (c, sum) in row.iter().enumerate() {
                *output(r, c) = *sum;
            }
        }
    }
}

/// Kernel for a number of steps of a weight gradient.
pub fn sum(steps: usize) -> SumKernel {
    match steps {
        1 => outer::<1>,
        2 => outer::<2>,
        3 => outer::<3>,
        4 => outer::<4>,
        _ => unreachable!("no kernel for {steps} steps"),
    }
}

unsafe fn outer<const T: usize>(sum: &Sum) {
    // SAFETY: the caller has checked that every position, step and block lies within its slice; arrays of floats need
    // no more alignment than a float.
    unsafe {
        let place: *mut [[f32; LANES]; T] = sum.sums.cast();
        let mut sums = *place;
        for row in 0..sum.rows {
            for column in 0..sum.columns {
                let gradient = sum.gradient.add(row * sum.gradient_row + column * sum.gradient_column);
                let lanes: [f32; LANES] = *gradient.cast();
                for (step, sums) in sums.iter_mut().enumerate() {
                    add_product(sums, &lanes, *sum.input.add(row * sum.input_row + column * sum.input_column + step));
                }
            }
        }
        *place = sums;
    }
}

#[inline(always)]
fn add_product(sums: &mut [f32; LANES], factors: &[f32; LANES], value: f32) {
    for (sum, factor) in sums.iter_mut().zip(factors) {
        *sum += factor * value;
    }
}
