//! Masks by formulas, the same as in `tests/reference/metrics.py`.

use ndarray::Array3;
use serde_json::Value;

/// Name and numbers.
pub type Part = Vec<Value>;

/// A mask from parts, one after the other: added, or removed where the name begins with `no-`.
pub fn mask(size: [usize; 3], parts: &[Part]) -> Array3<bool> {
    let mut mask = Array3::from_elem(size, false);
    for part in parts {
        let name = part[0].as_str().unwrap();
        let numbers: Vec<f64> = part[1..].iter().map(|number| number.as_f64().unwrap()).collect();
        let (kind, adds) = name.strip_prefix("no-").map_or((name, true), |kind| (kind, false));
        for (index, ((z, y, x), voxel)) in mask.indexed_iter_mut().enumerate() {
            if inside(kind, &numbers, [z as f64, y as f64, x as f64], index) {
                *voxel = adds;
            }
        }
    }
    mask
}

fn inside(kind: &str, p: &[f64], at: [f64; 3], index: usize) -> bool {
    match kind {
        "box" => (0..3).all(|axis| at[axis] >= p[axis] && at[axis] < p[axis + 3]),
        "ellipsoid" => {
            let [z, y, x] = [0, 1, 2].map(|axis| ((at[axis] - p[axis]) / p[axis + 3]).powi(2));
            z + y + x <= 1.0
        }
        "slab" => (at[0] * p[0] + at[1] * p[1] + at[2] * p[2] - p[3]).abs() <= p[4],
        "noise" => noise(index, p[0] as u64, p[1]),
        other => panic!("{other}"),
    }
}

fn noise(index: usize, seed: u64, chance: f64) -> bool {
    const U32: u64 = 0xFFFF_FFFF;
    let mut number = (index as u64 * 2_654_435_761 + seed * 40_503) & U32;
    number ^= number >> 15;
    number = number.wrapping_mul(2_246_822_519) & U32;
    number ^= number >> 13;
    number < (chance * 4_294_967_296.0) as u64
}
