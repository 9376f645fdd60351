//! The U-Net against PyTorch (`tests/reference/unet.py`), and properties.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::*;
use crate::backend::Precision;
use crate::model::architecture::Forward;
use crate::model::block::{Activation, InitialWeights, Norm, Weights};
use crate::model::{Interface, ModelPlan, Network, build};

#[derive(Deserialize)]
struct Reference {
    features: Vec<usize>,
    kernels: Vec<[usize; 3]>,
    strides: Vec<[usize; 3]>,
    channels: usize,
    classes: usize,
    size: [usize; 3],
    output: Vec<f32>,
    gradient: Vec<f32>,
    parameters: usize,
}

fn plan(features: &[usize], kernels: &[[usize; 3]], strides: &[[usize; 3]]) -> UnetPlan {
    UnetPlan {
        features: features.to_vec(),
        strides: strides.to_vec(),
        kernels: kernels.to_vec(),
        blocks: vec![2; features.len()],
        decoder_blocks: 2,
        residual: false,
        norm: Norm::Instance,
        activation: Activation::LeakyRelu,
        deep_supervision: false,
        initial_weights: Default::default(),
    }
}

fn wave(count: usize, offset: f64) -> impl Iterator<Item = f32> {
    (0..count).map(move |index| (0.37 * index as f64 + offset).sin() as f32)
}

/// Fills parameter i with 0.2·sin(0.37·j + i), plus one for the scales of norms.
struct Fill {
    next: usize,
}

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (shape, device) = (param.val().dims(), param.val().device());
        // In module order every conv (weight, bias) is followed by its norm (scale, shift): scales start at one.
        let is_scale = param.val().into_data().as_slice::<f32>().is_ok_and(|values| values.iter().all(|v| *v == 1.0));
        let offset = if is_scale { 1.0 } else { 0.0 };
        let values = wave(shape.iter().product(), self.next as f64).map(|value| 0.2 * value + offset).collect();
        self.next += 1;
        let data = TensorData::new(values, shape);
        param.map(|_| Tensor::from_data(data, &device).require_grad())
    }
}

#[test]
fn outputs_gradients_and_size_agree_with_pytorch() {
    let references: Vec<Reference> =
        serde_json::from_str(include_str!("../../../../../tests/reference/unet.json")).unwrap();
    let device = Device::flex().autodiff();
    for reference in references {
        let plan = plan(&reference.features, &reference.kernels, &reference.strides);
        let interface = Interface { channels: reference.channels, outputs: reference.classes, sigmoid: false };
        let network =
            UNet::new(&plan, interface, &mut Weights::new(0, Precision::F32, &device)).map(&mut Fill { next: 0 });
        assert_eq!(network.num_params(), reference.parameters);
        let [d, h, w] = reference.size;
        let shape = [2, reference.channels, d, h, w];
        let images = wave(shape.iter().product(), 0.5).collect();
        let output = network.forward(Tensor::from_data(TensorData::new(images, shape), &device));
        let weights = wave(reference.output.len(), 0.1).collect();
        let weights = Tensor::<5>::from_data(TensorData::new(weights, output.dims()), &device);
        let gradients = (output.clone() * weights).mean().backward();
        close(output.into_data().try_into_vec().unwrap(), &reference.output, 2e-4);
        let first = first_weight(&network);
        let gradient = first.val().grad(&gradients).unwrap();
        close(gradient.into_data().try_into_vec().unwrap(), &reference.gradient, 1e-4);
    }
}

fn close(ours: Vec<f32>, theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    let scale = theirs.iter().fold(0f32, |scale, value| scale.max(value.abs()));
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= tolerance * scale, "{ours} instead of {theirs}");
    }
}

fn first_weight(network: &UNet) -> Param<Tensor<5>> {
    struct First(Option<Param<Tensor<5>>>);
    impl burn::module::ModuleVisitor for First {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(param) = (param as &dyn std::any::Any).downcast_ref::<Param<Tensor<5>>>() {
                self.0.get_or_insert_with(|| param.clone());
            }
        }
    }
    let mut first = First(None);
    network.visit(&mut first);
    first.0.unwrap()
}

#[test]
fn the_2d_path_is_the_3d_path_with_depth_one() {
    let device = Device::flex();
    let flat = [[1, 3, 3], [1, 3, 3]];
    let strides = [[1, 1, 1], [1, 2, 2]];
    let network = UNet::new(
        &plan(&[4, 8], &flat, &strides),
        Interface { channels: 1, outputs: 2, sigmoid: false },
        &mut Weights::new(7, Precision::F32, &device),
    );
    // Two equal slices must give the same output as one: depth 1 runs Conv2d, depth 2 Conv3d.
    let image = Tensor::<5>::from_data(TensorData::new(wave(64, 0.0).collect(), [1, 1, 1, 8, 8]), &device);
    let one = network.forward(image.clone());
    let two = network.forward(Tensor::cat(vec![image.clone(), image], 2));
    let one: Vec<f32> = one.into_data().try_into_vec().unwrap();
    let first: Vec<f32> = two.narrow(2, 0, 1).into_data().try_into_vec().unwrap();
    close(first, &one, 1e-5);
}

#[test]
fn every_form_gives_logits_of_the_patch_size() {
    let device = Device::flex();
    let (kernels, strides) = ([[3, 3, 3]; 4], [[1, 1, 1], [2, 2, 2], [2, 2, 2], [1, 2, 2]]);
    for (residual, norm, deep_supervision) in
        [(true, Norm::Group, true), (true, Norm::Batch, false), (false, Norm::None, true)]
    {
        let plan = UnetPlan { residual, norm, deep_supervision, ..plan(&[4, 6, 8, 8], &kernels, &strides) };
        let network = UNet::new(
            &plan,
            Interface { channels: 2, outputs: 3, sigmoid: false },
            &mut Weights::new(1, Precision::F32, &device),
        );
        let images = Tensor::<5>::ones([1, 2, 8, 8, 16], &device);
        assert_eq!(network.forward(images.clone()).dims(), [1, 3, 8, 8, 16]);
        let sizes: Vec<[usize; 5]> = network.logits_supervised(images).iter().map(Tensor::dims).collect();
        let expected: &[[usize; 5]] = match deep_supervision {
            true => &[[1, 3, 8, 8, 16], [1, 3, 4, 4, 8]],
            false => &[[1, 3, 8, 8, 16]],
        };
        assert_eq!(sizes, expected);
    }
}

#[test]
fn weights_depend_on_the_seed_alone() {
    let device = Device::flex();
    let plan = ModelPlan::Unet(plan(&[4, 6], &[[3, 3, 3]; 2], &[[1, 1, 1], [2, 2, 2]]));
    let hash = |seed| {
        let interface = Interface { channels: 1, outputs: 2, sigmoid: false };
        crate::train::checkpoint::weights_hash(&crate::model::build(&plan, interface, Precision::F32, seed, &device))
    };
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

#[test]
fn he_weights_have_the_right_variance_and_residual_branches_start_at_zero() {
    let device = Device::flex();
    let kernels = [[3; 3]; 3];
    let strides = [[1; 3], [2; 3], [2; 3]];
    let plan =
        UnetPlan { residual: true, initial_weights: InitialWeights::He, ..plan(&[16, 32, 32], &kernels, &strides) };
    let interface = Interface { channels: 1, outputs: 2, sigmoid: false };
    let network = build(&ModelPlan::Unet(plan), interface, Precision::F32, 1, &device);
    let mut seen = [0; 3];
    for (name, shape, values) in values_of(&network) {
        let mean_square = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / values.len() as f64;
        if name.ends_with("bias") {
            seen[0] += 1;
            assert_eq!(mean_square, 0.0, "{name}");
        } else if name.contains("second_norm") && name.ends_with("gamma") {
            seen[1] += 1;
            assert_eq!(mean_square, 0.0, "{name}");
        } else if values.len() > 5000 {
            seen[2] += 1;
            let fan_in: usize = shape[1..].iter().product();
            let expected = 2.0 / 1.0001 / fan_in as f64;
            assert!((mean_square / expected - 1.0).abs() < 0.1, "{name}: {mean_square} {expected}");
        }
    }
    assert!(seen.iter().all(|&count| count >= 3), "{seen:?}");
}

/// Name, shape and values of every parameter.
fn values_of(network: &Network) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    struct Values(Vec<Vec<f32>>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().into_data().try_into_vec().unwrap());
        }
    }
    let mut values = Values(Vec::new());
    network.visit(&mut values);
    let named = network.parameters().into_iter().zip(values.0);
    named.map(|(parameter, values)| (parameter.name, parameter.shape, values)).collect()
}
