//! `segspec convert LABELS organs.html` and `organs.gif`: surfaces to look at.

use std::path::{Path, PathBuf};

use super::{Convert, failure, parts};
use crate::cli::{Exit, Failure};
use crate::files::{self, write_atomic};
use crate::report::scene::{self, Detail, SceneError, Structure, TRIANGLES, Voxels};
use crate::volume::convert::{Options, colored, read_labels};
use crate::volume::{Segment, Segmentation, Segments, is_same_name};

/// Edge of an animation in pixels.
const SIZE: u16 = 480;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A page.
    Page,
    /// An animation.
    Animation,
}

impl Kind {
    /// By the name of the file.
    pub(super) fn of(target: &Path) -> Option<Self> {
        match target.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "html" | "htm" => Some(Self::Page),
            "gif" => Some(Self::Animation),
            _ => None,
        }
    }
}

/// Writes the page or the animation.
pub(super) fn convert(args: &Convert, kind: Kind, options: &Options) -> Result<PathBuf, Failure> {
    let refuse = |text: &str| Err(Failure::message(Exit::Usage, text));
    if kind == Kind::Animation && args.reference.is_some() {
        return refuse("an animation shows one segmentation: --reference needs a target that ends in .html");
    }
    if args.colours.is_some() || args.coordinates.is_some() && args.reference.is_some() {
        return refuse("pages and animations take neither --colours nor, with --reference, --coordinates");
    }
    let options = Options { labels: true, ..options.clone() };
    let prediction = read(args, &args.source, &options)?;
    let reference = args.reference.as_ref().map(|path| read(args, path, &options)).transpose()?;
    let structures = match (&reference, &args.reference) {
        (Some(reference), Some(path)) => matched(reference, path, &prediction, args, &options)?,
        _ => prediction.segments.iter().enumerate().map(|it| structure(&prediction, it, false)).collect(),
    };
    let detail = Detail { triangles: args.triangles.unwrap_or(TRIANGLES), blocky: args.blocky };
    let bad = |error: SceneError| Failure::message(Exit::BadData, format!("{}: {error}", args.source.display()));
    let content = reference.as_ref().map(|it| &it.content);
    let made = scene::build(&structures, content, Some(&prediction.content), &detail).map_err(bad)?;
    let bytes = match kind {
        Kind::Animation => scene::turn(&made, SIZE).map_err(bad)?,
        Kind::Page => {
            let line = args.reference.as_ref().map(|path| match args.anonymize {
                // Names of files may be those of patients.
                true => "compared with a reference".into(),
                false => format!("compared with {}", path.display()),
            });
            let title = if args.anonymize { &args.target } else { &args.source };
            let page = scene::render(&made, &name_of(title), &line.unwrap_or_default());
            page.map_err(|error| Failure::new(Exit::Environment, error))?.into_bytes()
        }
    };
    let target = &args.target;
    let unwritable = |error: std::io::Error| {
        Failure::message(Exit::Environment, format!("{}: {}", target.display(), files::reason(&error)))
    };
    write_atomic(target, &bytes).map_err(unwritable)?;
    Ok(target.clone())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn read(args: &Convert, path: &Path, options: &Options) -> Result<Segments, Failure> {
    match parts::of(path, args.labels)? {
        Some(source) => {
            let segments = parts::read(args, path, &source, options)?;
            segments.only(&options.structures, path).map(colored).map_err(|error| failure(error.into()))
        }
        None => read_labels(path, options).map_err(failure),
    }
}

fn structure(segments: &Segments, (index, segment): (usize, &Segment), is_reference: bool) -> Structure {
    let voxels = Some(match segments.content {
        Segmentation::Labels(_) => Voxels::Values(vec![segment.value]),
        Segmentation::Masks { .. } => Voxels::Mask(index),
    });
    let (reference, prediction) = if is_reference { (voxels, None) } else { (None, voxels) };
    Structure { name: segment.name.clone(), color: segment.color.unwrap_or([128; 3]), reference, prediction }
}

/// Whether nothing but numbers names the segments.
fn is_unnamed(segments: &Segments) -> bool {
    segments.segments.iter().all(|segment| segment.name == format!("label {}", segment.value))
}

/// The structures of both sides, by name; by value where one side has no names.
fn matched(
    reference: &Segments,
    path: &Path,
    prediction: &Segments,
    args: &Convert,
    options: &Options,
) -> Result<Vec<Structure>, Failure> {
    let by_value = is_unnamed(reference) != is_unnamed(prediction);
    let same = |one: &Segment, other: &Segment| match by_value {
        true => one.value == other.value,
        false => is_same_name(&one.name, &other.name),
    };
    let mut structures: Vec<Structure> =
        reference.segments.iter().enumerate().map(|it| structure(reference, it, true)).collect();
    let mut common = 0;
    for (index, segment) in prediction.segments.iter().enumerate() {
        let own = structure(prediction, (index, segment), false);
        match reference.segments.iter().position(|other| same(other, segment)) {
            Some(place) => {
                common += 1;
                let known = &mut structures[place];
                known.prediction = own.prediction;
                if is_unnamed(reference) {
                    (known.name, known.color) = (own.name, own.color);
                }
            }
            None => structures.push(own),
        }
    }
    if common == 0 {
        let names = |segments: &Segments| {
            segments.segments.iter().map(|segment| format!("`{}`", segment.name)).collect::<Vec<_>>().join(", ")
        };
        let text = format!(
            "{} and {} have no structure in common: {} and {}; --names gives both the names of one file",
            args.source.display(),
            path.display(),
            names(prediction),
            names(reference)
        );
        return Err(Failure::message(Exit::BadData, text));
    }
    if by_value {
        let unnamed = if is_unnamed(reference) { path } else { &args.source };
        options.notes.extend([format!(
            "{}: has no names; its label values are taken as those of the other file",
            unnamed.display()
        )]);
    }
    Ok(structures)
}
