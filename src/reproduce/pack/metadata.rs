//! `ro-crate-metadata.json`: what is in the archive, for other programs.
//!
//! Source: RO-Crate 1.1 with the Process Run Crate profile 0.5: a `CreateAction` made the results with segspec as its instrument.

use std::path::Path;

use serde_json::{Value, json};

use super::write as write_file;
use crate::files;
use crate::run::RunError;
use crate::store::Stored;

const CRATE: &str = "https://w3id.org/ro/crate/1.1";
const PROFILE: &str = "https://w3id.org/ro/wfrun/process/0.5";

/// Writes the metadata of a packed run beside its files.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(run: &Stored, root: &Path) -> Result<(), RunError> {
    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let all = files::below(root).map_err(RunError::file(root.into()))?;
    let manifest = run.folder.read_manifest()?;
    let sessions = manifest.as_ref().map(|manifest| manifest.sessions.as_slice()).unwrap_or_default();
    let started = sessions.first().map(|session| session.started.clone());
    let ended = sessions.last().and_then(|session| session.ended.clone());
    let folder = format!("{}/", below(run.folder.path()));
    let names = all.iter().map(|path| below(path)).chain([folder.clone()]);
    let parts: Vec<Value> = names.map(|name| json!({ "@id": name })).collect();
    let about = &run.plan.about;
    let described = match about.description.is_empty() {
        true => format!("Run {} of the experiment {}", run.id(), about.experiment),
        false => about.description.clone(),
    };
    let mut graph = vec![
        json!({
            "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": { "@id": "./" },
            "conformsTo": { "@id": CRATE },
        }),
        json!({
            "@id": "./", "@type": "Dataset", "name": format!("{} {}", about.experiment, run.id()),
            "description": described, "datePublished": ended.clone().or(started.clone()),
            "conformsTo": { "@id": PROFILE }, "license": "see the licence of the data in model-card.md",
            "hasPart": parts, "mentions": { "@id": "#run" }, "mainEntity": { "@id": folder },
        }),
        json!({ "@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5" }),
        json!({ "@id": folder, "@type": "Dataset", "name": format!("run {}", run.id()) }),
        json!({
            "@id": "#segspec", "@type": "SoftwareApplication", "name": "segspec",
            "softwareVersion": manifest.as_ref().and_then(|manifest| manifest.versions.get("segspec")),
        }),
        json!({
            "@id": "#run", "@type": "CreateAction", "name": "training, prediction and scores",
            "instrument": { "@id": "#segspec" }, "startTime": started, "endTime": ended,
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "object": [{ "@id": below(&run.folder.plan()) }],
            "result": [{ "@id": below(&run.evaluation().scores().1) }],
        }),
    ];
    for path in &all {
        let size = path.metadata().map_or(0, |metadata| metadata.len());
        let format = format_of(path);
        graph.push(
            json!({ "@id": below(path), "@type": "File", "contentSize": size.to_string(), "encodingFormat": format }),
        );
    }
    let text = format!("{:#}\n", json!({ "@context": format!("{CRATE}/context"), "@graph": graph }));
    write_file(&root.join("ro-crate-metadata.json"), &text)
}

fn format_of(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
        "json" => "application/json",
        "toml" => "application/toml",
        "csv" => "text/csv",
        "html" => "text/html",
        "md" => "text/markdown",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "parquet" => "application/vnd.apache.parquet",
        _ => "application/octet-stream",
    }
}
