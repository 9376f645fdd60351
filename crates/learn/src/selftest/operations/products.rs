//! Matrix products, softmax and attention.

use burn::tensor::Tensor;

use crate::backend::Precision;
use crate::backend::bias::add_bias;
use crate::backend::soft::probabilities;
use crate::backend::softmax::softmax;
use crate::selftest::bound::Arithmetic;
use crate::selftest::operation::Operation;

/// All of them.
pub fn list() -> Vec<Operation> {
    let products = [[64, 48, 80], [7, 33, 5], [128, 256, 128], [16, 4096, 16]].map(product);
    let softmaxes = [8, 64, 1000].map(over_rows);
    let found = [[2, 1, 256, 32], [2, 4, 64, 64]].map(attention);
    let linear = [[2, 100, 32, 64], [1, 256, 160, 160]].map(linear);
    let of_classes = [false, true].map(of_classes);
    products.into_iter().chain(linear).chain(softmaxes).chain(found).chain(of_classes).collect()
}

fn product([rows, inner, columns]: [usize; 3]) -> Operation {
    let text = format!("{rows}×{inner} · {inner}×{columns}");
    let terms = rows.max(inner).max(columns);
    let operation = Operation::new("matrix product", text, Arithmetic::sums(terms), move |side| {
        let (first, second): (Tensor<3>, Tensor<3>) = (side.leaf([2, rows, inner]), side.leaf([2, inner, columns]));
        side.output(first.matmul(second));
    });
    operation.critical(inner == 48)
}

fn linear([batch, tokens, input, output]: [usize; 4]) -> Operation {
    let text = format!("{batch}×{tokens}, {input} → {output}");
    Operation::new("linear layer", text, Arithmetic { stored: 2, ..Arithmetic::sums(batch * tokens) }, move |side| {
        let rows: Tensor<2> = side.leaf([batch * tokens, input]);
        let weight: Tensor<2> = side.leaf([output, input]);
        let bias = side.leaf([output]);
        side.output(add_bias(rows.matmul(weight.transpose()), bias));
    })
}

/// In 32 bits, as attention computes it. Scores up to ±8, so that probabilities differ.
fn over_rows(width: usize) -> Operation {
    let operation = Operation::new("softmax", format!("2×8, rows of {width}"), Arithmetic::sums(width), move |side| {
        let scores: Tensor<4> = side.leaf([2, 8, 16, width]);
        side.output(softmax(scores.mul_scalar(8.0)));
    });
    operation.in_f32().critical(width == 64)
}

/// Queries, keys and values of several heads: two products with a softmax between them. The gradients pass through both products and
/// hold probabilities that were rounded.
fn attention([batch, heads, tokens, features]: [usize; 4]) -> Operation {
    let text = format!("{batch}×{heads}, {tokens} tokens, {features} features");
    let arithmetic = Arithmetic { stored: 4, products: 2, ..Arithmetic::sums(tokens.max(features)) };
    Operation::new("attention", text, arithmetic, move |side| {
        let shape = [batch, heads, tokens, features];
        let [query, key, value]: [Tensor<4>; 3] = [(); 3].map(|()| side.leaf(shape));
        let scale = (features as f64).sqrt().recip();
        let scores = Precision::F32.cast(query.mul_scalar(scale).matmul(key.swap_dims(2, 3)));
        let attended = side.precision().cast(softmax(scores)).matmul(value);
        side.output(attended.swap_dims(1, 2).reshape([batch, tokens, heads * features]));
    })
}

/// Probabilities of a prediction; they have no gradient.
fn of_classes(overlapping: bool) -> Operation {
    let name = if overlapping { "probabilities, sigmoid" } else { "probabilities, softmax" };
    let operation = Operation::new(name, "2×4, 8×16×16".into(), Arithmetic::sums(4), move |side| {
        let logits: Tensor<5> = side.constant([2, 4, 8, 16, 16]).mul_scalar(8.0);
        side.value("output", probabilities(logits.inner(), overlapping));
    });
    operation.in_f32().critical(true)
}
