//! Continues a finished training for more epochs, in a new run, from its weights and optimiser state.

use std::fs;
use std::path::Path;

use super::error::RunError;
use crate::files;
use crate::plan::{Plan, Training, Work};
use crate::store::manifest::Continued;
use crate::store::{Lock, Manifest, StoreError, Stored};
use crate::train::TrainPlan;
use crate::train::checkpoint::{self, State};
use crate::train::schedule::learning_rate;
use crate::train::spec::StepsPerEpoch;

/// Copies the final checkpoint of another run into a planned run, which then resumes from it. Does nothing if that was done before.
///
/// # Errors
/// [`RunError::Continue`] with the reason, where the longer training would not have passed through that state.
pub fn continue_from(run: &Stored, from: &Path, device: &str) -> Result<(), RunError> {
    let refuse = |reason: String| RunError::Continue { from: from.display().to_string(), reason };
    let other = Stored::open(from)?;
    let [ours, theirs] = [&run.plan, &other.plan]
        .map(|plan| plan.work.training().ok_or_else(|| refuse("an ensemble is not trained".into())));
    let (ours, theirs) = (ours?, theirs?);
    let state = checkpoint::state(&other.folder.checkpoints())?;
    let state = state.ok_or_else(|| refuse("it has no checkpoint".into()))?;
    reason_against(run, &other, [ours, theirs], &state).map_or(Ok(()), |reason| Err(refuse(reason)))?;
    let _lock = Lock::take(&run.folder.lock())?;
    let begun = Continued { run_id: other.id(), epochs: state.history.len() };
    if checkpoint::recover(&run.folder.checkpoints()) {
        let known = run.folder.read_manifest()?.and_then(|manifest| manifest.continued_from);
        return match known == Some(begun) {
            true => Ok(checkpoint::adopt(&run.folder.checkpoints(), &run.ids.training)?),
            false => Err(refuse(format!("{} is already trained", run.folder.path().display()))),
        };
    }
    run.write_plan()?;
    let mut manifest = Manifest::new(&run.id(), device, run.plan.seed());
    manifest.warnings.push(format!(
        "continued from run {} after epoch {}, which validated its last epoch",
        begun.run_id, begun.epochs
    ));
    manifest.continued_from = Some(begun);
    run.folder.write_manifest(&manifest)?;
    copy(&other.folder.checkpoints(), &run.folder.checkpoints())?;
    Ok(checkpoint::adopt(&run.folder.checkpoints(), &run.ids.training)?)
}

/// Why the longer training would not have passed through the final state of the shorter one; `None` if it would.
fn reason_against(run: &Stored, other: &Stored, [ours, theirs]: [&Training; 2], state: &State) -> Option<String> {
    let (longer, shorter) = (ours.train.epochs, theirs.train.epochs);
    if longer <= shorter {
        return Some(format!(
            "this run must have more epochs than the {shorter} of {}: raise `train.epochs`",
            other.id()
        ));
    }
    if as_long(&run.plan, ours, shorter).ids().training != other.ids.training {
        let keys = differences(&run.plan, &other.plan);
        return Some(format!("other keys differ besides `train.epochs`: {}", keys.join(", ")));
    }
    if state.waiting.stopped {
        return Some(format!("early stopping ended its training after epoch {}", state.history.len()));
    }
    if state.history.len() < shorter {
        return Some(format!("it has done {} of its {shorter} epochs: finish it first", state.history.len()));
    }
    let counted = |train: &TrainPlan| TrainPlan {
        // Tiles are counted when training begins.
        steps_per_epoch: StepsPerEpoch::Fixed((state.step / shorter.max(1)).max(1)),
        ..train.clone()
    };
    let (ours, theirs) = (counted(&ours.train), counted(&theirs.train));
    let rates = |step: &usize| [&ours, &theirs].map(|plan| learning_rate(plan, *step, &state.fallen));
    let step = (0..state.step).find(|step| rates(step)[0] != rates(step)[1])?;
    let [now, then] = rates(&step);
    Some(format!(
        "its learning rate depends on `train.epochs`: {then:.3e} at step {}, but {now:.3e} in a training of {longer} epochs; \
         use a constant, step, exponential, cosine-restarts or plateau schedule",
        step + 1
    ))
}

/// The same plan with another number of epochs.
fn as_long(plan: &Plan, training: &Training, epochs: usize) -> Plan {
    let train = TrainPlan { epochs, ..training.train.clone() };
    Plan { work: Work::Train(Training { train, ..training.clone() }), ..plan.clone() }
}

/// Keys that differ between two plans, without those that have no influence on the weights.
fn differences(one: &Plan, other: &Plan) -> Vec<String> {
    let value = |plan: &Plan| serde_json::json!({ "work": plan.work, "target": plan.target, "cases": plan.data.cases, "task": plan.task });
    let mut keys = Vec::new();
    compare("", &value(one), &value(other), &mut keys);
    keys.iter_mut().for_each(|key| *key = key.trim_start_matches("work.train.").to_owned());
    keys.retain(|key| key != "train.epochs");
    keys.truncate(MAX_KEYS);
    keys
}

/// Maximum number of keys listed in a message.
const MAX_KEYS: usize = 5;

fn compare(path: &str, one: &serde_json::Value, other: &serde_json::Value, keys: &mut Vec<String>) {
    use serde_json::Value::Object;
    match (one, other) {
        (Object(one), Object(other)) => {
            for key in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let null = serde_json::Value::Null;
                compare(&path, one.get(key).unwrap_or(&null), other.get(key).unwrap_or(&null), keys);
            }
        }
        (one, other) if one != other => keys.push(path.to_owned()),
        _ => {}
    }
}

/// Copies a folder of checkpoints, all or nothing.
fn copy(from: &Path, to: &Path) -> Result<(), RunError> {
    let unfinished = to.with_extension("unfinished");
    let copied = (|| {
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        for file in files::below(from)? {
            let target = unfinished.join(file.strip_prefix(from).unwrap_or(&file));
            fs::create_dir_all(target.parent().unwrap_or(&unfinished))?;
            fs::copy(&file, &target)?;
        }
        fs::rename(&unfinished, to)
    })();
    Ok(copied.map_err(StoreError::at(to))?)
}
