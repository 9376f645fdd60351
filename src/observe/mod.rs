//! Events during the planning and execution of runs, for any listener.
//!
//! [`Events`] sends each [`Event`] to its listeners: a terminal, a dashboard, the log in a run folder; trackers and servers can be
//! added. Events own their data and can be serialised.

#[cfg(feature = "tui")]
pub mod dashboard;
mod eta;
pub mod event;
pub mod lines;
pub mod log;
pub mod outcome;
pub mod several;
pub mod terminal;

pub use event::{Event, Events, Kind, Listener};
pub use lines::Lines;
pub use log::Log;
pub use outcome::{FailureClass, Outcome};
