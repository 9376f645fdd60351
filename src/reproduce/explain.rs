//! Explains why the numbers of two runs differ: settings, data, code and environment, in this order, and which of them can change numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::record::Record;
use crate::plan::{Effect, Plan, PlannedCase, Role, explained};
use crate::store::Manifest;

/// Where a difference lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// A key of the experiment or dataset file.
    Settings,
    /// A case or a file of it.
    Data,
    /// The program.
    Code,
    /// The machine.
    Environment,
}

impl Part {
    /// For headings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Data => "data",
            Self::Code => "code",
            Self::Environment => "environment",
        }
    }
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// Where.
    pub part: Part,
    /// The key, file or property.
    pub what: String,
    /// Its values in both; none where it is missing.
    pub values: [Value; 2],
    /// The first stage whose numbers it can change.
    pub effect: Effect,
}

/// Everything in which two records differ, in the order of [`Part`]s.
pub fn explain(one: &Record, other: &Record) -> Vec<Difference> {
    let mut found: Vec<Difference> = explained(&one.plan, &other.plan)
        .into_iter()
        .map(|(what, values, effect)| Difference { part: Part::Settings, what, values, effect })
        .collect();
    found.extend(members(one, other));
    found.extend(data(one, other));
    if let (Some(first), Some(second)) = (&one.manifest, &other.manifest) {
        found.extend(code(first, second));
        found.extend(environment(first, second));
    }
    found
}

/// The runs that are averaged, or that there is one training.
fn members(one: &Record, other: &Record) -> Option<Difference> {
    let of = |record: &Record| -> Value {
        let members = record.plan.work.members();
        let ids: Vec<&str> = members.iter().map(|ids| ids.training.as_str()).collect();
        if ids.is_empty() { json!("one training") } else { json!(format!("mean of {}", ids.join(", "))) }
    };
    let values = [of(one), of(other)];
    (values[0] != values[1]).then(|| Difference {
        part: Part::Settings,
        what: "ensemble".into(),
        values,
        effect: Effect::Training,
    })
}

/// Cases that only one of them has, has in another role, or with other content.
fn data(one: &Record, other: &Record) -> Vec<Difference> {
    let cases = |plan: &'_ Plan| -> BTreeMap<String, PlannedCase> {
        plan.data.cases.iter().map(|case| (case.name.clone(), case.clone())).collect()
    };
    let (first, second) = (cases(&one.plan), cases(&other.plan));
    let names = first.keys().chain(second.keys()).collect::<BTreeSet<_>>();
    let role = |case: Option<&PlannedCase>| case.map_or(Value::Null, |case| json!(case.role.name()));
    let mut found = Vec::new();
    for name in names {
        let both = [first.get(name), second.get(name)];
        let roles = both.map(role);
        if roles[0] != roles[1] {
            let is_test = |role: &Value| *role == json!("test") || role.is_null();
            let effect = if roles.iter().all(is_test) { Effect::Prediction } else { Effect::Training };
            found.push(Difference { part: Part::Data, what: format!("case {name}"), values: roles, effect });
        }
        if let [Some(case), Some(changed)] = both
            && case.content != changed.content
        {
            found.extend(files(name, [one, other], [case, changed]));
        }
    }
    found
}

/// The files of a case whose content differs; the case as a whole where the hashes of its files are not recorded.
fn files(name: &str, records: [&Record; 2], cases: [&PlannedCase; 2]) -> Vec<Difference> {
    let images = cases[0].content.image != cases[1].content.image;
    let is_test = cases.iter().all(|case| case.role == Role::Test);
    let effect = match (is_test, images) {
        (false, _) => Effect::Training,
        (true, true) => Effect::Prediction,
        (true, false) => Effect::Scores,
    };
    let [one, other] = records.map(|record| record.files.get(name).map(Vec::as_slice).unwrap_or_default());
    let mut found = Vec::new();
    let mut add = |what: String, values: [Value; 2]| found.push(Difference { part: Part::Data, what, values, effect });
    if one.is_empty() || other.is_empty() {
        // Runs that are planned have no hashes of files yet.
    } else if one.len() != other.len() {
        add(format!("case {name}: number of files"), [json!(one.len()), json!(other.len())]);
    } else {
        let paths = paths(records[1], cases[1]).or_else(|| paths(records[0], cases[0]));
        let paths = paths.filter(|paths| paths.len() == one.len());
        for (place, (old, new)) in one.iter().zip(other).enumerate().filter(|(_, (old, new))| old.blake3 != new.blake3)
        {
            let path = paths.as_ref().map(|paths| paths[place].display().to_string());
            let what = path.unwrap_or_else(|| format!("case {name}: {}", new.role));
            add(what, [old, new].map(|hash| json!(format!("b3 {}", short(&hash.blake3)))));
        }
    }
    if found.is_empty() {
        let what = if images { format!("case {name}: image") } else { format!("case {name}: labels") };
        found.push(Difference { part: Part::Data, what, values: [Value::Null, Value::Null], effect });
    }
    found
}

/// The files of a case where its data still lies.
fn paths(record: &Record, case: &PlannedCase) -> Option<Vec<PathBuf>> {
    let located = record.plan.data.case(case, &record.plan.data.found_at);
    Some(located.files().ok()?.into_iter().map(|(_, path)| path).collect())
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn code(one: &Manifest, other: &Manifest) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |what: &str, values: [Value; 2], effect: Effect| {
        if values[0] != values[1] {
            found.push(Difference { part: Part::Code, what: what.to_owned(), values, effect });
        }
    };
    let names = one.versions.keys().chain(other.versions.keys()).collect::<BTreeSet<_>>();
    for name in names {
        // Numerics are raised by hand where the numbers change; another version may differ in the last bits.
        let effect = if name == "numerics" { Effect::Training } else { Effect::LastBits };
        add(name, [one, other].map(|it| json!(it.versions.get(name))), effect);
    }
    add("build", [one, other].map(|it| json!(it.build)), Effect::LastBits);
    let git = |it: &Manifest| it.git.as_ref().map(|git| short(&git.commit).to_owned());
    add("git commit of the experiment's folder", [one, other].map(|it| json!(git(it))), Effect::Nothing);
    let diff = |it: &Manifest| it.git.as_ref().map(|git| git.diff.is_some());
    add("uncommitted changes there", [one, other].map(|it| json!(diff(it))), Effect::Nothing);
    found
}

fn environment(one: &Manifest, other: &Manifest) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |what: &str, of: &dyn Fn(&Manifest) -> Value, effect: Effect| {
        let values = [of(one), of(other)];
        if values[0] != values[1] {
            found.push(Difference { part: Part::Environment, what: what.to_owned(), values, effect });
        }
    };
    add("device", &|it| json!(it.device), Effect::LastBits);
    add("GPU and driver", &|it| json!(it.gpu), Effect::LastBits);
    add("instruction set", &|it| json!(it.host.instructions), Effect::LastBits);
    add("processor", &|it| json!(it.host.cpu), Effect::LastBits);
    add("operating system", &|it| json!(it.host.system), Effect::LastBits);
    add("cores", &|it| json!(it.host.cores), Effect::Nothing);
    add("threads", &|it| json!(it.sessions.first().and_then(|session| session.threads)), Effect::Nothing);
    add("host", &|it| json!(it.host.name), Effect::Nothing);
    found
}
