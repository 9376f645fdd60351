//! Working memory that outlives a call: a training step would otherwise return it to the system and fault every page in
//! again, layer after layer.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Buffers that a thread keeps: the input and the output gradient of a backward pass.
const KEPT: usize = 2;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of floats with whatever its last user left in it.
pub struct Scratch {
    memory: Vec<f32>,
    length: usize,
}

impl Scratch {
    /// The smallest kept buffer that is large enough, else the largest, grown.
    pub fn new(length: usize) -> Self {
        let mut memory = FREE.with_borrow_mut(|free| {
            let fits = free.iter().position(|buffer| buffer.len() >= length);
            let found = fits.or(free.len().checked_sub(1));
            found.map(|index| free.remove(index)).unwrap_or_default()
        });
        if memory.len() < length {
            memory = vec![0.0; length];
        }
        Self { memory, length }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        FREE.with_borrow_mut(|free| {
            let place = free.partition_point(|buffer| buffer.len() < memory.len());
            free.insert(place, memory);
            if free.len() > KEPT {
                free.remove(0);
            }
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.length]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again() {
        let first = Scratch::new(1000);
        let place = first.as_ptr();
        drop(first);
        let (second, third) = (Scratch::new(900), Scratch::new(10));
        assert_eq!((second.as_ptr(), second.len(), third.len()), (place, 900, 10));
    }
}
