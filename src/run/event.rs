//! The border between the runner and whoever watches it: terminal, `events.jsonl`, a viewer, a test.

use std::path::{Path, PathBuf};

use crate::dataset::Excluded;
use crate::train::EpochRecord;

/// What a run tells its observer.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A run begins.
    Run {
        /// Its id.
        id: &'a str,
        /// Trial, fold, for people.
        label: &'a str,
        /// Its folder.
        folder: &'a Path,
        /// Counted from 1.
        number: usize,
        /// Runs in all.
        of: usize,
    },
    /// A run that was finished before is not run again.
    Skipped {
        /// Its id.
        id: &'a str,
        /// Trial, fold, for people.
        label: &'a str,
    },
    /// Cases are being prepared.
    Preparing {
        /// Cases done.
        done: usize,
        /// Cases in all.
        of: usize,
        /// How many of them came from the cache.
        cached: usize,
    },
    /// Cases that cannot be used.
    Excluded(&'a [Excluded]),
    /// From training.
    Training(crate::train::Event<'a>),
    /// Cases are being segmented and scored.
    Predicting {
        /// Cases done.
        done: usize,
        /// Cases in all.
        of: usize,
    },
    /// A run is finished.
    Finished {
        /// Its id.
        id: &'a str,
        /// Mean Dice over structures.
        dice: Option<f64>,
        /// Of a classifier of slices: mean area under the ROC curve.
        auc: Option<f64>,
    },
    /// Something that a person should know.
    Warning(&'a str),
    /// A report was written.
    Report(&'a PathBuf),
}

/// Watches runs.
pub trait Observer: Send {
    /// Called for every event, by one thread at a time.
    fn event(&mut self, event: &Event);
}

/// Watches nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Event) {}
}

/// The line of `events.jsonl` for events that belong there (steps and progress do not).
pub fn to_json(event: &Event) -> Option<serde_json::Value> {
    use crate::train::Event as Train;
    use serde_json::json;
    Some(match event {
        Event::Run { id, label, .. } => json!({ "event": "run", "id": id, "label": label }),
        Event::Excluded(cases) if !cases.is_empty() => json!({ "event": "excluded", "cases": cases }),
        Event::Training(Train::Started { parameters, memory_bytes, epoch_seconds, resumed_at, .. }) => json!({
            "event": "training", "parameters": parameters, "memory-bytes": memory_bytes,
            "epoch-seconds": epoch_seconds, "resumed-at-step": resumed_at,
        }),
        Event::Training(Train::Epoch(record)) => epoch(record),
        Event::Training(Train::NewBest { epoch, score }) => json!({ "event": "best", "epoch": epoch, "score": score }),
        Event::Training(Train::StoppedEarly { epoch, best_epoch }) => {
            json!({ "event": "stopped-early", "epoch": epoch, "best-epoch": best_epoch })
        }
        Event::Finished { id, auc: Some(auc), .. } => json!({ "event": "finished", "id": id, "auc": auc }),
        Event::Finished { id, dice, .. } => json!({ "event": "finished", "id": id, "dice": dice }),
        Event::Warning(text) => json!({ "event": "warning", "text": text }),
        _ => return None,
    })
}

fn epoch(record: &EpochRecord) -> serde_json::Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("event".into(), "epoch".into());
    }
    value
}
