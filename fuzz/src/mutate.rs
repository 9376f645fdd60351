//! Mutations: the same seed and number give the same file.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::dress::Seed;

/// Numbers that headers claim without meaning them, in text.
const CLAIMS: [&str; 9] = ["0", "-1", "1", "65536", "2147483647", "4294967296", "99999999999", "1e308", "nan"];

/// The same, in binary.
const WORDS: [u64; 8] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, u64::MAX];

/// Changed content number `index` of some seeds, and the file that it becomes.
pub fn file(seeds: &[Seed], index: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(index);
    let seed = &seeds[random.random_range(0..seeds.len())];
    let mut content = seed.content.clone();
    for _ in 0..random.random_range(1..6) {
        change(&mut content, seeds, &mut random);
    }
    seed.file(&content)
}

fn change(bytes: &mut Vec<u8>, seeds: &[Seed], random: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        return;
    }
    // Headers hold most of what can go wrong, but not all of it.
    let reach = if random.random_range(0..2) == 0 { bytes.len().min(512) } else { bytes.len() };
    let at = random.random_range(0..reach);
    let length = random.random_range(1..=64).min(bytes.len() - at);
    match random.random_range(0..10) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at..at + length].iter_mut().for_each(|byte| *byte = random.random()),
        2 => bytes[at..at + length].fill([0, 255, b'9', b' '][random.random_range(0..4)]),
        3 => bytes.truncate(at),
        4 => {
            let part = bytes[at..at + length].to_vec();
            bytes.splice(at..at, part);
        }
        5 => drop(bytes.drain(at..at + length)),
        6 => word(bytes, at, random),
        7 => splice(bytes, at, seeds, random),
        8 => bytes[at] = bytes[at].wrapping_add(random.random_range(0..3)).wrapping_sub(1),
        _ => claim(bytes, at, CLAIMS[random.random_range(0..CLAIMS.len())]),
    }
}

/// A binary number, of 1, 2, 4 or 8 bytes in either order.
fn word(bytes: &mut [u8], at: usize, random: &mut ChaCha8Rng) {
    let width = (1_usize << random.random_range(0..4)).min(bytes.len() - at);
    let mut word = WORDS[random.random_range(0..WORDS.len())].to_le_bytes();
    word[..width].rotate_left(random.random_range(0..width));
    bytes[at..at + width].copy_from_slice(&word[..width]);
}

/// A piece of another seed.
fn splice(bytes: &mut Vec<u8>, at: usize, seeds: &[Seed], random: &mut ChaCha8Rng) {
    let other = &seeds[random.random_range(0..seeds.len())].content;
    if other.is_empty() {
        return;
    }
    let from = random.random_range(0..other.len());
    let length = random.random_range(1..=256).min(other.len() - from);
    bytes.splice(at..at, other[from..from + length].iter().copied());
}

/// Replaces the number in text behind a place.
fn claim(bytes: &mut Vec<u8>, at: usize, number: &str) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else { return };
    let end = bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |more| start + more);
    bytes.splice(start..end, number.bytes());
}
