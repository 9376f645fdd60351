//! One archive of a run without its images: plan, provenance, weights, scores, report. [`archive`] writes and reads it, `names` replaces
//! what may name a patient, `metadata` describes it for other programs.
//!
//! The archive holds a run root: `NAME/EXPERIMENT/TRAINING-ID/…`, with the runs that the run depends on, so that whatever takes a run
//! folder takes the unpacked one.

pub mod archive;
mod metadata;
mod names;
mod staged;

use std::fs;
use std::path::Path;

use self::names::Names;
pub use self::staged::needed;
use crate::counted;
use crate::run::RunError;
use crate::store::{Status, Stored};

/// What is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether names of cases and patients, and paths below the dataset's folder, stay as they are.
    pub keep_names: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Id of the packed run, which depends on the names of its cases.
    pub evaluation: String,
    /// Number of files.
    pub files: usize,
    /// What was left out or replaced, for people.
    pub removed: Vec<String>,
}

/// Packs a finished run, and the runs that it depends on, into an archive.
///
/// # Errors
/// The run is not finished, a file of it is damaged, or the archive cannot be written.
pub fn pack(run: &Stored, out: &Path, options: Options) -> Result<Packed, RunError> {
    let manifest = run.folder.read_manifest()?;
    if run.status()? == Status::Imported {
        let text = "was imported without cases to score, so there is nothing to compare with: import the model again with `segspec import \
                    nnunet` and --dataset, then `segspec run-plan`";
        return Err(RunError::NothingThere(format!("{}: {text}", run.folder.path().display())));
    }
    if !manifest.as_ref().is_some_and(|manifest| run.is_finished(manifest)) {
        let first = if run.is_imported() { "run-plan" } else { "run" };
        let text = format!("{}: this run is not finished; `segspec {first}` first", run.folder.path().display());
        return Err(RunError::NothingThere(text));
    }
    let place = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(place).map_err(RunError::file(place.into()))?;
    let staging = tempfile::Builder::new().prefix(".segspec-pack-").tempdir_in(place);
    let staging = staging.map_err(RunError::file(place.into()))?;
    let name = format!("{}-{}", run.plan.about.experiment, run.id());
    let root = staging.path().join(&name);
    let names = Names::of(run, options.keep_names);
    let staged = staged::stage(run, &root, &names, &mut Vec::new())?;
    let has_specs = staged.folder.specs().iter().all(|path| path.is_file());
    let removed = removed(&names, has_specs);
    write(&root.join("README.md"), &readme(&staged, &removed))?;
    metadata::write(&staged, &root)?;
    let files = archive::write(staging.path(), out)?;
    Ok(Packed { evaluation: staged.ids.evaluation.clone(), files, removed })
}

fn write(path: &Path, text: &str) -> Result<(), RunError> {
    fs::write(path, text).map_err(RunError::file(path.into()))
}

/// What is not in the archive, for people.
fn removed(names: &Names, has_specs: bool) -> Vec<String> {
    let mut removed = vec![
        "images, labels and predictions, and every picture of them".to_owned(),
        "paths of this machine, its name, the command line, uncommitted changes of its git repository".to_owned(),
    ];
    if names.are_kept() {
        removed
            .push("nothing else: names of cases and paths below the dataset's folder are kept (--keep-names)".into());
    } else {
        let cases = counted(names.count(), "case");
        removed
            .push(format!("the names of {cases} and of their patients, which are numbered instead, and their paths"));
    }
    if !has_specs {
        let text = "experiment.toml and dataset.toml, which name cases: `reproduce` needs --dataset FILE, the dataset's own file";
        removed.push(text.into());
    }
    removed
}

fn readme(run: &Stored, removed: &[String]) -> String {
    let about = &run.plan.about;
    let removed: String = removed.iter().map(|text| format!("- {text}\n")).collect();
    format!(
        "# {}: run {}\n\n{}\n\nA run of segspec {} without its images. With the dataset `{}` in a folder DIR:\n\n    \
         segspec reproduce THIS.tar.gz --data DIR\n\ntrains it again and compares every number with the record (`--predict-only` \
         takes the weights). The data are found by their content, \
         in the layout that dataset.toml (or --dataset FILE) states.\n\nNot in here:\n\n{removed}",
        about.experiment,
        run.id(),
        about.description,
        env!("CARGO_PKG_VERSION"),
        run.plan.data.dataset,
    )
}
