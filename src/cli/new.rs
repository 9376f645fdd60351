//! `segspec new`.

mod dataset_file;
mod recipe;

use std::path::{Path, PathBuf};

use clap::Args;

use super::dataset::failure;
use super::session::{self, data_root};
use super::{Exit, Failure};
use crate::Cancel;
use crate::backend::DeviceName;
use crate::dataset::recognise::Stated;
use crate::dataset::{Proposal, recognise};
use crate::files;
use crate::observe::Events;
use crate::run::sizing::{self, Small};
use crate::run::{RunError, Setting};
use crate::spec::is_plain_name;
use crate::words::{self, shell_path};

/// Write a dataset file and an experiment file for a folder of images
///
/// Recognises the Medical Segmentation Decathlon, nnU-Net, BIDS, MONAI data lists, UW-Madison, DICOM series with SEG, RTSTRUCT,
/// surfaces or masks, a mask per structure (TotalSegmentator), and images and labels (NIfTI, NRRD, PNG, TIFF) whose names differ
/// by a word such as `label`, `seg` or `mask`, or whose content tells which is which: see docs/datasets.md. What was guessed, what is
/// left out and which cases cannot be used is printed.
///
/// NAME.toml is nnU-Net's recipe for a GPU with 8 GB. Without a GPU, a training step is measured and NAME.small.toml written beside it: a
/// smaller network that this machine trains in less than an hour. Existing files are not overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec new --from data/phantom        # made by: segspec phantom data/phantom
  segspec new --from /archive/liver-ct --name liver --out study
  segspec new --from nnUNet_raw/Dataset003_Liver --splits nnUNet_preprocessed/Dataset003_Liver
  segspec new --from /archive/microscopy --spacing-mm 0.05,0.004,0.004")]
pub struct New {
    /// Folder of the images
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// Name of the dataset and the experiment [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Parent folder of `datasets/` and `experiments/`
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Spacing of slices, rows and columns in mm, for images that state none, such as PNG and TIFF
    #[arg(long, value_name = "Z,Y,X")]
    spacing_mm: Option<String>,
    /// Folds of nnU-Net: splits_final.json, or its folder in nnUNet_preprocessed [default: the file in FOLDER, if there is one]
    #[arg(long, value_name = "PATH")]
    splits: Option<PathBuf>,
    /// Print what was found, guessed, left out and written as JSON
    #[arg(long)]
    json: bool,
}

pub fn execute(args: New) -> Result<Exit, Failure> {
    let folder = std::fs::canonicalize(&args.from).map_err(|error| Failure::reading(&args.from, &error))?;
    let name = match args.name {
        Some(name) => valid(name)?,
        None => name_of(&folder),
    };
    // `datasets/x.toml` rather than `./datasets/x.toml`.
    let out = if args.out == Path::new(".") { Path::new("") } else { &args.out };
    let [dataset, experiment] = ["datasets", "experiments"].map(|kind| out.join(kind).join(format!("{name}.toml")));
    let targets = [dataset, experiment, out.join("experiments").join(format!("{name}.small.toml"))];
    if let Some(existing) = targets.iter().find(|path| path.exists()) {
        let text = format!("{} already exists and is not overwritten; choose another --name", existing.display());
        return Err(Failure::message(Exit::Usage, text));
    }
    session::writes_at_the_end(true);
    let stated = Stated { spacing_mm: args.spacing_mm.as_deref().map(spacing).transpose()?, splits: args.splits };
    let proposal = recognise(&folder, &stated).map_err(failure)?;
    let root = root_of(&folder);
    let [dataset, experiment, small] = &targets;
    let recipe = recipe::experiment_toml(&name, &proposal);
    let sized = sized(&recipe, &proposal)?;
    session::writes_at_the_end(false);
    write(dataset, &dataset_file::text(&proposal, &root))?;
    write(experiment, &recipe)?;
    if let Some(sized) = &sized {
        write(small, &recipe::small_toml(&name, sized))?;
    }
    let small = sized.as_ref().map(|sized| (small.as_path(), sized));
    if args.json {
        tell_json(&folder, &proposal, [dataset, experiment], small.map(|(path, _)| path));
    } else {
        tell(&folder, &proposal);
        tell_files(dataset, experiment, small);
    }
    Ok(Exit::Ok)
}

/// Most rows of left-out files, and of unusable cases, in the terminal; `--json` has all.
const LISTED: usize = 30;

/// The small variant of the recipe; none with a GPU, or where the images say too little.
fn sized(recipe: &str, proposal: &Proposal) -> Result<Option<Small>, Failure> {
    let device = session::device(None)?;
    if device.name != DeviceName::Cpu || proposal.dataset.structures.is_empty() {
        return Ok(None);
    }
    let full = toml::from_str(recipe).map_err(|error| Failure::new(Exit::TrialFailed, error))?;
    // Ctrl-C ends the program: there is nothing to save.
    let (cancel, events) = (Cancel::new(), Events::silent());
    let setting = Setting { device: &device, data_root: None, stop_after: None, cancel: &cancel, events, follow: None };
    match sizing::small(&full, &proposal.dataset, &proposal.grids, &setting) {
        Err(RunError::Plan(error)) => {
            eprintln!("warning: no small experiment is proposed: {error}");
            Ok(None)
        }
        found => Ok(found?),
    }
}

fn tell_files(dataset: &Path, experiment: &Path, small: Option<(&Path, &Small)>) {
    println!("wrote {}", dataset.display());
    println!("wrote {}: nnU-Net's recipe for a GPU with 8 GB", experiment.display());
    if let Some((path, sized)) = small {
        let (step, training) = (sized.step_seconds, words::duration(sized.training_seconds()));
        println!("wrote {}: sized for this machine, {training} of training ({step:.2} s per step)", path.display());
    }
    let first = small.map_or(experiment, |(path, _)| path);
    println!("next: segspec dataset check {}", shell_path(dataset));
    println!("      segspec preview {}", shell_path(first));
    println!("      segspec run {} --smoke", shell_path(first));
}

fn tell_json(folder: &Path, proposal: &Proposal, [dataset, experiment]: [&PathBuf; 2], small: Option<&Path>) {
    let value = serde_json::json!({
        "folder": folder, "layout": proposal.layout, "cases": proposal.cases, "patients": proposal.patients,
        "guesses": proposal.guesses, "left-out": proposal.left_out, "not-usable": proposal.unusable,
        "not-read-whole": proposal.by_header, "channels": proposal.dataset.channels,
        "structures": proposal.dataset.structures, "dataset": dataset, "experiment": experiment, "small-experiment": small,
    });
    println!("{value:#}");
}

fn tell(folder: &Path, proposal: &Proposal) {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    println!("{}: {}", folder.display(), proposal.layout);
    let patients = match proposal.patients == proposal.cases {
        true => String::new(),
        false => format!(" of {}", counted(proposal.patients, "patient")),
    };
    println!("found: {}{patients}, {}", counted(proposal.cases, "case"), structures(proposal));
    let channels: Vec<&str> = proposal.dataset.channels.iter().map(|channel| channel.name.as_str()).collect();
    if !channels.is_empty() {
        println!("channels: {}", channels.join(", "));
    }
    for left in proposal.left_out.iter().take(LISTED) {
        let files = if left.files == 0 { String::new() } else { format!(" ({})", counted(left.files, "file")) };
        println!("left out: {}{files}: {}", left.place, left.reason);
    }
    if proposal.left_out.len() > LISTED {
        println!("left out: {} more, listed with --json", proposal.left_out.len() - LISTED);
    }
    for row in proposal.unusable.iter().take(LISTED) {
        println!("not usable: case {}: {}", row.case, row.reason);
    }
    if proposal.unusable.len() > LISTED {
        println!("not usable: {} more, listed with --json", proposal.unusable.len() - LISTED);
    }
    if proposal.by_header > 0 {
        println!("not read whole: {}; `segspec dataset check` reads every voxel", counted(proposal.by_header, "case"));
    }
    proposal.guesses.iter().for_each(|guess| println!("guessed: {guess}"));
}

fn spacing(text: &str) -> Result<[f64; 3], Failure> {
    let wrong = || {
        let text = format!("--spacing-mm `{text}`: expected three numbers above 0 and up to 1000, as in 3,1.5,1.5");
        Failure::message(Exit::Usage, text)
    };
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    let numbers: [f64; 3] = numbers.map_err(|_| wrong())?.try_into().map_err(|_| wrong())?;
    // The range of `spacing-mm` in a dataset file.
    if numbers.iter().all(|number| (1e-9..=1e3).contains(number)) { Ok(numbers) } else { Err(wrong()) }
}

fn structures(proposal: &Proposal) -> String {
    let names: Vec<&str> = proposal.dataset.structures.iter().map(|structure| structure.name.as_str()).collect();
    match names.len() {
        0 => "no label value found".into(),
        count if count > 8 => format!("{count} structures"),
        _ => names.join(", "),
    }
}

fn valid(name: String) -> Result<String, Failure> {
    if is_plain_name(&name) {
        return Ok(name);
    }
    Err(Failure::message(Exit::Usage, format!("--name `{name}`: use only letters, digits, `-` and `_`")))
}

fn name_of(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String = name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "dataset".into() } else { plain.into() }
}

/// The folder, relative to the data root if it is inside it, so that the file can be shared.
fn root_of(folder: &Path) -> String {
    let data = std::fs::canonicalize(data_root()).ok();
    let relative = data.and_then(|data| folder.strip_prefix(data).ok().map(Path::to_path_buf));
    let root = relative.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| folder.into());
    root.to_string_lossy().into_owned()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    files::write_atomic(path, text.as_bytes())
        .map_err(|error| Failure::message(Exit::Environment, format!("{}: {}", path.display(), files::reason(&error))))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::phantom::{self, PhantomLayout, PhantomRecipe, PhantomSize};
    use crate::spec::Experiment;

    #[test]
    fn written_specs_load_and_are_not_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let from = place.path().join("My Set");
        let recipe = PhantomRecipe { cases: 1, seed: 1, size: PhantomSize::Tiny, layout: PhantomLayout::Decathlon };
        phantom::write(&from, recipe, &|_, _| {}, &Cancel::new()).unwrap();
        let new = || New {
            from: from.clone(),
            name: None,
            out: place.path().into(),
            spacing_mm: None,
            splits: None,
            json: false,
        };
        assert_eq!(execute(new()).unwrap(), Exit::Ok);
        let read = |file: &str| std::fs::read_to_string(place.path().join(file)).unwrap();
        let dataset: crate::dataset::Dataset = toml::from_str(&read("datasets/my-set.toml")).unwrap();
        assert_eq!(dataset.root, std::fs::canonicalize(&from).unwrap().to_string_lossy());
        assert_eq!(dataset.structures.len(), 6);
        assert!(dataset.split.scores_nothing(), "one patient: {:?}", dataset.split);
        assert_eq!(dataset.labels.mirror_pairs, [["left-kidney", "right-kidney"].map(str::to_owned)]);
        let experiment: Experiment = toml::from_str(&read("experiments/my-set.toml")).unwrap();
        assert_eq!(experiment.dataset, "my-set");
        assert_eq!(execute(new()).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn quoted_strings_round_trip() {
        for text in ["a\"b", "c:\\d", "line\nbreak", "é"] {
            let value: toml::Table = toml::from_str(&format!("key = {}", quoted(text))).unwrap();
            assert_eq!(value["key"].as_str(), Some(text));
        }
    }
}
