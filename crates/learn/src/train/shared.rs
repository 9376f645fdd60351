//! A training step shared by several devices of one machine. The result is that of one device with the same patches: the same batches,
//! the same random numbers, and gradients that are summed in the order of the batches. What a training is called and what it learns does
//! not depend on how many devices there were.
//!
//! Steps that accumulate at least as many batches as there are devices deal the batches out, and their sums are the same bit for bit.
//! Otherwise each batch is cut into as many parts as there are devices: their logits are brought together, so that the loss sees the whole
//! batch (a Dice over the batch is no mean of its parts'), and its gradient is handed back; sums over the batch then differ in the last
//! bits.

use std::panic::resume_unwind;
use std::thread;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use segspec_base::counted;

use super::batch::Batch;
use super::error::TrainError;
use super::fit::{TrainingRun, differentiating};
use super::spec::TrainPlan;
use super::step::Part;
use crate::backend;
use crate::cancel::{Interrupted, interruptible};
use crate::loss;
use crate::model::block::{DropoutRng, Supervised};
use crate::model::{self, Interface, ModelPlan, Network};

/// Rejects trainings that several devices cannot share, before any training.
///
/// # Errors
/// [`TrainError::Sharing`].
pub fn refuse_sharing(
    plan: &TrainPlan,
    model: &ModelPlan,
    interface: Interface,
    device: &Device,
    devices: usize,
) -> Result<(), TrainError> {
    if devices == 1 {
        return Ok(());
    }
    let network = model::build(model, interface, plan.precision, 0, &device.clone().autodiff());
    refuse(&network, plan, devices)
}

/// Rejects networks whose layers see the whole batch, and steps with too little for each device. The network is one with autodiff.
pub(super) fn refuse(network: &Network, plan: &TrainPlan, devices: usize) -> Result<(), TrainError> {
    let refused = |reason: String| Err(TrainError::Sharing { devices, reason });
    if devices == 1 {
        return Ok(());
    }
    if network.has_running_statistics() {
        return refused(
            "the network has batch norms, whose mean and variance are those of a whole batch, which no device sees: use one device, or \
             `norm = \"instance\"` where the architecture has a choice"
                .into(),
        );
    }
    let most = plan.accumulate.max(plan.batch_size);
    if most < devices {
        let (batches, patches) = (counted(plan.accumulate, "batch"), counted(plan.batch_size, "patch"));
        return refused(format!(
            "a step has {batches} of {patches}, enough for {most}: use fewer devices, or raise `train.batch-size` or `train.accumulate`"
        ));
    }
    Ok(())
}

/// A device with a copy of the network.
struct Replica {
    network: Network,
    device: Device,
}

/// What one device makes of a batch.
struct Made {
    loss: f64,
    /// None if the loss is no number.
    gradients: Option<GradientsParams>,
    /// How far its random numbers were read.
    position: u128,
}

impl TrainingRun {
    /// Mean loss of the step's batches, and the mean of their gradients, on the first device; no gradients if a loss is not finite.
    pub(super) fn shared_gradients(
        &self,
        part: &Part,
        batch: Batch,
    ) -> Result<(f64, Option<GradientsParams>), Interrupted> {
        let network = &self.saved.network;
        let beside = part.beside.iter().map(|selected| differentiating(part.plan, &selected.device));
        let beside = beside.map(|device| Replica { network: network.clone().fork(&device), device });
        let first = Replica { network: network.clone(), device: self.device.clone() };
        let replicas: Vec<Replica> = std::iter::once(first).chain(beside).collect();
        let batches = match part.interact {
            // Clicks are simulated with the network of the first device.
            Some(_) => near(part, part.device, || self.batches(part, batch))?,
            None => self.batches(part, batch),
        };
        let count = batches.len() as f64;
        let mut sum = Sum { network, device: &self.device, loss: 0.0, gradients: GradientsAccumulator::new() };
        let stopped_at = match batches.len() < replicas.len() {
            true => self.cut(part, batches, &replicas, &mut sum)?,
            false => self.dealt(part, batches, &replicas, &mut sum)?,
        };
        match stopped_at {
            Some(loss) => Ok((loss, None)),
            None => Ok((sum.loss / count, Some(self.mean(part, sum.gradients.grads(), count)))),
        }
    }

    /// Batches in turn to each device; the loss that is no number, if there is one.
    fn dealt(
        &self,
        part: &Part,
        batches: Vec<Batch>,
        replicas: &[Replica],
        sum: &mut Sum,
    ) -> Result<Option<f64>, Interrupted> {
        let mut batches = batches.into_iter().enumerate().peekable();
        while batches.peek().is_some() {
            // The first batch of all tells how many random numbers a batch takes, and with them where the others' begin.
            let known = self.drawn.get().copied();
            let width = if known.is_some() { replicas.len() } else { 1 };
            let work = batches.by_ref().take(width).zip(replicas).map(|((index, batch), replica)| {
                let draws = self.draws(part).from_position(known.unwrap_or(0) * index as u128);
                move || of_batch(part, replica, batch, draws)
            });
            for made in together(work.collect()) {
                let made = made?;
                let _ = self.drawn.set(made.position);
                let Some(gradients) = made.gradients else { return Ok(Some(made.loss)) };
                sum.loss += made.loss;
                sum.take(gradients);
            }
        }
        Ok(None)
    }

    fn draws(&self, part: &Part) -> DropoutRng {
        DropoutRng::of_step(part.seed, self.saved.state.step)
    }

    /// Each batch in parts, one for each device; the loss that is no number, if there is one.
    fn cut(
        &self,
        part: &Part,
        batches: Vec<Batch>,
        replicas: &[Replica],
        sum: &mut Sum,
    ) -> Result<Option<f64>, Interrupted> {
        let mut position = 0;
        for batch in batches {
            let (images, truth) = batch.into_device(&self.device);
            let count = images.dims()[0];
            let each = count.div_ceil(replicas.len());
            let ahead =
                replicas.iter().enumerate().filter(|(place, _)| place * each < count).map(|(place, replica)| {
                    let rows = (place * each, each.min(count - place * each));
                    let draws = self.draws(part).from_position(position).of_part(rows.0, count);
                    let images = images.clone().narrow(0, rows.0, rows.1).into_data();
                    move || forward(part, replica, images, draws)
                });
            let mut outputs = Vec::new();
            for made in together(ahead.collect()) {
                let made = made?;
                position = made.position;
                outputs.push(made.outputs);
            }
            let (loss, back) = self.loss_of(part, &outputs, &truth);
            let Some(back) = back else { return Ok(Some(loss)) };
            let parts = outputs.into_iter().zip(back).zip(replicas);
            let work = parts.map(|((outputs, gradients), replica)| move || backward(part, replica, outputs, gradients));
            for gradients in together(work.collect()) {
                sum.take(gradients?);
            }
            sum.loss += loss;
        }
        Ok(None)
    }

    /// The loss of a whole batch from the logits of its parts, and its gradients by the logits of each part; none if it is no number.
    fn loss_of(
        &self,
        part: &Part,
        outputs: &[Vec<Supervised>],
        truth: &loss::Truth,
    ) -> (f64, Option<Vec<Vec<TensorData>>>) {
        let levels = outputs.first().map_or(0, Vec::len);
        let whole = |level: usize| {
            let here =
                |part: &Vec<Supervised>| Tensor::<5>::from_data(part[level].logits.clone().into_data(), &self.device);
            Tensor::cat(outputs.iter().map(here).collect(), 0).detach().require_grad()
        };
        let leaves: Vec<Tensor<5>> = (0..levels).map(whole).collect();
        let all = leaves
            .iter()
            .zip(&outputs[0])
            .map(|(logits, part)| Supervised { weight: part.weight, logits: logits.clone() });
        let loss = loss::supervised(part.terms, all.collect(), truth);
        let value = f64::from(loss.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return (value, None);
        }
        let gradients = scaled(part, loss).backward();
        let mut first = 0;
        let back = outputs.iter().map(|part| {
            let count = part.first().map_or(0, |output| output.logits.dims()[0]);
            let rows = |leaf: &Tensor<5>| {
                let gradient = leaf.grad(&gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like());
                gradient.narrow(0, first, count).into_data()
            };
            let rows = leaves.iter().map(rows).collect();
            first += count;
            rows
        });
        (value, Some(back.collect()))
    }
}

/// Loss and gradients of a batch on a device.
fn of_batch(part: &Part, replica: &Replica, batch: Batch, draws: DropoutRng) -> Result<Made, Interrupted> {
    near(part, &replica.device, move || {
        let (images, truth) = batch.into_device(&replica.device);
        let outputs = replica.network.forward_supervised(images, &draws);
        let loss = loss::supervised(part.terms, outputs, &truth);
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let gradients = || GradientsParams::from_grads(scaled(part, loss).backward(), &replica.network);
        Made { loss: value, gradients: value.is_finite().then(gradients), position: draws.position() }
    })
}

/// The loss times the scale of 16 bits.
fn scaled(part: &Part, loss: Tensor<1>) -> Tensor<1> {
    part.factor.map_or(loss.clone(), |factor| loss.mul_scalar(factor))
}

/// Logits of a part of a batch, and how far its random numbers were read.
struct Ahead {
    outputs: Vec<Supervised>,
    position: u128,
}

fn forward(part: &Part, replica: &Replica, images: TensorData, draws: DropoutRng) -> Result<Ahead, Interrupted> {
    near(part, &replica.device, move || {
        let images = Tensor::from_data(images, &replica.device);
        let outputs = replica.network.forward_supervised(images, &draws);
        Ahead { outputs, position: draws.position() }
    })
}

/// The gradients of a part's weights from those of its logits.
fn backward(
    part: &Part,
    replica: &Replica,
    outputs: Vec<Supervised>,
    gradients: Vec<TensorData>,
) -> Result<GradientsParams, Interrupted> {
    near(part, &replica.device, move || {
        let products = outputs
            .into_iter()
            .zip(gradients)
            .map(|(output, gradient)| (output.logits * Tensor::from_data(gradient, &replica.device)).sum());
        let total = products.reduce(|sum, product| sum + product);
        total.map_or_else(GradientsParams::new, |total| GradientsParams::from_grads(total.backward(), &replica.network))
    })
}

/// Interruptible work on the thread from which a device is fastest.
fn near<R: Send>(part: &Part, device: &Device, work: impl FnOnce() -> R + Send) -> Result<R, Interrupted> {
    backend::near(device, || interruptible(part.cancelled, work))
}

/// Does all work at once, each on a thread of its own; the results in order. A panic passes on once all have ended.
fn together<R: Send>(work: Vec<impl FnOnce() -> R + Send>) -> Vec<R> {
    let ended: Vec<thread::Result<R>> = thread::scope(|scope| {
        let threads: Vec<_> = work.into_iter().map(|work| scope.spawn(work)).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    ended.into_iter().map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
}

/// Losses and gradients so far.
struct Sum<'a> {
    network: &'a Network,
    device: &'a Device,
    loss: f64,
    gradients: GradientsAccumulator<Network>,
}

impl Sum<'_> {
    /// Adds gradients of any device.
    fn take(&mut self, gradients: GradientsParams) {
        let here = gradients.to_device(&self.device.clone().inner(), self.network);
        self.gradients.accumulate(self.network, here);
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::block::{Activation, Norm};
    use crate::model::unet::UnetPlan;
    use crate::train::spec::Train;

    fn refused(norm: Norm, accumulate: usize, batch_size: usize, devices: usize) -> Option<String> {
        let model = ModelPlan::Unet(UnetPlan {
            features: vec![4, 8],
            strides: vec![[1; 3], [2; 3]],
            kernels: vec![[3; 3]; 2],
            blocks: vec![1, 1],
            decoder_blocks: 1,
            residual: false,
            norm,
            activation: Activation::LeakyRelu,
            deep_supervision: false,
            initial_weights: Default::default(),
        });
        let interface = Interface { channels: 1, outputs: 2, sigmoid: false };
        let train = Train { accumulate, ..Train::default() };
        let plan = TrainPlan::resolve(&train, [8; 3], batch_size, 3, Default::default());
        let result = refuse_sharing(&plan, &model, interface, &Device::flex(), devices);
        result.err().map(|error| error.to_string())
    }

    #[test]
    fn batch_norms_and_steps_with_too_little_are_refused_with_a_reason() {
        assert_eq!(refused(Norm::Instance, 1, 2, 2), None);
        assert_eq!(refused(Norm::Group, 4, 1, 3), None);
        // One device takes any training.
        assert_eq!(refused(Norm::Batch, 1, 1, 1), None);
        let batch = refused(Norm::Batch, 4, 4, 2).unwrap();
        assert!(
            batch.contains("2 devices") && batch.contains("batch norms") && batch.contains("norm = \"instance\""),
            "{batch}"
        );
        let little = refused(Norm::Instance, 2, 1, 3).unwrap();
        assert!(little.contains("2 batches of 1 patch, enough for 2"), "{little}");
    }

    #[test]
    fn work_is_done_together_and_its_panics_pass_on() {
        let barrier = std::sync::Barrier::new(3);
        let meet = |place: usize| (barrier.wait(), place).1;
        assert_eq!(together((0..3).map(|place| move || meet(place)).collect()), [0, 1, 2]);
        let lost: fn() = || resume_unwind(Box::new("lost"));
        let fails = std::panic::catch_unwind(|| together(vec![lost]));
        assert_eq!(fails.unwrap_err().downcast_ref::<&str>(), Some(&"lost"));
    }
}
