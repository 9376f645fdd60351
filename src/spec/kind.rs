//! Tells experiment files from dataset files.

use std::path::Path;

use super::form::Form;
use super::read::read_text;
use super::source::{Origin, Source, Sources};
use super::{node, suggest};

/// Keys that are looked at.
const ENOUGH: usize = 200;

/// What a file describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An experiment.
    Experiment,
    /// A dataset.
    Dataset,
}

/// The kind whose keys the file uses most, including misspelled ones. Ties are decided by the folder name `datasets`.
pub fn of_file(path: &Path) -> Kind {
    let text = read_text(path).unwrap_or_default();
    let mut sources = Sources::default();
    sources.add(Source { name: String::new(), text, origin: Origin::File(path.to_owned()) });
    let (tree, _) = node::parse(0, &sources);
    let score = |form: Form| {
        let fields = form.fields();
        let known = |name: &str| suggest::nearest(name, fields.iter().map(|field| field.name.as_str())).is_some();
        // The first keys tell enough of a file of thousands.
        tree.entries().iter().take(ENOUGH).filter(|(name, _)| known(name)).count()
    };
    let (experiment, dataset) = (score(Form::experiment()), score(Form::dataset()));
    let in_datasets = path.parent().is_some_and(|folder| folder.ends_with("datasets"));
    if dataset > experiment || (dataset == experiment && in_datasets) { Kind::Dataset } else { Kind::Experiment }
}
