//! The structures on one slice, in the reference and in the prediction.

use image::Rgb;
use ndarray::{Array2, ArrayView2, Axis};

use super::view::View;
use crate::dataset::{Target, TargetStructure};
use crate::volume::{LabelMap, Segmentation};

/// One structure on a slice.
pub(super) struct Layer {
    name: String,
    color: [u8; 3],
    pub(super) reference: Array2<bool>,
    pub(super) prediction: Array2<bool>,
}

/// The structures that a slice shows, in the target's order.
pub(super) struct Layers(Vec<Layer>);

/// Cuts every structure of the target along a view.
pub(super) fn layers(view: &View, reference: &LabelMap, prediction: &Segmentation, target: &Target) -> Layers {
    let axis = Axis(view.plane.axis());
    let labels = reference.voxels.index_axis(axis, view.index);
    let layer = |(index, structure): (usize, &TargetStructure)| {
        let prediction = match prediction {
            Segmentation::Labels(map) => belongs(map.voxels.index_axis(axis, view.index), structure),
            Segmentation::Masks { masks, .. } if index < masks.shape()[0] => {
                masks.index_axis(Axis(0), index).index_axis(axis, view.index).mapv(|value| value != 0)
            }
            Segmentation::Masks { .. } => Array2::default(labels.dim()),
        };
        Layer {
            name: structure.name.clone(),
            color: structure.color,
            reference: belongs(labels, structure),
            prediction,
        }
    };
    let shown = |layer: &Layer| layer.reference.iter().chain(&layer.prediction).any(|there| *there);
    Layers(target.structures.iter().enumerate().map(layer).filter(shown).collect())
}

fn belongs(labels: ArrayView2<u16>, structure: &TargetStructure) -> Array2<bool> {
    labels.mapv(|value| value != 0 && (value == structure.value || structure.values.contains(&value)))
}

impl Layers {
    /// Whether a structure is on the slice.
    pub(super) fn shows(&self, name: &str) -> bool {
        self.0.iter().any(|layer| layer.name == name)
    }

    /// A pixel with the structures overlaid: a tint inside, the full colour along the edge.
    pub(super) fn overlay(
        &self,
        gray: Rgb<u8>,
        view: &View,
        (x, y): (u32, u32),
        mask: impl Fn(&Layer) -> &Array2<bool>,
    ) -> Rgb<u8> {
        let inside = |mask: &Array2<bool>, x: u32, y: u32| mask.get(view.source(x, y)).copied().unwrap_or(false);
        self.0.iter().fold(gray, |color, layer| {
            let mask = mask(layer);
            if !inside(mask, x, y) {
                return color;
            }
            let (right, lower) = ((x + 2).min(view.size.0 - 1), (y + 2).min(view.size.1 - 1));
            let around = [(x.saturating_sub(2), y), (right, y), (x, y.saturating_sub(2)), (x, lower)];
            let edge = around.into_iter().any(|(x, y)| !inside(mask, x, y));
            blend(color, layer.color, if edge { 1.0 } else { 0.35 })
        })
    }

    /// Whether any structure is missed, and whether any is a false positive.
    pub(super) fn errors(&self, at: (usize, usize)) -> (bool, bool) {
        let there = |mask: &Array2<bool>| mask.get(at).copied().unwrap_or(false);
        self.0.iter().fold((false, false), |(missed, extra), layer| {
            let (reference, prediction) = (there(&layer.reference), there(&layer.prediction));
            (missed || (reference && !prediction), extra || (prediction && !reference))
        })
    }
}

fn blend(Rgb(under): Rgb<u8>, over: [u8; 3], strength: f32) -> Rgb<u8> {
    let mix = |channel: usize| f32::from(under[channel]) * (1.0 - strength) + f32::from(over[channel]) * strength;
    Rgb([mix(0).round() as u8, mix(1).round() as u8, mix(2).round() as u8])
}
