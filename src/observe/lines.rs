//! Events as lines of JSON on standard output: how a worker process tells the process that started it.

use std::io::Write;
use std::time::{Duration, Instant};

use super::{Event, Kind, Listener};
use crate::train;

/// Shortest time between two lines about steps.
const BETWEEN_STEPS: Duration = Duration::from_millis(200);

/// Writes every event as a line. Write errors are ignored: the reader may be gone, and the work goes on until it is stopped.
#[derive(Default)]
pub struct Lines {
    last_step: Option<Instant>,
}

impl Listener for Lines {
    fn event(&mut self, event: &Event) {
        if matches!(event.kind, Kind::Training(train::Event::Step { .. })) {
            if self.last_step.is_some_and(|last| last.elapsed() < BETWEEN_STEPS) {
                return;
            }
            self.last_step = Some(Instant::now());
        }
        let Ok(line) = serde_json::to_string(event) else { return };
        let mut out = std::io::stdout();
        let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
    }
}
