//! Compares the results of a run with those of the same run computed again: weights, history, predictions, scores.

use serde::Serialize;

use super::again::Stages;

use crate::evaluate::frame::{mean, rows};
use crate::evaluate::metric::{MetricId, Unit};
use crate::evaluate::{Score, table};
use crate::model::Task;
use crate::run::RunError;
use crate::store::history::read_history;
use crate::store::{Manifest, Stored};

/// How far results agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every bit.
    Identical,
    /// Within the stated tolerance.
    WithinTolerance,
    /// Not at all.
    Different,
}

impl Verdict {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::WithinTolerance => "within the tolerance",
            Self::Different => "different",
        }
    }
}

/// One kind of result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Compared {
    /// What is compared, such as `Dice of liver`.
    pub what: String,
    /// How many values, files or cases.
    pub count: usize,
    /// How many of them are the same to the last bit.
    pub identical: usize,
    /// Largest difference of a single value; none where values are hashes.
    pub largest: Option<f64>,
    /// Difference of the means over cases, which the tolerance applies to; none where there is no mean.
    pub of_means: Option<f64>,
    /// Whether it counts as different: weights and files need not be the same where scores agree.
    pub decides: bool,
}

impl Compared {
    /// Whether every value is the same to the last bit.
    pub fn is_identical(&self) -> bool {
        self.identical == self.count
    }

    fn verdict(&self, tolerance: f64) -> Verdict {
        match self.of_means {
            _ if self.is_identical() => Verdict::Identical,
            // Nothing but the same bits will do.
            _ if tolerance == 0.0 => Verdict::Different,
            Some(difference) if self.decides && (difference.is_nan() || difference.abs() > tolerance) => {
                Verdict::Different
            }
            _ => Verdict::WithinTolerance,
        }
    }
}

/// The verdict over all results: the worst of them.
pub fn verdict(all: &[Compared], tolerance: f64) -> Verdict {
    all.iter().map(|it| it.verdict(tolerance)).max().unwrap_or(Verdict::Identical)
}

/// What a run recorded of some stages, beside what came again. Both are finished.
///
/// # Errors
/// A file of one of them is missing or damaged.
pub fn compare(recorded: &Stored, again: &Stored, stages: Stages) -> Result<Vec<Compared>, RunError> {
    let manifests = (recorded.folder.read_manifest()?, again.folder.read_manifest()?);
    let (Some(first), Some(second)) = &manifests else {
        return Err(RunError::NothingThere("one of the runs has no manifest".into()));
    };
    let mut all = Vec::new();
    // What was taken from the record proves nothing.
    if stages == Stages::All {
        all.extend(weights(recorded, again, first, second));
        all.extend(history(recorded, again)?);
    }
    if stages != Stages::Scores {
        all.extend(files(recorded, again, first, second));
    }
    if recorded.plan.task == Task::Segment {
        all.extend(scores(recorded, again)?);
    }
    Ok(all)
}

fn weights(recorded: &Stored, again: &Stored, first: &Manifest, second: &Manifest) -> Option<Compared> {
    let of = |run: &Stored, manifest: &Manifest| manifest.predictions.get(&run.ids.prediction)?.weights.clone();
    let (one, other) = (of(recorded, first)?, of(again, second)?);
    let identical = usize::from(one == other);
    Some(Compared {
        what: "weights (BLAKE3)".into(),
        count: 1,
        identical,
        largest: None,
        of_means: None,
        decides: false,
    })
}

/// The loss of every epoch.
fn history(recorded: &Stored, again: &Stored) -> Result<Option<Compared>, RunError> {
    let [Some(first), Some(second)] = [read_history(&recorded.folder)?, read_history(&again.folder)?] else {
        return Ok(None);
    };
    let losses = |frame| rows(frame).map(|row| row.number("loss").unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let (one, other) = (losses(&first), losses(&second));
    let count = one.len().max(other.len());
    let pairs = || one.iter().zip(&other);
    let identical = pairs().filter(|(a, b)| a.to_bits() == b.to_bits()).count();
    let largest = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Ok(Some(Compared {
        what: "loss of each epoch".into(),
        count,
        identical,
        largest: Some(largest),
        of_means: None,
        decides: false,
    }))
}

/// The predicted files, by their hashes.
fn files(recorded: &Stored, again: &Stored, first: &Manifest, second: &Manifest) -> Option<Compared> {
    let one = &first.predictions.get(&recorded.ids.prediction)?.files;
    let other = &second.predictions.get(&again.ids.prediction)?.files;
    let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let identical = names.iter().filter(|name| one.get(**name) == other.get(**name)).count();
    (!names.is_empty()).then(|| Compared {
        what: "predicted files (BLAKE3)".into(),
        count: names.len(),
        identical,
        largest: None,
        of_means: None,
        decides: false,
    })
}

/// Every metric of every structure, case by case.
fn scores(recorded: &Stored, again: &Stored) -> Result<Vec<Compared>, RunError> {
    let read = |run: &Stored| -> Result<Vec<Score>, RunError> {
        Ok(table::scores(&table::read(&run.evaluation().scores().0)?)?)
    };
    let (one, other) = (read(recorded)?, read(again)?);
    let mut found = Vec::new();
    for structure in recorded.structures() {
        for metric in MetricId::all() {
            found.extend(metric_of(metric, &structure, &one, &other));
        }
    }
    Ok(found)
}

fn metric_of(metric: MetricId, structure: &str, one: &[Score], other: &[Score]) -> Option<Compared> {
    let own: Vec<&Score> = one.iter().filter(|score| score.structure == structure).collect();
    let again = |case: &str| other.iter().find(|score| score.structure == structure && score.case == case);
    let pairs: Vec<[Option<f64>; 2]> =
        own.iter().map(|score| [score[metric], again(&score.case).and_then(|it| it[metric])]).collect();
    if pairs.iter().all(|pair| *pair == [None, None]) {
        return None;
    }
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    let identical = pairs.iter().filter(|[a, b]| bits(*a) == bits(*b)).count();
    // A value that only one of them has differs by everything.
    let differences = pairs.iter().filter(|pair| **pair != [None, None]).map(|[a, b]| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs(),
        _ => f64::INFINITY,
    });
    let largest = differences.fold(0.0, f64::max);
    let means = [0, 1].map(|place| mean(&pairs.iter().filter_map(|pair| pair[place]).collect::<Vec<_>>()));
    let of_means = match means {
        [Some(a), Some(b)] => a - b,
        _ => f64::INFINITY,
    };
    Some(Compared {
        what: format!("{} of {structure}", metric.name),
        count: pairs.len(),
        identical,
        largest: Some(largest),
        of_means: Some(of_means),
        // Distances, volumes and counts have no common scale.
        decides: metric.unit == Unit::Ratio,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(count: usize, identical: usize, of_means: Option<f64>, decides: bool) -> Compared {
        Compared { what: "Dice of liver".into(), count, identical, largest: None, of_means, decides }
    }

    #[test]
    fn the_worst_result_decides_and_files_alone_do_not() {
        let same = compared(3, 3, Some(0.0), true);
        let near = compared(3, 1, Some(-0.004), true);
        let far = compared(3, 1, Some(0.02), true);
        let undefined = compared(3, 1, Some(f64::INFINITY), true);
        let files = compared(3, 0, None, false);
        let distance = compared(3, 0, Some(4.0), false);
        for (all, expected) in [
            (vec![same.clone()], Verdict::Identical),
            (vec![same.clone(), files, distance], Verdict::WithinTolerance),
            (vec![same.clone(), near], Verdict::WithinTolerance),
            (vec![same.clone(), far], Verdict::Different),
            (vec![same, undefined], Verdict::Different),
        ] {
            assert_eq!(verdict(&all, 0.01), expected);
            let strict = if expected == Verdict::Identical { expected } else { Verdict::Different };
            assert_eq!(verdict(&all, 0.0), strict);
        }
    }
}
