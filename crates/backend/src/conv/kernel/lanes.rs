//! A block of channels in registers, for code that is the same on every instruction set.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::LANES;

/// [`LANES`] floats.
///
/// # Safety
/// All methods: the processor supports the instructions of the type. Loads and stores: the pointer is valid for [`LANES`] floats.
pub trait Lanes: Copy {
    /// Loads the lanes.
    unsafe fn load(from: *const f32) -> Self;
    /// Stores the lanes.
    unsafe fn store(self, to: *mut f32);
    /// Sums.
    unsafe fn plus(self, other: Self) -> Self;
    /// Differences.
    unsafe fn minus(self, other: Self) -> Self;
    /// `self · factor`.
    unsafe fn times(self, factor: f32) -> Self;
    /// `self · factor + other`.
    unsafe fn times_plus(self, factor: f32, other: Self) -> Self;
    /// Zeros.
    unsafe fn zero() -> Self;
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the trait requires.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the trait requires.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: as the trait requires.
        unsafe { _mm512_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: as the trait requires.
        unsafe { _mm512_sub_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn times(self, factor: f32) -> Self {
        // SAFETY: as the trait requires.
        unsafe { _mm512_mul_ps(self, _mm512_set1_ps(factor)) }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: f32, other: Self) -> Self {
        // SAFETY: as the trait requires.
        unsafe { _mm512_fmadd_ps(self, _mm512_set1_ps(factor), other) }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as the trait requires.
        unsafe { _mm512_setzero_ps() }
    }
}

/// Two registers of AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Pair(__m256, __m256);

#[cfg(target_arch = "x86_64")]
impl Lanes for Pair {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the trait requires.
        unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(LANES / 2))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the trait requires.
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(LANES / 2), self.1);
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: as the trait requires.
        unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: as the trait requires.
        unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn times(self, factor: f32) -> Self {
        // SAFETY: as the trait requires.
        unsafe {
            let factor = _mm256_set1_ps(factor);
            Self(_mm256_mul_ps(self.0, factor), _mm256_mul_ps(self.1, factor))
        }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: f32, other: Self) -> Self {
        // SAFETY: as the trait requires.
        unsafe {
            let factor = _mm256_set1_ps(factor);
            Self(_mm256_fmadd_ps(self.0, factor, other.0), _mm256_fmadd_ps(self.1, factor, other.1))
        }
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as the trait requires.
        unsafe { Self(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }
}

impl Lanes for [f32; LANES] {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the trait requires; an array of floats needs no more alignment than a float.
        unsafe { *from.cast() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { *to.cast() = self }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + other[lane])
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] - other[lane])
    }

    #[inline(always)]
    unsafe fn times(self, factor: f32) -> Self {
        std::array::from_fn(|lane| self[lane] * factor)
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: f32, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] * factor + other[lane])
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        [0.0; LANES]
    }
}
