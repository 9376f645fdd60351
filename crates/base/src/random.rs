//! Counter-based random numbers: every draw is keyed by (seed, purpose, epoch, sample), so that it depends neither on the
//! number of workers nor on where a resume happened.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A generator for one purpose and place. The key is hashed, so that neighbouring keys give unrelated streams.
pub fn stream(seed: u64, purpose: &str, epoch: u64, sample: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("segspec 2026 random stream v1");
    for word in [seed, epoch, sample] {
        hasher.update(&word.to_le_bytes());
    }
    hasher.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_depend_on_every_part_of_the_key_and_on_nothing_else() {
        let first = |seed, purpose, epoch, sample| stream(seed, purpose, epoch, sample).random::<u64>();
        let reference = first(1, "patch", 2, 3);
        assert_eq!(reference, first(1, "patch", 2, 3));
        for other in
            [first(2, "patch", 2, 3), first(1, "mirror", 2, 3), first(1, "patch", 3, 3), first(1, "patch", 2, 4)]
        {
            assert_ne!(reference, other);
        }
    }
}
