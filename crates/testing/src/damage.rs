//! Damage for tests: files as disks, networks and attackers leave them.

use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a header may claim without holding it.
const CLAIMS: [&str; 8] = ["0", "-1", "65536", "2147483647", "4294967296", "99999999999", "1e308", "nan"];

/// Changed copies of a file, the same for the same seed: bits flipped, bytes overwritten, cut, repeated and removed, and
/// numbers in text replaced by absurd ones.
pub fn copies(bytes: &[u8], count: usize, seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let bytes = bytes.to_vec();
    (0..count).map(move |_| {
        let mut copy = bytes.clone();
        for _ in 0..random.random_range(1..4) {
            change(&mut copy, &mut random);
        }
        copy
    })
}

fn change(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        return;
    }
    // Most of what can go wrong lies in the first kilobyte.
    let reach = if random.random_range(0..3) > 0 { bytes.len().min(1024) } else { bytes.len() };
    let at = random.random_range(0..reach);
    let length = random.random_range(1..=64).min(bytes.len() - at);
    match random.random_range(0..8) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at..at + length].iter_mut().for_each(|byte| *byte = random.random()),
        2 => bytes[at..at + length].fill([0, 255, b'9', b' '][random.random_range(0..4)]),
        3 => bytes.truncate(at),
        4 => {
            let part = bytes[at..at + length].to_vec();
            bytes.splice(at..at, part);
        }
        5 => {
            bytes.drain(at..at + length);
        }
        _ => claim(bytes, at, CLAIMS[random.random_range(0..CLAIMS.len())]),
    }
}

/// Replaces the number in text behind a place.
fn claim(bytes: &mut Vec<u8>, at: usize, number: &str) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else { return };
    let end =
        bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |offset| start + offset);
    bytes.splice(start..end, number.bytes());
}

/// Reads changed copies of a file in place, which must neither panic nor take memory beyond reason; returns how many were
/// read without an error.
pub fn survive<T, E>(path: &Path, count: usize, read: impl Fn(&Path) -> Result<T, E>) -> usize {
    let bytes = std::fs::read(path).unwrap();
    let seed = bytes.len() as u64;
    let read = copies(&bytes, count, seed).filter(|copy| {
        std::fs::write(path, copy).unwrap();
        read(path).is_ok()
    });
    let sound = read.count();
    std::fs::write(path, bytes).unwrap();
    sound
}
