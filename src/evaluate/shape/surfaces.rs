//! Distances between the surfaces of two masks, and what is derived from them.

use super::crop::{Crop, PREDICTION, REFERENCE};
use super::elements::{Elements, areas};
use super::nearest::{Steps, distances};

/// Part of the surface within HD95.
const QUANTILE: f64 = 0.95;

/// Distances up to a tolerance may exceed it by this fraction: spacing in headers has the precision of 32-bit numbers.
const SLACK: f64 = 1e-6;

/// Sums of areas may fall short of a fraction by this much, so that rounding does not decide.
const ROUNDING: f64 = 1e-9;

/// How two surfaces differ. All averages and fractions are by area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surfaces {
    /// Largest distance, the maximum of both directions.
    pub hausdorff: f64,
    /// 95th percentile of the distances, the maximum of both directions.
    pub hd95: f64,
    /// 95th percentile of the distances of both directions together.
    pub pooled_hd95: f64,
    /// Average of the distances of both directions together.
    pub assd: f64,
    /// Part of both surfaces within the tolerance of the other, if one is stated.
    pub nsd: Option<f64>,
}

/// Compares the surfaces of two masks, neither of them empty.
pub(super) fn surfaces(crop: &Crop, tolerance: Option<f64>, steps: &Steps) -> Surfaces {
    let (reference, prediction) = (Elements::of(crop, REFERENCE), Elements::of(crop, PREDICTION));
    let areas = areas(crop.spacing, crop.flat);
    let directed = |from, to| Directed::new(distances(from, to, crop.spacing, steps), &areas);
    let both = [directed(&reference, &prediction), directed(&prediction, &reference)];
    let total: f64 = both.iter().map(|it| it.area).sum();
    let largest = |of: fn(&Directed) -> f64| both.iter().map(of).fold(0.0, f64::max);
    Surfaces {
        hausdorff: largest(|it| it.elements.last().map_or(0.0, |(distance, _)| *distance)),
        hd95: largest(|it| percentile(it.elements.iter().copied(), it.area)),
        pooled_hd95: percentile(merged(&both), total),
        assd: both
            .iter()
            .map(|it| it.elements.iter().map(|(distance, area)| distance * area).sum::<f64>())
            .sum::<f64>()
            / total,
        nsd: tolerance.map(|tolerance| both.iter().map(|it| it.within(tolerance)).sum::<f64>() / total),
    }
}

/// Distances from one surface to the other.
struct Directed {
    /// Distance and area of each element, by distance.
    elements: Vec<(f64, f64)>,
    area: f64,
}

impl Directed {
    fn new(mut found: Vec<(f64, u8)>, areas: &[f64; 256]) -> Self {
        // Distances are not negative: their bits are in their order.
        found.sort_unstable_by_key(|(distance, code)| (distance.to_bits(), *code));
        let elements: Vec<(f64, f64)> =
            found.into_iter().map(|(distance, code)| (distance, areas[usize::from(code)])).collect();
        let area = elements.iter().map(|(_, area)| area).sum();
        Self { elements, area }
    }

    /// Area within a distance.
    fn within(&self, tolerance: f64) -> f64 {
        let near = self.elements.iter().take_while(|(distance, _)| *distance <= tolerance * (1.0 + SLACK));
        near.map(|(_, area)| area).sum()
    }
}

/// The smallest distance up to which elements have at least the quantile of the area; they come by distance.
fn percentile(elements: impl Iterator<Item = (f64, f64)>, total: f64) -> f64 {
    let (enough, mut sum, mut largest) = ((QUANTILE - ROUNDING) * total, 0.0, 0.0);
    for (distance, area) in elements {
        (sum, largest) = (sum + area, distance);
        if sum >= enough {
            break;
        }
    }
    largest
}

/// The elements of both directions by distance.
fn merged([one, other]: &[Directed; 2]) -> impl Iterator<Item = (f64, f64)> {
    let (mut one, mut other) = (one.elements.iter().copied().peekable(), other.elements.iter().copied().peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second.0 < first.0 => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}
