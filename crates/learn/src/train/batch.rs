//! From prepared cases to batches: selection of case and patch, and conversion of labels to the ground truth of the loss.

use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::Array3;

use super::TrainPlan;
use super::cases::Cases;
use super::deal::Deal;
use super::fit::Job;
use crate::augment::dice::End;
use crate::augment::patch::{Draw, Patch, Place, Source, draw};
use crate::dataset::Target;
use crate::dataset::target::shows;
use crate::interact::{Classes, guidance};
use crate::loss::Truth;
use crate::model::Task;
use crate::preprocess::PrepareError;
use crate::random;

/// A batch in host memory.
pub struct Batch {
    /// Shape of the images `[patch, channel, z, y, x]`.
    pub(super) size: [usize; 5],
    pub(super) images: Vec<f32>,
    /// Spacing of each patch `[z, y, x]`, mm.
    pub(super) spacings_mm: Vec<[f64; 3]>,
    truth: HostTruth,
}

enum HostTruth {
    Classes(Vec<i32>),
    Masks(Vec<f32>, usize),
    /// Per slice, not per voxel.
    Slices(Vec<f32>, usize),
}

impl Batch {
    /// The patches of a step of a job, all zero: for work whose results nobody wants.
    pub fn blank(job: &Job) -> Self {
        let (count, [depth, height, width]) = (job.plan.patches_per_step(), job.plan.patch_size);
        let (voxels, structures) = (count * depth * height * width, job.target.structures.len());
        let truth = match (job.task, job.target.sigmoid()) {
            (Task::ClassifySlices, _) => HostTruth::Slices(vec![0.0; count * structures], structures),
            (Task::Segment, true) => HostTruth::Masks(vec![0.0; voxels * structures], structures),
            (Task::Segment, false) => HostTruth::Classes(vec![0; voxels]),
        };
        let told = job.interact.map_or(0, |_| guidance::channels(structures));
        let channels = job.interface.channels.saturating_sub(told);
        Self {
            size: [count, channels, depth, height, width],
            images: vec![0.0; voxels * channels],
            spacings_mm: vec![[1.0; 3]; count],
            truth,
        }
    }

    /// Splits the batch into pieces of at most `patches` patches, in order.
    pub fn pieces(self, patches: usize) -> Vec<Self> {
        let [count, rest @ ..] = self.size;
        if count <= patches {
            return vec![self];
        }
        let of_patch = |values: usize| values / count.max(1);
        let (image, patches) = (of_patch(self.images.len()), patches.max(1));
        let images = self.images.chunks((image * patches).max(1)).map(<[f32]>::to_vec);
        let truths: Vec<HostTruth> = match self.truth {
            HostTruth::Classes(classes) => {
                let piece = (of_patch(classes.len()) * patches).max(1);
                classes.chunks(piece).map(|piece| HostTruth::Classes(piece.to_vec())).collect()
            }
            HostTruth::Masks(masks, structures) => {
                let piece = (of_patch(masks.len()) * patches).max(1);
                masks.chunks(piece).map(|piece| HostTruth::Masks(piece.to_vec(), structures)).collect()
            }
            HostTruth::Slices(slices, structures) => {
                let piece = (of_patch(slices.len()) * patches).max(1);
                slices.chunks(piece).map(|piece| HostTruth::Slices(piece.to_vec(), structures)).collect()
            }
        };
        let size = |index: usize| [patches.min(count - index * patches), rest[0], rest[1], rest[2], rest[3]];
        let spacings = self.spacings_mm.chunks(patches).map(<[_]>::to_vec);
        let pieces = images.zip(truths).zip(spacings).enumerate();
        let piece = |(index, ((images, truth), spacings_mm))| Self { size: size(index), images, spacings_mm, truth };
        pieces.map(piece).collect()
    }

    /// The batch with `count` more channels `[patch, channel, z, y, x]` behind those of its images.
    pub(super) fn with_channels(self, further: &[f32], count: usize) -> Self {
        let [patches, channels, depth, height, width] = self.size;
        let voxels = (depth * height * width).max(1);
        let own = self.images.chunks_exact((channels * voxels).max(1));
        let both = own.zip(further.chunks_exact((count * voxels).max(1)));
        let images = both.flat_map(|(own, further)| own.iter().chain(further)).copied().collect();
        Self { size: [patches, channels + count, depth, height, width], images, ..self }
    }

    /// Class of each voxel `[z, y, x]` of each patch, −1 where it is unknown; for structures that do not overlap.
    pub(super) fn classes(&self) -> Vec<Array3<i32>> {
        let [patches, _, depth, height, width] = self.size;
        let voxels = (depth * height * width).max(1);
        let of_patch = |patch: usize| match &self.truth {
            HostTruth::Classes(classes) => classes[patch * voxels..][..voxels].to_vec(),
            HostTruth::Masks(masks, structures) | HostTruth::Slices(masks, structures) => {
                let mut classes = vec![0; voxels];
                let of_patch = masks.chunks_exact(voxels).skip(patch * structures).take(*structures);
                for (class, mask) in (1..).zip(of_patch) {
                    for (voxel, value) in classes.iter_mut().zip(mask).filter(|(_, value)| **value != 0.0) {
                        *voxel = if *value < 0.0 { -1 } else { class };
                    }
                }
                classes
            }
        };
        let shaped = |classes| Array3::from_shape_vec([depth, height, width], classes).ok();
        (0..patches).filter_map(|patch| shaped(of_patch(patch))).collect()
    }

    /// Moves the batch to a device.
    pub fn into_device(self, device: &Device) -> (Tensor<5>, Truth) {
        let [batch, _, depth, height, width] = self.size;
        let images = Tensor::from_data(TensorData::new(self.images, self.size), device);
        let truth = match self.truth {
            HostTruth::Classes(classes) => {
                let data = TensorData::new(classes, [batch, 1, depth, height, width]);
                Truth::Classes(Tensor::<5, Int>::from_data(data, device))
            }
            HostTruth::Masks(masks, structures) => {
                let data = TensorData::new(masks, [batch, structures, depth, height, width]);
                Truth::Masks(Tensor::from_data(data, device))
            }
            HostTruth::Slices(slices, structures) => {
                let data = TensorData::new(slices, [batch, structures, 1, 1, 1]);
                Truth::Masks(Tensor::from_data(data, device))
            }
        };
        (images, truth)
    }
}

/// Converts label values to class indices or masks; −1 is unlabelled.
pub struct Encoder {
    /// Label values of each structure.
    pub structures: Vec<Vec<u16>>,
    /// Whether the truth is masks instead of classes.
    sigmoid: bool,
    /// Whether the truth is per voxel or per slice.
    task: Task,
    /// Label value of voxels that the loss ignores.
    ignore: Option<u16>,
    classes: Classes,
}

impl Encoder {
    /// The encoder of a target.
    pub fn new(target: &Target, task: Task) -> Self {
        let structures: Vec<Vec<u16>> = target.structures.iter().map(|structure| structure.values.clone()).collect();
        Self { structures, sigmoid: target.sigmoid(), task, ignore: target.ignore, classes: Classes::new(target) }
    }

    fn encode(&self, patches: &[Array3<u16>]) -> HostTruth {
        if self.task == Task::ClassifySlices {
            let shown = |labels: &Array3<u16>, values: &Vec<u16>| match shows(values, self.ignore, labels) {
                Some(shown) => f32::from(u8::from(shown)),
                None => -1.0,
            };
            let slices =
                patches.iter().flat_map(|labels| self.structures.iter().map(move |values| shown(labels, values)));
            return HostTruth::Slices(slices.collect(), self.structures.len());
        }
        if !self.sigmoid {
            let class = |label: &u16| self.classes.of(*label);
            return HostTruth::Classes(patches.iter().flat_map(|labels| labels.iter().map(class)).collect());
        }
        let mask = |labels: &Array3<u16>, values: &[u16]| -> Vec<f32> {
            let inside = |label: &u16| if values.contains(label) { 1.0 } else { 0.0 };
            labels.iter().map(|label| if self.ignore == Some(*label) { -1.0 } else { inside(label) }).collect()
        };
        let masks = patches.iter().flat_map(|labels| self.structures.iter().flat_map(|values| mask(labels, values)));
        HostTruth::Masks(masks.collect(), self.structures.len())
    }
}

/// Makes training batches.
pub struct Maker<'a> {
    /// DropoutRng each patch.
    pub sampler: Sampler<'a>,
    /// Prepared cases.
    pub cases: &'a Cases<'a>,
    /// Assigns a case, and possibly a tile, to each patch.
    pub deal: &'a Deal,
    /// Converts labels to the ground truth.
    pub encoder: &'a Encoder,
}

impl Maker<'_> {
    /// The patches of one step, counted over all epochs.
    ///
    /// # Errors
    /// A prepared case can no longer be read from the cache.
    pub fn make(&self, step: usize) -> Result<Batch, PrepareError> {
        let Sampler { plan, structures, .. } = self.sampler;
        let (mut patches, mut spacings_mm) = (Vec::with_capacity(plan.patches_per_step()), Vec::new());
        for slot in 0..plan.patches_per_step() {
            let sample = step * plan.patches_per_step() + slot;
            let (case, tile) = self.deal.of(sample);
            let case = self.cases.get(case)?;
            let source = case.source_near(plan.near_mm, structures);
            spacings_mm.push(source.spacing_mm);
            patches.push(self.sampler.draw(source, sample, tile, None).0);
        }
        Ok(collate(patches, spacings_mm, self.encoder))
    }
}

/// DropoutRng training patches, reproducibly: previews show the patches that training uses.
#[derive(Clone, Copy)]
pub struct Sampler<'a> {
    /// Patch, batch and augmentation; with a fixed number of steps per epoch.
    pub plan: &'a TrainPlan,
    /// Label values of each structure.
    pub structures: &'a [Vec<u16>],
    /// Seed of the training run.
    pub seed: u64,
}

impl Sampler<'_> {
    /// Patch `sample` of the training run (counted over all batches) from its case and tile (see [`Deal`]), and its placement. With an
    /// end, every augmentation of the plan is applied, at that end of its range: for previews.
    pub fn draw(&self, case: Source, sample: usize, tile: Option<[isize; 3]>, end: Option<End>) -> (Patch, Place) {
        let plan = self.plan;
        let (step, slot) = (sample / plan.patches_per_step(), sample % plan.patches_per_step());
        let mut rng = random::stream(self.seed, "patch", (step / plan.epoch_steps()) as u64, sample as u64);
        let place = match tile {
            Some(at) => Place::At(at),
            None if is_foreground(plan, slot, &mut rng) => Place::OnStructure,
            None => Place::Anywhere,
        };
        let how = Draw {
            size: plan.patch_size,
            structures: self.structures,
            place,
            drop_background: plan.sampling.drop_background,
            augment: &plan.augment,
            end,
        };
        (draw(case, how, &mut rng), place)
    }
}

/// nnU-Net's rule: the last patches of a step (rounded) are centred on a structure; with one patch per step, this is random.
fn is_foreground(plan: &TrainPlan, slot: usize, rng: &mut rand_chacha::ChaCha8Rng) -> bool {
    use rand::Rng;
    let fraction = plan.sampling.foreground;
    if plan.patches_per_step() == 1 {
        return rng.random_bool(fraction);
    }
    slot >= (plan.patches_per_step() as f64 * (1.0 - fraction)).round() as usize
}

fn collate(patches: Vec<Patch>, spacings_mm: Vec<[f64; 3]>, encoder: &Encoder) -> Batch {
    let (channels, depth, height, width) = patches.first().map_or((0, 0, 0, 0), |patch| patch.image.dim());
    let size = [patches.len(), channels, depth, height, width];
    let images = patches.iter().flat_map(|patch| patch.image.iter().copied()).collect();
    let labels: Vec<_> = patches.into_iter().map(|patch| patch.labels).collect();
    Batch { size, images, spacings_mm, truth: encoder.encode(&labels) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::TargetStructure;

    fn target(overlapping: bool) -> Target {
        let structure = |name: &str, values: &[u16]| TargetStructure::new(name, values);
        Target {
            overlapping,
            ignore: Some(7),
            ..Target::of(vec![structure("bone", &[5, 9]), structure("organ", &[2])])
        }
    }

    #[test]
    fn labels_become_classes_in_the_targets_order() {
        let labels = Array3::from_shape_vec((1, 1, 6), vec![0u16, 5, 9, 2, 40, 7]).unwrap();
        let HostTruth::Classes(classes) = Encoder::new(&target(false), Task::Segment).encode(&[labels]) else {
            panic!("classes")
        };
        assert_eq!(classes, [0, 1, 1, 2, 0, -1]);
    }

    #[test]
    fn overlapping_structures_become_masks() {
        let labels = Array3::from_shape_vec((1, 1, 4), vec![9u16, 2, 0, 7]).unwrap();
        let HostTruth::Masks(masks, 2) = Encoder::new(&target(true), Task::Segment).encode(&[labels]) else {
            panic!("masks")
        };
        assert_eq!(masks, [1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0]);
    }

    #[test]
    fn a_slice_shows_a_structure_if_any_of_its_voxels_does() {
        let slice = |labels: &[u16]| Array3::from_shape_vec((1, 1, 3), labels.to_vec()).unwrap();
        let slices = [slice(&[0, 9, 5]), slice(&[0, 0, 40]), slice(&[0, 2, 7]), slice(&[7, 0, 0])];
        let encoder = Encoder::new(&target(true), Task::ClassifySlices);
        let HostTruth::Slices(found, 2) = encoder.encode(&slices) else { panic!("slices") };
        assert_eq!(found, [1.0, 0.0, 0.0, 0.0, -1.0, 1.0, -1.0, -1.0]);
        let HostTruth::Slices(found, 1) =
            Encoder::new(&target(false).union_target(), Task::ClassifySlices).encode(&slices)
        else {
            panic!()
        };
        assert_eq!(found, [1.0, 0.0, 1.0, -1.0]);
    }

    #[test]
    fn batches_know_their_classes_whatever_the_loss_takes() {
        let labels =
            [[0u16, 5, 9, 2], [7, 2, 0, 5]].map(|row| Array3::from_shape_vec((1, 2, 2), row.to_vec()).unwrap());
        for independent in [false, true] {
            let encoder = Encoder::new(&Target { independent, ..target(false) }, Task::Segment);
            let patch =
                |labels: &Array3<u16>| Patch { image: ndarray::Array4::zeros((1, 1, 2, 2)), labels: labels.clone() };
            let batch = collate(labels.iter().map(patch).collect(), vec![[1.0; 3]; 2], &encoder);
            let classes: Vec<Vec<i32>> = batch.classes().into_iter().map(|it| it.into_raw_vec_and_offset().0).collect();
            assert_eq!(classes, [[0, 1, 1, 2], [-1, 2, 0, 1]], "{independent}");
        }
    }

    #[test]
    fn pieces_hold_the_patches_in_order() {
        let patch = |value: u16| Patch {
            image: ndarray::Array4::from_elem((2, 1, 1, 2), f32::from(value)),
            labels: Array3::from_elem((1, 1, 2), value),
        };
        use Task::{ClassifySlices, Segment};
        for (overlapping, task) in [(false, Segment), (true, Segment), (true, ClassifySlices)] {
            let encoder = Encoder::new(&target(overlapping), task);
            let batch = |values: &[u16]| {
                let spacings = values.iter().map(|value| [f64::from(*value); 3]).collect();
                collate(values.iter().copied().map(patch).collect(), spacings, &encoder)
            };
            let pieces = batch(&[5, 2, 0, 9, 7]).pieces(2);
            for (piece, expected) in pieces.into_iter().zip([batch(&[5, 2]), batch(&[0, 9]), batch(&[7])]) {
                assert_eq!((piece.size, piece.spacings_mm), (expected.size, expected.spacings_mm));
                assert_eq!(piece.images, expected.images);
                match (piece.truth, expected.truth) {
                    (HostTruth::Classes(ours), HostTruth::Classes(theirs)) => assert_eq!(ours, theirs),
                    (HostTruth::Masks(ours, 2), HostTruth::Masks(theirs, 2)) => assert_eq!(ours, theirs),
                    (HostTruth::Slices(ours, 2), HostTruth::Slices(theirs, 2)) => assert_eq!(ours, theirs),
                    _ => panic!("different kinds of truth"),
                }
            }
        }
    }
}
