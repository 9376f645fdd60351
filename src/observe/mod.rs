//! What happens while runs are planned and done: events that anybody may listen to, now or later, here or elsewhere.
//!
//! [`Events`] hands each [`Event`] to its listeners: a terminal, a dashboard, the log in a run folder; trackers and servers are further
//! ones. An event owns what it says and can be written down and read again.

#[cfg(feature = "tui")]
pub mod dashboard;
pub mod event;
pub mod log;
pub mod outcome;
pub mod terminal;

pub use event::{Event, Events, Kind, Listener};
pub use log::Log;
pub use outcome::{FailureClass, Outcome};
