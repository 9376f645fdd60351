//! Sums over rows, in a fixed order that is the same on every processor.

/// Partial sums of a row: one AVX-512 register.
pub(super) const LANES: usize = 16;

/// `Σ term(a, b)` over two rows.
#[inline(always)]
pub(super) fn sum_of(first: &[f32], second: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let blocks = first.chunks_exact(LANES).zip(second.chunks_exact(LANES));
    let whole = first.len() / LANES * LANES;
    for (first, second) in blocks {
        for i in 0..LANES {
            lanes[i] += term(first[i], second[i]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(first[whole..].iter().zip(&second[whole..])) {
        *lane += term(*a, *b);
    }
    total(lanes)
}

/// The sum of a row.
#[inline(always)]
pub(super) fn sum(row: &[f32]) -> f32 {
    sum_of(row, row, |value, _| value)
}

/// `Σ a · b`
#[inline(always)]
pub(super) fn dot(first: &[f32], second: &[f32]) -> f32 {
    sum_of(first, second, |a, b| a * b)
}

/// The largest value of a row; NaN is ignored.
#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut blocks = row.chunks_exact(LANES);
    for block in &mut blocks {
        for i in 0..LANES {
            lanes[i] = lanes[i].max(block[i]);
        }
    }
    lanes.iter().chain(blocks.remainder()).fold(f32::NEG_INFINITY, |most, value| most.max(*value))
}

/// Sums lanes by halves.
#[inline(always)]
fn total(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_rows_of_every_length() {
        for length in [0, 1, 7, 16, 17, 40, 100] {
            let row: Vec<f32> = (0..length).map(|index| index as f32 - 3.0).collect();
            assert_eq!(sum(&row), row.iter().sum::<f32>());
            assert_eq!(dot(&row, &row), row.iter().map(|value| value * value).sum::<f32>());
            assert_eq!(largest(&row), row.last().copied().unwrap_or(f32::NEG_INFINITY));
        }
    }
}
