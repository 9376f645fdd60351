//! Sums and means, alone and with what follows them.

use burn::tensor::Tensor;

use crate::selftest::bound::Arithmetic;
use crate::selftest::operation::Operation;

/// Lengths of rows.
const ROWS: [usize; 6] = [256, 512, 2048, 16_384, 65_536, 262_144];

/// All of them.
pub fn list() -> Vec<Operation> {
    ROWS.into_iter().flat_map(of_rows).chain([over_axes(), whole()]).collect()
}

fn of_rows(row: usize) -> [Operation; 3] {
    let operation = |name, work: fn(Tensor<3>) -> Tensor<3>| {
        let operation = Operation::new(name, format!("rows of {row}"), Arithmetic::sums(row), move |side| {
            let rows = side.distinct_leaf([1, 4, row]);
            side.output(work(rows));
        });
        operation.in_f32()
    };
    [
        operation("sum", |rows| rows.sum_dim(2)),
        operation("mean", |rows| rows.mean_dim(2)),
        operation("distance from the mean", |rows| rows.clone() - rows.mean_dim(2)),
    ]
}

/// Axis by axis, as losses and norms of gradients sum.
fn over_axes() -> Operation {
    let operation = Operation::new("sum over axes", "2×4, 16×32×32".into(), Arithmetic::sums(16_384), |side| {
        let images: Tensor<5> = side.distinct_leaf([2, 4, 16, 32, 32]);
        side.output([4, 3, 2].into_iter().fold(images, |sum, axis| sum.sum_dim(axis)));
    });
    operation.in_f32().critical(true)
}

fn whole() -> Operation {
    let operation = Operation::new("sum of all", "2×4, 16×32×32".into(), Arithmetic::sums(131_072), |side| {
        let images: Tensor<5> = side.distinct_leaf([2, 4, 16, 32, 32]);
        side.output(images.square().sum());
    });
    operation.in_f32()
}
