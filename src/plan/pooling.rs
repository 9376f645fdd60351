//! Downsampling of each axis: nnU-Net's `get_pool_and_conv_props`, for axes `[z, y, x]`.

/// Smallest edge of a feature map after downsampling.
const MIN_EDGE: f64 = 4.0;

/// The resolution stages of a network, finest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pooling {
    /// Stride at the start of each stage.
    pub strides: Vec<[usize; 3]>,
    /// Kernel size of each stage.
    pub kernels: Vec<[usize; 3]>,
}

/// Limits from the spec; without them nnU-Net's rules alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// At most this many stages.
    pub stages: usize,
    /// Smallest edge of a feature map.
    pub min_edge: f64,
    /// The patch is fixed: only even edges are halved, since it cannot be padded.
    pub even_only: bool,
    /// 2D: the slice axis is not downsampled.
    pub flat: bool,
    /// Kernel size per axis.
    pub kernel: usize,
}

impl Limits {
    pub(super) fn of(flat: bool) -> Self {
        Self { stages: usize::MAX, min_edge: MIN_EDGE, even_only: false, flat, kernel: 3 }
    }
}

impl Pooling {
    /// Halves every axis whose spacing is within a factor of 2 of the finest, as long as its edge stays long enough.
    /// Kernels are 1 along an axis until it has once been within that factor, full from then on; full at the coarsest stage.
    pub(super) fn of(spacing_mm: [f64; 3], patch: [f64; 3], limits: Limits) -> Self {
        let axes: Vec<usize> = if limits.flat { vec![1, 2] } else { vec![0, 1, 2] };
        let (mut spacing, mut size, mut kernel) = (spacing_mm, patch, [1; 3]);
        let mut stages = Self { strides: vec![[1; 3]], kernels: Vec::new() };
        while stages.strides.len() < limits.stages {
            let halved = halved_axes(&axes, &spacing, &size, limits);
            if halved.is_empty() {
                break;
            }
            let finest = axes.iter().map(|&axis| spacing[axis]).fold(f64::INFINITY, f64::min);
            for &axis in axes.iter().filter(|&&axis| spacing[axis] / finest < 2.0) {
                kernel[axis] = limits.kernel;
            }
            let mut stride = [1; 3];
            for axis in halved {
                stride[axis] = 2;
                spacing[axis] *= 2.0;
                size[axis] = (size[axis] / 2.0).ceil();
            }
            stages.strides.push(stride);
            stages.kernels.push(kernel);
        }
        stages.kernels.push([0, 1, 2].map(|axis| if axes.contains(&axis) { limits.kernel } else { 1 }));
        stages
    }
}

/// Product of the strides along each axis.
pub(super) fn divisor(strides: &[[usize; 3]]) -> [usize; 3] {
    [0, 1, 2].map(|axis| strides.iter().map(|stride| stride[axis].max(1)).product())
}

/// The next multiple of `divisor` along each axis.
pub(super) fn padded(patch: [f64; 3], divisor: [usize; 3]) -> [usize; 3] {
    [0, 1, 2].map(|axis| (patch[axis].ceil() as usize).next_multiple_of(divisor[axis]).max(divisor[axis]))
}

fn halved_axes(axes: &[usize], spacing: &[f64; 3], size: &[f64; 3], limits: Limits) -> Vec<usize> {
    let long_enough =
        |axis: usize| size[axis] >= 2.0 * limits.min_edge && !(limits.even_only && size[axis] % 2.0 != 0.0);
    let mut halved: Vec<usize> = axes.iter().copied().filter(|&axis| long_enough(axis)).collect();
    let finest = halved.iter().map(|&axis| spacing[axis]).fold(f64::INFINITY, f64::min);
    halved.retain(|&axis| spacing[axis] / finest < 2.0);
    match halved[..] {
        [only] if size[only] < 3.0 * limits.min_edge => Vec::new(),
        _ => halved,
    }
}
