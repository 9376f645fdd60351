//! Where the numbers come from, and how to get them again.

use super::html::escape;
use crate::report::Report;

/// Commands that reproduce the results, in order.
pub(super) fn reproduce(report: &Report) -> String {
    if report.input.reproduce.is_empty() {
        return String::new();
    }
    let lines: String = report.input.reproduce.iter().map(|line| escape(line) + "\n").collect();
    format!(
        "<pre>{lines}</pre>\n<p class=\"note\">The first command restores the state of the files, if they were under version control; \
         results are bit-identical with the same build on the same model of processor.</p>\n"
    )
}

/// Plan and manifest of every run; identical ones once.
pub(super) fn provenance(report: &Report) -> String {
    let mut shown: Vec<(String, String, Vec<String>)> = Vec::new();
    let classifiers = report.input.classifiers.iter().map(|run| (&run.plan_toml, &run.manifest, &run.context));
    let runs = report.input.runs.iter().map(|run| (&run.plan_toml, &run.manifest, &run.context));
    for (plan_toml, manifest, context) in classifiers.chain(runs) {
        let name = report.names.run(context);
        let manifest = format!("{manifest:#}");
        match shown.iter_mut().find(|(plan, same, _)| plan == plan_toml && *same == manifest) {
            Some((_, _, runs)) => runs.push(name),
            None => shown.push((plan_toml.clone(), manifest, vec![name])),
        }
    }
    let block = |(plan, manifest, runs): (String, String, Vec<String>)| {
        format!(
            "<details>\n<summary>{}</summary>\n<h3>plan.toml</h3>\n<pre>{}</pre>\n<h3>manifest.json</h3>\n<pre>{}</pre>\n\
             </details>\n",
            escape(&runs.join("; ")),
            escape(&plan),
            escape(&manifest)
        )
    };
    shown.into_iter().map(block).collect()
}
