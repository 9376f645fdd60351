//! A finished run for inference on new images: its network (or those of an ensemble) and its plan.

use burn::tensor::Device;
use ndarray::{Array2, ArrayView4};

use super::member::Member;
use super::{FirstStage, InferError, OpenError, Selection, Step};
use crate::Cancel;
use crate::backend::Selected;
use crate::dataset::{Case, Target};
use crate::evaluate::Variant;
use crate::model::Network;
use crate::plan::{Imported, LookPlan, Plan, Work};
use crate::predict::spec::Weights;
use crate::predict::{self, PredictError, Predictor};
use crate::preprocess::{
    self, CaseError, Gathered, Origin, Outputs, Prepared, PreprocessPlan, restore_probabilities, restore_slices,
};
use crate::store::Stored;
use crate::train::checkpoint;
use crate::volume::{Segmentation, Volume};

/// Trained networks with their plans.
pub struct Trained {
    /// The run's plan.
    pub plan: Plan,
    /// One network, or those whose probabilities are averaged.
    pub(super) networks: Vec<Member>,
    pub(super) device: Device,
}

/// The prediction of a case.
pub struct Found {
    /// The result.
    pub segmentation: Segmentation,
    /// Results that it is compared with.
    pub variants: Vec<(Variant, Segmentation)>,
    /// Slices `[structure, z]` of the full canonical image that the second stage of a cascade segmented; none for all.
    pub looked_at: Option<Array2<bool>>,
}

impl Trained {
    /// Reads plan and weights of a run: of the best epoch if the plan asks for it and there is one, else of the last step. The
    /// networks of an ensemble, and the first stage of a cascade, are in neighbouring folders.
    ///
    /// # Errors
    /// A plan or weights are missing, damaged, or do not belong together.
    pub fn open(run: &Stored, device: &Selected) -> Result<Self, OpenError> {
        match &run.plan.work {
            Work::Train(_) => Self::of(run.plan.clone(), std::slice::from_ref(run), device),
            Work::Average(average) => {
                let members = average.members.iter().map(|ids| run.beside(ids)).collect::<Result<Vec<_>, _>>()?;
                Self::of(run.plan.clone(), &members, device)
            }
        }
    }

    /// The mean of several runs that segment the same structures, those of `plan`.
    ///
    /// # Errors
    /// As [`Trained::open`].
    pub fn of(plan: Plan, runs: &[Stored], device: &Selected) -> Result<Self, OpenError> {
        let networks = runs.iter().map(|run| Member::open(run, device)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { plan, networks, device: device.device.clone() })
    }

    /// Which checkpoint the weights come from.
    pub fn weights(&self) -> Weights {
        self.networks.first().map_or(self.plan.predict.weights, |member| member.weights)
    }

    /// Where the weights come from, if another program trained them.
    pub fn imported(&self) -> Option<&Imported> {
        self.networks.first().and_then(|member| member.training.imported.as_ref())
    }

    /// Number of image channels.
    pub fn channels(&self) -> usize {
        self.networks.first().map_or(1, Member::channels)
    }

    /// Its network; the first one of an ensemble.
    pub fn network(&self) -> Option<&Network> {
        self.networks.first().map(|member| &member.network)
    }

    /// The first stage that selects where its network segments; none for everywhere.
    pub fn first_stage(&self) -> Option<&FirstStage> {
        self.networks.first().and_then(|member| member.looker.as_ref())
    }

    /// The structures.
    pub fn target(&self) -> &Target {
        &self.plan.target
    }

    /// Enables averaging over flips of every axis that training mirrored, except the width if only one side of a left–right pair is
    /// segmented; false if no axis remains.
    pub fn mirror(&mut self) -> bool {
        // Collected first, because `any` would stop at the first member.
        let each: Vec<bool> = self.networks.iter_mut().map(Member::mirror).collect();
        each.contains(&true)
    }

    /// Disables averaging over flips.
    pub fn without_mirroring(&mut self) {
        self.networks.iter_mut().for_each(|member| member.plan.predict.mirror_axes.clear());
    }

    /// Segments one image on its own grid.
    ///
    /// # Errors
    /// See [`InferError`].
    pub fn segment(&self, image: &Volume, cancel: &Cancel) -> Result<Segmentation, InferError> {
        Ok(predict::decode(&self.outputs(image, cancel)?, &self.plan.target, &self.plan.predict)?)
    }

    /// As [`Trained::segment`]; `watch` is told of each step.
    ///
    /// # Errors
    /// See [`InferError`].
    pub fn segment_watched(
        &self,
        image: &Volume,
        watch: &(dyn Fn(Step) + Sync),
        cancel: &Cancel,
    ) -> Result<Segmentation, InferError> {
        let found = self.outputs_watched(image, Some(watch), cancel)?;
        watch(Step::Restore);
        Ok(predict::decode(&found, &self.plan.target, &self.plan.predict)?)
    }

    /// Segments one image on its own grid, and returns the probabilities `[structure, z, y, x]` as well.
    ///
    /// # Errors
    /// See [`InferError`].
    pub fn segment_with_probabilities(
        &self,
        image: &Volume,
        watch: Option<&(dyn Fn(Step) + Sync)>,
        cancel: &Cancel,
    ) -> Result<(Segmentation, Volume), InferError> {
        let found = self.outputs_watched(image, watch, cancel)?;
        watch.iter().for_each(|watch| watch(Step::Restore));
        let views: Vec<_> = found.iter().map(|(outputs, origin)| (outputs, origin)).collect();
        let probabilities = restore_probabilities(&views, &self.plan.target).map_err(PredictError::Shape)?;
        Ok((predict::decode(&found, &self.plan.target, &self.plan.predict)?, probabilities))
    }

    /// Prepares an image for its network, the first one of an ensemble.
    ///
    /// # Errors
    /// See [`InferError`].
    pub fn prepare(&self, image: &Volume) -> Result<Prepared, InferError> {
        self.check_channels(image)?;
        let Some(first) = self.networks.first() else { return Err(PredictError::Cancelled.into()) };
        Ok(preprocess::prepare_case(&first.training.preprocess, image, None)?)
    }

    /// The outputs for an image, on its prepared grid: of each network, or the mean of logits.
    fn outputs(&self, image: &Volume, cancel: &Cancel) -> Result<Vec<(Outputs, Origin)>, InferError> {
        self.outputs_watched(image, None, cancel)
    }

    fn outputs_watched(
        &self,
        image: &Volume,
        watch: Option<&(dyn Fn(Step) + Sync)>,
        cancel: &Cancel,
    ) -> Result<Vec<(Outputs, Origin)>, InferError> {
        self.check_channels(image)?;
        let (tell, of) = (|step| watch.iter().for_each(|watch| watch(step)), self.networks.len());
        let mut found = Gathered::new(self.are_alike());
        let mut last: Option<(&PreprocessPlan, Prepared)> = None;
        let mut looked: Option<(&LookPlan, Selection)> = None;
        for (index, member) in self.networks.iter().enumerate() {
            tell(Step::Prepare { network: index, of });
            // The folds of an experiment see the same prepared image.
            let plan = &member.training.preprocess;
            let prepared = match last.take().filter(|(known, _)| *known == plan) {
                Some((_, prepared)) => prepared,
                None => preprocess::prepare_case(plan, image, None)?,
            };
            // So do they see the same first stage.
            let look = match (looked.take().filter(|(known, _)| **known == member.plan.look), &member.looker) {
                (Some((_, look)), _) => look,
                (None, Some(looker)) => looker.look(image, cancel)?,
                (None, None) => Selection::Everywhere,
            };
            let region = look.region(&prepared.origin);
            let input = look.channels(plan, &prepared);
            let windows = |done, all| tell(Step::Network { network: index, of, windows: [done, all] });
            let predictor = Predictor { watch: Some(&windows), ..member.predictor(&self.device) };
            let outputs = predictor.outputs(input.view(), region.as_ref(), cancel);
            drop(input);
            found.add(outputs.ok_or(PredictError::Cancelled)?, &prepared.origin).map_err(PredictError::Shape)?;
            last = Some((plan, prepared));
            looked = Some((&member.plan.look, look));
        }
        Ok(found.finish())
    }

    /// Whether the outputs of all networks are of one kind and on one grid: those of a model's folds.
    fn are_alike(&self) -> bool {
        let is_like = |one: &Member, other: &Member| {
            let of = |member: &Member| (member.plan.predict.averaged, member.plan.target.outputs());
            of(one) == of(other)
                && one.plan.look == other.plan.look
                && one.training.preprocess == other.training.preprocess
        };
        self.networks.windows(2).all(|pair| is_like(&pair[0], &pair[1]))
    }

    /// The results that [`Trained::find`] compares with the main one.
    pub fn variants(&self) -> Vec<Variant> {
        let Some(only) = self.networks.first().filter(|_| self.networks.len() == 1) else { return Vec::new() };
        let alone = only.looker.as_ref().is_some_and(FirstStage::chooses_slices).then_some(Variant::SecondStageAlone);
        alone.into_iter().chain((1..only.network.passes()).map(Variant::Pass)).collect()
    }

    /// Segments a case prepared for a run's single network, and computes the results that it is compared with: earlier passes of a
    /// multi-pass network, the second stage of a cascade without its first. `read` supplies the image if a first stage needs it;
    /// `seen` gets the probabilities `[output, z, y, x]` on the prepared grid.
    ///
    /// # Errors
    /// See [`InferError`].
    pub fn find(
        &self,
        prepared: &Prepared,
        read: impl FnOnce() -> Result<Volume, InferError>,
        seen: &mut dyn FnMut(ArrayView4<f32>),
        cancel: &Cancel,
    ) -> Result<Found, InferError> {
        let Some(only) = self.networks.first() else { return Err(PredictError::Cancelled.into()) };
        let look = only.looker.as_ref().map(|looker| looker.look(&read()?, cancel)).transpose()?;
        let region = look.as_ref().and_then(|look| look.region(&prepared.origin));
        let predictor = only.predictor(&self.device);
        let input = look.as_ref().map(|look| look.channels(&only.training.preprocess, prepared));
        let image = input.as_ref().map_or(prepared.image.view(), |input| input.view());
        let decode = |found| predict::decode(&[(found, prepared.origin.clone())], self.target(), &self.plan.predict);
        let mut variants = Vec::new();
        let segmentation = match (&look, &region) {
            (Some(Selection::Slices(_)), Some(region)) => {
                let found = predictor.outputs(image, None, cancel).ok_or(PredictError::Cancelled)?;
                variants.push((Variant::SecondStageAlone, decode(found.clone())?));
                let mut found = found.into_probabilities(self.target().sigmoid());
                region.restrict(&mut found, self.target().sigmoid());
                seen(found.view());
                decode(Outputs::Probabilities(found))?
            }
            _ => {
                let found = predictor.outputs(image, region.as_ref(), cancel).ok_or(PredictError::Cancelled)?;
                match &found {
                    Outputs::Probabilities(found) => seen(found.view()),
                    Outputs::Logits(_) => seen(found.clone().into_probabilities(self.target().sigmoid()).view()),
                }
                decode(found)?
            }
        };
        for pass in 1..only.network.passes() {
            let predictor = Predictor { pass: Some(pass - 1), ..only.predictor(&self.device) };
            let found = predictor.outputs(image, region.as_ref(), cancel).ok_or(PredictError::Cancelled)?;
            variants.push((Variant::Pass(pass), decode(found)?));
        }
        let looked_at = match look {
            Some(Selection::Slices(chosen)) => Some(chosen),
            _ => None,
        };
        Ok(Found { segmentation, variants, looked_at })
    }

    /// Probabilities `[output, z]` that the slices of a prepared case show the structures, on the slices of its full canonical image.
    ///
    /// # Errors
    /// [`InferError::Predict`].
    pub fn classify_prepared(&self, prepared: &Prepared, cancel: &Cancel) -> Result<Array2<f32>, InferError> {
        let Some(only) = self.networks.first() else { return Err(PredictError::Cancelled.into()) };
        let slices = only.predictor(&self.device).slices(prepared.image.view(), cancel);
        Ok(restore_slices(slices.ok_or(PredictError::Cancelled)?.view(), &prepared.origin))
    }

    /// blake3 of the weights, in the order of the networks.
    pub fn hashes(&self) -> Vec<String> {
        self.networks.iter().map(|member| checkpoint::weights_hash(&member.network)).collect()
    }

    /// Probabilities `[structure, z]` that the slices of an image in canonical orientation show the structures, and the slice
    /// spacing in mm; 1 without spacing.
    ///
    /// # Errors
    /// See [`InferError`].
    pub fn classify(&self, image: &Volume, cancel: &Cancel) -> Result<(Array2<f32>, f64), InferError> {
        self.check_channels(image)?;
        let each = self.networks.iter().map(|member| {
            let Prepared { image, origin, .. } = preprocess::prepare_case(&member.training.preprocess, image, None)?;
            let slices = member.predictor(&self.device).slices(image.view(), cancel);
            Ok(restore_slices(slices.ok_or(PredictError::Cancelled)?.view(), &origin))
        });
        let each = each.collect::<Result<Vec<Array2<f32>>, InferError>>()?;
        let count = each.len().max(1) as f32;
        let mean = each.into_iter().reduce(|sum, slices| sum + slices).unwrap_or_default() / count;
        Ok((mean, image.geometry.to_canonical().spacing_mm()[0]))
    }

    fn check_channels(&self, image: &Volume) -> Result<(), InferError> {
        let found = image.voxels.dim().0;
        match self.networks.iter().find(|member| member.channels() != found) {
            Some(member) => Err(InferError::Channels { found, expected: member.channels() }),
            None => Ok(()),
        }
    }
}

/// Reads the image of a case, without its labels.
///
/// # Errors
/// A file cannot be read.
pub fn read_image(case: &Case) -> Result<Volume, InferError> {
    Ok(crate::dataset::read_image(case).map_err(CaseError::from)?)
}
