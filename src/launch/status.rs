//! What a scheduler says of submitted jobs, beside what the run folders say.

use std::collections::BTreeMap;
use std::process::Command;

use super::slurm::output;
use super::submission::Submission;

/// A task in the scheduler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// As SLURM names it: `PENDING`, `NODE_FAIL`.
    pub state: String,
    /// Why it waits: `Resources`, `JobHeldUser`.
    pub reason: String,
    /// Time that it has run.
    pub elapsed: String,
    /// Its node.
    pub node: String,
}

/// What a state means for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It will begin by itself.
    Waiting,
    /// It begins only when somebody releases it.
    Held,
    /// It is being done.
    Running,
    /// It was interrupted and goes back to the queue, or is submitted again by `segspec run`.
    Interrupted,
    /// It ended; the run's files say how.
    Ended,
    /// It was taken out of the queue.
    Cancelled,
    /// It failed.
    Failed,
    /// The scheduler no longer knows it, or nobody can be asked.
    Unknown,
}

/// The states of SLURM 20 to 25 (`sacct(1)`, `squeue(1)`).
const STATES: [(&str, Meaning); 25] = [
    ("PENDING", Meaning::Waiting),
    ("CONFIGURING", Meaning::Waiting),
    ("REQUEUED", Meaning::Waiting),
    ("REQUEUE_FED", Meaning::Waiting),
    ("SIGNALING", Meaning::Running),
    ("STAGE_OUT", Meaning::Running),
    ("RESIZING", Meaning::Running),
    ("REQUEUE_HOLD", Meaning::Held),
    ("RESV_DEL_HOLD", Meaning::Held),
    ("SPECIAL_EXIT", Meaning::Held),
    ("RUNNING", Meaning::Running),
    ("COMPLETING", Meaning::Running),
    ("SUSPENDED", Meaning::Running),
    ("STOPPED", Meaning::Running),
    ("PREEMPTED", Meaning::Interrupted),
    ("TIMEOUT", Meaning::Interrupted),
    ("NODE_FAIL", Meaning::Interrupted),
    ("BOOT_FAIL", Meaning::Interrupted),
    ("REVOKED", Meaning::Interrupted),
    ("COMPLETED", Meaning::Ended),
    ("CANCELLED", Meaning::Cancelled),
    ("DEADLINE", Meaning::Cancelled),
    ("FAILED", Meaning::Failed),
    ("OUT_OF_MEMORY", Meaning::Failed),
    ("LAUNCH_FAILED", Meaning::Failed),
];

impl Task {
    /// What its state means.
    pub fn meaning(&self) -> Meaning {
        if self.state == "PENDING"
            && ["JobHeld", "DependencyNeverSatisfied", "launch_failed"].iter().any(|it| self.reason.starts_with(it))
        {
            return Meaning::Held;
        }
        // `CANCELLED by 1000`.
        let word = self.state.split_whitespace().next().unwrap_or_default().trim_end_matches('+');
        STATES.iter().find(|(name, _)| *name == word).map_or(Meaning::Unknown, |(_, meaning)| *meaning)
    }
}

/// The tasks of a submission by their names (`123_4`, or `123` without an array), and which program was asked; none if there is no
/// scheduler here.
pub fn tasks(submission: &Submission) -> (BTreeMap<String, Task>, Option<&'static str>) {
    let ids = submission.jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>().join(",");
    let mut found = BTreeMap::new();
    let mut asked = None;
    // Without a start, only jobs since midnight are told.
    let day = submission.time.get(..10).unwrap_or("1970-01-01");
    let mut accounting = Command::new("sacct");
    accounting.args(["-X", "-n", "-P", "-o", "JobID,State,Elapsed,NodeList", "--starttime", day, "-j", &ids]);
    if let Ok(text) = output(&mut accounting) {
        asked = Some("sacct");
        found.extend(text.lines().flat_map(accounted));
    }
    // The queue knows reasons, and jobs that accounting has not seen yet. It forgets those that ended.
    let mut queue = Command::new("squeue");
    queue.args(["-h", "--array", "--states=all", "-o", "%i|%T|%r|%M|%N", "-j", &ids]);
    if let Ok(text) = output(&mut queue) {
        asked = asked.or(Some("squeue"));
        found.extend(text.lines().filter_map(queued));
    }
    (found, asked)
}

/// A line of `sacct`; pending tasks of an array stand in one: `123_[2-5,7%2]`.
fn accounted(line: &str) -> Vec<(String, Task)> {
    let mut fields = line.split('|').map(str::to_owned);
    let (Some(id), Some(state)) = (fields.next(), fields.next()) else { return Vec::new() };
    let task = Task {
        state,
        reason: String::new(),
        elapsed: fields.next().unwrap_or_default(),
        node: fields.next().unwrap_or_default(),
    };
    expanded(&id).into_iter().map(|id| (id, task.clone())).collect()
}

fn queued(line: &str) -> Option<(String, Task)> {
    let mut fields = line.split('|').map(str::to_owned);
    let id = fields.next().filter(|id| !id.is_empty())?;
    let [state, reason, elapsed, node] = [(); 4].map(|()| fields.next().unwrap_or_default());
    let reason = if reason == "None" { String::new() } else { reason };
    Some((id, Task { state, reason, elapsed, node }))
}

/// `123_[2-3,7%2]` → `123_2`, `123_3`, `123_7`.
fn expanded(id: &str) -> Vec<String> {
    let Some((job, list)) = id.split_once("_[") else { return vec![id.to_owned()] };
    let list = list.trim_end_matches(']').split('%').next().unwrap_or_default();
    let mut all = Vec::new();
    for part in list.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let step = to.split_once(':').and_then(|(_, step)| step.parse().ok()).unwrap_or(1);
        let to = to.split(':').next().unwrap_or(to);
        if let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) {
            all.extend((from..=to).step_by(step).map(|task| format!("{job}_{task}")));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_programs_are_read() {
        let found = accounted("123_[2-3,7%2]|PENDING|00:00:00|None assigned");
        assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["123_2", "123_3", "123_7"]);
        assert_eq!(expanded("9_[0-6:3]"), ["9_0", "9_3", "9_6"]);
        let (id, task) = accounted("124_1|CANCELLED by 1000|00:01:02|n1").remove(0);
        assert_eq!((id.as_str(), task.meaning(), task.node.as_str()), ("124_1", Meaning::Cancelled, "n1"));
        let (_, held) = queued("125|PENDING|JobHeldUser|0:00|").unwrap();
        assert_eq!((held.meaning(), held.reason.as_str()), (Meaning::Held, "JobHeldUser"));
        let (_, waits) = queued("125|PENDING|Resources|0:00|").unwrap();
        assert_eq!(waits.meaning(), Meaning::Waiting);
        assert_eq!(queued(""), None);
    }

    #[test]
    fn an_unknown_state_is_never_a_success() {
        let of = |state: &str| Task { state: state.into(), ..Task::default() }.meaning();
        assert_eq!((of("SOMETHING_NEW"), of("")), (Meaning::Unknown, Meaning::Unknown));
        assert_eq!(
            (of("OUT_OF_MEMORY"), of("NODE_FAIL"), of("COMPLETED")),
            (Meaning::Failed, Meaning::Interrupted, Meaning::Ended)
        );
    }
}
