//! Normalisation with the activation that follows it. On the CPU the two are one pass over the images forward and one backward, which
//! keeps only its input for the backward pass; elsewhere they are Burn's.
//!
//! Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization (2016); Wu and He, Group Normalization (ECCV 2018); Ioffe and
//! Szegedy, Batch Normalization (ICML 2015).

mod extension;
mod kernel;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{Tensor, activation};

use extension::NormalisationBackend;

/// Form of a normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Groups of channels that share mean and variance, per image; as many as channels for an instance norm.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// The activation that follows: negative values are multiplied by this. 1 for none, 0 for ReLU.
    pub slope: f64,
    /// Whether the images of a batch share mean and variance, as in a batch norm.
    pub over_batch: bool,
}

/// Normalises images `[batch, channel, z, y, x]`, multiplies each channel by its scale, adds its shift (both `[channel]`) and applies the
/// activation.
///
/// # Panics
/// The number of channels differs from that of scale and shift, or is no multiple of the groups.
pub fn normalise(images: Tensor<5>, scale: Tensor<1>, shift: Tensor<1>, options: Normalisation) -> Tensor<5> {
    if !super::has_own_kernels(&images) {
        return normalise_by_burn(images, scale, shift, options);
    }
    let [images, scale, shift] = [images.into_dispatch(), scale.into_dispatch(), shift.into_dispatch()];
    Tensor::from_dispatch(Dispatch::normalise(images, scale, shift, options))
}

/// Mean and biased variance per channel over all images, `[channel]` each; without a gradient. `None` where we have no kernels for the
/// device.
pub fn moments(images: &Tensor<5>) -> Option<[Tensor<1>; 2]> {
    if !super::has_own_kernels(images) {
        return None;
    }
    let moments = Tensor::<2>::from_dispatch(Dispatch::moments(images.clone().into_dispatch()));
    Some([0, 1].map(|row| moments.clone().narrow(0, row, 1).squeeze_dim(0)))
}

/// `factor · value + offset` per channel, then the activation that multiplies negative values by `slope`: a normalisation with known
/// statistics. `None` where we have no kernels for the device, or where a gradient is wanted.
pub fn scaled(images: &Tensor<5>, factor: Tensor<1>, offset: Tensor<1>, slope: f64) -> Option<Tensor<5>> {
    if !super::has_own_kernels(images) || images.device().is_autodiff() {
        return None;
    }
    let [images, factor, offset] = [images.clone().into_dispatch(), factor.into_dispatch(), offset.into_dispatch()];
    Some(Tensor::from_dispatch(Dispatch::scaled(images, factor, offset, slope)))
}

fn normalise_by_burn(images: Tensor<5>, scale: Tensor<1>, shift: Tensor<1>, options: Normalisation) -> Tensor<5> {
    let shape = images.dims();
    let [batch, channels, ..] = shape;
    // Each row along the second axis shares its statistics.
    let rows = |images: Tensor<5>| match options.over_batch {
        true => images.swap_dims(0, 1).reshape([1, options.groups as i32, -1]),
        false => images.reshape([batch as i32, options.groups as i32, -1]),
    };
    let grouped = rows(images);
    let centred = grouped.clone() - grouped.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normal = centred / variance.add_scalar(options.epsilon).sqrt();
    let [_, _, z, y, x] = shape;
    let normal = match options.over_batch {
        true => normal.reshape([channels, batch, z, y, x]).swap_dims(0, 1),
        false => normal.reshape(shape),
    };
    let per_channel = |values: Tensor<1>| values.reshape([1, channels, 1, 1, 1]);
    let scaled = normal * per_channel(scale) + per_channel(shift);
    match options.slope {
        1.0 => scaled,
        0.0 => activation::relu(scaled),
        slope => activation::leaky_relu(scaled, slope),
    }
}
