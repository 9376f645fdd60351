//! `preprocess.intensity = "auto"`: nnU-Net's scheme by modality.

use crate::auto::Auto;
use crate::dataset::spec::Modality;
use crate::preprocess::Fingerprint;
use crate::preprocess::spec::{IntensityStep, Region};

/// If cropping keeps a smaller fraction of the voxels than this, statistics use only nonzero voxels (nnU-Net).
const MOSTLY_EMPTY: f64 = 0.75;

/// Hounsfield units above which a voxel of a CT image belongs to the body.
const BODY_HU: f64 = -300.0;

/// One step per channel: CT is clipped and normalised by the dataset's foreground statistics, colour images are scaled to 0…1, anything
/// else is z-scored per image. CT channels of a dataset without labelled voxels are z-scored per image too.
pub fn intensity_steps(modalities: &[Modality], fingerprint: &Fingerprint) -> Vec<IntensityStep> {
    let region = if fingerprint.median_relative_size < MOSTLY_EMPTY { Region::Nonzero } else { Region::Image };
    let step = |(channel, modality): (usize, &Modality)| {
        let channels = if same(modalities) { Vec::new() } else { vec![channel] };
        match (modality, fingerprint.channels.get(channel)) {
            (Modality::Ct, Some(&found)) => {
                let channels = if modalities.len() == 1 { Vec::new() } else { vec![channel] };
                IntensityStep::Ct { statistics: Auto::Fixed(found.into()), channels }
            }
            (Modality::Rgb, _) => IntensityStep::MinMax { channels },
            _ => IntensityStep::ZScore { region, channels },
        }
    };
    let mut steps: Vec<IntensityStep> = modalities.iter().enumerate().map(step).collect();
    steps.dedup();
    steps
}

/// The threshold of `crop = "body"` for a modality; `None`: Otsu's threshold of each image.
pub fn body_threshold(modality: Modality) -> Option<f64> {
    (modality == Modality::Ct).then_some(BODY_HU)
}

fn same(modalities: &[Modality]) -> bool {
    modalities.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::fingerprint::ChannelStatistics;
    use std::collections::BTreeMap;

    fn fingerprint(median_relative_size: f64, channels: usize) -> Fingerprint {
        let statistics =
            ChannelStatistics { mean: 1.0, median: 1.0, sd: 2.0, min: 0.0, max: 9.0, p00_5: 0.5, p99_5: 8.0 };
        Fingerprint {
            cases: vec![],
            excluded: vec![],
            channels: vec![statistics; channels],
            median_relative_size,
            label_voxels: BTreeMap::new(),
        }
    }

    #[test]
    fn each_modality_has_its_scheme() {
        use Modality::{Ct, Mr, Pet, Rgb};
        let z_score = |region, channels| IntensityStep::ZScore { region, channels };
        assert_eq!(intensity_steps(&[Mr, Mr], &fingerprint(0.9, 2)), [z_score(Region::Image, vec![])]);
        assert_eq!(intensity_steps(&[Mr], &fingerprint(0.7, 1)), [z_score(Region::Nonzero, vec![])]);
        assert_eq!(
            intensity_steps(&[Rgb, Rgb, Rgb], &fingerprint(1.0, 3)),
            [IntensityStep::MinMax { channels: vec![] }]
        );
        let mixed = intensity_steps(&[Ct, Pet], &fingerprint(0.9, 2));
        assert!(matches!(&mixed[0], IntensityStep::Ct { statistics: Auto::Fixed(found), channels }
            if found.p99_5 == 8.0 && channels == &[0]));
        assert_eq!(mixed[1], z_score(Region::Image, vec![1]));
        assert_eq!(intensity_steps(&[Ct, Ct], &fingerprint(0.9, 2)).len(), 2, "each channel has its own statistics");
        assert_eq!(intensity_steps(&[Ct], &fingerprint(0.9, 0)), [z_score(Region::Image, vec![])]);
    }
}
