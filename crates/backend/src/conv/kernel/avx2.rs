//! AVX2 with fused multiply-add: a block of 16 channels is two registers; 6 outputs are 12 sums of 16 registers.

use std::arch::x86_64::*;
use std::array::from_fn;

use super::{LANES, Sum, SumKernel, Tile, TileKernel};

/// Floats per register.
const WIDTH: usize = 8;

/// Kernel for a tile of `rows` × `columns` outputs.
pub fn tile(rows: usize, columns: usize) -> TileKernel {
    match (rows, columns) {
        (1, 1) => gather::<1, 1>,
        (1, 2) => gather::<2, 2>,
        (1, 3) => gather::<3, 3>,
        (1, 4) => gather::<4, 4>,
        (1, 5) => gather::<5, 5>,
        (1, 6) => gather::<6, 6>,
        (2, 1) => gather::<2, 1>,
        (2, 2) => gather::<4, 2>,
        (2, 3) => gather::<6, 3>,
        (3, 1) => gather::<3, 1>,
        (3, 2) => gather::<6, 2>,
        (4, 1) => gather::<4, 1>,
        _ => unreachable!("no kernel for a tile of {rows} × {columns}"),
    }
}

/// Computes one tile of `N` outputs in rows of `C`.
#[target_feature(enable = "avx2,fma")]
unsafe fn gather<const N: usize, const C: usize>(tile: &Tile) {
    // SAFETY: the caller has checked that every output, input and weight of the tile lies within its slice.
    unsafe {
        let output = |i: usize| tile.output.add(i / C * tile.output_row + i % C * tile.output_column);
        let mut low = [_mm256_setzero_ps(); N];
        let mut high = [_mm256_setzero_ps(); N];
        if tile.add {
            each!(i, N, {
                low[i] = _mm256_loadu_ps(output(i));
                high[i] = _mm256_loadu_ps(output(i).add(WIDTH));
            });
        }
        let mut weights = tile.weights;
        for &offset in tile.offsets {
            let mut rows: [*const f32; 4] = from_fn(|r| tile.input.wrapping_add(offset + r * tile.input_row));
            for _ in 0..tile.run {
                let weight = _mm256_loadu_ps(weights);
                let other = _mm256_loadu_ps(weights.add(WIDTH));
                each!(i, N, {
                    let value = _mm256_broadcast_ss(&*rows[i / C].add(i % C * tile.input_column));
                    low[i] = _mm256_fmadd_ps(weight, value, low[i]);
                    high[i] = _mm256_fmadd_ps(other, value, high[i]);
                });
                rows = rows.map(|row| row.wrapping_add(1));
                weights = weights.add(LANES);
            }
        }
        each!(i, N, {
            _mm256_storeu_ps(output(i), low[i]);
            _mm256_storeu_ps(output(i).add(WIDTH), high[i]);
        });
    }
}

/// Kernel for a number of steps of a weight gradient.
pub fn sum(steps: usize) -> SumKernel {
    match steps {
        1 => outer::<1>,
        2 => outer::<2>,
        3 => outer::<3>,
        4 => outer::<4>,
        5 => outer::<5>,
        6 => outer::<6>,
        _ => unreachable!("no kernel for {steps} steps"),
    }
}

/// Adds the products of `T` input values and a block of gradients.
#[target_feature(enable = "avx2,fma")]
unsafe fn outer<const T: usize>(sum: &Sum) {
    // SAFETY: the caller has checked that every position, step and block lies within its slice.
    unsafe {
        let place = |t: usize| sum.sums.add(t * LANES);
        let mut low = [_mm256_setzero_ps(); T];
        let mut high = [_mm256_setzero_ps(); T];
        each!(t, T, {
            low[t] = _mm256_loadu_ps(place(t));
            high[t] = _mm256_loadu_ps(place(t).add(WIDTH));
        });
        for row in 0..sum.rows {
            let mut input = sum.input.add(row * sum.input_row);
            let mut gradient = sum.gradient.add(row * sum.gradient_row);
            for _ in 0..sum.columns {
                let lanes = _mm256_loadu_ps(gradient);
                let other = _mm256_loadu_ps(gradient.add(WIDTH));
                each!(t, T, {
                    let value = _mm256_broadcast_ss(&*input.add(t));
                    low[t] = _mm256_fmadd_ps(lanes, value, low[t]);
                    high[t] = _mm256_fmadd_ps(other, value, high[t]);
                });
                input = input.wrapping_add(sum.input_column);
                gradient = gradient.wrapping_add(sum.gradient_column);
            }
        }
        each!(t, T, {
            _mm256_storeu_ps(place(t), low[t]);
            _mm256_storeu_ps(place(t).add(WIDTH), high[t]);
        });
    }
}
