//! Classifiers of slices: folds pooled, seeds apart.

use super::figure::roc::{Roc, RocCurve};
use super::{ClassifierInput, ReportInput};
use crate::evaluate::slices::{SliceSummary, roc};

/// A classifier over all its folds.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// Label and seed.
    pub name: String,
    /// One row for each structure that it looks for.
    pub summaries: Vec<SliceSummary>,
    curves: Vec<RocCurve>,
}

/// The classifiers of a report, in the order of their first runs.
pub fn collect(input: &ReportInput) -> Vec<Classifier> {
    let mut groups: Vec<Vec<&ClassifierInput>> = Vec::new();
    for run in &input.classifiers {
        match groups.iter_mut().find(|group| (&group[0].label, group[0].seed) == (&run.label, run.seed)) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups.iter().map(|group| Classifier::of(group, input)).collect()
}

impl Classifier {
    fn of(runs: &[&ClassifierInput], input: &ReportInput) -> Self {
        let first = runs[0];
        let label = if first.label.is_empty() { "classifier" } else { first.label.as_str() };
        let (mut summaries, mut curves) = (Vec::new(), Vec::new());
        for (structure, _) in &first.thresholds {
            let parts: Vec<_> = runs.iter().filter_map(|run| part(run, structure)).collect();
            let summary = SliceSummary::of(structure, &parts);
            let color = input.target.structures.iter().find(|known| known.name == *structure);
            let slices: Vec<(f64, bool)> = parts.iter().flat_map(|(slices, _)| slices.iter().copied()).collect();
            let area = summary.auc.map_or_else(|| "n/a".to_owned(), |auc| format!("{auc:.3}"));
            curves.push(RocCurve {
                name: format!("{structure}: AUC {area}"),
                color: color.map_or([40, 90, 160], |known| known.color),
                points: roc(&slices),
                chosen: summary
                    .specificity
                    .zip(summary.sensitivity)
                    .map(|(specificity, sensitivity)| [1.0 - specificity, sensitivity]),
            });
            summaries.push(summary);
        }
        Self { name: format!("{label}, seed {}", first.seed), summaries, curves }
    }

    /// The chart of its curves.
    pub fn roc(&self) -> Roc {
        Roc::new(&format!("Slices, {}", self.name), self.curves.clone())
    }
}

/// Slices of a run whose truth is known, with the run's threshold.
fn part(run: &ClassifierInput, structure: &str) -> Option<(Vec<(f64, bool)>, f64)> {
    let (_, threshold) = run.thresholds.iter().find(|(name, _)| name == structure)?;
    let slices = run.slices.iter().filter(|row| row.structure == structure);
    Some((slices.filter_map(|row| Some((row.probability, row.present?))).collect(), *threshold))
}

/// What cascades left out, over all cases: by trial and structure.
#[derive(Clone, Debug, PartialEq)]
pub struct Skipped {
    /// The trial's label.
    pub trial: String,
    /// The structure.
    pub structure: String,
    /// Slices of all cases.
    pub slices: u64,
    /// Those in which the structure was not looked for.
    pub skipped_slices: u64,
    /// Voxels of the reference.
    pub reference_voxels: u64,
    /// Those of them that lie in skipped slices.
    pub lost_voxels: u64,
}

impl Skipped {
    /// Part of the slices that was skipped.
    pub fn part(&self) -> Option<f64> {
        (self.slices > 0).then(|| self.skipped_slices as f64 / self.slices as f64)
    }

    /// Recall that the second network cannot reach: the part of the reference in skipped slices.
    pub fn lost_recall(&self) -> Option<f64> {
        (self.reference_voxels > 0).then(|| self.lost_voxels as f64 / self.reference_voxels as f64)
    }
}

/// Sums over the cases of all runs.
pub fn skipped(input: &ReportInput) -> Vec<Skipped> {
    let mut sums: Vec<Skipped> = Vec::new();
    for run in &input.runs {
        for row in &run.skipped {
            let place = sums.iter().position(|sum| sum.trial == run.label && sum.structure == row.structure);
            let index = place.unwrap_or_else(|| {
                sums.push(Skipped {
                    trial: run.label.clone(),
                    structure: row.structure.clone(),
                    slices: 0,
                    skipped_slices: 0,
                    reference_voxels: 0,
                    lost_voxels: 0,
                });
                sums.len() - 1
            });
            let sum = &mut sums[index];
            sum.slices += row.slices;
            sum.skipped_slices += row.skipped_slices;
            sum.reference_voxels += row.reference_voxels;
            sum.lost_voxels += row.lost_voxels;
        }
    }
    sums
}
