//! Adjustment of p-values for the number of tests.

/// Holm's step-down adjustment (1979), in the order of the p-values; as `p.adjust(method = "holm")` of R.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut adjusted, mut largest) = (vec![1.0; p.len()], 0.0_f64);
    for (place, index) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - place) as f64 * p[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}
