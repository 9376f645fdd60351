//! The inner loops, one file per instruction set, and their safe wrappers.
//!
//! Output channels lie across the lanes of a register, [`LANES`] to a block; one or two blocks make a group. A tile of
//! outputs stays in registers while the loop runs over taps and input channels: each step loads the group's weights once
//! and multiplies them by one input value per output, so that the loop is bound by arithmetic, not by loads.

/// Repeats a block for `i` in 0..n, n ≤ 16, with `i` a constant in each copy. The compiler unrolls a loop over an array of registers
/// too late to keep the array out of memory.
#[cfg(target_arch = "x86_64")]
macro_rules! each {
    ($i:ident, $n:expr, $body:block) => {
        each!(@ $i, $n, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $i:ident, $n:expr, $body:block, $($value:literal)*) => {
        $({
            let $i: usize = $value;
            if $i < $n $body
        })*
    };
}
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod portable;
mod winograd;

pub use winograd::{INPUTS, OUTPUT, OUTPUTS, Place, Rows, TAPS, Transforms, inputs};

use super::super::isa::Isa;

/// Channels per block.
pub const LANES: usize = 16;

impl Isa {
    /// Blocks per group: output channels that share one pass over the input.
    pub fn group(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 1,
            Self::Portable => 1,
        }
    }

    /// Most steps per tile of a weight gradient: with one block of sums there is room for more of them.
    fn steps(self, blocks: usize) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if blocks == 1 => 16,
            _ => self.columns(),
        }
    }

    /// Most outputs per tile.
    fn columns(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 14,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 6,
            Self::Portable => 4,
        }
    }
}

/// A gather's operands for one group of output channels; distances are in floats.
#[derive(Clone, Copy)]
pub struct Gather<'a> {
    /// Padded input; the value of tap run `t`, step `k`, for output (row, column) is
    /// `input[offsets[t] + k + row · input_row + column · input_column]`.
    pub input: &'a [f32],
    /// Where each run of taps begins.
    pub offsets: &'a [usize],
    /// Steps of a run.
    pub run: usize,
    /// Weights `[offsets, run, blocks, LANES]`.
    pub weights: &'a [f32],
    /// Blocks of output channels, at most [`Isa::group`].
    pub blocks: usize,
    /// Distance between the inputs of neighbouring outputs.
    pub input_column: usize,
    /// Distance between the inputs of neighbouring rows of outputs.
    pub input_row: usize,
    /// Distance between neighbouring outputs.
    pub output_column: usize,
    /// Distance between neighbouring rows of outputs.
    pub output_row: usize,
    /// Whether to add to the outputs instead of overwriting them.
    pub add: bool,
}

/// One tile, as pointers.
struct Tile<'a> {
    input: *const f32,
    offsets: &'a [usize],
    run: usize,
    weights: *const f32,
    input_column: usize,
    input_row: usize,
    output: *mut f32,
    output_column: usize,
    output_row: usize,
    add: bool,
}

type TileKernel = unsafe fn(&Tile);

/// Computes a gather for `rows` × `columns` outputs, each `blocks · LANES` floats.
pub fn gather(isa: Isa, operands: &Gather, rows: usize, columns: usize, output: &mut [f32]) {
    if rows == 0 || columns == 0 || operands.run == 0 {
        return;
    }
    let Some(farthest) = operands.offsets.iter().max() else { return };
    let last = |row: usize, column: usize| (rows - 1) * row + (columns - 1) * column;
    let lanes = operands.blocks * LANES;
    assert!(operands.blocks <= isa.group(), "a group is too wide for its kernel");
    assert!(farthest + last(operands.input_row, operands.input_column) + operands.run <= operands.input.len());
    assert!(last(operands.output_row, operands.output_column) + lanes <= output.len());
    assert!(operands.offsets.len() * operands.run * lanes <= operands.weights.len());
    let most = isa.columns();
    let together = (most / columns).clamp(1, 4);
    let mut row = 0;
    while row < rows {
        let height = together.min(rows - row);
        let tiles = columns.div_ceil(most);
        let mut column = 0;
        for tile in 0..tiles {
            let width = columns / tiles + usize::from(tile < columns % tiles);
            let kernel = tile_kernel(isa, operands.blocks, height, width, operands.input_column);
            // SAFETY: the assertions above hold for the last row and column and so for every tile; the processor has the kernel's
            // instruction set.
            unsafe {
                kernel(&Tile {
                    input: operands.input.as_ptr().add(row * operands.input_row + column * operands.input_column),
                    offsets: operands.offsets,
                    run: operands.run,
                    weights: operands.weights.as_ptr(),
                    input_column: operands.input_column,
                    input_row: operands.input_row,
                    output: output.as_mut_ptr().add(row * operands.output_row + column * operands.output_column),
                    output_column: operands.output_column,
                    output_row: operands.output_row,
                    add: operands.add,
                });
            }
            column += width;
        }
        row += height;
    }
}

fn tile_kernel(isa: Isa, blocks: usize, rows: usize, columns: usize, step: usize) -> TileKernel {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::tile(blocks, rows, columns, step),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::tile(rows, columns),
        Isa::Portable => portable::tile(rows, columns),
    }
}

/// Operands of a weight gradient for one group of output channels and one run of taps; distances are in floats.
#[derive(Clone, Copy)]
pub struct Outer<'a> {
    /// Input values; step `k` of position (row, column) is `input[k + row · input_row + column · input_column]`.
    pub input: &'a [f32],
    /// Output gradients; block `b` of position (row, column) is
    /// `gradient[b · gradient_block + row · gradient_row + column · gradient_column ..][..LANES]`.
    pub gradient: &'a [f32],
    /// Steps of the run.
    pub run: usize,
    /// Blocks of output channels, at most [`Isa::group`].
    pub blocks: usize,
    /// Distance between the inputs of neighbouring positions.
    pub input_column: usize,
    /// Distance between the inputs of neighbouring rows.
    pub input_row: usize,
    /// Distance between blocks of the gradient.
    pub gradient_block: usize,
    /// Distance between rows of the gradient.
    pub gradient_row: usize,
    /// Distance between neighbouring gradients.
    pub gradient_column: usize,
}

/// Positions of a weight gradient, as pointers.
struct Sum {
    input: *const f32,
    gradient: *const f32,
    rows: usize,
    columns: usize,
    input_column: usize,
    input_row: usize,
    gradient_block: usize,
    gradient_row: usize,
    gradient_column: usize,
    sums: *mut f32,
}

type SumKernel = unsafe fn(&Sum);

/// Adds the outer products of `rows` × `columns` positions to `sums`, `[run, blocks, LANES]`.
pub fn outer(isa: Isa, operands: &Outer, rows: usize, columns: usize, sums: &mut [f32]) {
    if rows == 0 || columns == 0 {
        return;
    }
    let lanes = operands.blocks * LANES;
    let last = |row: usize, column: usize| (rows - 1) * row + (columns - 1) * column;
    assert!(operands.blocks <= isa.group() && operands.blocks > 0, "a group is too wide for its kernel");
    assert!(last(operands.input_row, operands.input_column) + operands.run <= operands.input.len());
    let blocks = (operands.blocks - 1) * operands.gradient_block;
    assert!(blocks + last(operands.gradient_row, operands.gradient_column) + LANES <= operands.gradient.len());
    assert!(operands.run * lanes <= sums.len());
    let most = isa.steps(operands.blocks);
    let tiles = operands.run.div_ceil(most);
    let mut step = 0;
    for tile in 0..tiles {
        let width = operands.run / tiles + usize::from(tile < operands.run % tiles);
        let kernel = sum_kernel(isa, operands.blocks, width);
        // SAFETY: the assertions above hold for the last row, column and step; the processor has the kernel's instruction set.
        unsafe {
            kernel(&Sum {
                input: operands.input.as_ptr().add(step),
                gradient: operands.gradient.as_ptr(),
                rows,
                columns,
                input_column: operands.input_column,
                input_row: operands.input_row,
                gradient_block: operands.gradient_block,
                gradient_row: operands.gradient_row,
                gradient_column: operands.gradient_column,
                sums: sums.as_mut_ptr().add(step * lanes),
            });
        }
        step += width;
    }
}

fn sum_kernel(isa: Isa, blocks: usize, steps: usize) -> SumKernel {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::sum(blocks, steps),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::sum(steps),
        Isa::Portable => portable::sum(steps),
    }
}
