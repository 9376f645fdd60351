//! A memory pool for the CPU kernels. Without it, every layer of a training step would return its buffers to the system and fault
//! their pages in again.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};
use segspec_base::memory::{LARGE, prefer_huge_pages};

/// Alignment of a buffer: one cache line, which is also one AVX-512 register.
const ALIGNMENT: usize = 64;

/// Size of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Smaller buffers are left to the system's allocator.
const SMALLEST: usize = 64 << 10;

/// Memory that was free for this long goes back to the system: longer than a training step, whose buffers the next step reuses.
const PATIENCE: Duration = Duration::from_secs(60);

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new() });

/// Free memory.
struct Pool {
    /// Each with the time at which it became free.
    free: Vec<(Memory, Instant)>,
}

/// A piece of memory; every byte is initialised.
struct Memory {
    pointer: NonNull<f32>,
    layout: Layout,
}

// SAFETY: the value owns its memory.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(bytes: usize) -> Self {
        let (size, alignment) = capacity(bytes);
        let Ok(layout) = Layout::from_size_align(size, alignment) else {
            handle_alloc_error(Layout::new::<f32>());
        };
        // SAFETY: the size is not zero.
        let Some(pointer) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        Self { pointer: pointer.cast(), layout }
    }
}

/// Layout of a buffer of this many bytes.
fn capacity(bytes: usize) -> (usize, usize) {
    match bytes >= LARGE {
        true => (bytes.next_multiple_of(HUGE_PAGE), HUGE_PAGE),
        false => (bytes.next_multiple_of(ALIGNMENT).max(ALIGNMENT), ALIGNMENT),
    }
}

/// Zeroed memory, on huge pages if it is large: they are requested before the first access.
unsafe fn alloc(layout: Layout) -> *mut u8 {
    // SAFETY: the caller's layout has a size.
    unsafe {
        if layout.size() < LARGE {
            return alloc_zeroed(layout);
        }
        let pointer = std::alloc::alloc(layout);
        if !pointer.is_null() {
            prefer_huge_pages(pointer, layout.size());
            pointer.write_bytes(0, layout.size());
        }
        pointer
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.pointer.as_ptr().cast(), self.layout) }
    }
}

fn pool() -> MutexGuard<'static, Pool> {
    // A panic elsewhere leaves the list consistent: every change is one call.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// The smallest free buffer that is large enough, unless more than half of it would be unused.
    fn take(&mut self, bytes: usize) -> Option<Memory> {
        let (needed, _) = capacity(bytes);
        let fits = |size: usize| size >= bytes && size / 2 <= needed;
        let candidates = self.free.iter().enumerate().filter(|(_, (memory, _))| fits(memory.layout.size()));
        let (index, _) = candidates.min_by_key(|(_, (memory, _))| memory.layout.size())?;
        Some(self.free.swap_remove(index).0)
    }

    /// Keeps a buffer; returns those that have been free for too long.
    fn put(&mut self, memory: Memory) -> Vec<(Memory, Instant)> {
        let now = Instant::now();
        self.free.push((memory, now));
        self.free.extract_if(.., |(_, since)| now.duration_since(*since) > PATIENCE).collect()
    }
}

/// Floats with arbitrary initial values.
pub struct Buffer {
    memory: Option<Memory>,
    length: usize,
}

impl Buffer {
    /// A number of floats.
    pub fn new(length: usize) -> Self {
        let bytes = length * size_of::<f32>();
        let found = if bytes >= SMALLEST { pool().take(bytes) } else { None };
        Self { memory: Some(found.unwrap_or_else(|| Memory::new(bytes))), length }
    }

    /// The storage of a tensor, which returns the memory to the pool when it is dropped.
    pub fn into_bytes(self) -> Bytes {
        let bytes = self.length * size_of::<f32>();
        // SAFETY: this many bytes are initialised.
        unsafe { Bytes::from_controller(Box::new(self), bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take()
            && memory.layout.size() >= SMALLEST
        {
            // Freed after the lock is released.
            let stale = pool().put(memory);
            drop(stale);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let pointer = self.memory.as_ref().map_or(NonNull::dangling(), |memory| memory.pointer);
        // SAFETY: the memory holds at least this many initialised floats.
        unsafe { std::slice::from_raw_parts(pointer.as_ptr(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        let pointer = self.memory.as_ref().map_or(NonNull::dangling(), |memory| memory.pointer);
        // SAFETY: as in `deref`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(pointer.as_ptr(), self.length) }
    }
}

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        // The alignment that any copy needs, not that of this buffer.
        align_of::<u128>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let floats: &mut [f32] = self;
        let bytes = size_of_val(floats);
        // SAFETY: the same memory; the caller writes initialised bytes only.
        Ok(unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), bytes) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let floats: &[f32] = self;
        // SAFETY: the same memory.
        Ok(unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), size_of_val(floats)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again() {
        // A size that no other test uses.
        let length = 777_777;
        let mut first = Buffer::new(length);
        first.fill(3.0);
        let place = first.as_ptr();
        let bytes = first.into_bytes();
        assert_eq!((bytes.len(), &bytes[..4]), (4 * length, 3f32.to_ne_bytes().as_slice()));
        drop(bytes);
        let second = Buffer::new(length - 5);
        assert_eq!((second.as_ptr(), second.len()), (place, length - 5));
    }

    #[test]
    fn new_memory_is_zero_and_aligned() {
        for length in [0, 1, 100, 3_333_333] {
            let memory = Memory::new(4 * length);
            assert_eq!(memory.pointer.as_ptr() as usize % ALIGNMENT, 0);
            // SAFETY: the memory is at least this long.
            let values = unsafe { std::slice::from_raw_parts(memory.pointer.as_ptr(), length) };
            assert!(values.iter().all(|value| *value == 0.0));
        }
    }
}
