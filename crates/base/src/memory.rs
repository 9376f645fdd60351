//! Memory of large arrays: what there is, asked before it is taken, because a failed allocation ends the process without a word.

use std::fmt;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Arrays of this many bytes and more are made of huge pages where the system has them: a CT of 100 MB otherwise costs 25,000 page
/// faults before its first voxel, and transforms that write far apart use more pages than a processor remembers the addresses of.
pub const LARGE: usize = 4 << 20;

/// A multiple of every system's page size.
#[cfg(target_os = "linux")]
const PAGE: usize = 64 << 10;

/// Bytes that need no permission: reading the system's figures takes longer than filling them.
pub const ALWAYS_ALLOWED: u64 = 64 << 20;

/// What is left to the system and other programs, as a part of the free memory.
const SPARED: u64 = 20;

/// There is too little memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// Bytes that were asked for.
    pub wanted: u64,
    /// Bytes that are free.
    pub free: u64,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "needs {} of memory, {} are free", gigabytes(self.wanted), gigabytes(self.free))
    }
}

impl std::error::Error for NoRoom {}

/// Bytes in gigabytes, for messages.
pub fn gigabytes(bytes: u64) -> String {
    let gigabytes = bytes as f64 / 1e9;
    match gigabytes {
        ..10.0 => format!("{gigabytes:.1} GB"),
        ..1e6 => format!("{gigabytes:.0} GB"),
        _ => format!("{gigabytes:.1e} GB"),
    }
}

/// Bytes of memory that this process may use in all: the machine's, or the limit set for the process or its container.
pub fn total() -> u64 {
    let system = system();
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(container).min(address_space())
}

/// Bytes that this process can still take: free or reclaimable on the machine, within the limits of the process and its container.
pub fn available() -> u64 {
    let system = system();
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(container).min(address_space().saturating_sub(taken()))
}

/// Asks for memory before it is taken.
///
/// # Errors
/// [`NoRoom`] where less is free. Without this question the allocation would end the process.
pub fn ask(bytes: u64) -> Result<(), NoRoom> {
    if bytes <= ALWAYS_ALLOWED {
        return Ok(());
    }
    let free = available();
    if bytes <= free - free / SPARED { Ok(()) } else { Err(NoRoom { wanted: bytes, free }) }
}

fn system() -> System {
    System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()))
}

/// The limit of the process's address space (`ulimit -v`); Linux tells it in a file.
fn address_space() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"));
    // The soft limit; `unlimited` is no number.
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(u64::MAX)
}

/// Address space that the process has taken, where a limit makes it count.
fn taken() -> u64 {
    if address_space() == u64::MAX {
        return 0;
    }
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(4096)
}

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
    fn what_no_machine_has_is_refused_and_little_is_not() {
        assert!(total() > ALWAYS_ALLOWED && available() <= total());
        assert_eq!(ask(ALWAYS_ALLOWED), Ok(()));
        let refused = ask(1 << 60).unwrap_err();
        assert!(refused.to_string().starts_with("needs 1.2e9 GB of memory, "), "{refused}");
        assert_eq!([gigabytes(1_500_000_000), gigabytes(24_000_000_000)], ["1.5 GB", "24 GB"]);
    }

    #[test]
    fn small_and_large_arrays_are_zero_and_have_their_length() {
        for count in [0, 1, 1000, LARGE + 12_345] {
            let values: Vec<u16> = zeros(count);
            assert_eq!((values.len(), values.iter().map(|&value| usize::from(value)).sum::<usize>()), (count, 0));
            assert!(reserved::<u16>(count).capacity() >= count);
        }
    }
}
