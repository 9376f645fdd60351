//! Operations on images.

use super::{Array, Attribute, Graph, Logits, ints};

/// Images in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    pub(super) name: String,
    /// Feature maps.
    pub channels: usize,
    /// Size `[z, y, x]` where the images have the size that the graph was traced with.
    pub size: [usize; 3],
}

/// A convolution, transposed or not.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// `[out, in / groups, z, y, x]`; `[in, out, z, y, x]` if transposed.
    pub weight: Array,
    /// `[out]`
    pub bias: Option<Array>,
    /// Stride `[z, y, x]`.
    pub stride: [usize; 3],
    /// Zeros on each side.
    pub padding: [usize; 3],
    /// Voxels added at the end, if transposed.
    pub extra: [usize; 3],
    /// Groups of feature maps.
    pub groups: usize,
}

impl Images {
    /// The logits of every voxel.
    pub fn logits(self) -> (String, Logits) {
        (self.name, Logits::PerVoxel(self.channels))
    }

    fn like(&self, name: String) -> Self {
        Self { name, ..*self }
    }
}

impl Graph {
    /// A convolution.
    pub fn conv(&mut self, images: &Images, conv: Convolution) -> Images {
        let (channels, kernel) = (dimension(&conv.weight, 0), kernel(&conv.weight));
        let size = [0, 1, 2].map(|axis| {
            let padded = images.size[axis] + 2 * conv.padding[axis];
            padded.saturating_sub(kernel[axis]) / conv.stride[axis].max(1) + 1
        });
        let name = self.convolution("Conv", images, conv, kernel, Vec::new());
        Images { name, channels, size }
    }

    /// A transposed convolution.
    pub fn conv_transposed(&mut self, images: &Images, conv: Convolution) -> Images {
        let (channels, kernel) = (dimension(&conv.weight, 1), kernel(&conv.weight));
        let size = [0, 1, 2].map(|axis| {
            let whole = images.size[axis].saturating_sub(1) * conv.stride[axis] + kernel[axis] + conv.extra[axis];
            whole.saturating_sub(2 * conv.padding[axis])
        });
        let extra = ("output_padding", Attribute::Ints(ints(self.axes(&conv.extra).iter().copied())));
        let name = self.convolution("ConvTranspose", images, conv, kernel, vec![extra]);
        Images { name, channels, size }
    }

    fn convolution(
        &mut self,
        operation: &'static str,
        images: &Images,
        conv: Convolution,
        kernel: [usize; 3],
        mut attributes: Vec<(&'static str, Attribute)>,
    ) -> String {
        let list = |triple: &[usize]| Attribute::Ints(ints(triple.iter().copied()));
        let pads = self.axes(&conv.padding).repeat(2);
        attributes.push(("kernel_shape", list(self.axes(&kernel))));
        attributes.push(("strides", list(self.axes(&conv.stride))));
        attributes.push(("pads", list(&pads)));
        attributes.push(("group", Attribute::Int(conv.groups as i64)));
        // Of an image of depth 1, a kernel sees only what lies in its own plane.
        let weight = if self.flat { plane(conv.weight, conv.padding[0]) } else { conv.weight };
        let weight = self.weight("weight", weight);
        let bias = conv.bias.map(|bias| self.weight("bias", bias));
        let inputs: Vec<&str> = [&images.name, &weight].into_iter().chain(&bias).map(String::as_str).collect();
        self.node(operation, &inputs, attributes)
    }

    /// Instance norm, with scale and shift `[channel]` or without.
    pub fn instance_norm(&mut self, images: &Images, affine: Option<[Array; 2]>, epsilon: f64) -> Images {
        let [scale, shift] = match affine {
            Some([scale, shift]) => [self.weight("weight", scale), self.weight("bias", shift)],
            None => self.neutral(images.channels),
        };
        let attributes = vec![("epsilon", Attribute::Float(epsilon as f32))];
        images.like(self.node("InstanceNormalization", &[&images.name, &scale, &shift], attributes))
    }

    /// Group norm, with scale and shift `[channel]` or without: an instance norm of the groups, because opset 17 has no other.
    pub fn group_norm(&mut self, images: &Images, groups: usize, affine: Option<[Array; 2]>, epsilon: f64) -> Images {
        let [scale, shift] = self.neutral(groups);
        let rows = self.integers(vec![0, groups as i64, -1]);
        let shape = self.node("Shape", &[&images.name], vec![]);
        let grouped = self.node("Reshape", &[&images.name, &rows], vec![]);
        let attributes = vec![("epsilon", Attribute::Float(epsilon as f32))];
        let normal = self.node("InstanceNormalization", &[&grouped, &scale, &shift], attributes);
        let normal = self.node("Reshape", &[&normal, &shape], vec![]);
        let Some([scale, shift]) = affine else { return images.like(normal) };
        let (scale, shift) = (self.per_channel("weight", scale), self.per_channel("bias", shift));
        let scaled = self.node("Mul", &[&normal, &scale], vec![]);
        images.like(self.node("Add", &[&scaled, &shift], vec![]))
    }

    /// Batch norm with known statistics: scale, shift, mean and variance, `[channel]` each.
    pub fn batch_norm(&mut self, images: &Images, values: [Array; 4], epsilon: f64) -> Images {
        let [scale, shift, mean, variance] = values;
        let names = [
            self.weight("weight", scale),
            self.weight("bias", shift),
            self.weight("running_mean", mean),
            self.weight("running_var", variance),
        ];
        let inputs: Vec<&str> = [&images.name].into_iter().chain(&names).map(String::as_str).collect();
        let attributes = vec![("epsilon", Attribute::Float(epsilon as f32))];
        images.like(self.node("BatchNormalization", &inputs, attributes))
    }

    /// Scales of 1 and shifts of 0.
    fn neutral(&mut self, count: usize) -> [String; 2] {
        [self.numbers("ones", vec![1.0; count]), self.numbers("zeros", vec![0.0; count])]
    }

    /// A weight `[channel]`, or one for all, as `[channel, 1, …]`.
    fn per_channel(&mut self, name: &str, array: Array) -> String {
        let count = array.values.len() as i64;
        let weight = self.weight(name, array);
        let shape = [vec![count], vec![1; self.dimensions()]].concat();
        let shape = self.integers(shape);
        self.node("Reshape", &[&weight, &shape], vec![])
    }

    /// `max(x, 0) + slope · min(x, 0)`; slope 0 is ReLU.
    pub fn leaky_relu(&mut self, images: &Images, slope: f64) -> Images {
        let name = match slope {
            0.0 => self.node("Relu", &[&images.name], vec![]),
            _ => self.node("LeakyRelu", &[&images.name], vec![("alpha", Attribute::Float(slope as f32))]),
        };
        images.like(name)
    }

    /// PReLU with one slope, or one for each channel.
    pub fn prelu(&mut self, images: &Images, slopes: Array) -> Images {
        let slopes = self.per_channel("weight", slopes);
        images.like(self.node("PRelu", &[&images.name, &slopes], vec![]))
    }

    /// `x · Φ(x)`
    pub fn gelu(&mut self, images: &Images) -> Images {
        let name = self.gelu_of(&images.name);
        images.like(name)
    }

    /// `x · sigmoid(x)`
    pub fn silu(&mut self, images: &Images) -> Images {
        let gate = self.sigmoid(images);
        self.multiply(images, &gate)
    }

    /// Sigmoid of every element.
    pub fn sigmoid(&mut self, images: &Images) -> Images {
        images.like(self.node("Sigmoid", &[&images.name], vec![]))
    }

    /// Softmax over the channels.
    pub fn softmax(&mut self, images: &Images) -> Images {
        images.like(self.node("Softmax", &[&images.name], vec![("axis", Attribute::Int(1))]))
    }

    /// The sum of images of the same shape.
    pub fn add(&mut self, first: &Images, second: &Images) -> Images {
        first.like(self.node("Add", &[&first.name, &second.name], vec![]))
    }

    /// The product; the second images may have one channel for all.
    pub fn multiply(&mut self, first: &Images, second: &Images) -> Images {
        first.like(self.node("Mul", &[&first.name, &second.name], vec![]))
    }

    /// The channels of the first images, then those of the others.
    pub fn join(&mut self, images: &[&Images]) -> Images {
        let names: Vec<&str> = images.iter().map(|images| images.name.as_str()).collect();
        let name = self.node("Concat", &names, vec![("axis", Attribute::Int(1))]);
        let channels = images.iter().map(|images| images.channels).sum();
        Images { name, channels, size: images.first().map_or([0; 3], |images| images.size) }
    }

    /// All channels, repeated in their order.
    pub fn repeat(&mut self, images: &Images, times: usize) -> Images {
        if times == 1 {
            return images.clone();
        }
        self.join(&vec![images; times])
    }

    /// Means of blocks of `factor` voxels.
    pub fn mean_pool(&mut self, images: &Images, factor: [usize; 3]) -> Images {
        let list = || Attribute::Ints(ints(self.axes(&factor).iter().copied()));
        let attributes = vec![("kernel_shape", list()), ("strides", list())];
        let name = self.node("AveragePool", &[&images.name], attributes);
        Images { name, size: [0, 1, 2].map(|axis| images.size[axis] / factor[axis].max(1)), ..*images }
    }

    /// Maxima of 3×3 windows of a slice, at every second voxel.
    pub fn max_pool(&mut self, images: &Images) -> Images {
        let list = |triple: [usize; 3]| Attribute::Ints(ints(self.axes(&triple).iter().copied()));
        let pads = Attribute::Ints(ints(self.axes(&[0, 1, 1]).repeat(2)));
        let attributes = vec![("kernel_shape", list([1, 3, 3])), ("strides", list([1, 2, 2])), ("pads", pads)];
        let name = self.node("MaxPool", &[&images.name], attributes);
        let [depth, height, width] = images.size;
        Images { name, size: [depth, height.div_ceil(2), width.div_ceil(2)], ..*images }
    }

    /// Linear interpolation to a multiple of the size; borders are aligned and repeated.
    pub fn enlarge(&mut self, images: &Images, factor: [usize; 3]) -> Images {
        if factor == [1; 3] {
            return images.clone();
        }
        let scales = [1, 1].iter().chain(self.axes(&factor)).map(|&scale| scale as f32).collect();
        let scales = self.numbers(&format!("scales{}", factor.map(|scale| scale.to_string()).join("x")), scales);
        let mode = vec![
            ("mode", Attribute::Text("linear")),
            ("coordinate_transformation_mode", Attribute::Text("half_pixel")),
        ];
        let name = self.node("Resize", &[&images.name, "", &scales], mode);
        Images { name, size: [0, 1, 2].map(|axis| images.size[axis] * factor[axis]), ..*images }
    }

    /// A linear layer on the means of the feature maps, with weights `[out, in]`: logits per image.
    pub fn classify(&mut self, images: &Images, [weight, bias]: [Array; 2]) -> (String, Logits) {
        let outputs = dimension(&weight, 0);
        let means = self.node("GlobalAveragePool", &[&images.name], vec![]);
        let flat = self.node("Flatten", &[&means], vec![("axis", Attribute::Int(1))]);
        let (weight, bias) = (self.weight("weight", weight), self.weight("bias", bias));
        let name = self.node("Gemm", &[&flat, &weight, &bias], vec![("transB", Attribute::Int(1))]);
        (name, Logits::PerImage(outputs))
    }
}

/// Length of an axis; 0 if there is none.
fn dimension(array: &Array, axis: usize) -> usize {
    array.shape.get(axis).copied().unwrap_or(0)
}

/// The last three dimensions.
fn kernel(weight: &Array) -> [usize; 3] {
    [2, 3, 4].map(|axis| dimension(weight, axis))
}

/// Plane `z` of weights `[a, b, z, y, x]`: `[a, b, y, x]`.
fn plane(weight: Array, z: usize) -> Array {
    let [first, second, depth, height, width] = [0, 1, 2, 3, 4].map(|axis| dimension(&weight, axis));
    let area = height * width;
    let blocks = weight.values.chunks(depth.max(1) * area.max(1));
    let values = blocks.flat_map(|block| block.chunks(area.max(1)).nth(z).unwrap_or_default()).copied().collect();
    Array { shape: vec![first, second, height, width], values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_image_meets_one_plane_of_a_kernel() {
        // Two outputs, one input, three planes of 1×2.
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let weight = Array { shape: vec![2, 1, 3, 1, 2], values };
        let expected = Array { shape: vec![2, 1, 1, 2], values: vec![2.0, 3.0, 8.0, 9.0] };
        assert_eq!(plane(weight, 1), expected);
    }

    #[test]
    fn sizes_follow_the_steps() {
        let conv = |stride: [usize; 3], extra: [usize; 3]| Convolution {
            weight: Array { shape: vec![1, 1, 3, 3, 3], values: vec![0.0; 27] },
            bias: None,
            stride,
            padding: [1; 3],
            extra,
            groups: 1,
        };
        let graph = Graph::of(1, [4, 8, 6], false, |graph, images| {
            let down = graph.within("down", |graph| graph.conv(&images, conv([2, 2, 1], [0; 3])));
            assert_eq!(down.size, [2, 4, 6]);
            let up = graph.within("up", |graph| graph.conv_transposed(&down, conv([2, 2, 1], [1, 1, 0])));
            assert_eq!(up.size, [4, 8, 6]);
            up.logits()
        });
        assert_eq!(graph.logits, Logits::PerVoxel(1));
        let names: Vec<&str> = graph.weights.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["down.weight", "up.weight"]);
        let outputs: Vec<&str> = graph.nodes.iter().map(|node| node.output.as_str()).collect();
        assert_eq!(outputs, ["down.Conv", super::super::OUTPUT]);
    }
}
