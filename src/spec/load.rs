//! Loads and checks a spec: layers, form, meaning, trials.

use std::path::{Path, PathBuf};

use segspec_search::Point;
use serde::de::DeserializeOwned;

use super::conform;
use super::diagnostic::{Diagnostics, Problem};
use super::form::Form;
use super::layer::{self, Layers};
use super::node::{Content, Node};
use super::read::Reading;
use super::search::{Method, Search};
use super::source::{Origin, Place, Sources};
use super::space::SearchSpace;
use super::sweep::{self, Declaration};
use super::trial::{self, Combination, Trial};
use super::{Experiment, Findings, checks, lookup};
use crate::dataset::Dataset;

/// A checked experiment with its dataset and its trials.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The experiment; `name` is filled in.
    pub experiment: Experiment,
    /// The dataset; `name` is filled in.
    pub dataset: Dataset,
    /// The dataset's file.
    pub dataset_path: PathBuf,
    /// The trials: at least one. Of a search, trials at the corners of its space.
    pub trials: Vec<Trial>,
    /// The search, if trials are chosen while others run.
    pub search: Option<Sought>,
    /// Folds that `[sweep]` lists.
    pub folds: Vec<usize>,
    /// Environment variables that override values, as text (`SEGSPEC__TRAIN__EPOCHS=2`); to be shown to the user.
    pub overrides: Vec<String>,
    /// Every source that was read, for messages.
    pub sources: Sources,
    /// The layers, for [`Loaded::history`].
    pub layers: Layers,
    tree: Node,
}

/// A search: how trials are chosen, and from what.
#[derive(Clone, Debug)]
pub struct Sought {
    /// The settings.
    pub settings: Search,
    /// The space.
    pub space: SearchSpace,
    /// The seeds that every trial is run with; at least one.
    pub seeds: Vec<u64>,
}

/// A checked dataset.
#[derive(Clone, Debug)]
pub struct LoadedDataset {
    /// The dataset; `name` is filled in.
    pub dataset: Dataset,
    /// Its file and text, for messages.
    pub sources: Sources,
    tree: Node,
}

impl Loaded {
    /// Collects further errors about the experiment, with places: see [`Findings::error`].
    pub fn findings(&self) -> Findings<'_> {
        Findings::new(&self.tree, 0)
    }

    /// Errors that were found later (by the plan), as diagnostics.
    pub fn reject(&self, findings: Findings) -> Diagnostics {
        Diagnostics::new(self.sources.clone(), findings.into_problems())
    }

    /// The trial of a point that a search has chosen, with one of its seeds.
    ///
    /// # Errors
    /// The point cannot be run: values that do not fit each other.
    pub fn trial(&self, sought: &Sought, point: &Point, seed: u64) -> Result<Trial, Diagnostics> {
        let form = Form::experiment();
        let mut combination = sought.space.combination(point);
        trial::set_seed(&mut combination, seed, sought.seeds.len() > 1);
        let (layers, tree, dataset, path) = (&self.layers, &self.tree, &self.dataset, self.experiment_path());
        let mut problems = Vec::new();
        let parts = Parts { form: &form, layers, tree, dataset, path: &path };
        let trial = parts.trial(combination, true, &mut problems);
        trial.ok_or_else(|| Diagnostics::new(self.sources.clone(), problems))
    }

    /// The merged tree of all layers.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// The merged tree with one more layer on top.
    pub fn with_layer(&self, layer: &Node) -> Node {
        self.layers.with(layer.clone(), &Form::experiment()).merged()
    }

    /// Every file that was read, with its text.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        let all = (0..).map_while(|index| self.sources.get(index));
        all.filter_map(|source| match &source.origin {
            Origin::File(path) => Some((path.as_path(), source.text.as_str())),
            Origin::Environment | Origin::Argument => None,
        })
    }

    /// The text of the dataset's file.
    pub fn dataset_text(&self) -> &str {
        self.files().filter(|(path, _)| *path == self.dataset_path).last().map_or("", |(_, text)| text)
    }

    /// A path whose stem is the experiment's name.
    fn experiment_path(&self) -> PathBuf {
        PathBuf::from(format!("{}.toml", self.experiment.name.clone().unwrap_or_default()))
    }

    /// Where the value of a key was written, highest layer first; empty for a default.
    pub fn history(&self, path: &[String]) -> Vec<&Node> {
        self.layers.history(path)
    }
}

impl LoadedDataset {
    /// Where the value of a key was written; empty for a default.
    pub fn history(&self, path: &[String]) -> Vec<&Node> {
        path.iter().try_fold(&self.tree, |node, key| node.get(key)).into_iter().collect()
    }

    /// Collects further errors about the dataset.
    pub fn findings(&self) -> Findings<'_> {
        Findings::new(&self.tree, 0)
    }

    /// Errors that were found later (in the files), as diagnostics.
    pub fn reject(&self, findings: Findings) -> Diagnostics {
        Diagnostics::new(self.sources.clone(), findings.into_problems())
    }
}

/// Loads an experiment: the files that it extends, the file itself, variables `SEGSPEC__…` from `environment`, then
/// `overrides` (`KEY=VALUE`, as in `--set`), each overriding the one before. Checks the result, and every trial as a separate
/// spec.
///
/// [`lookup::dataset`] finds the dataset.
///
/// # Errors
/// All errors of the first step that fails: syntax; form (unknown keys, types, ranges, variants) of the experiment, its sweep
/// and its dataset; meaning.
pub fn load(path: &Path, overrides: &[String], environment: &[(String, String)]) -> Result<Loaded, Diagnostics> {
    let mut reading = Reading::default();
    reading.file(path);
    reading.environment(environment);
    reading.arguments(overrides);
    if !reading.problems.is_empty() {
        return Err(Diagnostics::new(reading.sources, reading.problems));
    }
    let form = Form::experiment();
    let mut problems = Vec::new();
    for tree in &reading.layers {
        conform::several_variants_within(tree, &form, "", &mut problems);
    }
    let layers = layer::stack(std::mem::take(&mut reading.layers), &form);
    let tree = layers.merged();
    problems.extend(conform::check(&tree, &form));
    let declaration = read_sweep(&tree, &layers, &form, &mut problems);
    let dataset = read_dataset(&tree, path, &mut reading, &mut problems);
    let sources = reading.sources;
    let (Some((dataset, dataset_path)), true) = (dataset, problems.is_empty()) else {
        return Err(Diagnostics::new(sources, problems));
    };
    let parts = Parts { form: &form, layers: &layers, tree: &tree, dataset: &dataset, path };
    match parts.trials(&declaration) {
        Ok((experiment, trials)) => {
            let overrides = active_variables(&sources);
            let search = sought(&declaration, &experiment);
            let folds = declaration.search.folds;
            Ok(Loaded { experiment, dataset, dataset_path, trials, search, folds, overrides, sources, layers, tree })
        }
        Err(problems) => Err(Diagnostics::new(sources, problems)),
    }
}

/// Loads a dataset file. It has one layer: `extends`, variables and `--set` belong to experiments.
///
/// # Errors
/// All errors of the first step that fails: syntax, form, meaning.
pub fn load_dataset(path: &Path) -> Result<LoadedDataset, Diagnostics> {
    let mut reading = Reading::default();
    let mut problems = Vec::new();
    let loaded = open_dataset(path, &mut reading, &mut problems);
    problems.append(&mut reading.problems);
    match loaded {
        Some((dataset, tree)) if problems.is_empty() => Ok(LoadedDataset { dataset, sources: reading.sources, tree }),
        _ => Err(Diagnostics::new(reading.sources, problems)),
    }
}

/// The search of a declaration that is no grid.
fn sought(declaration: &Declaration, experiment: &Experiment) -> Option<Sought> {
    if declaration.search.method == Method::Grid {
        return None;
    }
    let seed = |node: &Node| match node.content {
        Content::Integer(seed) => u64::try_from(seed).ok(),
        _ => None,
    };
    let mut seeds: Vec<u64> = declaration.seeds.iter().filter_map(seed).collect();
    if seeds.is_empty() {
        seeds.push(experiment.seed);
    }
    Some(Sought { settings: declaration.search.clone(), space: SearchSpace::new(&declaration.axes), seeds })
}

fn active_variables(sources: &Sources) -> Vec<String> {
    let all = (0..).map_while(|index| sources.get(index));
    all.filter(|source| source.origin == Origin::Environment).map(|source| source.text.clone()).collect()
}

fn read_sweep(tree: &Node, layers: &Layers, form: &Form, problems: &mut Vec<Problem>) -> Declaration {
    let Some(node) = tree.get("sweep") else { return Declaration::default() };
    let (mut declaration, found) = sweep::read(node, form);
    problems.extend(found);
    declaration.axes.sort_by_key(|axis| (layers.height(axis.place.source), axis.place.start));
    if problems.is_empty() {
        problems.extend(sweep::contradictions(&declaration, node));
    }
    declaration
}

fn read_dataset(
    tree: &Node,
    path: &Path,
    reading: &mut Reading,
    problems: &mut Vec<Problem>,
) -> Option<(Dataset, PathBuf)> {
    let node = tree.get("dataset")?;
    let name = node.as_text()?;
    let named_in = reading.sources.get(node.place.source).map(|source| source.origin.clone());
    let file = match lookup::dataset(name, path, named_in.as_ref()) {
        Ok(file) => file,
        Err(lookup::Missing { message, help }) => {
            problems.push(Problem::at(node.place, message).help(help));
            return None;
        }
    };
    let loaded = open_dataset(&file, reading, problems);
    problems.append(&mut reading.problems);
    Some((loaded?.0, file))
}

fn open_dataset(path: &Path, reading: &mut Reading, problems: &mut Vec<Problem>) -> Option<(Dataset, Node)> {
    let tree = reading.plain_file(path)?;
    if !reading.problems.is_empty() {
        return None;
    }
    let form = Form::dataset();
    let found = conform::check(&tree, &form);
    if !found.is_empty() {
        problems.extend(found);
        return None;
    }
    let layers = layer::stack(vec![tree.clone()], &form);
    let mut dataset: Dataset = extract(&layers, &tree).map_err(|problem| problems.push(*problem)).ok()?;
    let mut findings = Findings::new(&tree, tree.place.source);
    checks::dataset(&dataset, &mut findings);
    problems.extend(findings.into_problems());
    dataset.name.get_or_insert_with(|| stem(path));
    Some((dataset, tree))
}

/// The typed spec. The form has been checked, so an error here means that form and type disagree; it is still reported.
fn extract<T: DeserializeOwned>(layers: &Layers, tree: &Node) -> Result<T, Box<Problem>> {
    layers.figment().extract().map_err(|error| {
        let node = error.path.iter().try_fold(tree, |node, key| node.get(key));
        let place = node.map_or(tree.place, |node| node.place);
        Box::new(Problem::at(place, error.kind.to_string()))
    })
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Inputs of the trials.
struct Parts<'a> {
    form: &'a Form,
    layers: &'a Layers,
    tree: &'a Node,
    dataset: &'a Dataset,
    path: &'a Path,
}

impl Parts<'_> {
    fn trials(&self, declaration: &Declaration) -> Result<(Experiment, Vec<Trial>), Vec<Problem>> {
        let experiment = self.experiment(self.layers, self.tree).map_err(|problem| vec![*problem])?;
        let is_swept = declaration.is_swept();
        let mut combinations = trial::combinations(declaration);
        if !is_swept {
            let (label, layer) = (format!("seed={}", experiment.seed), Node::empty_table(Place::start_of(0)));
            combinations = vec![Combination { label, settings: Vec::new(), layer }];
        }
        let mut trials = Vec::new();
        let mut problems = Vec::new();
        for combination in combinations {
            trials.extend(self.trial(combination, is_swept, &mut problems));
        }
        if problems.is_empty() {
            let mut findings = Findings::new(self.tree, 0);
            checks::trials(&experiment, &trials, &declaration.search, self.dataset, &mut findings);
            problems = findings.into_problems();
        }
        if problems.is_empty() { Ok((experiment, trials)) } else { Err(problems) }
    }

    fn experiment(&self, layers: &Layers, tree: &Node) -> Result<Experiment, Box<Problem>> {
        let mut experiment: Experiment = extract(layers, tree)?;
        experiment.name.get_or_insert_with(|| stem(self.path));
        Ok(experiment)
    }

    /// Checks one trial as a separate spec.
    fn trial(&self, combination: Combination, is_swept: bool, problems: &mut Vec<Problem>) -> Option<Trial> {
        let layer = combination.layer;
        let layers = self.layers.with(layer.clone(), self.form);
        let tree = layers.merged();
        let mut found = conform::check(&tree, self.form);
        let experiment = self.experiment(&layers, &tree).map_err(|problem| found.push(*problem)).ok();
        if let Some(experiment) = experiment.as_ref().filter(|_| found.is_empty()) {
            let mut findings = Findings::new(&tree, 0);
            checks::experiment(experiment, self.dataset, &mut findings);
            found.extend(findings.into_problems());
        }
        if !found.is_empty() {
            let note = is_swept.then(|| format!("in the trial `{}`", combination.label));
            problems.extend(found.into_iter().map(|problem| Problem { note: note.clone(), ..problem }));
            return None;
        }
        let experiment = Experiment { sweep: None, ..experiment? };
        Some(Trial { label: combination.label, settings: combination.settings, layer, experiment })
    }
}
