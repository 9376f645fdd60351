//! Reads and scores pairs of cases.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::called::{called, otherwise};
use super::images::{Image, Images};
use super::labelled::{Labelled, on_one_grid, unsupported};
use super::named::{self, Asked, Structures};
use super::pair::{Pair, Pairs};
use super::read::Reader;
use super::side::Source;
use super::slices::refuse_shifted;
use crate::dataset::name::folded;
use crate::dataset::{Excluded, Target};
use crate::evaluate::{Evaluate, Score, score};
use crate::volume::label_names::{LabelName, LabelNames};
use crate::volume::{Format, ReadError, Segmentation};

/// Most names in a warning.
const NAMED: usize = 8;

/// Structures that were asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What is scored.
    pub target: Target,
    /// Their names and values in files; without those that several values make up.
    pub names: Asked,
}

/// What is compared.
#[derive(Debug)]
pub enum Comparison {
    /// Structures that were asked for.
    Asked(Wanted),
    /// Structures that the files themselves name.
    Found(Structures),
}

/// Results of all pairs.
#[derive(Debug, Default)]
pub struct Scored {
    /// A row per case and structure.
    pub scores: Vec<Score>,
    /// Cases that could not be scored.
    pub excluded: Vec<Excluded>,
    /// What is worth saying.
    pub warnings: Vec<String>,
}

/// What came of one pair.
#[derive(Default)]
struct PairScores {
    scores: Vec<Score>,
    notes: Vec<String>,
    /// Structures of the reference that the prediction does not name, although it names others.
    unnamed: Vec<String>,
    /// Every name of the prediction, folded.
    named: Vec<String>,
}

/// Reads both sides of pairs.
#[derive(Debug, Default)]
pub struct Comparer {
    /// How references are read.
    pub reference: Reader,
    /// How predictions are read.
    pub prediction: Reader,
    /// The images that were named (`--on`).
    pub images: Option<Images>,
    /// DICOM series that lie beside the labels.
    pub beside: Images,
}

impl Comparer {
    /// Every structure in any file, by name or by value. Files that cannot be read or contradict each other are reported when they are
    /// scored.
    pub fn structures(&self, pairs: &Pairs, ignore: Option<u16>) -> Structures {
        let mut structures = Structures::new(ignore);
        self.add_structures(pairs, &mut structures);
        structures
    }

    /// Adds every structure in any file to those of other predictions.
    pub fn add_structures(&self, pairs: &Pairs, structures: &mut Structures) {
        for some in pairs.pairs.chunks(rayon::current_num_threads()) {
            let files: Vec<_> =
                some.par_iter().filter_map(|pair| self.read(pair, &[], structures.ignored()).ok()).collect();
            for (reference, prediction) in files {
                // A pair that contradicts adds nothing.
                drop(structures.add(&reference, &prediction));
            }
        }
    }

    /// The names that numbered predictions give to values of references without names.
    pub fn names_of_predictions(&self, pairs: &Pairs) -> Option<LabelNames> {
        let (reference, prediction) = self.read(pairs.pairs.first()?, &[], None).ok()?;
        if !reference.names.is_empty() || !prediction.numbered || prediction.names.is_empty() {
            return None;
        }
        let label = |(name, number): (String, u16)| LabelName { name, number, color: None, code: None };
        Some(LabelNames { labels: prediction.names.into_iter().map(label).collect(), ..LabelNames::default() })
    }

    /// Scores every pair, cases in parallel; one that cannot be scored becomes an excluded row.
    pub fn score_all(&self, pairs: &Pairs, comparison: &Comparison, settings: &Evaluate) -> Scored {
        let results: Vec<_> =
            pairs.pairs.par_iter().map(|pair| (pair, self.score(pair, comparison, settings))).collect();
        let mut all = Scored::default();
        let (mut unnamed, mut named) = (Vec::new(), BTreeSet::new());
        for (pair, result) in results {
            match result {
                Ok(found) => {
                    all.scores.extend(found.scores);
                    // What holds for many cases is told once.
                    let known = &all.warnings;
                    let new: Vec<String> = found.notes.into_iter().filter(|text| !known.contains(text)).collect();
                    all.warnings.extend(new);
                    unnamed.extend(found.unnamed);
                    named.extend(found.named);
                }
                Err(error) => all.excluded.push(Excluded { case: pair.case.clone(), reason: error.to_string() }),
            }
        }
        for reader in [&self.reference, &self.prediction] {
            all.warnings.extend(reader.notes.all());
        }
        all.warnings.extend(unknown(unnamed, &named));
        all
    }

    fn score(&self, pair: &Pair, comparison: &Comparison, settings: &Evaluate) -> anyhow::Result<PairScores> {
        let (asked, ignored) = match comparison {
            Comparison::Asked(wanted) => (wanted.names.as_slice(), wanted.target.ignore),
            Comparison::Found(structures) => (&[][..], structures.ignored()),
        };
        let (reference, prediction) = self.read(pair, asked, ignored)?;
        let mut notes: Vec<String> = refuse_shifted(&reference, &prediction)?.into_iter().collect();
        notes.extend(side_guessed(&reference, &prediction).or_else(|| side_guessed(&prediction, &reference)));
        if asked.is_empty() {
            notes.extend(otherwise(&reference, &prediction).or_else(|| otherwise(&prediction, &reference)));
        }
        let (mut unnamed, mut known) = (Vec::new(), Vec::new());
        let (target, first, second) = match comparison {
            Comparison::Asked(Wanted { target, names }) => {
                let first = named::as_asked(names, &reference, &mut notes)?;
                (target.clone(), first, named::as_asked(names, &prediction, &mut notes)?)
            }
            Comparison::Found(structures) => {
                // Contradictions within this pair, which the structures of all pairs do not show.
                Structures::new(None).add(&reference, &prediction)?;
                notes.extend(
                    Structures::one_sided(&reference, &prediction).map(|text| format!("{}: {text}", pair.case)),
                );
                unnamed = named::unnamed_by(&reference, &prediction, ignored);
                known = prediction.structures().into_iter().map(folded).collect();
                let second = structures.meaning(&prediction, &reference);
                (structures.target(), structures.meaning(&reference, &prediction), second)
            }
        };
        let (target, [reference, prediction]) = named::in_common(&target, [(reference, first), (prediction, second)])?;
        let (reference, prediction) = on_one_grid(reference, prediction);
        let scores = score(&pair.case, &target, &reference.map, &Segmentation::Labels(prediction.map), settings)?;
        Ok(PairScores { scores, notes, unnamed, named: known })
    }

    /// Both sides of a pair; a mask has the name of its file where that is a name of the other side, or one that was asked for. An ignored
    /// value has no name: it is no structure.
    fn read(
        &self,
        pair: &Pair,
        asked: &[(String, u16)],
        ignored: Option<u16>,
    ) -> Result<(Labelled, Labelled), ReadError> {
        let (mut reference, mut prediction) = self.voxels(pair)?;
        for file in [&mut reference, &mut prediction].into_iter().filter(|file| file.numbered) {
            file.names.retain(|(_, value)| Some(*value) != ignored);
        }
        let reference = called(reference, &prediction, asked);
        let prediction = called(prediction, &reference, asked);
        Ok((reference, prediction))
    }

    fn voxels(&self, pair: &Pair) -> Result<(Labelled, Labelled), ReadError> {
        let Some(prediction) = &pair.prediction else {
            let image = self.image(pair, &pair.reference, None)?;
            let reference = self.reference.read(&pair.reference, image.as_ref())?;
            let nothing = Labelled::nothing(&reference.path, &reference);
            return Ok((reference, nothing));
        };
        let first = self.image(pair, &pair.reference, Some(prediction))?;
        let second = self.image(pair, prediction, Some(&pair.reference))?;
        let reference = self.reference.read(&pair.reference, first.as_ref())?;
        Ok((reference, self.prediction.read(prediction, second.as_ref())?))
    }

    /// The image whose grid labels are put on: what was named; else the series beside that they were drawn on; else the other labels.
    fn image(&self, pair: &Pair, source: &Source, other: Option<&Source>) -> Result<Option<Image>, ReadError> {
        let takes = takes_grid(source);
        let Some(images) = self.images.as_ref().filter(|_| takes) else {
            let beside = || match needs_grid(source) {
                true => self.beside.of_case(&pair.case, source).cloned(),
                false => self.beside.drawn_on(source).cloned(),
            };
            let others = || other.filter(|_| needs_grid(source)).and_then(grid_of);
            return Ok(if takes { beside().or_else(others) } else { None });
        };
        match images.of_case(&pair.case, source) {
            Some(image) => Ok(Some(image.clone())),
            None if needs_grid(source) || matches!(source, Source::Slices(_)) => {
                let reason = format!("no image of case `{}` among the {} of --on", pair.case, images.seen());
                Err(unsupported(source.path(), reason))
            }
            None => Ok(None),
        }
    }
}

/// A warning about a file without an orientation, beside one that states it.
fn side_guessed(file: &Labelled, other: &Labelled) -> Option<String> {
    (!file.oriented && other.oriented && other.map.geometry.has_spacing).then(|| {
        format!(
            "{}: its header states no orientation, and that of {} does: left and right are a guess",
            file.path.display(),
            other.path.display()
        )
    })
}

/// A warning about structures of the references that no prediction names.
fn unknown(unnamed: Vec<String>, named: &BTreeSet<String>) -> Option<String> {
    let mut names: Vec<String> = unnamed.into_iter().filter(|name| !named.contains(&folded(name))).collect();
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(NAMED);
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| {
        format!(
            "the predictions name their structures, and {}{more} of the references is none of them: it is scored as missed; --labels \
             NAME=VALUE,… (or --dataset with --structures) states which structures are scored",
            shown.join(", ")
        )
    })
}

fn is_of(source: &Source, formats: &[Format]) -> bool {
    source.files().into_iter().any(|file| Format::of(file).is_ok_and(|format| formats.contains(&format)))
}

/// Whether labels have no grid of their own.
fn needs_grid(source: &Source) -> bool {
    !matches!(source, Source::Slices(_)) && is_of(source, &[Format::Surface, Format::DicomContours])
}

/// Whether labels are put on the grid of an image.
fn takes_grid(source: &Source) -> bool {
    matches!(source, Source::Slices(_))
        || is_of(source, &[Format::Surface, Format::DicomContours, Format::DicomSegments])
}

/// Label maps that cover their image. Formats of named segments leave out what is empty.
fn grid_of(source: &Source) -> Option<Image> {
    let first = source.files().into_iter().next()?;
    matches!(Format::of(first), Ok(Format::Nifti | Format::Nrrd)).then(|| Image::file(first))
}
