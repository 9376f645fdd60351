//! Standard normal numbers by the ziggurat method (Marsaglia and Tsang 2000) in Doornik's form (2005) with 128 layers.

use std::sync::LazyLock;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

const LAYERS: usize = 128;
/// Start of the tail.
const TAIL: f64 = 3.442_619_855_899;
/// Area of each layer.
const AREA: f64 = 9.912_563_035_262_17e-3;

struct Tables {
    /// Right ends of the layers, from the base layer's virtual one down to 0.
    ends: [f64; LAYERS + 1],
    /// The fraction of each layer that lies entirely below the curve.
    inner: [f64; LAYERS],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut ends = [0.0; LAYERS + 1];
    let mut height = density(TAIL);
    ends[0] = AREA / height;
    ends[1] = TAIL;
    for layer in 2..LAYERS {
        ends[layer] = (-2.0 * (AREA / ends[layer - 1] + height).ln()).sqrt();
        height = density(ends[layer]);
    }
    Tables { inner: std::array::from_fn(|layer| ends[layer + 1] / ends[layer]), ends }
});

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp()
}

/// Adds `sd` times a standard normal number to every value.
pub(super) fn add(values: &mut [f32], sd: f64, rng: &mut ChaCha8Rng) {
    let tables = &*TABLES;
    for value in values {
        *value += (sd * one(tables, rng)) as f32;
    }
}

fn one(tables: &Tables, rng: &mut ChaCha8Rng) -> f64 {
    loop {
        // The layer from the low bits, the position in −1…1 from the high ones.
        let bits: u64 = rng.random();
        let layer = (bits & (LAYERS as u64 - 1)) as usize;
        let place = (bits >> 11) as f64 * (2.0 / (1u64 << 53) as f64) - 1.0;
        let x = place * tables.ends[layer];
        if place.abs() < tables.inner[layer] {
            return x;
        }
        if layer == 0 {
            return tail(rng).copysign(place);
        }
        let (outer, inner) = (density(tables.ends[layer]), density(tables.ends[layer + 1]));
        if outer + rng.random::<f64>() * (inner - outer) < density(x) {
            return x;
        }
    }
}

/// Beyond the last layer (Marsaglia 1964).
fn tail(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let x = -(1.0 - rng.random::<f64>()).ln() / TAIL;
        let y = -(1.0 - rng.random::<f64>()).ln();
        if 2.0 * y > x * x {
            return TAIL + x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_normal() {
        let mut values = vec![0.0f32; 400_000];
        add(&mut values, 1.0, &mut crate::random::stream(5, "test", 0, 0));
        let count = values.len() as f64;
        let moment = |power: i32| values.iter().map(|value| f64::from(*value).powi(power)).sum::<f64>() / count;
        // Standard errors: 0.0016, 0.0022, 0.006, 0.015.
        assert!(moment(1).abs() < 0.008, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.011, "variance {}", moment(2));
        assert!(moment(3).abs() < 0.03, "skew {}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.08, "kurtosis {}", moment(4));
        // The cumulative distribution at a few places, the tail among them.
        for (x, expected) in [(-2.0, 0.022_75), (-1.0, 0.158_655), (0.5, 0.691_462), (1.7, 0.955_435), (3.5, 0.999_767)]
        {
            let below = values.iter().filter(|value| f64::from(**value) < x).count() as f64 / count;
            assert!((below - expected).abs() < 5.0 * (expected * (1.0 - expected) / count).sqrt(), "{x}: {below}");
        }
    }
}
