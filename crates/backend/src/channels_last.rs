//! The memory layout of our CPU kernels: a tensor `[batch, channel, z, y, x]` whose values are stored in the order
//! `[batch, z, y, x, channel]`. Burn sees a permuted view; our kernels pass it on without copies.

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{DType, Shape};
use rayon::prelude::*;

use super::memory::Buffer;

/// From `[batch, channel, z, y, x]` to the stored order.
pub const TO_VALUES: [usize; 5] = [0, 2, 3, 4, 1];

/// The inverse.
const TO_TENSOR: [usize; 5] = [0, 4, 1, 2, 3];

/// Tensors with fewer channels are handed to Burn in its own order: they are images and logits, which its operations read.
const FEWEST_CHANNELS: usize = 8;

/// An f32 tensor with its channels last in memory.
pub struct ChannelsLast {
    tensor: FlexTensor,
}

impl ChannelsLast {
    /// Copies the values unless they are stored in this order already.
    pub fn new(tensor: FlexTensor) -> Self {
        let layout = tensor.layout().permute(&TO_VALUES);
        let tensor = tensor.with_layout(layout);
        match tensor.as_slice::<f32>() {
            Some(_) => Self { tensor },
            None => Self { tensor: tensor.to_contiguous() },
        }
    }

    /// Values in the order `[batch, z, y, x, channel]`.
    pub fn values(&self) -> &[f32] {
        self.tensor.as_slice().expect("contiguous f32 values")
    }

    /// The values, copied where another tensor shares them.
    pub fn into_own(mut self) -> Self {
        if self.own_values().is_some() {
            return self;
        }
        let mut copy = Buffer::new(self.values().len());
        copy.copy_from_slice(self.values());
        let layout = Layout::contiguous(self.tensor.layout().shape().clone());
        Self { tensor: FlexTensor::new(copy.into_bytes(), layout, DType::F32) }
    }

    /// The values, if no other tensor shares them.
    pub fn own_values(&mut self) -> Option<&mut [f32]> {
        let (start, end) = self.tensor.layout().contiguous_offsets()?;
        self.tensor.try_storage_mut::<f32>().map(|values| &mut values[start..end])
    }

    /// `[batch, channel, z, y, x]`.
    pub fn dimensions(&self) -> [usize; 5] {
        let [batch, z, y, x, channels] = self.tensor.layout().shape().dims();
        [batch, channels, z, y, x]
    }

    /// The tensor as Burn sees it.
    pub fn into_tensor(self) -> FlexTensor {
        let layout = self.tensor.layout().permute(&TO_TENSOR);
        self.tensor.with_layout(layout)
    }
}

/// A tensor `[batch, channel, z, y, x]` of values in the order `[batch, z, y, x, channel]`.
pub fn tensor(values: Buffer, [batch, channels, z, y, x]: [usize; 5]) -> FlexTensor {
    if channels > 1 && channels < FEWEST_CHANNELS {
        let voxels = z * y * x;
        let shape = Shape::from([batch, channels, z, y, x]);
        return FlexTensor::new(
            channels_first(&values, channels, voxels).into_bytes(),
            Layout::contiguous(shape),
            DType::F32,
        );
    }
    as_it_lies(values, [batch, channels, z, y, x])
}

/// As above, but never copied into Burn's order: for gradients, which only our kernels read.
pub fn as_it_lies(values: Buffer, [batch, channels, z, y, x]: [usize; 5]) -> FlexTensor {
    let layout = Layout::contiguous(Shape::from([batch, z, y, x, channels])).permute(&TO_TENSOR);
    FlexTensor::new(values.into_bytes(), layout, DType::F32)
}

/// Values `[batch, voxel, channel]` in the order `[batch, channel, voxel]`.
fn channels_first(values: &[f32], channels: usize, voxels: usize) -> Buffer {
    let mut result = Buffer::new(values.len());
    result.par_chunks_mut(voxels.max(1)).enumerate().for_each(|(index, target)| {
        let (image, channel) = (index / channels, index % channels);
        let source = values[image * voxels * channels..].chunks_exact(channels);
        for (target, voxel) in target.iter_mut().zip(source) {
            *target = voxel[channel];
        }
    });
    result
}
