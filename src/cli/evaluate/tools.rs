//! Several predictions of the same cases: each is scored, and they are ranked.

use std::collections::BTreeSet;
use std::path::PathBuf;

use polars::prelude::*;

use super::{BOOTSTRAP_SEED, Evaluate, Scope};
use crate::cli::{Exit, Failure, rank as command};
use crate::evaluate::Score;
use crate::evaluate::files::Scored;
use crate::evaluate::frame::{column, stack};
use crate::evaluate::rank::{Competitor, Options, rank};
use crate::evaluate::table::{TableError, to_frame, write_csv};

/// One set of predictions.
pub(super) struct Tool {
    pub name: String,
    pub path: PathBuf,
}

/// Names and paths: `NAME=PATH`, or a path, whose last part is then the name.
///
/// # Errors
/// Two have the same name.
pub(super) fn tools(arguments: &[String]) -> Result<Vec<Tool>, Failure> {
    let mut tools: Vec<Tool> = Vec::new();
    for argument in arguments {
        let tool = match argument.split_once('=') {
            // The name of a file may hold `=`.
            Some((name, path)) if !PathBuf::from(argument).exists() && !name.is_empty() => {
                Tool { name: name.to_owned(), path: path.into() }
            }
            _ => {
                let path = PathBuf::from(argument);
                let name =
                    path.file_name().map_or_else(|| argument.clone(), |name| name.to_string_lossy().into_owned());
                Tool { name, path }
            }
        };
        if tools.iter().any(|known| known.name == tool.name) {
            let text = format!(
                "two predictions are named `{}`: give them names, --prediction NAME={}",
                tool.name,
                tool.path.display()
            );
            return Err(Failure::message(Exit::Usage, text));
        }
        tools.push(tool);
    }
    Ok(tools)
}

/// Ranks the tools on the cases that all of them were scored on.
pub(super) fn compare(args: &Evaluate, scope: &Scope, tools: &[Tool], all: &[Scored]) -> Result<(), Failure> {
    let failed = |error: TableError| Failure::new(Exit::Environment, error);
    let (common, mut failures) = common(tools, all);
    let of_common = |scored: &Scored| -> Vec<Score> {
        scored.scores.iter().filter(|score| common.contains(score.case.as_str())).cloned().collect()
    };
    let tables: Vec<DataFrame> = all
        .iter()
        .map(|scored| scope.patients.add(to_frame(&of_common(scored))?))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if let Some(csv) = &args.csv {
        write_csv(&with_names(tools, all).map_err(failed)?, csv).map_err(failed)?;
    }
    let mut structures: Vec<String> = Vec::new();
    for score in all.iter().flat_map(|scored| &scored.scores) {
        if !structures.contains(&score.structure) {
            structures.push(score.structure.clone());
        }
    }
    let named = tools.iter().zip(&tables);
    let competitors: Vec<Competitor> =
        named.map(|(tool, table)| Competitor { name: tool.name.clone(), tables: vec![table] }).collect();
    let options = Options { metric: args.metric, margin: args.margin, seed: BOOTSTRAP_SEED };
    let mut ranking = rank("tool", &competitors, &structures, &scope.groups, &options)?;
    if !failures.is_empty() {
        let n = all
            .iter()
            .flat_map(|scored| &scored.scores)
            .map(|score| score.case.as_str())
            .collect::<BTreeSet<_>>()
            .len();
        ranking.cautions.push(format!("Ranked on the {} of {n} cases that every tool was scored on.", common.len()));
    }
    ranking.origin.failures.append(&mut failures);
    if args.margin.is_some() {
        ranking.cautions.push(
            "The margin was stated when the predictions were scored: declare it before, in the study's protocol."
                .into(),
        );
    }
    let title = tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>().join(", ");
    command::finish(&ranking, &title, args.output.as_deref(), (args.json, false)).map(drop)
}

/// The cases that every tool was scored on, and what is missing.
fn common<'a>(tools: &[Tool], all: &'a [Scored]) -> (BTreeSet<&'a str>, Vec<String>) {
    let cases: Vec<BTreeSet<&str>> =
        all.iter().map(|scored| scored.scores.iter().map(|score| score.case.as_str()).collect()).collect();
    let every: BTreeSet<&str> = cases.iter().flatten().copied().collect();
    let common = every.iter().copied().filter(|case| cases.iter().all(|own| own.contains(case))).collect();
    let mut failures = Vec::new();
    for ((tool, own), scored) in tools.iter().zip(&cases).zip(all) {
        for case in every.iter().filter(|case| !own.contains(*case)) {
            let reason = scored.excluded.iter().find(|excluded| excluded.case == **case).map(|it| it.reason.as_str());
            failures.push(format!("{}: {case} ({})", tool.name, reason.unwrap_or("no prediction")));
        }
    }
    (common, failures)
}

/// Every score, with the name of its tool.
fn with_names(tools: &[Tool], all: &[Scored]) -> Result<DataFrame, TableError> {
    let table = |(tool, scored): (&Tool, &Scored)| {
        let mut scores = to_frame(&scored.scores)?;
        let names = column("tool", vec![tool.name.as_str(); scores.height()]);
        scores.insert_column(0, names).map_err(TableError::malformed)?;
        Ok(scores)
    };
    let tables: Vec<DataFrame> = tools.iter().zip(all).map(table).collect::<Result<_, TableError>>()?;
    Ok(stack(tables)?.unwrap_or_default())
}
