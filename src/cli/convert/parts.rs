//! Converts labels in several files: a folder with a mask or surface per structure, or with a label picture per slice.

use std::path::{Path, PathBuf};

use super::{Convert, failure};
use crate::cli::{Exit, Failure};
use crate::evaluate::files::images::Image;
use crate::evaluate::files::tree::{Kind, Leaf};
use crate::evaluate::files::{Reader, Source, Tree, side};
use crate::volume::Segments;
use crate::volume::convert::{Options, write_labels};
use crate::volume::label_names::LabelNames;

/// The labels of a folder without DICOM; `None` for files and for folders of slices.
pub(super) fn of(path: &Path, labels: bool) -> Result<Option<Source>, Failure> {
    if !path.is_dir() {
        return Ok(None);
    }
    let tree = Tree::of(path).map_err(|error| Failure::new(Exit::BadData, error))?;
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
        let masks = files.iter().map(|leaf| (leaf.stem.clone(), leaf.path.clone())).collect();
        return Ok(Some(Source::Masks(masks)));
    }
    match labels {
        true => Ok(Some(Source::Slices(side::in_order(&files)))),
        false => bad("holds pictures: --labels reads them as one label map, a slice each, --to ENDING one by one"),
    }
}

/// Writes the labels of a folder, and their names where the format holds none.
pub(super) fn convert(args: &Convert, source: &Source, options: &Options) -> Result<Vec<PathBuf>, Failure> {
    let (segments, keep_names) = read(args, source, options)?;
    let options = Options { keep_names, ..options.clone() };
    write_labels(&args.source, segments, Vec::new(), &args.target, &options).map_err(failure)
}

/// The labels of a folder, and whether something names them.
pub(super) fn read(args: &Convert, source: &Source, options: &Options) -> Result<(Segments, bool), Failure> {
    let names = args.names.as_ref().map(|path| LabelNames::read(path)).transpose();
    let names = names.map_err(|error| failure(error.into()))?;
    let image = args.on.as_ref().map(|path| Image { path: path.clone(), series: options.choice.series.clone() });
    let reader = Reader { names, notes: options.notes.clone() };
    let labels = reader.read(source, image.as_ref()).map_err(|error| failure(error.into()))?;
    let named = !labels.names.is_empty();
    Ok((labels.into_segments(), named))
}
