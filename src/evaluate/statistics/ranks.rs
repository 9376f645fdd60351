//! Ranks of numbers.

/// Ranks from 1 for the smallest value; equal values share the average of their ranks (`method = "average"`).
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    ranks(values, |before, equal| before as f64 + (equal as f64 + 1.0) / 2.0)
}

/// Ranks from 1 for the smallest value; equal values share the smallest of their ranks (`ties.method = "min"` of R): 1, 2, 2, 4.
pub fn smallest_ranks(values: &[f64]) -> Vec<f64> {
    ranks(values, |before, _| before as f64 + 1.0)
}

/// The rank of a group of equal values, from the number of smaller values and its size.
fn ranks(values: &[f64], rank: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut found = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        group.iter().for_each(|index| found[*index] = rank(before, group.len()));
        before += group.len();
    }
    found
}
