//! The transforms of Winograd's minimal filtering, for a block of channels at a time.
//!
//! Along an axis, some outputs of a kernel with three taps come from the inputs by fewer multiplications than taps times
//! outputs: `y = Aᵀ[(G g) ⊙ (Bᵀ d)]`. Along y and x it is F(4, 3), four outputs by six multiplications instead of twelve;
//! along z F(2, 3), two by four instead of six, because every further F(4, 3) costs a digit of accuracy. Nested, 144
//! products give 2×4×4 outputs that would cost 864. An axis whose kernel has one tap is left as it is.
//! Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (CVPR 2016); for three dimensions Jia et al.,
//! PPoPP 2018.

mod lines;
mod nested;

use super::super::super::isa::Isa;
use super::LANES;
#[cfg(target_arch = "x86_64")]
use super::lanes::Pair;

/// Where a small block of voxels lies, in floats: neighbours along an axis are so far apart.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// First voxel.
    pub start: usize,
    /// Distances along `[z, y, x]`.
    pub step: [usize; 3],
}

impl Place {
    /// A dense block of `side` voxels along y and x, one block of channels each.
    pub fn dense(side: usize) -> Self {
        Self { start: 0, step: [side * side * LANES, side * LANES, LANES] }
    }

    fn end(&self, size: [usize; 3]) -> usize {
        let last: usize = self.step.iter().zip(size).map(|(step, size)| step * (size - 1)).sum();
        self.start + last + LANES
    }
}

/// Inputs of a tile along y and x.
pub const INPUT: usize = 6;

/// Outputs of a tile along y and x.
pub const OUTPUT: usize = 4;

/// Products of a plane.
pub const PLANE: usize = INPUT * INPUT;

/// Products of a tile at most.
pub const MOST_PRODUCTS: usize = 4 * PLANE;

/// Taps of a kernel at most.
pub const MOST_TAPS: usize = 27;

/// Voxels of an output tile at most.
pub const MOST_OUTPUTS: usize = 2 * OUTPUT * OUTPUT;

/// Rows of an input tile at most.
pub const MOST_ROWS: usize = 4 * INPUT;

/// Where the voxels of an input tile lie, in floats. What lies outside of the image is zero.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// The first voxel within the image of each row, plane by plane; none where the row lies outside.
    pub rows: [Option<usize>; MOST_ROWS],
    /// Distance of neighbouring voxels.
    pub step: usize,
    /// Columns within the image: the first, and the one behind the last.
    pub within: [usize; 2],
}

/// An input tile for one block of channels, as pointers; null for rows outside of the image.
struct Rows {
    starts: [*const f32; MOST_ROWS],
    step: usize,
    within: [usize; 2],
}

type SpreadRows = unsafe fn(&Rows, *mut f32, usize);
type Spread = unsafe fn(*const f32, [usize; 3], *mut f32, usize);
type Gather = unsafe fn(*const f32, usize, *const f32, *mut f32);
type SpreadTaps = unsafe fn(*const f32, *mut f32, usize);
type GatherTaps = unsafe fn(*const f32, usize, *mut f32);

/// The transforms for one instruction set and one kind of kernel.
#[derive(Clone, Copy)]
pub struct Transforms {
    /// Whether the kernel has three taps along z.
    deep: bool,
    input: SpreadRows,
    gradient: Spread,
    output: Gather,
    taps: SpreadTaps,
    tap_gradient: GatherTaps,
}

impl Transforms {
    /// Those for kernels 3×3×3 (`deep`) or 1×3×3.
    pub fn new(isa: Isa, deep: bool) -> Self {
        match (isa, deep) {
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, true) => avx512::deep(),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512, false) => avx512::flat(),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, true) => avx2::deep(),
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, false) => avx2::flat(),
            (Isa::Portable, true) => portable::deep(),
            (Isa::Portable, false) => portable::flat(),
        }
    }

    /// Voxels of an input tile.
    pub fn input_size(&self) -> [usize; 3] {
        [if self.deep { 4 } else { 1 }, INPUT, INPUT]
    }

    /// Voxels of an output tile.
    pub fn output_size(&self) -> [usize; 3] {
        [if self.deep { 2 } else { 1 }, OUTPUT, OUTPUT]
    }

    /// Products per tile and pair of channels.
    pub fn products(&self) -> usize {
        self.input_size().iter().product()
    }

    /// `Bᵀ d` of the block of channels that begins at `channel`: product `f` of the tile goes to `to[f · step ..][..LANES]`.
    pub fn input(&self, values: &[f32], tile: &Tile, channel: usize, to: &mut [f32], step: usize) {
        let columns = tile.within[1] - tile.within[0];
        let reach = channel + columns.saturating_sub(1) * tile.step + LANES;
        let mut starts = [std::ptr::null(); MOST_ROWS];
        for (start, row) in starts.iter_mut().zip(&tile.rows[..self.input_size()[0] * INPUT]) {
            if let Some(row) = *row {
                assert!(columns == 0 || row + reach <= values.len());
                *start = values[row..].as_ptr().wrapping_add(channel);
            }
        }
        assert!(tile.within[1] <= INPUT && (self.products() - 1) * step + LANES <= to.len());
        let rows = Rows { starts, step: tile.step, within: tile.within };
        // SAFETY: every voxel within the image and every product lies within its slice; the kernel is one that this
        // processor has.
        unsafe { (self.input)(&rows, to.as_mut_ptr(), step) }
    }

    /// `A g`, for the gradient of an output tile.
    pub fn gradient(&self, values: &[f32], place: Place, to: &mut [f32], step: usize) {
        assert!(place.end(self.output_size()) <= values.len() && (self.products() - 1) * step + LANES <= to.len());
        // SAFETY: as in `input`.
        unsafe { (self.gradient)(values.as_ptr().add(place.start), place.step, to.as_mut_ptr(), step) }
    }

    /// `Aᵀ m` plus a bias: a dense output tile from products `step` floats apart.
    pub fn output(&self, products: &[f32], step: usize, bias: &[f32; LANES], to: &mut [f32; MOST_OUTPUTS * LANES]) {
        assert!((self.products() - 1) * step + LANES <= products.len());
        // SAFETY: as in `input`; an output tile has no more voxels than that.
        unsafe { (self.output)(products.as_ptr(), step, bias.as_ptr(), to.as_mut_ptr()) }
    }

    /// `G g`, of a kernel's taps, [`LANES`] floats each.
    pub fn taps(&self, taps: &[f32; MOST_TAPS * LANES], to: &mut [f32], step: usize) {
        assert!((self.products() - 1) * step + LANES <= to.len());
        // SAFETY: as in `input`; a kernel has at most so many taps.
        unsafe { (self.taps)(taps.as_ptr(), to.as_mut_ptr(), step) }
    }

    /// `Gᵀ u`, the gradient of a kernel's taps.
    pub fn tap_gradient(&self, products: &[f32], step: usize, taps: &mut [f32; MOST_TAPS * LANES]) {
        assert!((self.products() - 1) * step + LANES <= products.len());
        // SAFETY: as in `taps`.
        unsafe { (self.tap_gradient)(products.as_ptr(), step, taps.as_mut_ptr()) }
    }
}

/// Functions of `nested` compiled for one instruction set, which an attribute names.
macro_rules! compiled {
    ($name:ident, $lanes:ty, $attribute:meta, $($function:ident($($argument:ident: $type:ty),*);)*) => {
        mod $name {
            use super::*;

            $(
                #[$attribute]
                unsafe fn $function($($argument: $type),*) {
                    // SAFETY: the same as the caller's.
                    unsafe { nested::$function::<$lanes>($($argument),*) }
                }
            )*

            pub fn deep() -> Transforms {
                Transforms {
                    deep: true,
                    input: input_deep,
                    gradient: gradient_deep,
                    output: output_deep,
                    taps: taps_deep,
                    tap_gradient: tap_gradient_deep,
                }
            }

            pub fn flat() -> Transforms {
                Transforms {
                    deep: false,
                    input: input_flat,
                    gradient: gradient_flat,
                    output: output_flat,
                    taps: taps_flat,
                    tap_gradient: tap_gradient_flat,
                }
            }
        }
    };
    ($name:ident, $lanes:ty, $attribute:meta) => {
        compiled! {
            $name, $lanes, $attribute,
            input_deep(rows: &Rows, to: *mut f32, step: usize);
            input_flat(rows: &Rows, to: *mut f32, step: usize);
            gradient_deep(from: *const f32, place: [usize; 3], to: *mut f32, step: usize);
            gradient_flat(from: *const f32, place: [usize; 3], to: *mut f32, step: usize);
            output_deep(from: *const f32, step: usize, bias: *const f32, to: *mut f32);
            output_flat(from: *const f32, step: usize, bias: *const f32, to: *mut f32);
            taps_deep(from: *const f32, to: *mut f32, step: usize);
            taps_flat(from: *const f32, to: *mut f32, step: usize);
            tap_gradient_deep(from: *const f32, step: usize, to: *mut f32);
            tap_gradient_flat(from: *const f32, step: usize, to: *mut f32);
        }
    };
}

#[cfg(target_arch = "x86_64")]
compiled!(avx512, std::arch::x86_64::__m512, target_feature(enable = "avx512f"));
#[cfg(target_arch = "x86_64")]
compiled!(avx2, Pair, target_feature(enable = "avx2,fma"));
compiled!(portable, [f32; LANES], inline);
