//! Checks the training patch against the network's strides.

use crate::auto::Auto;
use crate::counted;
use crate::model::block::Norm;
use crate::spec::finding::KeyPath;
use crate::spec::{Experiment, Findings};

pub fn check(experiment: &Experiment, findings: &mut Findings) {
    let Auto::Fixed(patch) = experiment.train.patch_size else { return };
    let network = experiment.model.staged();
    if network.flat && patch[0] > 1 {
        let path = KeyPath::from("train.patch-size").item(0);
        let message = format!("the patch has {} slices, but {} is 2D", patch[0], network.key);
        findings.error(path, message, "use a depth of 1");
    }
    let strides = network.strides.fixed();
    for (axis, size) in patch.into_iter().enumerate() {
        let product = strides.into_iter().flatten().map(|stride| stride[axis]).product::<usize>();
        divisible(axis, size, product, findings);
    }
    if let Some(strides) = strides {
        one_voxel(experiment, patch, strides, findings);
    }
}

/// Instance norm sets a feature map of one voxel to its bias, whatever the image; so does batch norm with a batch of one.
fn one_voxel(experiment: &Experiment, patch: [usize; 3], strides: &[[usize; 3]], findings: &mut Findings) {
    let product = |axis: usize| strides.iter().map(|stride| stride[axis]).product::<usize>();
    let norm = match experiment.model.norm() {
        Some(Norm::Instance) => "instance norm",
        Some(Norm::Batch) if experiment.train.batch_size == Auto::Fixed(1) => "batch norm with a batch of one",
        _ => return,
    };
    if (0..3).all(|axis| patch[axis] > 0 && patch[axis] == product(axis)) {
        let message = format!("the coarsest feature map of this patch has one voxel, of which {norm} keeps nothing");
        let help = "use a larger patch, smaller strides, or `norm = \"group\"`";
        findings.error("train.patch-size", message, help);
    }
}

fn divisible(axis: usize, size: usize, product: usize, findings: &mut Findings) {
    let along = super::AXES[axis];
    let path = KeyPath::from("train.patch-size").item(axis);
    if size == 0 {
        return findings.error(path, format!("the patch has 0 voxels along {along}"), "use at least 1");
    }
    // A stride of 0 is reported separately.
    if product == 0 || size.is_multiple_of(product) {
        return;
    }
    let (below, above) = (size / product * product, (size / product + 1) * product);
    let help = match (size, below) {
        (1, _) => format!("use strides of 1 along {along}: they multiply to {product}"),
        (_, 0) => format!("use {above}: the strides multiply to {product} along {along}"),
        _ => format!("use {below} or {above}: the strides multiply to {product} along {along}"),
    };
    findings.error(path, format!("a patch of {} along {along} does not fit the strides", counted(size, "voxel")), help);
}
