//! The table of metrics. A new metric is one entry of [`METRICS`]: score tables, summaries with their confidence intervals, comparisons
//! of trials, the HTML page and JSON all iterate over it.

use std::ops::Deref;

use super::Overlap;

/// Input of the metrics: one structure in one case, reference against prediction. Whatever else a metric needs (the masks and their
/// spacing, a tolerance per structure) becomes a field, computed once for all metrics.
#[derive(Clone, Copy, Debug)]
pub struct MetricInput {
    /// Confusion counts in voxels of the original grid.
    pub counts: Overlap,
    /// Volume of a voxel, mL; `None` for images without spacing.
    pub voxel_ml: Option<f64>,
}

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

/// All metrics, in the order of all tables.
pub const METRICS: &[Metric] = &[
    Metric {
        column: "dice",
        name: "Dice",
        unit: Unit::Ratio,
        better: Better::Higher,
        worst: Worst::Value(0.0),
        of: |it| it.counts.dice(),
    },
    Metric {
        column: "iou",
        name: "IoU",
        unit: Unit::Ratio,
        better: Better::Higher,
        worst: Worst::Value(0.0),
        of: |it| it.counts.iou(),
    },
    Metric {
        column: "precision",
        name: "precision",
        unit: Unit::Ratio,
        better: Better::Higher,
        worst: Worst::Value(0.0),
        of: |it| it.counts.precision(),
    },
    Metric {
        column: "recall",
        name: "recall",
        unit: Unit::Ratio,
        better: Better::Higher,
        worst: Worst::Value(0.0),
        of: |it| it.counts.recall(),
    },
    Metric {
        column: "specificity",
        name: "specificity",
        unit: Unit::Ratio,
        better: Better::Higher,
        worst: Worst::Value(0.0),
        of: |it| it.counts.specificity(),
    },
    Metric {
        column: "volume_difference_ml",
        name: "volume difference",
        unit: Unit::Millilitres,
        better: Better::NearZero,
        worst: Worst::Unbounded,
        of: |it| it.voxel_ml.map(|ml| ml * it.counts.volume_difference()),
    },
    Metric {
        column: "relative_volume_difference",
        name: "relative volume difference",
        unit: Unit::Relative,
        better: Better::NearZero,
        worst: Worst::Unbounded,
        of: |it| it.counts.relative_volume_difference(),
    },
];

/// Dice similarity coefficient.
pub const DICE: MetricId = MetricId::of("dice");
/// Intersection over union.
pub const IOU: MetricId = MetricId::of("iou");

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
}

impl Unit {
    /// Formats a value for display; units of length and volume are in the heading.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Ratio | Self::Millilitres | Self::Millimetres => format!("{value:.3}"),
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
    /// Name and unit, for table headings.
    pub fn heading(&self) -> String {
        match self.unit {
            Unit::Ratio | Unit::Relative => self.name.to_owned(),
            Unit::Millilitres => format!("{}, mL", self.name),
            Unit::Millimetres => format!("{}, mm", self.name),
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

    const EMPTY: Overlap = Overlap { true_positive: 0, false_positive: 0, false_negative: 0, true_negative: 9 };

    fn values(counts: Overlap) -> Vec<Option<f64>> {
        METRICS.iter().map(|metric| (metric.of)(&MetricInput { counts, voxel_ml: Some(0.5) })).collect()
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
        let expected = [12.0 / 18.0, 0.5, 0.75, 0.6, 10.0 / 12.0, -1.0, -0.2];
        assert_eq!(values(counts), expected.map(Some));
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
            // The difference of two empty volumes is 0.
            assert!(value.is_none() || metric.unit == Unit::Millilitres, "{}: {value:?}", metric.column);
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
