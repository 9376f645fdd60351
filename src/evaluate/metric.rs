//! The table of metrics. A new metric is one entry of [`METRICS`]: score tables, summaries with their confidence intervals, comparisons
//! of trials, the HTML page and JSON all iterate over it.

use std::ops::Deref;

mod input;
mod list;
mod name;

pub use input::{Grid, LengthUnit, MetricInput};
pub use list::METRICS;

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name of its column in tables and of its key in JSON; part of the file format.
    pub column: &'static str,
    /// Name in charts and on the page.
    pub name: &'static str,
    /// Unit of its values.
    pub unit: Unit,
    /// Which of two values is better.
    pub better: Better,
    /// The value of a complete failure.
    pub worst: Worst,
    /// Its value for one structure in one case; `None` if undefined.
    pub of: fn(&MetricInput) -> Option<f64>,
}

/// Dice similarity coefficient.
pub const DICE: MetricId = MetricId::of("dice");
/// Intersection over union.
pub const IOU: MetricId = MetricId::of("iou");

/// 95th percentile of surface distances.
pub const HD95: MetricId = MetricId::of("hd95");
/// Normalised surface Dice.
pub const NSD: MetricId = MetricId::of("nsd");

/// The metrics of charts and short tables. Trials, structures and cases are ranked by the first.
pub const HEADLINE: &[MetricId] = &[DICE, IOU];

/// Unit of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Dimensionless: a ratio from 0 to 1.
    Ratio,
    /// A signed fraction of the reference, shown in percent.
    Relative,
    /// Millilitres.
    Millilitres,
    /// Millimetres; voxels for images without spacing.
    Millimetres,
    /// A number of things.
    Count,
}

impl Unit {
    /// Formats a value for display; units of length and volume are in the heading.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Ratio | Self::Millilitres => format!("{value:.3}"),
            Self::Millimetres | Self::Count => format!("{value:.2}"),
            Self::Relative => format!("{:+.1} %", value * 100.0),
        }
    }
}

/// Which of two values is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The higher one.
    Higher,
    /// The lower one.
    Lower,
    /// The one nearer to zero.
    NearZero,
}

/// The value of a complete failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Worst {
    /// A number.
    Value(f64),
    /// The physical diagonal of the image, the longest possible distance.
    Diagonal,
    /// Values are unbounded.
    Unbounded,
}

/// Index of a metric in [`METRICS`], by which values are indexed, too. Dereferences to the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricId(usize);

impl MetricId {
    /// The metric of a column. An unknown column does not compile: the search runs past the end of the table.
    const fn of(column: &str) -> Self {
        let mut place = 0;
        while !same(METRICS[place].column, column) {
            place += 1;
        }
        Self(place)
    }

    /// Every metric, in the order of the table.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..METRICS.len()).map(Self)
    }

    /// Its index in the table.
    pub fn place(self) -> usize {
        self.0
    }
}

impl Deref for MetricId {
    type Target = Metric;

    fn deref(&self) -> &Metric {
        &METRICS[self.0]
    }
}

impl Metric {
    /// Name and unit, for table headings of images with spacing.
    pub fn heading(&self) -> String {
        self.heading_in(LengthUnit::Millimetres.name())
    }

    /// Name and unit, where distances are in `lengths`.
    pub fn heading_in(&self, lengths: &str) -> String {
        match self.unit {
            Unit::Ratio | Unit::Relative | Unit::Count => self.name.to_owned(),
            Unit::Millilitres => format!("{}, mL", self.name),
            Unit::Millimetres => format!("{}, {lengths}", self.name),
        }
    }

    /// How good a value is: of two values, the better one has the higher merit.
    pub fn merit(&self, value: f64) -> f64 {
        match self.better {
            Better::Higher => value,
            Better::Lower => -value,
            Better::NearZero => -value.abs(),
        }
    }
}

/// String equality at compile time.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::evaluate::{Criteria, Overlap, shape};

    const EMPTY: Overlap = Overlap { true_positive: 0, false_positive: 0, false_negative: 0, true_negative: 9 };

    fn values(counts: Overlap) -> Vec<Option<f64>> {
        let both = counts.reference() > 0 && counts.prediction() > 0;
        let surfaces = shape::Surfaces { hausdorff: 9.0, hd95: 7.0, pooled_hd95: 6.0, assd: 2.0, nsd: Some(0.75) };
        let components = shape::Components {
            reference: 3 * u64::from(counts.reference() > 0),
            prediction: u64::from(counts.prediction() > 0),
            detected: Some(u64::from(both)),
        };
        let shape = shape::Shape {
            surfaces: both.then_some(surfaces),
            boundary_iou: both.then_some(0.25),
            components,
            cl_dice: both.then_some(0.875),
        };
        let input = MetricInput {
            counts,
            voxel_ml: Some(0.5),
            shape: Some(shape),
            criteria: Criteria { tolerance_mm: Some(1.0), instance_iou: Some(0.1), tubular: true },
            grid: Some(Grid { unit: LengthUnit::Millimetres, diagonal: 100.0 }),
            centre_distance: both.then_some(1.5),
        };
        METRICS.iter().map(|metric| (metric.of)(&input)).collect()
    }

    #[test]
    fn columns_are_unique_and_the_named_metrics_are_found() {
        let columns: BTreeSet<&str> = METRICS.iter().map(|metric| metric.column).collect();
        assert_eq!(columns.len(), METRICS.len());
        assert_eq!((DICE.column, IOU.column, IOU.place()), ("dice", "iou", 1));
    }

    /// In the order of the table; every number worked out by hand.
    #[test]
    fn every_metric_has_its_value() {
        let counts = Overlap { true_positive: 6, false_positive: 2, false_negative: 4, true_negative: 10 };
        let of_counts = [12.0 / 18.0, 0.5, 0.75, 0.6, 10.0 / 12.0, -1.0, -0.2];
        let of_masks = [9.0, 7.0, 6.0, 2.0, 0.75, 0.25, 1.5, -2.0, 0.5, 0.875];
        assert_eq!(values(counts), [&of_counts[..], &of_masks].concat().into_iter().map(Some).collect::<Vec<_>>());
        let one_is_empty = Overlap { true_positive: 0, false_positive: 0, false_negative: 4, true_negative: 10 };
        let of_masks = [100.0, 100.0, 100.0, 100.0, 0.0, 0.0, 100.0, -3.0, 0.0, 0.0].map(Some);
        assert_eq!(values(one_is_empty)[7..], of_masks);
        // Where only counts were asked for, and where nothing was stated that a metric needs.
        let counts_only = MetricInput { counts, ..MetricInput::default() };
        assert!(METRICS[7..].iter().all(|metric| (metric.of)(&counts_only).is_none()));
        let nothing_stated = MetricInput { shape: Some(shape::Shape::default()), ..counts_only };
        let defined = METRICS[7..].iter().filter(|metric| (metric.of)(&nothing_stated).is_some());
        assert_eq!(defined.map(|metric| metric.column).collect::<Vec<_>>(), ["component_difference"]);
    }

    #[test]
    fn no_value_is_worse_than_the_worst() {
        let missed = Overlap { false_negative: 7, ..EMPTY };
        let invented = Overlap { false_positive: 7, ..EMPTY };
        for (metric, value) in METRICS.iter().zip(values(missed)).chain(METRICS.iter().zip(values(invented))) {
            if let (Worst::Value(worst), Some(value)) = (metric.worst, value) {
                assert!(metric.merit(value) >= metric.merit(worst), "{}: {value}", metric.column);
            }
        }
    }

    #[test]
    fn no_ratio_is_defined_if_both_are_empty() {
        for (metric, value) in METRICS.iter().zip(values(EMPTY)) {
            // The difference of two empty volumes is 0, as that of two numbers of components.
            assert!(
                value.is_none() || [Unit::Millilitres, Unit::Count].contains(&metric.unit),
                "{}: {value:?}",
                metric.column
            );
        }
    }

    #[test]
    fn the_better_value_has_the_higher_merit() {
        let metric = |better| Metric { better, ..METRICS[0] };
        for (better, good, bad) in
            [(Better::Higher, 2.0, 1.0), (Better::Lower, 1.0, 2.0), (Better::NearZero, 0.5, -1.0)]
        {
            assert!(metric(better).merit(good) > metric(better).merit(bad), "{better:?}");
        }
    }

    #[test]
    fn values_are_shown_in_their_units() {
        assert_eq!((Unit::Ratio.show(0.12345), Unit::Relative.show(-0.041)), ("0.123".into(), "-4.1 %".into()));
        assert_eq!(METRICS.iter().find(|it| it.unit == Unit::Millilitres).unwrap().heading(), "volume difference, mL");
    }
}
