//! Colours of errors, apart from those of the structures.

use image::Rgb;

use crate::dataset::Target;

/// Bright colours, preferred ones first: they differ in brightness, too, for colour-blind readers.
const CANDIDATES: [[u8; 3]; 7] = [
    [0xFF, 0xE1, 0x00],
    [0xFF, 0x2F, 0xC4],
    [0xFF, 0xFF, 0xFF],
    [0x00, 0xE5, 0xFF],
    [0xFF, 0x7A, 0x00],
    [0x7C, 0xFF, 0x00],
    [0x20, 0x20, 0xFF],
];

/// Distance in RGB from which two colours are told apart at a glance.
const APART: f64 = 110.0;

/// Colours of the three kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ErrorColors {
    /// In the reference only.
    pub(super) missed: Rgb<u8>,
    /// In the prediction only.
    pub(super) extra: Rgb<u8>,
    /// Another structure in the prediction than in the reference.
    pub(super) wrong_structure: Rgb<u8>,
}

impl ErrorColors {
    /// The first candidates that are apart from the colours of all structures; among many structures, those farthest from them.
    pub(super) fn of(target: &Target) -> Self {
        let nearest = |color: &[u8; 3]| {
            target.structures.iter().map(|structure| distance(*color, structure.color)).fold(f64::INFINITY, f64::min)
        };
        let mut ranked: Vec<[u8; 3]> = CANDIDATES.to_vec();
        // Stable: those that are far enough stay in their order.
        ranked.sort_by(|a, b| nearest(b).min(APART).total_cmp(&nearest(a).min(APART)));
        let color = |place: usize| Rgb(ranked[place]);
        Self { missed: color(0), extra: color(1), wrong_structure: color(2) }
    }
}

fn distance(one: [u8; 3], other: [u8; 3]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::fixture::target;

    #[test]
    fn errors_never_have_the_colour_of_a_structure() {
        // One of the fixture's structures is yellow.
        let target = target(8);
        let colors = ErrorColors::of(&target);
        let all = [colors.missed, colors.extra, colors.wrong_structure];
        for structure in &target.structures {
            for color in all {
                assert!(distance(color.0, structure.color) >= APART, "{color:?} and {}", structure.name);
            }
        }
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }
}
