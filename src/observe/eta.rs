//! How long the work will still take: the training at hand, and all runs.

use std::time::{Duration, Instant};

/// Steps before the speed is trusted.
const WARM: usize = 3;

/// Measures runs as they go by.
#[derive(Debug, Default)]
pub(super) struct Eta {
    /// When the run at hand began.
    run: Option<Instant>,
    /// When its first counted step ended, and how many steps were done then.
    steps: Option<(Instant, usize)>,
    /// Number of the run at hand and of all.
    number: (usize, usize),
    /// Durations of the runs that were computed in this session.
    finished: Vec<Duration>,
}

impl Eta {
    /// A run begins.
    pub(super) fn begin(&mut self, number: usize, of: usize, now: Instant) {
        (self.run, self.steps, self.number) = (Some(now), None, (number, of));
    }

    /// The run at hand was computed.
    pub(super) fn finish(&mut self, now: Instant) {
        self.finished.extend(self.run.take().map(|start| now.duration_since(start)));
        self.steps = None;
    }

    /// The run at hand ended otherwise.
    pub(super) fn abandon(&mut self) {
        (self.run, self.steps) = (None, None);
    }

    /// Seconds that the training, and with several runs all of them, will still take, after `done` of `of` steps; validation and
    /// preparation in between count as they came. `None` while too little is known.
    pub(super) fn after(&mut self, done: usize, of: usize, now: Instant) -> Option<(f64, Option<f64>)> {
        let (start, first) = *self.steps.get_or_insert((now, done));
        let counted = done.checked_sub(first).filter(|counted| *counted >= WARM)?;
        let left = now.duration_since(start).as_secs_f64() / counted as f64 * of.saturating_sub(done) as f64;
        let (number, all) = self.number;
        let others = all.saturating_sub(number);
        if others == 0 {
            return Some((left, None));
        }
        let so_far = self.run.map_or(0.0, |start| now.duration_since(start).as_secs_f64());
        let mean = match self.finished.len() {
            // This run as a whole, as far as it is known.
            0 => so_far + left,
            count => self.finished.iter().map(Duration::as_secs_f64).sum::<f64>() / count as f64,
        };
        Some((left, Some(left + mean * others as f64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_training_and_of_all_runs_is_estimated() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut eta = Eta::default();
        eta.begin(1, 3, at(0));
        assert_eq!(eta.after(1, 11, at(10)), None, "one step says nothing");
        assert_eq!(eta.after(3, 11, at(14)), None);
        // 4 steps in 10 s, 6 left; two more runs that take as long as this one: 20 s so far and 15 s.
        assert_eq!(eta.after(5, 11, at(20)), Some((15.0, Some(15.0 + 2.0 * 35.0))));
        eta.finish(at(40));
        eta.begin(2, 3, at(40));
        eta.after(0, 10, at(41));
        // 1 s per step; the last run takes as long as the first, 40 s.
        assert_eq!(eta.after(5, 10, at(46)), Some((5.0, Some(45.0))));
        eta.abandon();
        eta.begin(3, 3, at(50));
        eta.after(0, 10, at(50));
        assert_eq!(eta.after(5, 10, at(60)), Some((10.0, None)), "the last run");
    }
}
