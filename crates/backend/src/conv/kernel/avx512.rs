//! AVX-512: a block of 16 channels is one register; 2 blocks × 14 outputs are 28 sums, which leaves room for two weights and
//! one input value in 32 registers.

use std::arch::x86_64::*;
use std::array::from_fn;

use super::{LANES, Sum, SumKernel, Tile, TileKernel};

/// Kernel for a tile of `rows` × `columns` outputs whose inputs lie `step` floats apart.
pub fn tile(blocks: usize, rows: usize, columns: usize, step: usize) -> TileKernel {
    match (blocks, step) {
        (1, LANES) => sized::<1, LANES>(rows, columns),
        (1, _) => sized::<1, 0>(rows, columns),
        (_, LANES) => sized::<2, LANES>(rows, columns),
        (_, 32) => sized::<2, 32>(rows, columns),
        _ => sized::<2, 0>(rows, columns),
    }
}

fn sized<const B: usize, const STEP: usize>(rows: usize, columns: usize) -> TileKernel {
    match (rows, columns) {
        (1, 1) => gather::<B, 1, 1, STEP>,
        (1, 2) => gather::<B, 2, 2, STEP>,
        (1, 3) => gather::<B, 3, 3, STEP>,
        (1, 4) => gather::<B, 4, 4, STEP>,
        (1, 5) => gather::<B, 5, 5, STEP>,
        (1, 6) => gather::<B, 6, 6, STEP>,
        (1, 7) => gather::<B, 7, 7, STEP>,
        (1, 8) => gather::<B, 8, 8, STEP>,
        (1, 9) => gather::<B, 9, 9, STEP>,
        (1, 10) => gather::<B, 10, 10, STEP>,
        (1, 11) => gather::<B, 11, 11, STEP>,
        (1, 12) => gather::<B, 12, 12, STEP>,
        (1, 13) => gather::<B, 13, 13, STEP>,
        (1, 14) => gather::<B, 14, 14, STEP>,
        (2, 1) => gather::<B, 2, 1, STEP>,
        (2, 2) => gather::<B, 4, 2, STEP>,
        (2, 3) => gather::<B, 6, 3, STEP>,
        (2, 4) => gather::<B, 8, 4, STEP>,
        (2, 5) => gather::<B, 10, 5, STEP>,
        (2, 6) => gather::<B, 12, 6, STEP>,
        (2, 7) => gather::<B, 14, 7, STEP>,
        (3, 1) => gather::<B, 3, 1, STEP>,
        (3, 2) => gather::<B, 6, 2, STEP>,
        (3, 3) => gather::<B, 9, 3, STEP>,
        (3, 4) => gather::<B, 12, 4, STEP>,
        (4, 1) => gather::<B, 4, 1, STEP>,
        (4, 2) => gather::<B, 8, 2, STEP>,
        (4, 3) => gather::<B, 12, 3, STEP>,
        _ => unreachable!("no kernel for a tile of {rows} × {columns}"),
    }
}

/// Computes one tile of `N` outputs in rows of `C`. `STEP` is the distance between neighbouring inputs if it is known at compile
/// time, else 0.
#[target_feature(enable = "avx512f")]
unsafe fn gather<const B: usize, const N: usize, const C: usize, const STEP: usize>(tile: &Tile) {
    let column = if STEP == 0 { tile.input_column } else { STEP };
    // SAFETY: the caller has checked that every output, input and weight of the tile lies within its slice.
    unsafe {
        let output =
            |i: usize, b: usize| tile.output.add(i / C * tile.output_row + i % C * tile.output_column + b * LANES);
        let mut first = [_mm512_setzero_ps(); N];
        let mut second = [_mm512_setzero_ps(); N];
        if tile.add {
            each!(i, N, {
                first[i] = _mm512_loadu_ps(output(i, 0));
                if B == 2 {
                    second[i] = _mm512_loadu_ps(output(i, 1));
                }
            });
        }
        let mut weights = tile.weights;
        for &offset in tile.offsets {
            let mut rows: [*const f32; 4] = from_fn(|r| tile.input.wrapping_add(offset + r * tile.input_row));
            for _ in 0..tile.run {
                let weight = _mm512_loadu_ps(weights);
                let other = if B == 2 { _mm512_loadu_ps(weights.add(LANES)) } else { weight };
                each!(i, N, {
                    let value = _mm512_set1_ps(*rows[i / C].add(i % C * column));
                    first[i] = _mm512_fmadd_ps(weight, value, first[i]);
                    if B == 2 {
                        second[i] = _mm512_fmadd_ps(other, value, second[i]);
                    }
                });
                rows = rows.map(|row| row.wrapping_add(1));
                weights = weights.add(B * LANES);
            }
        }
        each!(i, N, {
            _mm512_storeu_ps(output(i, 0), first[i]);
            if B == 2 {
                _mm512_storeu_ps(output(i, 1), second[i]);
            }
        });
    }
}

/// Kernel for a number of steps of a weight gradient.
pub fn sum(blocks: usize, steps: usize) -> SumKernel {
    match blocks {
        1 => sum_sized::<1>(steps),
        _ => sum_sized::<2>(steps),
    }
}

fn sum_sized<const B: usize>(steps: usize) -> SumKernel {
    match steps {
        1 => outer::<B, 1>,
        2 => outer::<B, 2>,
        3 => outer::<B, 3>,
        4 => outer::<B, 4>,
        5 => outer::<B, 5>,
        6 => outer::<B, 6>,
        7 => outer::<B, 7>,
        8 => outer::<B, 8>,
        9 => outer::<B, 9>,
        10 => outer::<B, 10>,
        11 => outer::<B, 11>,
        12 => outer::<B, 12>,
        13 => outer::<B, 13>,
        14 => outer::<B, 14>,
        15 => outer::<B, 15>,
        16 => outer::<B, 16>,
        _ => unreachable!("no kernel for {steps} steps"),
    }
}

/// Adds the products of `T` input values and `B` blocks of gradients.
#[target_feature(enable = "avx512f")]
unsafe fn outer<const B: usize, const T: usize>(sum: &Sum) {
    // SAFETY: the caller has checked that every position, step and block lies within its slice.
    unsafe {
        let place = |t: usize, b: usize| sum.sums.add((t * B + b) * LANES);
        let mut first = [_mm512_setzero_ps(); T];
        let mut second = [_mm512_setzero_ps(); T];
        each!(t, T, {
            first[t] = _mm512_loadu_ps(place(t, 0));
            if B == 2 {
                second[t] = _mm512_loadu_ps(place(t, 1));
            }
        });
        for row in 0..sum.rows {
            let mut input = sum.input.add(row * sum.input_row);
            let mut gradient = sum.gradient.add(row * sum.gradient_row);
            for _ in 0..sum.columns {
                let lanes = _mm512_loadu_ps(gradient);
                let other = if B == 2 { _mm512_loadu_ps(gradient.add(sum.gradient_block)) } else { lanes };
                each!(t, T, {
                    let value = _mm512_set1_ps(*input.add(t));
                    first[t] = _mm512_fmadd_ps(lanes, value, first[t]);
                    if B == 2 {
                        second[t] = _mm512_fmadd_ps(other, value, second[t]);
                    }
                });
                input = input.wrapping_add(sum.input_column);
                gradient = gradient.wrapping_add(sum.gradient_column);
            }
        }
        each!(t, T, {
            _mm512_storeu_ps(place(t, 0), first[t]);
            if B == 2 {
                _mm512_storeu_ps(place(t, 1), second[t]);
            }
        });
    }
}
