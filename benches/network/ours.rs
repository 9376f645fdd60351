//! segspec: a training step (forward, cross-entropy, backward, AdamW) and an inference.

use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor};
use segspec::auto::Auto;
use segspec::backend;
use segspec::loss::spec::CrossEntropy;
use segspec::loss::{self, Loss, Truth};
use segspec::model::attention_unet::AttentionUnet;
use segspec::model::block::{Activation, Norm};
use segspec::model::segformer::Segformer;
use segspec::model::unet::UnetPlan;
use segspec::model::vnet::Vnet;
use segspec::model::{self, Interface, Model, ModelPlan, Network, Stages};

use super::super::common::{median, memory};
use super::{Case, Kind, Measured};

const CLASSES: usize = 3;
const STEPS: usize = 5;
const WARM_UP: usize = 2;

/// Measures one case in this process.
pub fn measure(case: &Case, device: &Device) -> Measured {
    let device = device.clone().autodiff();
    let interface = Interface { channels: 1, outputs: CLASSES, sigmoid: false };
    let mut network = model::build(&plan(case), interface, case.precision, 0, &device);
    let [z, y, x] = case.size;
    let images = Tensor::<5>::random([case.batch, 1, z, y, x], Distribution::Normal(0.0, 1.0), &device);
    let classes = Distribution::Uniform(0.0, CLASSES as f64 - 1e-3);
    let classes: Tensor<5, Int> = Tensor::<5>::random([case.batch, 1, z, y, x], classes, &device).int();
    let truth = Truth::Classes(classes);
    let terms = [Loss::CrossEntropy(CrossEntropy::default())];
    let mut optimizer = AdamWConfig::new().init();
    let step = repeat(|| {
        backend::near(&device, || {
            let loss = loss::total(&terms, network.forward(images.clone()), &truth);
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(1e-3, network.clone(), gradients);
        });
        wait(&device);
    });
    let peak = peak(&device);
    let (network, images): (Network, _) = (network.valid(), images.inner());
    let inference = repeat(|| {
        let _ = backend::near(&device, || network.forward(images.clone()));
        wait(&device);
    });
    Measured { name: "segspec".into(), step, inference, peak }
}

/// Waits for a GPU, which computes asynchronously.
fn wait(device: &Device) {
    device.clone().inner().sync().expect("the device is well");
}

/// Peak memory in MB: of a GPU's memory pool, which never shrinks by itself, or of the process.
fn peak(device: &Device) -> f64 {
    let pool = device.clone().inner().memory_pool_usage();
    pool.map_or_else(|| memory("VmHWM"), |pool| pool.bytes_reserved as f64) / 1e6
}

fn plan(case: &Case) -> ModelPlan {
    let features = || Auto::Fixed(case.features.to_vec());
    let spec = match case.kind {
        Kind::Unet => return ModelPlan::Unet(unet(case)),
        Kind::AttentionUnet => Model::AttentionUnet(AttentionUnet { features: features(), ..AttentionUnet::default() }),
        Kind::Vnet => Model::Vnet(Vnet { features: features(), ..Vnet::default() }),
        Kind::Segformer => {
            let (dropout, drop_path) = (0.0, 0.0);
            Model::Segformer(Segformer { features: features(), dropout, drop_path, ..Segformer::default() })
        }
    };
    let UnetPlan { features, strides, .. } = unet(case);
    let edge = if case.kind == Kind::Vnet { 5 } else { 3 };
    let blocks = if case.kind == Kind::Vnet { vec![1, 1, 2, 3, 2] } else { vec![2; features.len()] };
    let kernels = vec![[if case.size[0] == 1 { 1 } else { edge }, edge, edge]; features.len()];
    spec.resolve(Stages { features, strides, kernels, blocks, decoder_blocks: vec![1, 1, 2, 2] })
}

fn unet(case: &Case) -> UnetPlan {
    let (flat, stages) = (case.size[0] == 1, case.features.len());
    let depth = |length: usize| if flat { 1 } else { length };
    let stride = |stage: usize| if stage == 0 { [1; 3] } else { [depth(2), 2, 2] };
    UnetPlan {
        features: case.features.to_vec(),
        strides: (0..stages).map(stride).collect(),
        kernels: vec![[depth(3), 3, 3]; stages],
        blocks: vec![2; stages],
        decoder_blocks: 2,
        residual: false,
        norm: Norm::Instance,
        activation: Activation::LeakyRelu,
        deep_supervision: false,
        initial_weights: Default::default(),
    }
}

fn repeat(mut work: impl FnMut()) -> f64 {
    let mut timed = || {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..WARM_UP).for_each(|_| {
        timed();
    });
    median((0..STEPS).map(|_| timed()).collect())
}
