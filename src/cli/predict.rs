//! `segspec predict`.

mod clicks;
mod place;
mod slices;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use clicks::Clicks;

use super::names::run_folder;
use super::session::counted;
use super::{Exit, Failure, dataset, session};
use crate::Cancel;
use crate::backend::{DeviceName, Selected};
use crate::dataset::{Case, Excluded, TargetStructure, unlabelled};
use crate::infer::trained::read_image;
use crate::infer::{InferError, Trained};
use crate::model::Task;
use crate::observe::terminal::Terminal;
use crate::observe::{Events, Kind};
use crate::predict::spec::Weights;
use crate::predict::{PredictError, export};
use crate::run::RunError;
use crate::store::Stored;
use crate::volume::{self, Format, Segmentation, Volume, WriteError};

/// Segment images with the network of a run, or with the average of several runs
///
/// Needs only the run folder; ensembles and cascades also need their members' folders. Several runs must segment the same
/// structures; their probabilities are averaged. A slice classifier writes slices.csv: a probability for each slice and structure.
/// Images are files of any format, spacing and orientation, or folders of DICOM slices, also in a tree of folders; results are on the grid of their image, and
/// label_map.json names the label values. Several channels are one 4D file, or CASE_0000.nii.gz, CASE_0001.nii.gz, …. If a case
/// fails, the others continue; the exit code is then 4.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec predict runs/phantom/0123456789ab --input scan.nii.gz --output predictions
  segspec predict runs/liver/0123456789ab runs/liver/ba9876543210 --input imagesTs --output mean
  segspec predict runs/liver/0123456789ab --input imagesTs --output predictions --mirror
  segspec predict runs/liver/0123456789ab --input dicom/ --output predictions --format dcm
  segspec predict runs/liver/0123456789ab --input scan.nii.gz --output refined --clicks clicks.json")]
pub struct Predict {
    /// Run folder (with the settings of its latest run), one of its prediction folders, or the beginning of a run id; several
    /// runs are averaged
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Image, folder of images, tree of DICOM series or of one image per folder, or a pattern such as 'scans/{case}/ct.nii.gz'
    #[arg(long, value_name = "FILE|DIR|PATTERN")]
    input: PathBuf,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Device: auto, cpu, cuda:N, vulkan or wgpu [default: SEGSPEC_DEVICE, else auto]
    #[arg(long)]
    device: Option<DeviceName>,
    /// Average over flips along every axis mirrored in training (test-time augmentation): slower, often slightly better
    #[arg(long)]
    mirror: bool,
    /// Do not average over flips, where the run does: about four times faster in 2D and eight times in 3D
    #[arg(long, conflicts_with = "mirror")]
    no_mirror: bool,
    /// Also write the probability of each structure: probabilities/CASE.nii.gz, a channel per structure
    #[arg(long)]
    probabilities: bool,
    /// Follow the clicks of a JSON file: `{"clicks": [{"structure": "liver", "at-mm": [x, y, z], "positive": true}]}`, in world
    /// millimetres (RAS+), for one image and a run of an experiment with `[interact]` (docs/interact.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mirror", "probabilities"])]
    clicks: Option<PathBuf>,
    /// Format of the results, as a file name ending: nii.gz, nrrd, seg.nrrd, dcm (DICOM SEG), stl, obj, ply or glb
    #[arg(long, value_name = "ENDING", default_value = "nii.gz")]
    format: Ending,
    /// Replace results of other images or networks in the output folder
    #[arg(long)]
    overwrite: bool,
    /// Print files and volumes as JSON
    #[arg(long)]
    json: bool,
}

/// `--format`: the ending of a format that holds segmentations.
#[derive(Clone, Debug)]
struct Ending(String);

impl Ending {
    fn is_dicom(&self) -> bool {
        self.0 == "dcm"
    }
}

impl FromStr for Ending {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ending = text.trim_start_matches('.').to_ascii_lowercase();
        let writer = Format::written_as(Path::new(&format!("case.{ending}"))).map(|format| &format.entry().write);
        match writer.is_some_and(|writer| writer.segmentation.is_some() || writer.segments.is_some()) {
            true => Ok(Self(ending)),
            false => Err("use nii.gz, nii, nrrd, seg.nrrd, dcm, stl, obj, ply or glb".into()),
        }
    }
}

/// One segmented case.
#[derive(Serialize)]
struct Row {
    case: String,
    files: Vec<PathBuf>,
    seconds: f64,
    /// Volume of each structure in millilitres, or in voxels if the image has no spacing.
    structures: serde_json::Map<String, serde_json::Value>,
}

/// Segments the images.
pub fn execute(args: Predict) -> Result<Exit, Failure> {
    let runs = args.runs.iter().map(|run| open(run)).collect::<Result<Vec<_>, _>>()?;
    let device = session::device(args.device)?;
    let mut trained = match runs.as_slice() {
        [one] => Trained::open(one, &device)?,
        several => mean_of(several, &device)?,
    };
    if args.mirror && !trained.mirror() {
        let text = "--mirror averages over flips of the axes mirrored in training, and this run has none";
        return Err(Failure::message(Exit::Usage, text));
    }
    if args.no_mirror {
        trained.without_mirroring();
    }
    let (mut cases, mut failed) = unlabelled(&args.input, trained.channels()).map_err(dataset::failure)?;
    // Pictures state no spacing: they have that of the pictures of the training.
    cases.iter_mut().for_each(|case| case.reading.spacing_mm = trained.plan.data.reading.spacing_mm);
    if cases.is_empty() && failed.is_empty() {
        let text = format!("{}: no image file or DICOM series in this folder", args.input.display());
        return Err(Failure::message(Exit::BadData, text));
    }
    let clicks = args.clicks.as_deref().map(|file| clicks::read(file, &trained, &cases)).transpose()?;
    refuse_to_overwrite(&cases, &args)?;
    refuse_without_series(&cases, &args.format)?;
    let classifies = trained.plan.task == Task::ClassifySlices;
    let told = clicks.as_ref().map(|clicks| clicks.content.as_str());
    let record = place::refuse_others(&cases, &args, (&runs, told), &trained, classifies)?;
    let events = Events::to(Terminal::new());
    for run in &runs {
        if !run.status()?.is_trained() {
            events.warn("the run is not trained to its end; using the weights it has so far");
            break;
        }
    }
    events.emit(Kind::Excluded { cases: failed.clone() });
    match trained.plan.task {
        Task::ClassifySlices if args.format.0 != "nii.gz" => {
            let text = "--format has no effect on a slice classifier, which writes slices.csv: leave it out";
            Err(Failure::message(Exit::Usage, text))
        }
        Task::ClassifySlices if args.probabilities => {
            let text = "--probabilities has no effect on a slice classifier, whose slices.csv holds them: leave it out";
            Err(Failure::message(Exit::Usage, text))
        }
        Task::ClassifySlices => {
            let exit = slices::classify(&cases, failed, &args, &trained, &events)?;
            place::write(&args.output, &record)?;
            Ok(exit)
        }
        Task::Segment => {
            write_label_map(&args.output, &trained)?;
            let cancel = session::cancellation();
            // Written first: what is stopped half-way has results, too.
            place::write(&args.output, &record)?;
            let job = Job { args: &args, trained: &trained, clicks: clicks.as_ref(), cancel: &cancel };
            let rows = segment_all(&cases, &job, &events, &mut failed)?;
            print(&args, &trained, &rows, &failed);
            Ok(if failed.is_empty() { Exit::Ok } else { Exit::BadData })
        }
    }
}

fn open(run: &Path) -> Result<Stored, Failure> {
    Ok(Stored::open(&run_folder(run)?)?)
}

/// The average of runs, which must have the same targets and input channels.
fn mean_of(runs: &[Stored], device: &Selected) -> Result<Trained, Failure> {
    let channels = |run: &Stored| run.plan.work.training().map(|training| training.channels);
    for run in runs {
        let same = (&run.plan.target, run.plan.task) == (&runs[0].plan.target, runs[0].plan.task);
        let reason = match channels(run) {
            None => "is already an ensemble",
            own if !same || own != channels(&runs[0]) => "segments other structures or takes other channels",
            _ => continue,
        };
        let folder = run.folder.path().display();
        let text = format!("{folder} {reason}; give single networks with the same structures and channels");
        return Err(Failure::message(Exit::Usage, text));
    }
    Ok(Trained::of(runs[0].plan.clone(), runs, device)?)
}

/// `a_0000.nii.gz` and `a.nii.gz` both give `a.nii.gz`, which could replace an image in the output folder.
fn refuse_to_overwrite(cases: &[Case], args: &Predict) -> Result<(), Failure> {
    let same = |image: &PathBuf, result: &Path| match (image.canonicalize(), result.canonicalize()) {
        (Ok(image), Ok(result)) => image == result,
        _ => false,
    };
    for case in cases {
        let result = args.output.join(format!("{}.{}", case.name, args.format.0));
        if let Some(image) = cases.iter().flat_map(|case| &case.images).find(|image| same(image, &result)) {
            let text = format!("the result would replace the image {}; choose another --output", image.display());
            return Err(Failure::message(Exit::Usage, text));
        }
    }
    Ok(())
}

/// A DICOM SEG refers to the slices of a DICOM series.
fn refuse_without_series(cases: &[Case], format: &Ending) -> Result<(), Failure> {
    let is_series = |case: &&Case| matches!(Format::of(&case.images[0]), Ok(Format::DicomImage));
    match cases.iter().find(|case| format.is_dicom() && !is_series(case)) {
        Some(case) => {
            let image = case.images[0].display();
            let text = format!("{image} is not a DICOM series, which a DICOM SEG refers to; choose --format seg.nrrd");
            Err(Failure::message(Exit::Usage, text))
        }
        None => Ok(()),
    }
}

fn write_label_map(output: &Path, trained: &Trained) -> Result<(), Failure> {
    let path = output.join("label_map.json");
    let text = format!("{:#}\n", export::label_map(&trained.plan.target));
    Ok(crate::files::write_atomic(&path, text.as_bytes()).map_err(RunError::file(path))?)
}

/// What every case is segmented with.
struct Job<'a> {
    args: &'a Predict,
    trained: &'a Trained,
    clicks: Option<&'a Clicks>,
    cancel: &'a Cancel,
}

fn segment_all(cases: &[Case], job: &Job, events: &Events, failed: &mut Vec<Excluded>) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    events.emit(Kind::Predicting { done: 0, of: cases.len() });
    for (index, case) in cases.iter().enumerate() {
        match segment(case, job) {
            Ok(row) => rows.push(row),
            Err(Stop::Case(reason)) => {
                let row = Excluded { case: case.name.clone(), reason };
                events.emit(Kind::Excluded { cases: vec![row.clone()] });
                failed.push(row);
            }
            Err(Stop::All(failure)) => return Err(failure),
        }
        events.emit(Kind::Predicting { done: index + 1, of: cases.len() });
    }
    Ok(rows)
}

/// What a failure stops: the case, or the whole command.
enum Stop {
    Case(String),
    All(Failure),
}

fn segment(case: &Case, job: &Job) -> Result<Row, Stop> {
    let Job { args, trained, cancel, .. } = *job;
    let start = Instant::now();
    let found = read_image(case).and_then(|image| match (job.clicks, args.probabilities) {
        (Some(clicks), _) => trained.segment_with_clicks(&image, &clicks.prompts, cancel).map(|found| (found, None)),
        (None, true) => {
            trained.segment_with_probabilities(&image, None, cancel).map(|(found, each)| (found, Some(each)))
        }
        (None, false) => trained.segment(&image, cancel).map(|found| (found, None)),
    });
    let (segmentation, probabilities) = found.map_err(|error| match error {
        InferError::Predict(PredictError::Cancelled) => {
            let text = "stopped; finished cases are in the output folder";
            Stop::All(Failure::message(Exit::Interrupted, text))
        }
        error => Stop::Case(error.to_string()),
    })?;
    let full = |error: WriteError| match error.environment {
        true => Stop::All(Failure::new(Exit::Environment, error)),
        false => Stop::Case(error.to_string()),
    };
    if let Some(probabilities) = probabilities {
        write_probabilities(&args.output, &case.name, &probabilities).map_err(full)?;
    }
    let structures = volumes(trained, &segmentation);
    let place = (args.output.as_path(), case.name.as_str(), args.format.0.as_str());
    let files = export::write_as(place, segmentation, &trained.plan.target, &case.images[0]).map_err(full)?;
    Ok(Row { case: case.name.clone(), files, seconds: start.elapsed().as_secs_f64(), structures })
}

/// Writes the probabilities `[structure, z, y, x]` of a case.
fn write_probabilities(output: &Path, case: &str, probabilities: &Volume) -> Result<(), WriteError> {
    let folder = output.join("probabilities");
    std::fs::create_dir_all(&folder).map_err(|error| WriteError::io(&folder, &error))?;
    volume::write_volume(&folder.join(format!("{case}.nii.gz")), probabilities)
}

fn volumes(trained: &Trained, segmentation: &Segmentation) -> serde_json::Map<String, serde_json::Value> {
    let geometry = segmentation.geometry();
    let unit = if geometry.has_spacing { ("ml", geometry.voxel_mm3() / 1000.0) } else { ("voxels", 1.0) };
    let voxels = |index: usize, it: &TargetStructure| match segmentation {
        Segmentation::Labels(map) if trained.target().painted => {
            map.voxels.iter().filter(|label| it.values.contains(label)).count()
        }
        Segmentation::Labels(map) => map.voxels.iter().filter(|&&label| label == it.value).count(),
        Segmentation::Masks { masks, .. } => {
            masks.outer_iter().nth(index).map_or(0, |mask| mask.iter().filter(|&&voxel| voxel != 0).count())
        }
    };
    let named = trained.plan.target.structures.iter().enumerate();
    named.map(|(index, it)| (it.name.clone(), json!({ unit.0: voxels(index, it) as f64 * unit.1 }))).collect()
}

fn print(args: &Predict, trained: &Trained, rows: &[Row], failed: &[Excluded]) {
    let is_imported = trained.imported().is_some();
    let weights = match trained.weights() {
        _ if is_imported => "imported weights",
        Weights::Best => "weights of the best epoch",
        Weights::Last => "weights of the last epoch",
    };
    if args.json {
        let value = json!({
            "runs": args.runs, "experiment": trained.plan.about.experiment, "weights": if is_imported { json!("imported") } else { json!(trained.weights()) },
            "label-map": args.output.join("label_map.json"), "cases": rows, "failed": failed,
        });
        println!("{value:#}");
        return;
    }
    let cases = done_of(rows.len(), failed.len());
    println!("{cases} segmented with the {weights}: {}", args.output.display());
}

/// `3 cases`; `1 of 3 cases` if some failed.
fn done_of(done: usize, failed: usize) -> String {
    match failed {
        0 => counted(done, "case"),
        _ => format!("{done} of {}", counted(done + failed, "case")),
    }
}
