//! `segspec new`.

mod recipe;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::dataset::failure;
use super::session::data_root;
use super::{Exit, Failure};
use crate::dataset::spec::{Layout, Modality};
use crate::dataset::{Proposal, recognise};
use crate::files;

/// Write a dataset file and an experiment file for a folder of images
///
/// Recognises the Medical Segmentation Decathlon, nnU-Net raw, and NIfTI images with labels whose names differ by a word
/// such as `label`, `seg` or `mask`. Guesses are reported. Existing files are not overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec new --from data/hippocampus
  segspec new --from /archive/liver-ct --name liver --out study")]
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
    /// Print what was found, guessed and written as JSON
    #[arg(long)]
    json: bool,
}

pub fn execute(args: New) -> Result<Exit, Failure> {
    let folder = std::fs::canonicalize(&args.from)
        .map_err(|error| Failure::message(Exit::BadData, format!("{}: {error}", args.from.display())))?;
    let name = match args.name {
        Some(name) => valid(name)?,
        None => name_of(&folder),
    };
    // `datasets/x.toml` rather than `./datasets/x.toml`.
    let out = if args.out == Path::new(".") { Path::new("") } else { &args.out };
    let targets = ["datasets", "experiments"].map(|kind| out.join(kind).join(format!("{name}.toml")));
    if let Some(existing) = targets.iter().find(|path| path.exists()) {
        let text = format!("{} already exists and is not overwritten; choose another --name", existing.display());
        return Err(Failure::message(Exit::Usage, text));
    }
    let proposal = recognise(&folder).map_err(failure)?;
    let root = root_of(&folder);
    let [dataset, experiment] = &targets;
    write(dataset, &dataset_toml(&proposal, &root))?;
    write(experiment, &recipe::experiment_toml(&name, &proposal))?;
    if args.json {
        let value = serde_json::json!({
            "folder": folder, "cases": proposal.cases, "guesses": proposal.guesses,
            "structures": proposal.dataset.structures, "dataset": dataset, "experiment": experiment,
        });
        println!("{value:#}");
    } else {
        tell(&folder, &proposal, dataset, experiment);
    }
    Ok(Exit::Ok)
}

fn tell(folder: &Path, proposal: &Proposal, dataset: &Path, experiment: &Path) {
    println!("{}: {} cases, {}", folder.display(), proposal.cases, structures(proposal));
    proposal.guesses.iter().for_each(|guess| println!("guessed: {guess}"));
    println!("wrote {}\nwrote {}", dataset.display(), experiment.display());
    println!("next: segspec dataset check {}", dataset.display());
    println!("      segspec preview {}", experiment.display());
    println!("      segspec run {} --smoke", experiment.display());
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
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    if !name.is_empty() && name.chars().all(plain) {
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
        .map_err(|error| Failure::message(Exit::Environment, format!("{}: {error}", path.display())))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

fn dataset_toml(proposal: &Proposal, root: &str) -> String {
    let dataset = &proposal.dataset;
    let mut text = String::from("#:schema schema.json\n");
    for guess in &proposal.guesses {
        let _ = writeln!(text, "# Guessed, please check: {guess}.");
    }
    for (key, value) in
        [("description", &dataset.description), ("source", &dataset.source), ("licence", &dataset.licence)]
    {
        if !value.is_empty() {
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
    }
    let _ = writeln!(text, "# Relative to SEGSPEC_DATA (default data/), or absolute.\nroot = {}", quoted(root));
    let _ = writeln!(text, "layout = {}", layout_toml(&dataset.layout));
    let _ = writeln!(text, "modality = {}", quoted(modality_name(dataset.modality)));
    text.push_str("\n# Training and test cases; an experiment can override the split.\n");
    let folds = proposal.cases.clamp(2, 5);
    let _ = writeln!(text, "[split.k-fold]\nfolds = {folds}\nseed = 12345");
    text.push_str("# To keep cases of a patient together (by case name): group-by = \"^(patient\\\\d+)_\"\n");
    if !dataset.labels.mirror_pairs.is_empty() {
        let line = |[left, right]: &[String; 2]| format!("    [{}, {}],\n", quoted(left), quoted(right));
        let pairs: String = dataset.labels.mirror_pairs.iter().map(line).collect();
        let _ = write!(text, "\n# Pairs swapped in mirrored images.\n[labels]\nmirror-pairs = [\n{pairs}]\n");
    }
    for channel in &dataset.channels {
        let _ = write!(text, "\n[[channel]]\nname = {}\n", quoted(&channel.name));
    }
    for structure in &dataset.structures {
        let _ = write!(text, "\n[[structure]]\nname = {}\nvalue = {}\n", quoted(&structure.name), structure.value);
    }
    text
}

fn layout_toml(layout: &Layout) -> String {
    match layout {
        Layout::Msd {} => "{ msd = {} }".into(),
        Layout::Nnunet {} => "{ nnunet = {} }".into(),
        Layout::Pairs { image: Some(image), label, .. } => {
            format!("{{ pairs = {{ image = {}, label = {} }} }}", quoted(image), quoted(label))
        }
        Layout::Pairs { images, label, .. } => {
            let images: Vec<String> = images.iter().map(|image| quoted(image)).collect();
            format!("{{ pairs = {{ images = [{}], label = {} }} }}", images.join(", "), quoted(label))
        }
        // Never proposed: recognised folders are one of the above.
        Layout::Masks { mask, .. } => format!("{{ masks = {{ mask = {} }} }}", quoted(mask)),
        Layout::UwMadison { .. } => "{ uw-madison = {} }".into(),
    }
}

fn modality_name(modality: Modality) -> &'static str {
    match modality {
        Modality::Ct => "ct",
        Modality::Mr => "mr",
        Modality::Pet => "pet",
        Modality::Us => "us",
        Modality::Microscopy => "microscopy",
        Modality::Rgb => "rgb",
        Modality::Other => "other",
    }
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
        phantom::write(&from, recipe, &|_, _| {}).unwrap();
        let new = || New { from: from.clone(), name: None, out: place.path().into(), json: false };
        assert_eq!(execute(new()).unwrap(), Exit::Ok);
        let read = |file: &str| std::fs::read_to_string(place.path().join(file)).unwrap();
        let dataset: crate::dataset::Dataset = toml::from_str(&read("datasets/my-set.toml")).unwrap();
        assert_eq!(dataset.root, std::fs::canonicalize(&from).unwrap().to_string_lossy());
        assert_eq!(dataset.structures.len(), 6);
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
