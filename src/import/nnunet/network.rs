//! The network of a configuration: `PlainConvUNet` and `ResidualEncoderUNet` of dynamic-network-architectures are our U-Net.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::plans::{Architecture, Configuration};
use super::{ImportError, Shape};
use crate::memory;
use crate::model::ModelPlan;
use crate::model::block::{Activation, InitialWeights, Norm};
use crate::model::unet::UnetPlan;

/// Arguments that do not matter at inference, or that are read below.
const KNOWN: [&str; 16] = [
    "n_stages",
    "features_per_stage",
    "conv_op",
    "kernel_sizes",
    "strides",
    "n_conv_per_stage",
    "n_blocks_per_stage",
    "n_conv_per_stage_decoder",
    "conv_bias",
    "norm_op",
    "norm_op_kwargs",
    "dropout_op",
    "dropout_op_kwargs",
    "nonlin",
    "nonlin_kwargs",
    "deep_supervision",
];

/// The plan of the network. `has_batch_norm`: whether the weights have running means, which some trainers ask for in place of the plans'
/// normalisation.
///
/// # Errors
/// The class or one of its arguments has no equivalent; the message names it.
pub fn plan(
    configuration: &Configuration,
    shape: Shape,
    has_batch_norm: bool,
    path: &Path,
) -> Result<ModelPlan, ImportError> {
    let Some(architecture) = &configuration.architecture else {
        return Err(ImportError::of(path, "the configuration states no architecture"));
    };
    let Architecture { network_class_name, arch_kwargs } = architecture;
    let residual = match network_class_name.rsplit('.').next() {
        Some("PlainConvUNet") => false,
        Some("ResidualEncoderUNet") => true,
        _ => {
            let reason = format!(
                "the network is a `{network_class_name}`; PlainConvUNet and ResidualEncoderUNet can be imported"
            );
            return Err(ImportError::of(path, reason));
        }
    };
    let keys = Keys { table: arch_kwargs, path };
    keys.refuse_unknown()?;
    let stages: usize = keys.get("n_stages")?;
    let list = |key: &str| keys.per_stage::<usize>(key, stages);
    let triples = |key: &str| {
        let lists: Vec<Axes> = keys.per_stage(key, stages)?;
        lists.iter().map(|list| shape.triple(&list.of(shape), 1, path)).collect::<Result<Vec<[usize; 3]>, _>>()
    };
    let decoder: Vec<usize> = keys.per_stage("n_conv_per_stage_decoder", stages.saturating_sub(1))?;
    if decoder.windows(2).any(|pair| pair[0] != pair[1]) || stages < 2 {
        return Err(keys.unlike("n_conv_per_stage_decoder", "decoder stages of one depth"));
    }
    let norm = if has_batch_norm { Norm::Batch } else { keys.norm()? };
    let plan = UnetPlan {
        features: list("features_per_stage")?,
        strides: triples("strides")?,
        kernels: triples("kernel_sizes")?,
        blocks: list(if residual { "n_blocks_per_stage" } else { "n_conv_per_stage" })?,
        decoder_blocks: decoder[0],
        residual,
        norm,
        activation: keys.activation()?,
        deep_supervision: false,
        initial_weights: InitialWeights::He,
    };
    refuse_absurd(&plan, path)?;
    Ok(ModelPlan::Unet(plan))
}

/// Refuses sizes that no network has, and kernels that are not centred: what damaged plans ask for must not end in a lack of memory.
fn refuse_absurd(plan: &UnetPlan, path: &Path) -> Result<(), ImportError> {
    let wrong = |key: &str, wanted: &str| Err(ImportError::of(path, format!("arch_kwargs.{key}: {wanted}")));
    let all = |lists: &[[usize; 3]], holds: fn(&usize) -> bool| lists.iter().flatten().all(holds);
    if plan.features.len() > 12 || !plan.features.iter().all(|count| (1..=4096).contains(count)) {
        return wrong("features_per_stage", "up to 12 stages of 1 to 4096 feature maps can be imported");
    }
    if !all(&plan.kernels, |edge| edge % 2 == 1 && *edge <= 15) {
        return wrong("kernel_sizes", "kernels of an odd size up to 15 can be imported");
    }
    if !all(&plan.strides, |step| (1..=8).contains(step)) {
        return wrong("strides", "strides from 1 to 8 can be imported");
    }
    if !plan.blocks.iter().chain([&plan.decoder_blocks]).all(|count| (1..=64).contains(count)) {
        return wrong("n_conv_per_stage", "stages of 1 to 64 blocks can be imported");
    }
    let kernel = |stage: usize| plan.kernels[stage].iter().product::<usize>();
    let weights = (0..plan.features.len()).map(|stage| {
        let width = plan.features[stage] + plan.features[stage.saturating_sub(1)];
        width * width * kernel(stage) * (plan.blocks[stage] + plan.decoder_blocks)
    });
    let bytes = weights.sum::<usize>() as u64 * 4;
    memory::ask(bytes).map_err(|refused| ImportError::of(path, format!("the weights of its network: {refused}")))
}

/// A number for all axes, or one per axis.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Axes {
    All(usize),
    Each(Vec<usize>),
}

impl Axes {
    fn of(&self, shape: Shape) -> Vec<usize> {
        match self {
            Self::All(value) => vec![*value; if shape.flat { 2 } else { 3 }],
            Self::Each(values) => values.clone(),
        }
    }
}

/// The arguments of the network's class.
struct Keys<'a> {
    table: &'a Map<String, Value>,
    path: &'a Path,
}

impl Keys<'_> {
    fn unlike(&self, key: &str, wanted: &str) -> ImportError {
        let found = self.table.get(key).map_or_else(|| "nothing".to_owned(), Value::to_string);
        ImportError::of(self.path, format!("arch_kwargs.{key} is {found}; only {wanted} can be imported"))
    }

    fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, ImportError> {
        let Some(value) = self.table.get(key) else {
            return Err(ImportError::of(self.path, format!("arch_kwargs lacks `{key}`")));
        };
        serde_json::from_value(value.clone())
            .map_err(|error| ImportError::of(self.path, format!("arch_kwargs.{key}: {error}")))
    }

    /// One value per stage; a single value is that of all.
    fn per_stage<T: DeserializeOwned>(&self, key: &str, stages: usize) -> Result<Vec<T>, ImportError> {
        if self.table.get(key).is_some_and(Value::is_number) {
            return (0..stages).map(|_| self.get(key)).collect();
        }
        let list: Vec<T> = self.get(key)?;
        match list.len() == stages {
            true => Ok(list),
            false => {
                let reason = format!("arch_kwargs.{key} has {} entries for {stages} stages", list.len());
                Err(ImportError::of(self.path, reason))
            }
        }
    }

    /// Refuses arguments that would change the network in a way that is not taken over.
    fn refuse_unknown(&self) -> Result<(), ImportError> {
        let means_nothing = |value: &Value| value.is_null() || *value == Value::Bool(false);
        let unknown = self.table.iter().find(|(key, value)| !KNOWN.contains(&key.as_str()) && !means_nothing(value));
        if let Some((key, _)) = unknown {
            return Err(self.unlike(key, "networks without it"));
        }
        match self.table.get("conv_bias") {
            None | Some(Value::Bool(true)) => Ok(()),
            Some(_) => Err(self.unlike("conv_bias", "convolutions with a bias")),
        }
    }

    /// The last part of a class name, such as `InstanceNorm3d`; none if the argument is missing or null.
    fn class(&self, key: &str) -> Option<&str> {
        self.table.get(key)?.as_str()?.rsplit('.').next()
    }

    fn number(&self, table: &str, key: &str) -> Option<f64> {
        self.table.get(table)?.get(key)?.as_f64()
    }

    fn norm(&self) -> Result<Norm, ImportError> {
        let class = self.class("norm_op").unwrap_or("InstanceNorm").trim_end_matches("1d");
        let class = class.trim_end_matches("2d").trim_end_matches("3d");
        let epsilon = self.number("norm_op_kwargs", "eps").unwrap_or(1e-5);
        let affine = self.table.get("norm_op_kwargs").and_then(|keys| keys.get("affine")).and_then(Value::as_bool);
        if (epsilon - 1e-5).abs() > 1e-9 || affine == Some(false) {
            return Err(self.unlike("norm_op_kwargs", "an epsilon of 1e-5 with scale and shift"));
        }
        match class {
            "InstanceNorm" => Ok(Norm::Instance),
            "BatchNorm" => Ok(Norm::Batch),
            _ => Err(self.unlike("norm_op", "instance and batch norms")),
        }
    }

    fn activation(&self) -> Result<Activation, ImportError> {
        let slope = self.number("nonlin_kwargs", "negative_slope").unwrap_or(0.01);
        match self.class("nonlin") {
            None | Some("LeakyReLU") if (slope - 0.01).abs() < 1e-9 => Ok(Activation::LeakyRelu),
            None | Some("LeakyReLU") => Err(self.unlike("nonlin_kwargs", "a slope of 0.01")),
            Some("ReLU") => Ok(Activation::Relu),
            Some("GELU") => Ok(Activation::Gelu),
            Some("SiLU") => Ok(Activation::Silu),
            Some(_) => Err(self.unlike("nonlin", "LeakyReLU, ReLU, GELU and SiLU")),
        }
    }
}
