//! Slice classifiers over their runs: folds pooled, seeds kept apart.

use polars::prelude::DataFrame;

use super::{SliceSummary, roc, table};
use crate::evaluate::table::TableError;
use crate::evaluate::{Context, Names};

/// Slices of one finished run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Their origin; slices of its split are scored.
    pub context: &'a Context,
    /// The run's table, as [`table::read`] reads it.
    pub slices: &'a DataFrame,
    /// Structures of the classifier, each with the probability from which a slice is classified as positive.
    pub thresholds: &'a [(String, f64)],
}

/// A classifier over all its folds.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// Trial and seed.
    pub name: String,
    /// One per structure.
    pub summaries: Vec<SliceSummary>,
    /// Points (1 − specificity, sensitivity) of the ROC curve of each.
    pub curves: Vec<Vec<[f64; 2]>>,
}

/// The classifiers of some runs, in the order of their first runs.
///
/// # Errors
/// [`TableError`] if a table is not a table of slices.
pub fn collect(runs: &[Run], names: &Names) -> Result<Vec<Classifier>, TableError> {
    let mut groups: Vec<Vec<&Run>> = Vec::new();
    for run in runs {
        let same = |other: &Run| other.context.is_same_trial(run.context) && other.context.seed == run.context.seed;
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| same(first))) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups.iter().filter_map(|runs| runs.first().map(|first| classifier(first, runs, names))).collect()
}

/// One classifier; `first` is the first of its runs.
fn classifier(first: &Run, runs: &[&Run], names: &Names) -> Result<Classifier, TableError> {
    let label = names.trial(first.context);
    let label = if label.is_empty() { "classifier" } else { label.as_str() };
    let name = format!("{label}, seed {}", first.context.seed);
    let mut classifier = Classifier { name, summaries: Vec::new(), curves: Vec::new() };
    for (structure, _) in first.thresholds {
        let mut folds = Vec::new();
        for run in runs {
            if let Some((_, threshold)) = run.thresholds.iter().find(|(name, _)| name == structure) {
                folds.push((table::known(run.slices, &run.context.split, structure)?, *threshold));
            }
        }
        classifier.summaries.push(SliceSummary::of(structure, &folds));
        classifier.curves.push(roc(&folds.iter().flat_map(|(slices, _)| slices.iter().copied()).collect::<Vec<_>>()));
    }
    Ok(classifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::slices::SliceRow;

    #[test]
    fn folds_are_pooled_by_trial_and_seed() {
        let context = |seed, fold| Context { seed, fold, split: "test".into(), ..Context::default() };
        let slices = |probabilities: &[f64]| {
            let row = |(slice, probability): (u32, &f64)| SliceRow {
                split: if *probability < 1.0 { "test" } else { "validation" }.into(),
                case: "c".into(),
                structure: "any".into(),
                slice,
                probability: *probability,
                present: Some(slice == 0),
            };
            table::to_frame(&(0..).zip(probabilities).map(row).collect::<Vec<_>>()).unwrap()
        };
        let thresholds = [("any".to_owned(), 0.5)];
        let runs = [
            (context(0, Some(0)), slices(&[0.9, 0.6])),
            (context(1, Some(0)), slices(&[0.9, 0.1])),
            (context(0, Some(1)), slices(&[0.4, 0.1, 1.0])),
        ];
        let runs = runs.iter().map(|(context, slices)| Run { context, slices, thresholds: &thresholds });
        let found = collect(&runs.collect::<Vec<_>>(), &Names::default()).unwrap();
        let counts: Vec<_> = found
            .iter()
            .map(|it| {
                (it.name.as_str(), it.summaries[0].true_positive, it.summaries[0].false_positive, it.summaries[0].auc)
            })
            .collect();
        assert_eq!(counts, [("classifier, seed 0", 1, 1, Some(0.75)), ("classifier, seed 1", 1, 0, Some(1.0))]);
        assert_eq!(found[1].curves[0], [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
    }
}
