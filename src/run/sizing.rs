//! A small variant of an experiment, sized so that this machine trains it within the hour: for `segspec new`.
//!
//! The grids of a few images stand for the dataset, so that nothing but headers is read. Spacing, patch and network follow the same rules
//! as `"auto"`, at a fraction of the memory and a quarter of the width; the length follows from a measured step.

use std::collections::BTreeMap;

use super::error::RunError;
use super::forecast;
use super::setting::Setting;
use crate::auto::Auto;
use crate::dataset::{Dataset, Fold, Grid};
use crate::model::{Model, ModelPlan};
use crate::plan::spacing::{median_shape, target_spacing};
use crate::plan::{About, Data, Given, LookPlan, Plan, PlanError, resolve};
use crate::preprocess::Fingerprint;
use crate::preprocess::fingerprint::CaseFingerprint;
use crate::preprocess::spec::Spacing;
use crate::spec::{self, Experiment};

/// Time for the training steps; reading, validation and prediction get the rest of the hour.
const SECONDS: f64 = 45.0 * 60.0;
/// Fewest steps that are worth a training.
const MIN_STEPS: f64 = 1500.0;
/// More steps than this are left to the full experiment.
const MAX_STEPS: f64 = 5000.0;
const EPOCHS: usize = 20;
/// The median image has at most this many voxels: a small patch then still shows a good part of the body.
const VOXELS: f64 = 2e6;
/// Memory targets that are tried, in GB, until a step is fast enough.
const TARGETS_GB: [f64; 5] = [2.0, 1.0, 0.5, 0.25, 0.12];
/// The network's width is nnU-Net's divided by this.
const NARROWER: usize = 4;
const MIN_FEATURES: usize = 8;
const BATCH_3D: usize = 2;
const MAX_BATCH_2D: usize = 8;

/// What differs from the full experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Small {
    /// Spacing `[z, y, x]` in mm; `None` where the images keep theirs.
    pub spacing_mm: Option<[f64; 3]>,
    /// Median shape `[z, y, x]` of the prepared images.
    pub shape: [usize; 3],
    /// Feature maps per stage of the U-Net.
    pub features: Vec<usize>,
    /// Patch `[z, y, x]`.
    pub patch_size: [usize; 3],
    /// Patches per step.
    pub batch_size: usize,
    /// Epochs.
    pub epochs: usize,
    /// Steps per epoch.
    pub steps_per_epoch: usize,
    /// Measured seconds of one step on this machine.
    pub step_seconds: f64,
}

impl Small {
    /// Seconds of all training steps.
    pub fn training_seconds(&self) -> f64 {
        self.step_seconds * (self.epochs * self.steps_per_epoch) as f64
    }

    /// The experiment with these values.
    fn applied(&self, full: &Experiment) -> Experiment {
        let mut small = full.clone();
        if let Some(spacing) = self.spacing_mm {
            small.preprocess.spacing_mm = Spacing::Fixed(spacing);
        }
        if let Model::Unet(unet) = &mut small.model {
            unet.features = Auto::Fixed(self.features.clone());
        }
        (small.train.patch_size, small.train.batch_size) = (Auto::Fixed(self.patch_size), Auto::Fixed(self.batch_size));
        small
    }
}

/// Sizes an experiment with a U-Net for this machine; `None` where nothing can be told from the images, or not even the smallest
/// network is fast enough.
///
/// # Errors
/// The device fails, or the user stopped.
pub fn small(
    full: &Experiment,
    dataset: &Dataset,
    grids: &[Grid],
    setting: &Setting,
) -> Result<Option<Small>, RunError> {
    let seen = Seen::of(grids);
    let Some((spacing_mm, shape)) = seen.spacing() else { return Ok(None) };
    let mut smallest = None;
    for gb in TARGETS_GB {
        let Some(mut found) = seen.planned(full, dataset, spacing_mm, shape, gb)? else { continue };
        let applied = found.applied(full);
        if !spec::is_sound(&applied, dataset) {
            continue;
        }
        let Some(plan) = seen.plan(&applied, dataset)? else { continue };
        let Some(seconds) = forecast::measure(&plan, setting)? else { continue };
        let steps = (SECONDS / seconds).min(MAX_STEPS);
        found.step_seconds = seconds;
        found.steps_per_epoch = rounded(steps / EPOCHS as f64);
        if steps >= MIN_STEPS {
            return Ok(Some(found));
        }
        smallest = Some(found);
    }
    Ok(smallest.filter(|found| found.training_seconds() <= SECONDS))
}

/// Two significant digits, downwards; at least 1.
fn rounded(steps: f64) -> usize {
    let unit = if steps >= 100.0 { 10.0 } else { 5.0 };
    ((steps / unit).floor() * unit).max(1.0) as usize
}

/// The sampled images as a fingerprint: shapes and spacings, but no intensities.
struct Seen {
    fingerprint: Fingerprint,
    fold: Fold,
    without_spacing: bool,
}

impl Seen {
    fn of(grids: &[Grid]) -> Self {
        let case = |(number, grid): (usize, &Grid)| CaseFingerprint {
            name: number.to_string(),
            channels: 1,
            spacing_mm: grid.spacing_mm.unwrap_or([1.0; 3]),
            shape: grid.shape,
            cropped_shape: grid.shape,
            label_voxels: BTreeMap::new(),
        };
        let cases: Vec<CaseFingerprint> = grids.iter().enumerate().map(case).collect();
        let train = cases.iter().map(|case| case.name.clone()).collect();
        let fingerprint = Fingerprint {
            cases,
            excluded: Vec::new(),
            channels: Vec::new(),
            median_relative_size: 1.0,
            label_voxels: BTreeMap::new(),
        };
        let without_spacing = grids.iter().all(|grid| grid.spacing_mm.is_none());
        Self { fingerprint, fold: Fold { train, validation: Vec::new(), test: Vec::new() }, without_spacing }
    }

    /// The spacing to resample to (none: keep or leave to the full experiment) and the median shape there.
    fn spacing(&self) -> Option<(Option<[f64; 3]>, [usize; 3])> {
        let (spacings, shapes) = (self.fingerprint.spacings_mm(), self.fingerprint.cropped_shapes());
        let mut spacing = target_spacing(&spacings, &shapes)?;
        let shape_at = |spacing| median_shape(&spacings, &shapes, spacing);
        let mut shape = shape_at(spacing)?;
        let is_flat = shape[0] <= 1.0;
        let mut coarser = false;
        // The finest axes first, so that thick slices stay as they are.
        while !self.without_spacing && !is_flat && shape.iter().product::<f64>() > VOXELS {
            let finest = spacing.into_iter().fold(f64::INFINITY, f64::min);
            spacing = spacing.map(|mm| if mm < finest * 1.05 { finest * 1.05 } else { mm });
            shape = shape_at(spacing)?;
            coarser = true;
        }
        let unit = if spacing.iter().any(|mm| *mm < 1.0) { 100.0 } else { 10.0 };
        let spacing = spacing.map(|mm| (mm * unit).round() / unit);
        Some((coarser.then_some(spacing), shape.map(|voxels| voxels as usize)))
    }

    /// What the rules choose for a memory target, narrowed; `None` where they find no network.
    fn planned(
        &self,
        full: &Experiment,
        dataset: &Dataset,
        spacing_mm: Option<[f64; 3]>,
        shape: [usize; 3],
        memory_target_gb: f64,
    ) -> Result<Option<Small>, RunError> {
        let mut experiment = Experiment { memory_target_gb, ..full.clone() };
        if let Some(spacing) = spacing_mm {
            experiment.preprocess.spacing_mm = Spacing::Fixed(spacing);
        }
        let Some(plan) = self.plan(&experiment, dataset)? else { return Ok(None) };
        let Some(training) = plan.work.training() else { return Ok(None) };
        let ModelPlan::Unet(unet) = &training.model else { return Ok(None) };
        let patch_size = training.train.patch_size;
        let most = if patch_size[0] == 1 { MAX_BATCH_2D } else { BATCH_3D };
        Ok(Some(Small {
            spacing_mm,
            shape,
            features: unet.features.iter().map(|features| (features / NARROWER).max(MIN_FEATURES)).collect(),
            patch_size,
            batch_size: training.train.batch_size.min(most),
            epochs: EPOCHS,
            steps_per_epoch: 0,
            step_seconds: 0.0,
        }))
    }

    fn plan(&self, experiment: &Experiment, dataset: &Dataset) -> Result<Option<Plan>, RunError> {
        let given = Given {
            experiment,
            dataset,
            fold: &self.fold,
            fingerprint: &self.fingerprint,
            without_spacing: self.without_spacing,
            pretrained: None,
            look: LookPlan::Everywhere,
        };
        match resolve(&given, About::default(), Data::default()) {
            Ok(plan) => Ok(Some(plan)),
            Err(PlanError::Patch { .. } | PlanError::Network { .. } | PlanError::NoValidation) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cancel;
    use crate::backend::{DeviceName, select};
    use crate::observe::Events;

    fn grid(shape: [usize; 3], spacing: [f64; 3]) -> Grid {
        Grid { shape, spacing_mm: Some(spacing) }
    }

    #[test]
    fn large_images_are_resampled_along_their_finest_axes() {
        let spacing_of = |grids: &[Grid]| Seen::of(grids).spacing().unwrap();
        let (spacing, shape) = spacing_of(&[grid([100, 512, 512], [5.0, 0.8, 0.8])]);
        let [z, y, x] = spacing.unwrap();
        assert_eq!((z, y == x), (5.0, true));
        assert!(y > 2.5 && y < 3.2 && shape.iter().product::<usize>() <= 2_000_000, "{spacing:?} {shape:?}");
        let (spacing, shape) = spacing_of(&[grid([35, 50, 40], [1.0; 3])]);
        assert_eq!((spacing, shape), (None, [35, 50, 40]));
        // Slices and pictures keep their pixels.
        assert_eq!(spacing_of(&[grid([1, 2048, 2048], [1.0, 0.1, 0.1])]).0, None);
        assert_eq!(spacing_of(&[Grid { shape: [200, 512, 512], spacing_mm: None }]).0, None);
        assert!(Seen::of(&[]).spacing().is_none());
    }

    #[test]
    fn proposals_fit_the_hour_and_are_what_the_plan_has() {
        let device = select(DeviceName::Cpu).unwrap();
        let cancel = Cancel::new();
        let setting = Setting {
            device: &device,
            data_root: None,
            stop_after: None,
            cancel: &cancel,
            events: Events::silent(),
            follow: None,
        };
        let full: Experiment =
            toml::from_str("dataset = \"x\"\n[model.unet]\ndeep-supervision = true\n[train]\nepochs = 100\n").unwrap();
        let dataset: Dataset = toml::from_str(
            "root = \"x\"\nmodality = \"ct\"\nlayout = { msd = {} }\n[[structure]]\nname = \"a\"\nvalue = 1\n",
        )
        .unwrap();
        for (grids, is_flat) in [
            (vec![grid([36, 50, 35], [1.0; 3]); 3], false),
            (vec![grid([60, 256, 256], [3.0, 1.2, 1.2])], false),
            (vec![grid([1, 128, 128], [1.0; 3])], true),
        ] {
            let found = small(&full, &dataset, &grids, &setting).unwrap().unwrap();
            let plan = Seen::of(&grids).plan(&found.applied(&full), &dataset).unwrap().unwrap();
            let training = plan.work.training().unwrap();
            assert_eq!(training.train.patch_size, found.patch_size);
            assert_eq!(training.train.batch_size, found.batch_size);
            assert_eq!(found.patch_size[0] == 1, is_flat, "{found:?}");
            assert!(spec::is_sound(&found.applied(&full), &dataset), "{found:?}");
            assert!(found.step_seconds > 0.0 && found.training_seconds() <= SECONDS, "{found:?}");
        }
    }
}
