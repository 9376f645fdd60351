//! Trajectories against PyTorch's (`tests/reference/optimizer.py`), and which parameters a group matches.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, TensorData};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Reference {
    inputs: Vec<f32>,
    targets: Vec<f32>,
    start: Vec<Vec<f32>>,
    trajectories: BTreeMap<String, Vec<Vec<f32>>>,
}

/// Two linear layers.
#[derive(Module, Debug)]
struct Tiny {
    first: Linear,
    second: Linear,
}

impl Tiny {
    fn new(reference: &Reference, device: &Device) -> Self {
        let linear = |[inputs, outputs]: [usize; 2], weight: &[f32], bias: &[f32]| {
            let mut linear = LinearConfig::new(inputs, outputs).init(device);
            // PyTorch keeps `[outputs, inputs]`.
            let weight = Tensor::<2>::from_data(TensorData::new(weight.to_vec(), [outputs, inputs]), device);
            linear.weight = Param::from_tensor(weight.transpose());
            let bias = Tensor::<1>::from_data(TensorData::new(bias.to_vec(), [outputs]), device);
            linear.bias = Some(Param::from_tensor(bias));
            linear
        };
        let [first, first_bias, second, second_bias] = &reference.start[..] else { panic!("four parameters") };
        Self { first: linear([3, 5], first, first_bias), second: linear([5, 2], second, second_bias) }
    }

    fn loss(&self, reference: &Reference, step: usize, device: &Device) -> Tensor<1> {
        let part = |values: &[f32], width: usize| {
            let values = values[step * 4 * width..(step + 1) * 4 * width].to_vec();
            Tensor::<2>::from_data(TensorData::new(values, [4, width]), device)
        };
        let outputs = self.second.forward(self.first.forward(part(&reference.inputs, 3)).tanh());
        (outputs - part(&reference.targets, 2)).square().mean()
    }

    /// All weights in PyTorch's order.
    fn weights(&self) -> Vec<f32> {
        let of = |linear: &Linear| {
            let weight = linear.weight.val().transpose().into_data().try_into_vec::<f32>().unwrap();
            let bias = linear.bias.as_ref().unwrap().val().into_data().try_into_vec::<f32>().unwrap();
            [weight, bias].concat()
        };
        [of(&self.first), of(&self.second)].concat()
    }
}

/// Settings of one trajectory.
struct Way {
    optimizer: Optimizer,
    rate: f64,
    groups: Vec<Group>,
    decay_norms_and_biases: bool,
    clip_norm: f64,
    clip_value: f64,
}

impl Way {
    fn new(optimizer: Optimizer) -> Self {
        let rate = optimizer.learning_rate();
        Self { optimizer, rate, groups: vec![], decay_norms_and_biases: true, clip_norm: 0.0, clip_value: 0.0 }
    }

    /// Weights after each of 20 steps, ten to an epoch; the optimiser is saved and loaded in the middle.
    fn go(&self, reference: &Reference) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        let mut network = Tiny::new(reference, &device);
        let rules = Rules::new(&network, &self.optimizer, &self.groups, self.decay_norms_and_biases).unwrap();
        let mut optimizer = rules.optimizer(&self.optimizer);
        let mut steps = Vec::new();
        for step in 0..20 {
            let loss = network.loss(reference, step, &device);
            let mut gradients = GradientsParams::from_grads(loss.backward(), &network);
            rules.freeze(&network, &mut gradients, step / 10 + 1);
            if self.clip_value > 0.0 {
                clip_value(&network, &mut gradients, self.clip_value);
            }
            if self.clip_norm > 0.0 {
                clip_global_norm(&network, &mut gradients, self.clip_norm);
            }
            network = optimizer.step(rules.rates(self.rate), network, gradients);
            if step == 12 {
                optimizer = rules.optimizer(&self.optimizer).load_record(optimizer.to_record());
            }
            steps.push(network.weights());
        }
        steps
    }
}

fn group(parameters: &str) -> Group {
    Group { parameters: parameters.into(), learning_rate_factor: 1.0, weight_decay: None, freeze_epochs: 0 }
}

#[test]
fn trajectories_agree_with_pytorch() {
    let reference: Reference =
        serde_json::from_str(include_str!("../../../../../tests/reference/optimizer.json")).unwrap();
    let adam = spec::Adam { learning_rate: 0.01, ..spec::Adam::default() };
    let decayed = spec::Adam { weight_decay: 0.1, betas: [0.8, 0.99], epsilon: 1e-6, ..adam };
    let adamw = spec::AdamW { learning_rate: 0.01, weight_decay: 0.1, ..spec::AdamW::default() };
    let adamw = || Way::new(Optimizer::Adamw(adamw));
    let sgd = |momentum, nesterov, weight_decay| {
        Way::new(Optimizer::Sgd(spec::Sgd { learning_rate: 0.05, weight_decay, momentum, nesterov }))
    };
    let slow = Group { learning_rate_factor: 0.1, weight_decay: Some(0.0), ..group("first") };
    // The last group that matches a parameter counts.
    let groups = vec![group("first.weight"), slow];
    let frozen = vec![Group { freeze_epochs: 1, ..group("second") }];
    let ways = [
        ("adam", Way::new(Optimizer::Adam(adam))),
        ("adam_decay", Way::new(Optimizer::Adam(decayed))),
        ("adamw", adamw()),
        ("sgd", sgd(0.0, false, 0.0)),
        ("sgd_momentum", sgd(0.9, false, 0.01)),
        ("sgd_nesterov", sgd(0.99, true, 3e-5)),
        ("clip_norm", Way { clip_norm: 0.5, ..sgd(0.0, false, 0.0) }),
        ("clip_value", Way { clip_value: 0.1, ..sgd(0.0, false, 0.0) }),
        ("clip_both", Way { clip_value: 0.1, clip_norm: 0.3, ..sgd(0.0, false, 0.0) }),
        ("groups", Way { groups, ..adamw() }),
        ("no_decay", Way { decay_norms_and_biases: false, ..adamw() }),
        ("frozen", Way { groups: frozen, ..adamw() }),
    ];
    assert_eq!(ways.len(), reference.trajectories.len());
    for (name, way) in ways {
        for (step, (ours, theirs)) in way.go(&reference).iter().zip(&reference.trajectories[name]).enumerate() {
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!((ours - theirs).abs() < 2e-6, "{name}, step {step}: {ours} instead of {theirs}");
            }
        }
    }
}

#[test]
fn a_group_names_whole_parts_of_the_network() {
    let reference: Reference =
        serde_json::from_str(include_str!("../../../../../tests/reference/optimizer.json")).unwrap();
    let network = Tiny::new(&reference, &Device::flex().autodiff());
    let rules = |parameters: &str| Rules::new(&network, &Optimizer::default(), &[group(parameters)], true);
    for known in ["first", "second.bias"] {
        assert!(rules(known).is_ok(), "{known}");
    }
    for unknown in ["fir", "third", "", "first.weight.x"] {
        let message = rules(unknown).unwrap_err().to_string();
        assert!(message.contains(&format!("`{unknown}`")) && message.contains("first, second"), "{message}");
    }
}
