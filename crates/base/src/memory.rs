//! Memory of large arrays.

/// Arrays of this many bytes and more are made of huge pages where the system has them: a CT of 100 MB otherwise costs 25,000 page
/// faults before its first voxel, and transforms that write far apart use more pages than a processor remembers the addresses of.
pub const LARGE: usize = 4 << 20;

/// A multiple of every system's page size.
#[cfg(target_os = "linux")]
const PAGE: usize = 64 << 10;

/// An empty vector with room for so many values, in huge pages if that is much.
pub fn reserved<T>(count: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(count);
    let room = values.spare_capacity_mut();
    prefer_huge_pages(room.as_mut_ptr().cast(), size_of_val(room));
    values
}

/// So many zeros, in huge pages if they are many.
pub fn zeros<T: Clone + Default>(count: usize) -> Vec<T> {
    // Large zeroed memory comes from the system untouched.
    let mut values = vec![T::default(); count];
    prefer_huge_pages(values.as_mut_ptr().cast(), size_of_val(values.as_slice()));
    values
}

/// Asks the system for huge pages for memory that nobody has touched yet. It may refuse: the memory is as good, only slower.
pub fn prefer_huge_pages(start: *mut u8, bytes: usize) {
    #[cfg(target_os = "linux")]
    if bytes >= LARGE {
        let skipped = start.align_offset(PAGE);
        let length = bytes.saturating_sub(skipped) / PAGE * PAGE;
        // SAFETY: whole pages inside the caller's memory; the advice changes no content.
        let _ = unsafe {
            rustix::mm::madvise(start.wrapping_add(skipped).cast(), length, rustix::mm::Advice::LinuxHugepage)
        };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_arrays_are_zero_and_have_their_length() {
        for count in [0, 1, 1000, LARGE + 12_345] {
            let values: Vec<u16> = zeros(count);
            assert_eq!((values.len(), values.iter().map(|&value| usize::from(value)).sum::<usize>()), (count, 0));
            assert!(reserved::<u16>(count).capacity() >= count);
        }
    }
}
