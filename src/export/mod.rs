//! Trained networks as files for other programs: ONNX, PyTorch, safetensors, bundles of MONAI. [`metadata`] says what surrounds a
//! network, [`graph`](crate::graph) writes it, [`monai`] its bundle; `parts` finds the networks of ensembles and cascades.

pub mod metadata;
pub mod monai;
mod parts;
pub mod stages;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::backend::{DeviceName, select};
use crate::files;
use crate::graph::{Graph, onnx, pytorch, safetensors};
use crate::infer::Trained;
use crate::plan::Training;
use crate::predict::export::PROGRAM;
use crate::run::RunError;
use crate::store::Stored;
use metadata::Metadata;
pub use parts::{Part, Role, parts};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `model.onnx`
    Onnx,
    /// `model.py` and its weights.
    Pytorch,
    /// A bundle.
    Monai,
    /// Weights alone.
    Safetensors,
}

/// How a run is exported.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The format.
    pub format: Format,
    /// Whether the network takes images of other sizes than the training patch.
    pub dynamic: bool,
}

/// Why a run cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The format has nothing that does the same.
    #[error("{0}")]
    Refused(String),
    /// The run cannot be read, or the files cannot be written.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Files by their path below a folder.
pub type Files = Vec<(String, Vec<u8>)>;

/// Name of the metadata of a network.
pub const METADATA: &str = "metadata.json";

/// Name of the file that says how several networks combine.
pub const COMBINATION: &str = "combination.json";

/// Name of the file of an ONNX network.
pub const ONNX: &str = "model.onnx";

/// Key of the metadata inside an ONNX file.
const PROPERTY: &str = "segspec";

/// The files of a run's network, or of those of an ensemble or a cascade, each in a folder of its own.
///
/// # Errors
/// The run has no weights, or the format has nothing that does the same.
pub fn export(run: &Stored, options: Options) -> Result<Files, ExportError> {
    let parts = parts(run)?;
    if parts.iter().any(|part| part.run.plan.work.training().is_some_and(|training| training.interact.is_some())) {
        let text = "a network of `[interact]` takes clicks as further channels, which no export format describes: export a run without `[interact]`";
        return Err(ExportError::Refused(text.into()));
    }
    if let [Part { run, .. }] = parts.as_slice() {
        return network(run, options);
    }
    if options.format == Format::Monai {
        let commands: Vec<String> =
            parts.iter().map(|part| format!("segspec export {} --format monai", part.run.id())).collect();
        return Err(ExportError::Refused(format!(
            "a MONAI bundle holds one network, this run has {}: export each of them, {}; or use --format onnx, which says how they combine",
            parts.len(),
            commands.join(", ")
        )));
    }
    let mut all = Vec::new();
    for part in &parts {
        let files = network(&part.run, options)?;
        all.extend(files.into_iter().map(|(path, bytes)| (format!("{}/{path}", part.folder), bytes)));
    }
    let networks: Vec<_> =
        parts.iter().map(|part| json!({ "folder": part.folder, "role": part.role, "run": part.run.id() })).collect();
    let combination = json!({ "format": 1, "program": PROGRAM, "combine": parts::rule(run), "networks": networks });
    all.push((COMBINATION.into(), format!("{combination:#}\n").into_bytes()));
    Ok(all)
}

/// Writes files into a folder that is new or empty, or in place of one with `overwrite`: all of them or none.
///
/// # Errors
/// The disk is full or not writable.
pub fn write(folder: &Path, files: &[(String, Vec<u8>)], overwrite: bool) -> Result<Vec<PathBuf>, RunError> {
    let failed = |error| RunError::File { path: folder.into(), source: error };
    let fill = |staged: &Path| {
        files.iter().try_for_each(|(path, bytes)| {
            let path = staged.join(path);
            files::write_atomic(&path, bytes).map_err(RunError::file(path))
        })
    };
    let is_filled = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    match overwrite && is_filled {
        true => files::replace_folder(folder, failed, fill)?,
        false => files::write_folder(folder, failed, fill)?,
    }
    Ok(files.iter().map(|(path, _)| folder.join(path)).collect())
}

/// The files of one run's network.
fn network(run: &Stored, options: Options) -> Result<Files, ExportError> {
    let device = select(DeviceName::Cpu).map_err(RunError::from)?;
    let trained = Trained::open(run, &device).map_err(RunError::from)?;
    let internal = |what: &str| ExportError::Run(RunError::Internal(what.into()));
    let training = run.plan.work.training().ok_or_else(|| internal("an ensemble is no network"))?;
    let network = trained.network().ok_or_else(|| internal("a run without a network"))?;
    let graph = network.graph(training.channels, run.plan.predict.patch_size, options.dynamic);
    let metadata = metadata::metadata(run, &trained, training, &graph);
    let text = format!("{:#}\n", json!(metadata));
    let about = about(&metadata);
    let mut files: Files = match options.format {
        Format::Onnx => {
            let properties = [(PROPERTY, json!(metadata).to_string())];
            let onnx::Files { model, data } = onnx::files(&graph, &about, &properties, onnx::MOST_INSIDE);
            let data = data.map(|data| (onnx::EXTERNAL_DATA.to_owned(), data));
            [(ONNX.to_owned(), model)].into_iter().chain(data).collect()
        }
        Format::Pytorch => vec![
            ("model.py".to_owned(), module(run, training, &graph, &about).into_bytes()),
            (pytorch::WEIGHTS.to_owned(), weights(&graph)?),
        ],
        Format::Safetensors => vec![(pytorch::WEIGHTS.to_owned(), weights(&graph)?)],
        Format::Monai => {
            let module = module(run, training, &graph, &about);
            return monai::bundle(&metadata, module, weights(&graph)?).map_err(ExportError::Refused);
        }
    };
    files.push((METADATA.into(), text.into_bytes()));
    Ok(files)
}

/// The network in one line.
fn about(metadata: &Metadata) -> String {
    let (network, run) = (&metadata.network, &metadata.run);
    let (architecture, experiment) = (&network.architecture, &run.experiment);
    format!("{architecture} of the run {} of the experiment {experiment}, written by {}", run.id, metadata.program)
}

fn module(run: &Stored, training: &Training, graph: &Graph, about: &str) -> String {
    let source = training.model.pytorch(training.interface(&run.plan.target));
    pytorch::module(graph, &source, about)
}

fn weights(graph: &Graph) -> Result<Vec<u8>, ExportError> {
    safetensors::file(graph).map_err(|error| RunError::Internal(format!("safetensors: {error}")).into())
}
