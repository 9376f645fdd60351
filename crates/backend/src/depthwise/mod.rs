//! Depthwise 3×3 convolutions over tokens with their features last. On the CPU they are our own: Burn computes the gradient of a grouped
//! convolution by one convolution per group.

mod extension;
mod kernel;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::DepthwiseBackend;

use super::precision::in_f32;

/// Size of the kernel.
const KERNEL: usize = 3;

/// Convolves every feature of `[batch, y, x, feature]` with its own weights `[feature, 1, 3, 3]` and adds a bias `[feature]`; the border
/// is padded with zeros.
///
/// # Panics
/// The features of tokens and weights differ.
pub fn depthwise(tokens: Tensor<4>, weights: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    if !super::is_own(&tokens.device()) {
        return by_slices(tokens, weights, bias);
    }
    let (weights, bias) = (in_f32_alone(weights), in_f32_alone(bias));
    in_f32(tokens, |tokens| {
        let [tokens, weights] = [tokens, weights].map(Tensor::into_dispatch);
        Tensor::from_dispatch(Dispatch::depthwise(tokens, weights, bias.into_dispatch()))
    })
}

fn in_f32_alone<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    super::Precision::F32.cast(tensor)
}

/// The sum of nine shifted products.
fn by_slices(tokens: Tensor<4>, weights: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let [batch, height, width, features] = tokens.dims();
    let column = Tensor::zeros([batch, height, 1, features], (&tokens.device(), tokens.dtype()));
    let wide = Tensor::cat(vec![column.clone(), tokens, column], 2);
    let row = Tensor::zeros([batch, 1, width + 2, features], (&wide.device(), wide.dtype()));
    let padded = Tensor::cat(vec![row.clone(), wide, row], 1);
    // `[3, 3, feature]`
    let weights = weights.reshape([features, KERNEL, KERNEL]).permute([1, 2, 0]);
    let start = bias.reshape([1, 1, 1, features]);
    let taps = (0..KERNEL * KERNEL).map(|tap| (tap / KERNEL, tap % KERNEL));
    taps.fold(start, |sum, (y, x)| {
        let shifted = padded.clone().narrow(1, y, height).narrow(2, x, width);
        let weight = weights.clone().narrow(0, y, 1).narrow(1, x, 1).reshape([1, 1, 1, features]);
        sum + shifted * weight
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::ops::ConvOptions;
    use burn::tensor::{Device, TensorData};

    use super::*;

    type Operation = fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>;

    fn by_burn(tokens: Tensor<4>, weights: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
        let features = tokens.dims()[3];
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], features);
        let images = tokens.permute([0, 3, 1, 2]);
        burn::tensor::module::conv2d(images, weights, Some(bias), options).permute([0, 2, 3, 1])
    }

    /// Output and gradients.
    fn results(operation: Operation, leaves: &[TensorData; 4], device: &Device) -> Vec<Vec<f32>> {
        let [tokens, weights, bias, factors] = leaves;
        let tokens = Tensor::<4>::from_data(tokens.clone(), device).require_grad();
        let weights = Tensor::<4>::from_data(weights.clone(), device).require_grad();
        let bias = Tensor::<1>::from_data(bias.clone(), device).require_grad();
        let output = operation(tokens.clone(), weights.clone(), bias.clone());
        let grads = (output.clone() * Tensor::from_data(factors.clone(), device)).sum().backward();
        let data = [
            output.into_data(),
            tokens.grad(&grads).unwrap().into_data(),
            weights.grad(&grads).unwrap().into_data(),
            bias.grad(&grads).unwrap().into_data(),
        ];
        data.map(|data| data.try_into_vec::<f32>().unwrap()).to_vec()
    }

    #[test]
    fn kernels_and_slices_equal_burns_convolution_with_groups() {
        let device = Device::flex().autodiff();
        for [batch, height, width, features] in
            [[2, 5, 7, 6], [1, 1, 1, 1], [3, 2, 9, 33], [1, 40, 3, 16], [1, 1, 6, 4]]
        {
            let random = |mean: f64, shape: Vec<usize>| {
                let count: usize = shape.iter().product();
                let values = segspec_testing::drawn([count], [mean, 1.0], &device);
                TensorData::new(values.into_data().try_into_vec::<f32>().unwrap(), shape)
            };
            let shape = vec![batch, height, width, features];
            let shapes = [shape.clone(), vec![features, 1, 3, 3], vec![features], shape.clone()];
            let mut means = [0.0, 0.1, -0.1, 0.2].into_iter();
            let leaves = shapes.map(|shape| random(means.next().unwrap_or_default(), shape));
            let expected = results(by_burn, &leaves, &device);
            for (name, operation) in [("kernel", depthwise as Operation), ("slices", by_slices)] {
                for (index, (found, expected)) in results(operation, &leaves, &device).iter().zip(&expected).enumerate()
                {
                    let scale = expected.iter().fold(1.0f32, |most, value| most.max(value.abs()));
                    let worst = found.iter().zip(expected).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
                    assert!(worst < 1e-5 * scale, "{name}, {shape:?}, result {index}: {worst}");
                }
            }
        }
    }
}
