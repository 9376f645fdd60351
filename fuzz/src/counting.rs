//! Memory that a reader asks for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts the bytes that are asked for, so that memory which is reserved and never touched counts as well.
pub struct Counting;

static TAKEN: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

/// Begins anew; returns what is taken already.
pub fn begin() -> u64 {
    let taken = TAKEN.load(Relaxed);
    PEAK.store(taken, Relaxed);
    taken
}

/// The most that was taken since [`begin`], which returned `before`.
pub fn peak(before: u64) -> u64 {
    PEAK.load(Relaxed).saturating_sub(before)
}

fn take(bytes: usize) {
    let taken = TAKEN.fetch_add(bytes as u64, Relaxed) + bytes as u64;
    PEAK.fetch_max(taken, Relaxed);
}

// SAFETY: every call goes on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    // Large blocks grow where they are: the system moves pages, not bytes.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        TAKEN.fetch_sub(layout.size() as u64, Relaxed);
        take(size);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}
