//! Steps of the optimisers, clipping of gradients, and the average of the weights.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::selftest::bound::Arithmetic;
use crate::selftest::operation::Operation;
use crate::selftest::side::Side;
use crate::train::average::blend;
use crate::train::optimizer::spec::{Adam, AdamW, Optimizer, Sgd};
use crate::train::optimizer::{Rules, clip_global_norm, clip_value};

/// Input and output features of the layer that is trained.
const FEATURES: [usize; 2] = [48, 96];

/// Rows that it is trained on.
const ROWS: usize = 64;

/// Steps: the moments of the earlier ones have a say in the later.
const STEPS: usize = 3;

/// All of them.
pub fn list() -> Vec<Operation> {
    let sgd = Optimizer::Sgd(Sgd::default());
    let plain = Optimizer::Sgd(Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0, ..Sgd::default() });
    let steps = [
        stepped("SGD step", "Nesterov momentum", sgd).critical(true),
        stepped("SGD step", "plain", plain),
        stepped("Adam step", "with an L2 penalty", Optimizer::Adam(Adam { weight_decay: 1e-3, ..Adam::default() })),
        stepped("AdamW step", "decoupled decay", Optimizer::Adamw(AdamW::default())).critical(true),
    ];
    steps.into_iter().chain([clipped(), averaged()]).collect()
}

fn size() -> String {
    format!("{} → {}", FEATURES[0], FEATURES[1])
}

fn terms() -> usize {
    FEATURES[0] * FEATURES[1]
}

/// A layer with drawn weights.
fn layer(side: &mut Side) -> Linear {
    let [input, output] = FEATURES;
    let mut layer = LinearConfig::new(input, output).init(side.device());
    layer.weight = Param::from_tensor(side.constant([input, output]));
    layer.bias = Some(Param::from_tensor(side.constant([output])));
    layer
}

/// The gradients of a layer for drawn rows: products of exact numbers, so that only the step itself is compared.
fn gradients(side: &mut Side, layer: &Linear) -> GradientsParams {
    let rows: Tensor<2> = side.constant([ROWS, FEATURES[0]]);
    let factors: Tensor<2> = side.constant([ROWS, FEATURES[1]]);
    let loss = (layer.forward(rows) * factors).sum().mul_scalar(1.0 / 16.0);
    GradientsParams::from_grads(loss.backward(), layer)
}

fn weights(side: &mut Side, layer: &Linear) {
    side.value("weights", layer.weight.val());
    if let Some(bias) = &layer.bias {
        side.value("biases", bias.val());
    }
}

fn stepped(name: &'static str, setting: &str, optimizer: Optimizer) -> Operation {
    let arithmetic = Arithmetic { stored: 4 * STEPS, ..Arithmetic::sums(terms()) };
    let operation = Operation::new(name, format!("{}, {setting}", size()), arithmetic, move |side| {
        let mut layer = layer(side);
        // A layer has no groups that could be missing.
        let rules = Rules::new(&layer, &optimizer, &[], false).unwrap_or_default();
        let mut stepper = rules.optimizer(&optimizer);
        for _ in 0..STEPS {
            let mut gradients = gradients(side, &layer);
            clip_global_norm(&layer, &mut gradients, 12.0);
            layer = stepper.step(rules.rates(optimizer.learning_rate()), layer, gradients);
        }
        weights(side, &layer);
    });
    operation.in_f32()
}

fn clipped() -> Operation {
    let arithmetic = Arithmetic { stored: 4, ..Arithmetic::sums(terms()) };
    let operation = Operation::new("clipping of gradients", size(), arithmetic, |side| {
        let layer = layer(side);
        let mut gradients = gradients(side, &layer);
        clip_value(&layer, &mut gradients, 0.25);
        if let Some(norm) = clip_global_norm(&layer, &mut gradients, 0.5) {
            side.value("norm", norm);
        }
        if let Some(weight) = gradients.get::<2>(layer.weight.id) {
            side.value("gradient of weights", weight);
        }
    });
    operation.in_f32()
}

fn averaged() -> Operation {
    let arithmetic = Arithmetic { stored: 3, ..Arithmetic::sums(1) };
    let operation = Operation::new("average of weights", size(), arithmetic, |side| {
        let (average, current) = (layer(side).valid(), layer(side).valid());
        let blended = blend(average, &current, 0.9);
        weights(side, &blended);
    });
    operation.in_f32()
}
