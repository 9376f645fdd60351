//! Networks of every architecture with every norm and activation, small and with drawn weights.

use burn::tensor::Device;
use segspec::backend::Precision;
use segspec::model::attention_unet::AttentionUnetPlan;
use segspec::model::block::{Activation, Norm};
use segspec::model::classifier::ClassifierPlan;
use segspec::model::multipass::MultipassUnetPlan;
use segspec::model::segformer::SegformerPlan;
use segspec::model::unet::UnetPlan;
use segspec::model::vnet::VnetPlan;
use segspec::model::{Interface, ModelPlan, Network, Parameter, SliceTarget, build};
use segspec_testing::noise;

const NORMS: [Norm; 4] = [Norm::Instance, Norm::Batch, Norm::Group, Norm::None];
const ACTIVATIONS: [Activation; 5] =
    [Activation::LeakyRelu, Activation::Relu, Activation::Gelu, Activation::Silu, Activation::Prelu];

/// A network to export.
pub struct Sample {
    pub name: String,
    pub plan: ModelPlan,
    pub interface: Interface,
    /// Size of the images that it is traced with.
    pub size: [usize; 3],
    pub dynamic: bool,
}

impl Sample {
    fn new(name: impl Into<String>, plan: ModelPlan, size: [usize; 3]) -> Self {
        let interface = Interface { channels: 2, outputs: 3, sigmoid: false };
        Self { name: name.into(), plan, interface, size, dynamic: false }
    }

    fn dynamic(self) -> Self {
        Self { name: format!("{}-dynamic", self.name), dynamic: true, ..self }
    }

    /// The network, with weights that depend on their names.
    pub fn network(&self, device: &Device) -> Network {
        let network = build(&self.plan, self.interface, Precision::F32, 0, device);
        network.with_values(|parameter| Some(values(parameter)))
    }

    pub fn source(&self) -> segspec::graph::pytorch::Source {
        self.plan.pytorch(self.interface)
    }
}

fn values(parameter: &Parameter) -> Vec<f32> {
    let Parameter { name, shape, .. } = parameter;
    let fan_in: usize = shape[1..].iter().product();
    let value = |u: f64| match name.rsplit('.').next().unwrap() {
        "slopes" => 0.25 + 0.2 * u,
        "running_var" => 1.0 + 0.5 * u,
        "gamma" => 1.0 + 0.2 * u,
        _ if shape.len() == 1 => 0.2 * u,
        _ => u * (3.0 / fan_in as f64).sqrt(),
    };
    noise(name, shape.iter().product()).map(|u| value(u) as f32).collect()
}

/// Strides that halve height and width twice, and the depth once; kernels of this edge. Flat networks leave the depth alone.
fn stages(flat: bool, edge: usize) -> (Vec<[usize; 3]>, Vec<[usize; 3]>) {
    let strides = if flat { vec![[1; 3], [1, 2, 2], [1, 2, 2]] } else { vec![[1; 3], [2; 3], [1, 2, 2]] };
    let kernel = |depth: usize| [if flat { 1 } else { depth }, edge, edge];
    (strides, vec![kernel(edge), kernel(edge), kernel(1)])
}

fn unet(flat: bool, residual: bool, norm: Norm, activation: Activation) -> UnetPlan {
    let (strides, kernels) = stages(flat, 3);
    UnetPlan {
        features: vec![4, 8, 12],
        strides,
        kernels,
        blocks: vec![1, 2, 1],
        decoder_blocks: 2,
        residual,
        norm,
        activation,
        deep_supervision: true,
        initial_weights: Default::default(),
    }
}

fn attention(flat: bool, norm: Norm, activation: Activation) -> AttentionUnetPlan {
    let UnetPlan { features, strides, kernels, blocks, .. } = unet(flat, false, norm, activation);
    AttentionUnetPlan { features, strides, kernels, blocks, norm, activation, deep_supervision: true }
}

fn vnet(flat: bool, norm: Norm, activation: Activation) -> VnetPlan {
    let (strides, kernels) = stages(flat, 5);
    let (blocks, decoder_blocks) = (vec![1, 2, 1], vec![2, 1]);
    VnetPlan { features: vec![4, 8, 12], strides, kernels, blocks, decoder_blocks, norm, activation, dropout: 0.5 }
}

fn multipass(unet: UnetPlan, residual: bool) -> ModelPlan {
    ModelPlan::MultipassUnet(MultipassUnetPlan {
        pass_weights: vec![1.0; 3],
        residual,
        stop_gradients: false,
        unet: UnetPlan { deep_supervision: false, ..unet },
    })
}

fn segformer() -> ModelPlan {
    let (features, blocks) = (vec![8, 16, 20, 32], vec![1, 1, 2, 1]);
    ModelPlan::Segformer(SegformerPlan { features, blocks, decoder_features: 16, dropout: 0.1, drop_path: 0.1 })
}

fn classifier(norm: Norm) -> ModelPlan {
    let (features, blocks) = (vec![4, 4, 8, 8], vec![1, 2, 1, 1]);
    ModelPlan::Classifier(ClassifierPlan { target: SliceTarget::PerStructure, features, blocks, norm, dropout: 0.2 })
}

/// Size of the images of flat and of 3D networks.
fn size(flat: bool) -> [usize; 3] {
    if flat { [1, 16, 24] } else { [8, 16, 12] }
}

/// Networks with one norm and one activation, flat or not.
fn of(flat: bool, norm: Norm, activation: Activation) -> Vec<Sample> {
    let ending = format!("{}-{}-{}", if flat { "2d" } else { "3d" }, norm.name(), activation.name());
    let sample = |name: &str, plan| Sample::new(format!("{name}-{ending}"), plan, size(flat));
    vec![
        sample("unet", ModelPlan::Unet(unet(flat, false, norm, activation))),
        sample("residual", ModelPlan::Unet(unet(flat, true, norm, activation))),
        sample("attention", ModelPlan::AttentionUnet(attention(flat, norm, activation))),
        sample("vnet", ModelPlan::Vnet(vnet(flat, norm, activation))),
    ]
}

/// All networks.
pub fn samples() -> Vec<Sample> {
    let pairs = NORMS.into_iter().flat_map(|norm| ACTIVATIONS.into_iter().map(move |activation| (norm, activation)));
    let mut samples: Vec<Sample> =
        pairs.enumerate().flat_map(|(index, (norm, activation))| of(index % 2 == 0, norm, activation)).collect();
    let plain = |flat| unet(flat, false, Norm::Instance, Activation::LeakyRelu);
    // A kernel that reaches into slices that a flat image does not have.
    let deep = UnetPlan { kernels: vec![[3; 3]; 3], ..plain(true) };
    let single =
        UnetPlan { features: vec![4], strides: vec![[1; 3]], kernels: vec![[3; 3]], blocks: vec![2], ..plain(false) };
    let overlapping = AttentionUnetPlan { kernels: vec![[3; 3]; 3], ..attention(true, Norm::Group, Activation::Relu) };
    let supervised = UnetPlan {
        features: vec![4, 4, 8, 8],
        strides: vec![[1; 3], [1, 2, 2], [2; 3], [1, 2, 2]],
        kernels: vec![[1, 3, 3], [3; 3], [3; 3], [3; 3]],
        blocks: vec![1; 4],
        ..plain(false)
    };
    samples.extend([
        Sample::new("unet-supervised", ModelPlan::Unet(supervised), [4, 32, 16]),
        Sample::new("unet-deep-kernels", ModelPlan::Unet(deep), size(true)),
        Sample::new("unet-single-stage", ModelPlan::Unet(single), size(false)),
        Sample::new("attention-deep-kernels", ModelPlan::AttentionUnet(overlapping), size(true)),
        Sample::new("multipass-corrections", multipass(plain(false), true), size(false)),
        Sample::new("multipass-anew", multipass(plain(true), false), size(true)),
        Sample::new("segformer", segformer(), [1, 64, 96]),
    ]);
    samples.extend(NORMS.map(|norm| Sample::new(format!("classifier-{}", norm.name()), classifier(norm), [1, 64, 96])));
    let mut sigmoid = Sample::new("multipass-sigmoid", multipass(plain(true), true), size(true));
    sigmoid.interface.sigmoid = true;
    samples.push(sigmoid);
    samples.extend([
        Sample::new("unet", ModelPlan::Unet(unet(false, true, Norm::Group, Activation::Gelu)), size(false)).dynamic(),
        Sample::new(
            "attention",
            ModelPlan::AttentionUnet(attention(false, Norm::Batch, Activation::Prelu)),
            size(false),
        )
        .dynamic(),
        Sample::new("vnet", ModelPlan::Vnet(vnet(true, Norm::Instance, Activation::Prelu)), size(true)).dynamic(),
        Sample::new("multipass", multipass(plain(false), true), size(false)).dynamic(),
        Sample::new("segformer", segformer(), [1, 64, 64]).dynamic(),
        Sample::new("classifier", classifier(Norm::Batch), [1, 64, 64]).dynamic(),
    ]);
    samples
}
