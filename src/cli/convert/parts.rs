//! Converts labels in several files: a folder with a mask or surface per structure, or with a label picture per slice.

use std::path::{Path, PathBuf};

use super::{Convert, failure};
use crate::cli::{Exit, Failure};
use crate::evaluate::files::images::Image;
use crate::evaluate::files::tree::{Kind, Leaf};
use crate::evaluate::files::{Reader, Source, Tree, side, slices};
use crate::volume::convert::{Options, on_image, write_labels};
use crate::volume::dicom;
use crate::volume::label_names::LabelNames;
use crate::volume::{Format, ReadError, Segments};

/// The labels of a folder without DICOM; `None` for files and for folders of slices.
pub(super) fn of(path: &Path, labels: bool) -> Result<Option<Source>, Failure> {
    if !path.is_dir() {
        return Ok(None);
    }
    let tree = Tree::of(path).map_err(|error| Failure::reading(path, &error))?;
    let files: Vec<&Leaf> = tree.leaves.iter().collect();
    let is = |kinds: &[Kind]| !files.is_empty() && files.iter().all(|leaf| kinds.contains(&leaf.kind));
    let bad = |text: &str| Err(Failure::message(Exit::BadData, format!("{}: {text}", path.display())));
    if !is(&[Kind::Picture, Kind::Volume, Kind::Surface]) {
        return Ok(None);
    }
    if files.iter().any(|leaf| !leaf.folders.is_empty()) {
        return bad("holds folders: --to ENDING converts everything below it");
    }
    if !is(&[Kind::Picture]) {
        return match names(&files) {
            Ok(names) => {
                Ok(Some(Source::Masks(names.into_iter().zip(files.iter().map(|leaf| leaf.path.clone())).collect())))
            }
            Err(text) => bad(&text),
        };
    }
    match labels {
        true => Ok(Some(Source::Slices(side::in_order(&files)))),
        false => bad("holds pictures: --labels reads them as one label map, a slice each, --to ENDING one by one"),
    }
}

/// The structures of masks: the names of their files, without that of the case if all of them begin with it (`p1-liver.stl`).
fn names(files: &[&Leaf]) -> Result<Vec<String>, String> {
    let stems: Vec<String> = files.iter().map(|leaf| leaf.stem.clone()).collect();
    let split: Option<Vec<(String, String)>> = side::by_themselves(&stems).into_iter().collect();
    let Some(split) = split.filter(|split| split.iter().all(|(_, structure)| dicom::coding(structure).is_some()))
    else {
        return Ok(stems);
    };
    match split.iter().find(|(case, _)| *case != split[0].0) {
        None => Ok(split.into_iter().map(|(_, structure)| structure).collect()),
        // `left-kidney` and `right-kidney` are no cases.
        Some(_) if stems.iter().all(|stem| dicom::coding(stem).is_some()) => Ok(stems),
        Some((other, _)) => Err(format!(
            "holds masks of several cases (`{}`, `{other}`): put each case into a folder of its own",
            split[0].0
        )),
    }
}

/// Writes the labels of a folder, and their names where the format holds none.
pub(super) fn convert(
    args: &Convert,
    source: &Source,
    target: &Path,
    options: &Options,
) -> Result<Vec<PathBuf>, Failure> {
    let segments = read(args, &args.source, source, options)?;
    write_labels(&args.source, segments, Vec::new(), target, options).map_err(failure)
}

/// What `segspec evaluate` advises, whose reader is used, and what does the same here.
const REMEDIES: [(&str, &str); 1] = [(
    "--layout files: each file is a case of its own",
    "--to ENDING converts each file of a folder by itself, also label maps of several values",
)];

/// The labels of a folder, on the grid of the image that is named.
pub(super) fn read(args: &Convert, path: &Path, source: &Source, options: &Options) -> Result<Segments, Failure> {
    let names = args.names.as_ref().map(|path| LabelNames::read(path)).transpose();
    let names = names.map_err(|error| failure(error.into()))?;
    let image = args.on.as_ref().map(|path| Image { path: path.clone(), choice: options.choice.clone() });
    // Masks have voxels of their own, which are put on the image at the end.
    let is_mask = |(_, path): &(String, PathBuf)| !matches!(Format::of(path), Ok(Format::Surface));
    let image = image.filter(|_| !matches!(source, Source::Masks(masks) if masks.iter().all(is_mask)));
    let (coordinates, notes) = (options.coordinates, options.notes.clone());
    let reader = Reader { names, coordinates, notes, ..Reader::default() };
    let labels = reader.read(source, image.as_ref()).map_err(unread)?;
    if image.is_none() {
        slices::whole(&labels.path, &labels.slices).map_err(|error| failure(error.into()))?;
    }
    on_image(path, labels.into_segments(), options).map_err(failure)
}

fn unread(error: ReadError) -> Failure {
    let text = error.to_string();
    match REMEDIES.iter().find(|(other, _)| text.contains(other)) {
        Some((other, own)) => Failure::message(Exit::BadData, text.replace(other, own)),
        None => failure(error.into()),
    }
}
