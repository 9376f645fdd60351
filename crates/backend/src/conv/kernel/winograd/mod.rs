//! The transforms of Winograd's minimal filtering, for a block of channels at a time.
//!
//! Along an axis, the outputs of a kernel with three taps can be computed with fewer multiplications than taps times
//! outputs: `y = Aᵀ[(G g) ⊙ (Bᵀ d)]`. Here it is F(4, 3) along y and x, four outputs with six multiplications instead of twelve:
//! nested, 36 products give 4×4 outputs that would cost 144. Kernels with five taps use F(4, 5): 64 products instead of 400. Taps along
//! z are summed like channels: filtering along z as well would save more multiplications, but would double the transformed values that
//! pass through the caches, which are the bottleneck.
//! Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (CVPR 2016).

mod lines;
mod nested;

use std::marker::PhantomData;

use super::super::super::isa::Isa;
use super::LANES;
#[cfg(target_arch = "x86_64")]
use super::lanes::Pair;

/// Outputs of a tile along y and x.
pub const OUTPUT: usize = 4;

/// Most inputs of a tile along y and x.
pub const INPUTS: usize = inputs(5);

/// Most taps in a plane of a kernel.
pub const TAPS: usize = 25;

/// Voxels of an output tile.
pub const OUTPUTS: usize = OUTPUT * OUTPUT;

/// Where a small plane of voxels lies, in floats.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// First voxel.
    pub start: usize,
    /// Distance between neighbouring rows.
    pub row: usize,
    /// Distance between neighbouring voxels of a row.
    pub column: usize,
}

/// Rows of voxels that a row of input tiles covers. Voxels outside the image are zero.
pub struct Rows<'a> {
    /// First voxel of each row; null where the row lies outside.
    starts: [*const f32; INPUTS],
    /// Floats of a row, and of a voxel.
    length: usize,
    step: usize,
    values: PhantomData<&'a [f32]>,
}

impl<'a> Rows<'a> {
    /// Rows of `length` floats that begin at these places of `values`, `None` where they lie outside; neighbouring voxels are `step`
    /// floats apart.
    ///
    /// # Panics
    /// A row ends beyond the values.
    pub fn new(values: &'a [f32], places: [Option<usize>; INPUTS], length: usize, step: usize) -> Self {
        let start = |place: usize| values[place..place + length].as_ptr();
        let starts = places.map(|place| place.map_or(std::ptr::null(), start));
        Self { starts, length, step, values: PhantomData }
    }
}

/// A tile of such rows for one block of channels.
struct Window<'a> {
    starts: &'a [*const f32; INPUTS],
    /// Where the first column within the image lies in each row.
    offset: usize,
    step: usize,
    within: [usize; 2],
}

type SpreadWindow = unsafe fn(&Window, *mut f32, usize);
type Spread = unsafe fn(*const f32, [usize; 2], *mut f32, usize);
type Gather = unsafe fn(*const f32, usize, *const f32, *mut f32);
type SpreadTaps = unsafe fn(*const f32, *mut f32, usize);
type GatherTaps = unsafe fn(*const f32, usize, *mut f32);

/// Inputs of a tile along y and x, for a number of taps.
pub const fn inputs(edge: usize) -> usize {
    OUTPUT + edge - 1
}

/// The transforms for one instruction set.
#[derive(Clone, Copy)]
pub struct Transforms {
    /// Taps along y and x: 3 or 5.
    edge: usize,
    input: SpreadWindow,
    gradient: Spread,
    output: Gather,
    taps: SpreadTaps,
    tap_gradient: GatherTaps,
}

impl Transforms {
    /// For an instruction set that this processor has and kernels with 3 or 5 taps along y and x.
    pub fn new(isa: Isa, edge: usize) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::transforms(edge),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::transforms(edge),
            Isa::Portable => portable::transforms(edge),
        }
    }

    /// Products of a tile, per pair of channels.
    fn products(&self) -> usize {
        inputs(self.edge) * inputs(self.edge)
    }

    /// `Bᵀ d` of the tile whose columns `within` lie in the image, the first of them at float `offset` of its rows: product
    /// `f` of the block of channels that begins there goes to `to[f · step ..][..LANES]`.
    pub fn input(&self, rows: &Rows, offset: usize, within: [usize; 2], to: &mut [f32], step: usize) {
        let columns = within[1] - within[0];
        assert!(columns == 0 || offset + (columns - 1) * rows.step + LANES <= rows.length);
        assert!(within[1] <= inputs(self.edge) && (self.products() - 1) * step + LANES <= to.len());
        let window = Window { starts: &rows.starts, offset, step: rows.step, within };
        // SAFETY: every voxel within the image and every product lies within its slice; the processor has the kernel's instruction
        // set.
        unsafe { (self.input)(&window, to.as_mut_ptr(), step) }
    }

    /// `A g`, for the gradient of an output tile.
    pub fn gradient(&self, values: &[f32], place: Place, to: &mut [f32], step: usize) {
        let Place { start, row, column } = place;
        assert!(start + (OUTPUT - 1) * (row + column) + LANES <= values.len());
        assert!((self.products() - 1) * step + LANES <= to.len());
        // SAFETY: as in `input`.
        unsafe { (self.gradient)(values.as_ptr().add(start), [row, column], to.as_mut_ptr(), step) }
    }

    /// `Aᵀ m` plus a bias: a dense output tile from products `step` floats apart.
    pub fn output(&self, products: &[f32], step: usize, bias: &[f32; LANES], to: &mut [f32; OUTPUTS * LANES]) {
        assert!((self.products() - 1) * step + LANES <= products.len());
        // SAFETY: as in `input`.
        unsafe { (self.output)(products.as_ptr(), step, bias.as_ptr(), to.as_mut_ptr()) }
    }

    /// `G g`, of a plane of taps, [`LANES`] floats each.
    pub fn taps(&self, taps: &[f32; TAPS * LANES], to: &mut [f32], step: usize) {
        assert!((self.products() - 1) * step + LANES <= to.len());
        // SAFETY: as in `input`.
        unsafe { (self.taps)(taps.as_ptr(), to.as_mut_ptr(), step) }
    }

    /// `Gᵀ u`, the gradient of a plane of taps.
    pub fn tap_gradient(&self, products: &[f32], step: usize, taps: &mut [f32; TAPS * LANES]) {
        assert!((self.products() - 1) * step + LANES <= products.len());
        // SAFETY: as in `input`.
        unsafe { (self.tap_gradient)(products.as_ptr(), step, taps.as_mut_ptr()) }
    }
}

/// Functions of `nested` compiled for one instruction set, which an attribute names.
macro_rules! compiled {
    ($name:ident, $lanes:ty, $attribute:meta) => {
        mod $name {
            use super::*;

            compiled!(@ three, $lanes, $attribute);
            compiled!(@ five, $lanes, $attribute);

            pub fn transforms(edge: usize) -> Transforms {
                match edge {
                    3 => three::transforms(),
                    5 => five::transforms(),
                    _ => unreachable!("no filtering for {edge} taps"),
                }
            }
        }
    };
    (@ $form:ident, $lanes:ty, $attribute:meta) => {
        mod $form {
            use super::*;

            #[$attribute]
            unsafe fn input(tile: &Window, to: *mut f32, step: usize) {
                // SAFETY: the same as the caller's.
                unsafe { nested::$form::input::<$lanes>(tile, to, step) }
            }

            #[$attribute]
            unsafe fn gradient(from: *const f32, steps: [usize; 2], to: *mut f32, step: usize) {
                // SAFETY: the same as the caller's.
                unsafe { nested::$form::gradient::<$lanes>(from, steps, to, step) }
            }

            #[$attribute]
            unsafe fn output(from: *const f32, step: usize, bias: *const f32, to: *mut f32) {
                // SAFETY: the same as the caller's.
                unsafe { nested::$form::output::<$lanes>(from, step, bias, to) }
            }

            #[$attribute]
            unsafe fn taps(from: *const f32, to: *mut f32, step: usize) {
                // SAFETY: the same as the caller's.
                unsafe { nested::$form::taps::<$lanes>(from, to, step) }
            }

            #[$attribute]
            unsafe fn tap_gradient(from: *const f32, step: usize, to: *mut f32) {
                // SAFETY: the same as the caller's.
                unsafe { nested::$form::tap_gradient::<$lanes>(from, step, to) }
            }

            pub fn transforms() -> Transforms {
                Transforms { edge: nested::$form::EDGE, input, gradient, output, taps, tap_gradient }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
compiled!(avx512, std::arch::x86_64::__m512, target_feature(enable = "avx512f"));
#[cfg(target_arch = "x86_64")]
compiled!(avx2, Pair, target_feature(enable = "avx2,fma"));
compiled!(portable, [f32; LANES], inline);
