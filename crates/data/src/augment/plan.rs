//! From a spec to the sampler's plan: presets filled in, transforms in the order in which they are applied.

use serde::{Deserialize, Serialize};

use super::intensity::Intensity;
use super::preset::{in_plane, tables};
use super::spatial::Spatial;
use super::spec::{Augment, Axis};

/// The resolved augmentation of training patches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AugmentPlan {
    /// Mirrored axes (0 depth, 1 height, 2 width).
    pub mirror_axes: Vec<usize>,
    /// Pairs of label values that are swapped where the width is mirrored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrored_values: Vec<[u16; 2]>,
    /// Spatial transforms: one resampling.
    #[serde(default, skip_serializing_if = "Spatial::is_empty")]
    pub spatial: Spatial,
    /// Intensity transforms, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intensity: Vec<Intensity>,
}

impl AugmentPlan {
    /// Mirroring and nothing else.
    pub fn mirroring(mirror_axes: Vec<usize>) -> Self {
        Self { mirror_axes, ..Self::default() }
    }

    /// Fills in a spec's preset for a patch size `[z, y, x]`. `mirrored_values` are the dataset's; `keep_sides` removes the width from a
    /// preset's mirrored axes, not from those that the spec lists.
    pub fn resolve(spec: &Augment, patch: [usize; 3], mirrored_values: &[[u16; 2]], keep_sides: bool) -> Self {
        let preset = tables(spec.preset, patch);
        let axes = spec.mirror.clone().unwrap_or_else(|| {
            let axes = preset.mirror.clone().unwrap_or_default();
            axes.into_iter().filter(|axis| !(keep_sides && *axis == Axis::Width)).collect()
        });
        // A 2D patch has no depth to mirror.
        let mirror_axes: Vec<usize> = axes.iter().map(|axis| axis.index()).filter(|&axis| patch[axis] > 1).collect();
        let flips_width = mirror_axes.contains(&Axis::Width.index());
        let merged = spec.clone().over(preset);
        Self {
            mirrored_values: if flips_width { mirrored_values.to_vec() } else { Vec::new() },
            mirror_axes,
            spatial: Spatial::of(&merged, in_plane(patch)),
            intensity: Intensity::of(&merged),
        }
    }

    /// Key and probability per patch of every transform but mirroring.
    pub fn probabilities(&self) -> Vec<(&'static str, f64)> {
        let steps = self.intensity.iter().map(|step| (step.name(), step.probability()));
        self.spatial.probabilities().into_iter().chain(steps).collect()
    }

    /// Every transform alone, with its key: for previews.
    pub fn each(&self) -> Vec<(&'static str, Self)> {
        let mut each: Vec<(&str, Self)> = Vec::new();
        if !self.mirror_axes.is_empty() {
            let mirrored_values = self.mirrored_values.clone();
            each.push(("mirror", Self { mirrored_values, ..Self::mirroring(self.mirror_axes.clone()) }));
        }
        let spatial = self.spatial.each().into_iter();
        each.extend(spatial.map(|(name, spatial)| (name, Self { spatial, ..Self::default() })));
        let steps = self.intensity.iter();
        each.extend(steps.map(|step| (step.name(), Self { intensity: vec![step.clone()], ..Self::default() })));
        each
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::spec::Preset;

    fn spec(text: &str) -> Augment {
        toml::from_str(text).unwrap()
    }

    fn names(plan: &AugmentPlan) -> Vec<&'static str> {
        plan.each().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_written_table_replaces_the_presets_and_zero_switches_off() {
        let spec = spec(
            "preset = \"nnu-net\"\nnoise = { probability = 0.9 }\nblur = { probability = 0 }\nmirror = [\"depth\"]",
        );
        let plan = AugmentPlan::resolve(&spec, [64; 3], &[], false);
        assert_eq!(
            names(&plan),
            [
                "mirror",
                "rotation",
                "zoom",
                "noise",
                "brightness",
                "contrast",
                "low-resolution",
                "inverted-gamma",
                "gamma"
            ]
        );
        let Some(Intensity::Noise(noise)) = plan.intensity.first() else { panic!("noise comes first") };
        assert_eq!((noise.probability, noise.sd), (0.9, [0.0, 0.1]));
        assert_eq!(plan.mirror_axes, [0]);
    }

    #[test]
    fn nothing_is_nothing_and_a_plan_comes_back_from_its_text() {
        assert_eq!(AugmentPlan::resolve(&Augment::default(), [8; 3], &[[1, 2]], false), AugmentPlan::default());
        for preset in [Preset::NnuNet, Preset::Monai] {
            let spec = Augment { preset, ..Augment::default() };
            let plan = AugmentPlan::resolve(&spec, [64; 3], &[[1, 2]], false);
            assert_eq!(plan.mirrored_values, [[1, 2]]);
            let text = toml::to_string(&plan).unwrap();
            assert_eq!(toml::from_str::<AugmentPlan>(&text).unwrap(), plan, "{text}");
        }
    }

    #[test]
    fn a_preset_keeps_sides_where_it_must_and_flat_patches_their_slices() {
        let spec = Augment { preset: Preset::NnuNet, ..Augment::default() };
        assert_eq!(AugmentPlan::resolve(&spec, [64; 3], &[], true).mirror_axes, [0, 1]);
        let flat = AugmentPlan::resolve(&spec, [1, 256, 256], &[[1, 2]], false);
        assert_eq!((flat.mirror_axes.as_slice(), flat.spatial.in_plane), ([1, 2].as_slice(), true));
        let written = Augment { mirror: Some(vec![Axis::Width]), ..spec };
        assert_eq!(AugmentPlan::resolve(&written, [64; 3], &[], true).mirror_axes, [2]);
    }
}
