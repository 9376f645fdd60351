//! Events and their delivery to listeners.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::dataset::Excluded;
use crate::train;

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Id of the run that it belongs to; none before there is a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Time in UTC: `2026-11-20T10:44:00Z`.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Kind {
    /// Synthetic cases of a dataset are made, because their folder is missing.
    Generating {
        /// Their number.
        cases: usize,
        /// Their folder.
        folder: PathBuf,
    },
    /// The files of a dataset are being hashed.
    Hashing {
        /// Cases done.
        done: usize,
        /// Total number of cases.
        of: usize,
    },
    /// The cases of a dataset are being read and checked.
    Checking {
        /// Cases done.
        done: usize,
        /// Total number of cases.
        of: usize,
    },
    /// The training cases are being measured for planning.
    Measuring {
        /// Cases done.
        done: usize,
        /// Total number of cases.
        of: usize,
    },
    /// A run begins.
    Run {
        /// Trial, seed and fold, for display.
        label: String,
        /// Its folder.
        folder: PathBuf,
        /// Its structures.
        structures: Vec<String>,
        /// Counted from 1.
        number: usize,
        /// Total number of runs; 0 in a search, where it is not known.
        of: usize,
    },
    /// Cases are being prepared.
    Preparing {
        /// Cases done.
        done: usize,
        /// Total number of cases.
        of: usize,
        /// Number of cases taken from the cache.
        cached: usize,
    },
    /// Cases that cannot be used.
    Excluded {
        /// The cases with the reasons.
        cases: Vec<Excluded>,
    },
    /// The first step on a GPU compiles and tunes its kernels, which takes minutes and is kept.
    Warming {
        /// The devices.
        device: String,
    },
    /// Cases are being predicted.
    Predicting {
        /// Cases done.
        done: usize,
        /// Total number of cases.
        of: usize,
    },
    /// Predictions are being scored.
    Scoring {
        /// Cases done.
        done: usize,
        /// Total number of cases.
        of: usize,
    },
    /// A run is complete.
    Finished {
        /// Mean Dice over structures.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dice: Option<f64>,
        /// Slice classifiers: mean area under the ROC curve.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auc: Option<f64>,
    },
    /// A process ended its work on a run.
    Ended {
        /// Trial, seed and fold, for display.
        label: String,
        /// The outcome.
        outcome: Outcome,
    },
    /// A trial of a search reached a rung or its end.
    Trial {
        /// Counted from 1.
        number: usize,
        /// Its settings.
        label: String,
        /// What came of it, for display.
        what: String,
    },
    /// A warning to the user.
    Warning {
        /// Its text.
        text: String,
    },
    /// A report was written.
    Report {
        /// Its page.
        page: PathBuf,
    },
    /// An event of training.
    #[serde(untagged)]
    Training(train::Event),
}

impl Kind {
    /// Whether it is logged in the run folder; steps and progress are not.
    pub fn is_logged(&self) -> bool {
        use train::Event::{Step, Validating};
        match self {
            Self::Run { .. } | Self::Finished { .. } | Self::Ended { .. } | Self::Warning { .. } => true,
            Self::Excluded { cases } => !cases.is_empty(),
            Self::Training(event) => !matches!(event, Step { .. } | Validating { .. }),
            Self::Generating { .. }
            | Self::Hashing { .. }
            | Self::Checking { .. }
            | Self::Measuring { .. }
            | Self::Preparing { .. }
            | Self::Warming { .. }
            | Self::Predicting { .. }
            | Self::Scoring { .. }
            | Self::Trial { .. }
            | Self::Report { .. } => false,
        }
    }
}

/// Receives events.
pub trait Listener: Send {
    /// Called for every event, by one thread at a time.
    fn event(&mut self, event: &Event);
}

/// Sends events to listeners. Clones share their listeners; any thread may emit.
#[derive(Clone, Default)]
pub struct Events {
    run: Option<String>,
    listeners: Vec<Arc<Mutex<dyn Listener>>>,
}

impl Events {
    /// Without listeners.
    pub fn silent() -> Self {
        Self::default()
    }

    /// With one listener.
    pub fn to(listener: impl Listener + 'static) -> Self {
        Self::silent().and(listener)
    }

    /// With an additional listener.
    #[must_use]
    pub fn and(&self, listener: impl Listener + 'static) -> Self {
        let mut events = self.clone();
        events.listeners.push(Arc::new(Mutex::new(listener)));
        events
    }

    /// With the listeners of others, too.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        let mut events = self.clone();
        events.listeners.extend(others.listeners.iter().cloned());
        events
    }

    /// For the events of a run.
    #[must_use]
    pub fn of(&self, run: &str) -> Self {
        Self { run: Some(run.to_owned()), ..self.clone() }
    }

    /// Sends an event, with the current time, to every listener.
    pub fn emit(&self, kind: Kind) {
        let event = Event { run: self.run.clone(), time: now(), kind };
        for listener in &self.listeners {
            listener.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
        }
    }

    /// Sends a warning to every listener.
    pub fn warn(&self, text: impl Into<String>) {
        self.emit(Kind::Warning { text: text.into() });
    }
}

/// The time in UTC as `2026-11-20T10:44:00Z`. For logs and manifests; no result depends on it.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::FailureClass;
    use crate::train::EpochRecord;

    struct Collected(Arc<Mutex<Vec<Event>>>);

    impl Listener for Collected {
        fn event(&mut self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn every_listener_receives_the_run_that_an_event_belongs_to() {
        let [one, other] = [(); 2].map(|()| Arc::new(Mutex::new(Vec::new())));
        let events = Events::to(Collected(one.clone()));
        events.emit(Kind::Hashing { done: 0, of: 1 });
        events.of("abc").and(Collected(other.clone())).warn("careful");
        let runs = |collected: &Mutex<Vec<Event>>| {
            collected.lock().unwrap().iter().map(|event| event.run.clone()).collect::<Vec<_>>()
        };
        assert_eq!((runs(&one), runs(&other)), (vec![None, Some("abc".into())], vec![Some("abc".into())]));
    }

    #[test]
    fn events_round_trip_through_their_lines() {
        let record = EpochRecord {
            epoch: 1,
            step: 2,
            loss: 0.1,
            skipped_steps: 0,
            learning_rate: 0.3,
            seconds: 1.5,
            waited_seconds: 0.0,
            validation: None,
            best: true,
            stopped_early: false,
        };
        let failed = Outcome::Failed { class: FailureClass::Trial, reason: "the loss became NaN".into() };
        for kind in [
            Kind::Training(train::Event::Epoch(record)),
            Kind::Training(train::Event::NewBest { epoch: 3, score: 0.5 }),
            Kind::Ended { label: "fold 0".into(), outcome: failed },
            Kind::Finished { dice: Some(0.25), auc: None },
            Kind::Excluded { cases: vec![Excluded { case: "a".into(), reason: "b".into() }] },
        ] {
            let event = Event { run: Some("0a".into()), time: now(), kind };
            let line = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
        }
    }

    #[test]
    fn the_time_is_whole_seconds_of_utc() {
        let time = now();
        assert!(time.len() == "2026-11-20T10:44:00Z".len() && time.ends_with('Z'), "{time}");
    }
}
