//! Activations, joins, resizing and what else networks do with feature maps.

use burn::tensor::ops::PadMode;
use burn::tensor::{Int, Tensor, activation};

use crate::backend::add::add;
use crate::backend::gate::gate;
use crate::backend::gelu::gelu;
use crate::backend::join::join;
use crate::backend::pool::max_pool;
use crate::backend::prelu::{leaky_relu, prelu};
use crate::backend::resize::resize;
use crate::selftest::bound::Arithmetic;
use crate::selftest::operation::{Operation, times};

/// Shape of the images.
const SHAPE: [usize; 5] = [2, 12, 5, 14, 18];

/// All of them.
pub fn list() -> Vec<Operation> {
    let slopes = [1, SHAPE[1]].map(learnt_slopes);
    let sizes = [([4, 6, 8], [8, 12, 16]), ([3, 5, 7], [5, 5, 9]), ([1, 8, 8], [1, 32, 32])];
    let resized = sizes.map(|(before, after)| enlarged(before, after));
    let lists = [activations(), slopes.into(), pairs(), resized.into(), rearranged(), vec![pooled(), selected()]];
    lists.into_iter().flatten().collect()
}

/// One function of images; `stored`: results that it stores in the operation's type on the way.
fn of_images(name: &'static str, stored: usize, work: fn(Tensor<5>) -> Tensor<5>) -> Operation {
    Operation::new(name, times(&SHAPE), Arithmetic { stored, ..Arithmetic::sums(1) }, move |side| {
        let images = side.leaf(SHAPE);
        side.output(work(images));
    })
}

fn activations() -> Vec<Operation> {
    vec![
        of_images("relu", 1, |images| leaky_relu(images, 0.0)).critical(true),
        of_images("leaky relu", 2, |images| leaky_relu(images, 0.01)).critical(true),
        of_images("gelu", 8, gelu),
        of_images("silu", 4, activation::silu).in_f32(),
        of_images("sigmoid", 4, activation::sigmoid),
        of_images("exponential and logarithm", 4, |images| (images.exp() + 1.0).log()).in_f32(),
    ]
}

fn learnt_slopes(count: usize) -> Operation {
    let voxels = SHAPE[0] * SHAPE[2] * SHAPE[3] * SHAPE[4];
    let text = format!("{}, {count} of {}", times(&SHAPE), SHAPE[1]);
    let terms = voxels * SHAPE[1] / count;
    let operation = Operation::new("prelu", text, Arithmetic::sums(terms), move |side| {
        let (images, slopes) = (side.leaf(SHAPE), side.leaf([count]));
        side.output(prelu(images, slopes));
    });
    operation.in_f32()
}

fn pairs() -> Vec<Operation> {
    let text = times(&SHAPE);
    let sum = Operation::new("sum of images", text.clone(), Arithmetic::sums(1), |side| {
        let (first, second) = (side.leaf(SHAPE), side.leaf(SHAPE));
        side.output(add(first, second));
    });
    let joined = Operation::new("join of channels", format!("{text} and 8"), Arithmetic::sums(1), |side| {
        let [batch, _, z, y, x] = SHAPE;
        let (first, second) = (side.leaf(SHAPE), side.leaf([batch, 8, z, y, x]));
        side.output(join(first, second));
    });
    // The gradient of a weight is summed over the channels.
    let arithmetic = Arithmetic { stored: 2, ..Arithmetic::sums(SHAPE[1]) };
    let gated = Operation::new("attention gate", text, arithmetic, |side| {
        let [batch, _, z, y, x] = SHAPE;
        let (images, weights) = (side.leaf(SHAPE), side.leaf([batch, 1, z, y, x]));
        side.output(gate(images, weights));
    });
    vec![sum, joined.critical(true), gated]
}

fn enlarged(before: [usize; 3], after: [usize; 3]) -> Operation {
    let [z, y, x] = before;
    let text = format!("{} to {}", times(&before), times(&after));
    // Axis after axis, with two inputs for each output; a gradient sums over the outputs that read a voxel.
    let arithmetic = Arithmetic { stored: 4, products: 3, ..Arithmetic::sums(8) };
    Operation::new("resizing", text, arithmetic, move |side| {
        let images = side.leaf([2, 4, z, y, x]);
        side.output(resize(images, after));
    })
}

fn rearranged() -> Vec<Operation> {
    vec![
        of_images("flip", 1, |images| images.flip([2, 4])),
        of_images("tokens of images", 1, |images| {
            let [batch, channels, z, y, x] = images.dims();
            let tokens: Tensor<3> = images.permute([0, 2, 3, 4, 1]).reshape([batch, z * y * x, channels]);
            tokens.reshape([batch, z, y, x, channels]).permute([0, 4, 1, 2, 3])
        }),
        of_images("padding and cropping", 1, |images| {
            let padded = images.pad([(1, 2), (0, 1), (2, 0)], PadMode::Constant(0.0));
            padded.narrow(3, 1, SHAPE[3] - 2)
        }),
        of_images("every second voxel", 1, |images| images.slice(burn::tensor::s![.., .., ..;2, ..;2, ..;2])),
        of_images("factors per feature map", 1, |images| {
            let [batch, channels, ..] = images.dims();
            let factors = images.clone().detach().narrow(2, 0, 1).narrow(3, 0, 1).narrow(4, 0, 1);
            images * factors.reshape([batch, channels, 1, 1, 1])
        }),
    ]
}

/// The classifier's. All numbers differ, because a maximum of equal numbers has no certain place.
fn pooled() -> Operation {
    let operation = Operation::new("max pooling", "2×4, 15×18".into(), Arithmetic::sums(4), |side| {
        let images = side.distinct_leaf([2, 4, 1, 15, 18]);
        side.output(max_pool(images));
    });
    operation.in_f32()
}

/// Channels in another order, for mirrored structures.
fn selected() -> Operation {
    Operation::new("choice of channels", times(&SHAPE), Arithmetic::sums(SHAPE[1]), |side| {
        let images = side.leaf(SHAPE);
        let order: Tensor<1, Int> = side.whole([5], [0, SHAPE[1] as i32 - 1]);
        side.output(images.select(1, order));
    })
}
