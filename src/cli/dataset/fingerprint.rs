//! `segspec dataset fingerprint`: the measurements used by automatic planning, and the settings derived from them.

use std::path::Path;

use serde_json::{Value, json};

use super::super::session::{self, data_root};
use super::{Exit, Failure, Source, failure, load, print_json, progress_bar, show, summary};
use crate::Cancel;
use crate::dataset::{self, Access, Case, Content, Fold, Inputs, Opened};
use crate::plan::{About, Choice, Data, Given, LookPlan, Plan, choices, resolve};
use crate::preprocess::Fingerprint;
use crate::preprocess::fingerprint::fingerprint;
use crate::report::text_table::TextTable;
use crate::run::RunError;
use crate::run::cautions::without_spacing;
use crate::spec::{Experiment, inline};

/// Cache shared with the runs, so that the fingerprint is computed once.
const CACHE: &str = "runs/.cache";

/// Keys of `Choice` that depend on more than the dataset.
const NOT_FROM_DATA: [&str; 2] = ["predict.weights", "loss"];

/// A dataset with its fingerprint and plan.
struct Seen {
    spec: dataset::Dataset,
    opened: Opened,
    inputs: Inputs,
    fingerprint: Fingerprint,
    plan: Plan,
}

pub(super) fn execute(source: &Source) -> Result<Exit, Failure> {
    let seen = see(source)?;
    if source.json {
        print_json(&to_json(&seen))?;
    } else {
        print!("{}", text(&seen));
    }
    Ok(Exit::Ok)
}

fn see(source: &Source) -> Result<Seen, Failure> {
    let spec = load(&source.dataset)?.dataset;
    let name = spec.name.clone().unwrap_or_default();
    let cancel = session::cancellation();
    let opened = dataset::open(&spec, &name, &data_root(), &cancel).map_err(failure)?;
    let bar = progress_bar("reading");
    let progress = |_, done, all| show(&bar, done, all);
    let inputs = Inputs::open(&spec, &data_root(), Path::new(CACHE), Access::Read, &progress, &cancel);
    bar.finish_and_clear();
    let inputs = inputs.map_err(failure)?;
    let folds = inputs.split(&spec.split).map_err(RunError::from)?;
    let (fingerprint, plan) = plan(&spec, &name, &inputs, &folds, &cancel)?;
    Ok(Seen { spec, opened, inputs, fingerprint, plan })
}

/// The plan of an experiment that sets only the dataset, based on the cases that train in at least one fold.
fn plan(
    spec: &dataset::Dataset,
    name: &str,
    inputs: &Inputs,
    folds: &[Fold],
    cancelled: &Cancel,
) -> Result<(Fingerprint, Plan), RunError> {
    let internal = |error: serde_json::Error| RunError::Internal(error.to_string());
    let experiment: Experiment = serde_json::from_value(json!({ "dataset": name })).map_err(internal)?;
    let trains = |(case, _): &&(Case, Content)| folds.iter().any(|fold| fold.train.contains(&case.name));
    let cases: Vec<_> = inputs.cases.iter().filter(trains).cloned().collect();
    let bar = progress_bar("measuring");
    let progress = |at: crate::preprocess::Progress| show(&bar, at.done, at.total);
    let crop = experiment.preprocess.crop;
    let fingerprint = fingerprint(crop, None, &cases, Path::new(CACHE), Access::Read, &progress, cancelled)?;
    bar.finish_and_clear();
    let nobody = Fold { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    let fold = folds.first().unwrap_or(&nobody);
    let (pretrained, look) = (None, LookPlan::Everywhere);
    let given = Given {
        experiment: &experiment,
        dataset: spec,
        fold,
        fingerprint: &fingerprint,
        without_spacing: without_spacing(inputs),
        pretrained,
        look,
    };
    let plan = resolve(&given, About::default(), Data::default())?;
    Ok((fingerprint, plan))
}

fn decided(seen: &Seen) -> Vec<Choice> {
    choices(&seen.plan).into_iter().filter(|choice| !NOT_FROM_DATA.contains(&choice.key.as_str())).collect()
}

fn text(seen: &Seen) -> String {
    let mut text = summary::text(&seen.spec, &seen.opened, &seen.inputs.checks);
    text.push_str("\nIntensities of labelled voxels\n");
    let mut table = TextTable::new(["channel", "mean", "sd", "median", "p0.5", "p99.5", "min", "max"]);
    for (index, found) in seen.fingerprint.channels.iter().enumerate() {
        let name = seen.spec.channels.get(index).map_or_else(|| index.to_string(), |channel| channel.name.clone());
        let numbers = [found.mean, found.sd, found.median, found.p00_5, found.p99_5, found.min, found.max];
        table.row(std::iter::once(name).chain(numbers.map(summary::number)));
    }
    text.push_str(&table.render());
    let kept = summary::number(seen.fingerprint.median_relative_size * 100.0);
    text.push_str(&format!("\nThe bounding box of nonzero voxels keeps {kept} % of an image (median)\n"));
    let cases = seen.fingerprint.cases.len();
    text.push_str(&format!("\nWhat \"auto\" resolves to, planned on {cases} training cases\n"));
    let mut table = TextTable::new(["key", "value", "why"]);
    for choice in decided(seen) {
        table.row([choice.key.to_owned(), inline(&choice.value), choice.why]);
    }
    text + &table.render()
}

fn to_json(seen: &Seen) -> Value {
    let auto: serde_json::Map<String, Value> =
        decided(seen).into_iter().map(|choice| (choice.key.to_owned(), choice.value)).collect();
    let mut json = summary::json(&seen.spec, &seen.inputs.checks);
    if let Some(object) = json.as_object_mut() {
        object.insert("training-cases".into(), seen.fingerprint.cases.len().into());
        object.insert("median-relative-size".into(), seen.fingerprint.median_relative_size.into());
        object.insert("channels".into(), json!(seen.fingerprint.channels));
        object.insert("auto".into(), auto.into());
    }
    json
}
