//! Voxel counts of one structure in one case, and the ratios derived from them.
//!
//! Definitions as in Maier-Hein et al., *Metrics reloaded*, Nature Methods 21 (2024). Undefined ratios are `None`:
//!
//! | reference | prediction | Dice, IoU | precision | recall | specificity | relative volume difference |
//! |-----------|------------|-----------|-----------|--------|-------------|----------------------------|
//! | present   | present    | value     | value     | value  | value       | value                      |
//! | empty     | present    | 0         | 0         | none   | value       | none                       |
//! | present   | empty      | 0         | none      | 0      | 1           | −1                         |
//! | empty     | empty      | none      | none      | none   | none        | none                       |

/// Confusion counts of one structure, in voxels of the original grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// In the reference and in the prediction.
    pub true_positive: u64,
    /// In the prediction only.
    pub false_positive: u64,
    /// In the reference only.
    pub false_negative: u64,
    /// In neither.
    pub true_negative: u64,
}

impl Overlap {
    /// Voxels of the structure in the reference.
    pub fn reference(&self) -> u64 {
        self.true_positive + self.false_negative
    }

    /// Voxels of the structure in the prediction.
    pub fn prediction(&self) -> u64 {
        self.true_positive + self.false_positive
    }

    /// 2·TP / (2·TP + FP + FN), Dice (1945) and Sørensen (1948).
    pub fn dice(&self) -> Option<f64> {
        ratio(2 * self.true_positive, self.reference() + self.prediction())
    }

    /// TP / (TP + FP + FN), Jaccard (1912).
    pub fn iou(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)
    }

    /// TP / (TP + FP): the fraction of the prediction that is correct.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positive, self.prediction())
    }

    /// TP / (TP + FN): the fraction of the reference that was found.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positive, self.reference())
    }

    /// TN / (TN + FP): the fraction of the voxels outside the reference that are outside the prediction. Like every ratio, undefined if
    /// reference and prediction are empty.
    pub fn specificity(&self) -> Option<f64> {
        let nothing = self.reference() + self.prediction() == 0;
        ratio(self.true_negative, self.true_negative + self.false_positive).filter(|_| !nothing)
    }

    /// Prediction − reference, voxels.
    pub fn volume_difference(&self) -> f64 {
        self.prediction() as f64 - self.reference() as f64
    }

    /// (prediction − reference) / reference: −1 for a missed structure, 0.1 for one a tenth too large.
    pub fn relative_volume_difference(&self) -> Option<f64> {
        let reference = self.reference();
        (reference > 0).then(|| self.volume_difference() / reference as f64)
    }
}

/// A quotient of counts, undefined if the denominator is 0.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(true_positive: u64, false_positive: u64, false_negative: u64) -> Overlap {
        Overlap { true_positive, false_positive, false_negative, true_negative: 10 }
    }

    #[test]
    fn the_truth_table_holds_for_every_combination_of_empty_and_filled() {
        // counts, then Dice, IoU, precision, recall, specificity, relative volume difference, all worked out by hand
        type Row = (Overlap, [Option<f64>; 6]);
        let outside = |false_positive: f64| Some(10.0 / (10.0 + false_positive));
        let table: [Row; 6] = [
            (overlap(6, 2, 4), [Some(12.0 / 18.0), Some(0.5), Some(0.75), Some(0.6), outside(2.0), Some(-0.2)]),
            (overlap(5, 0, 0), [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(0.0)]),
            (overlap(0, 3, 3), [Some(0.0), Some(0.0), Some(0.0), Some(0.0), outside(3.0), Some(0.0)]),
            (overlap(0, 7, 0), [Some(0.0), Some(0.0), Some(0.0), None, outside(7.0), None]),
            (overlap(0, 0, 7), [Some(0.0), Some(0.0), None, Some(0.0), Some(1.0), Some(-1.0)]),
            (overlap(0, 0, 0), [None; 6]),
        ];
        for (counts, expected) in table {
            let ratios = [counts.dice(), counts.iou(), counts.precision(), counts.recall(), counts.specificity()];
            let found = [&ratios[..], &[counts.relative_volume_difference()]].concat();
            assert_eq!(found, expected, "{counts:?}");
        }
    }

    #[test]
    fn specificity_is_undefined_where_the_reference_fills_the_image() {
        let counts = Overlap { true_positive: 4, ..Overlap::default() };
        assert_eq!(counts.specificity(), None);
    }
}
