//! Every loss term, for classes and for masks.

use burn::tensor::Tensor;

use crate::loss::spec::{BinaryCrossEntropy, CrossEntropy, Empty, Focal, Loss, Outputs, Overlap, Tversky};
use crate::loss::{Truth, total};
use crate::selftest::bound::Arithmetic;
use crate::selftest::operation::{Operation, times};

/// Channels of the logits: background and structures, or structures.
const OUTPUTS: usize = 3;

/// Batch and size of the logits.
const SHAPES: [[usize; 4]; 2] = [[2, 6, 14, 18], [1, 32, 32, 32]];

/// Factor of the logits: probabilities from a hundredth to almost 1.
const RANGE: f64 = 4.0;

/// All of them.
pub fn list() -> Vec<Operation> {
    let mut operations = Vec::new();
    for (setting, loss) in terms() {
        for overlapping in [false, true] {
            let refused = match loss.term().outputs() {
                Outputs::Any => false,
                Outputs::Exclusive => overlapping,
                Outputs::Independent => !overlapping,
            };
            if !refused {
                operations.extend(SHAPES.map(|shape| operation(setting, loss.clone(), overlapping, shape)));
            }
        }
    }
    operations
}

/// Each term with its options: the settings' name, and the term.
fn terms() -> Vec<(&'static str, Loss)> {
    let weights = Some(vec![0.5, 1.0, 2.0]);
    let entropy = CrossEntropy::default;
    let binary = BinaryCrossEntropy::default;
    let overlap = Overlap::default;
    vec![
        ("", Loss::CrossEntropy(entropy())),
        ("weighted", Loss::CrossEntropy(CrossEntropy { class_weights: weights.clone(), ..entropy() })),
        ("smoothed", Loss::CrossEntropy(CrossEntropy { label_smoothing: 0.1, ..entropy() })),
        ("of the hardest", Loss::CrossEntropy(CrossEntropy { top_k_fraction: Some(0.1), ..entropy() })),
        ("", Loss::BinaryCrossEntropy(binary())),
        ("weighted", Loss::BinaryCrossEntropy(BinaryCrossEntropy { positive_weights: weights.clone(), ..binary() })),
        ("smoothed", Loss::BinaryCrossEntropy(BinaryCrossEntropy { label_smoothing: 0.1, ..binary() })),
        ("of the hardest", Loss::BinaryCrossEntropy(BinaryCrossEntropy { top_k_fraction: Some(0.1), ..binary() })),
        ("", Loss::Focal(Focal::default())),
        ("weighted", Loss::Focal(Focal { gamma: 1.5, alpha: Some(0.25), class_weights: weights, ..Focal::default() })),
        ("", Loss::Dice(overlap())),
        ("per patch", Loss::Dice(Overlap { batch: !overlap().batch, background: true, ..overlap() })),
        ("present only", Loss::Dice(Overlap { empty: Empty::Skip, ..overlap() })),
        ("", Loss::Jaccard(overlap())),
        ("", Loss::GeneralizedDice(overlap())),
        ("", Loss::Tversky(Tversky::default())),
        ("focal", Loss::Tversky(Tversky { exponent: 0.75, false_negatives: 0.7, ..Tversky::default() })),
    ]
}

/// The loss of random logits, its gradient included. A hundredth or so of the voxels are unlabelled.
fn operation(setting: &str, loss: Loss, overlapping: bool, shape: [usize; 4]) -> Operation {
    let [batch, z, y, x] = shape;
    let name = loss.name();
    let critical =
        setting.is_empty() && batch == 2 && ["dice", "cross-entropy", "binary-cross-entropy"].contains(&name);
    let settings = if setting.is_empty() { String::new() } else { format!(", {setting}") };
    let text = format!("{}, {}{settings}", if overlapping { "masks" } else { "classes" }, times(&shape));
    let arithmetic = Arithmetic { stored: 4, ..Arithmetic::sums(OUTPUTS * batch * z * y * x) };
    let operation = Operation::new(name, text, arithmetic, move |side| {
        let logits: Tensor<5> = side.distinct_leaf([batch, OUTPUTS, z, y, x]);
        let truth = match overlapping {
            true => Truth::Masks(side.whole([batch, OUTPUTS, z, y, x], [-1, 1]).float()),
            false => Truth::Classes(side.whole([batch, 1, z, y, x], [-1, OUTPUTS as i32 - 1])),
        };
        side.output(total(std::slice::from_ref(&loss), logits.mul_scalar(RANGE), &truth));
    });
    operation.in_f32().critical(critical)
}
