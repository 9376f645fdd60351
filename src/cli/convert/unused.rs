//! Options that would have no effect are refused: whoever gives one expects something of it.

use std::path::{Path, PathBuf};

use super::{Convert, scene};
use crate::cli::{Exit, Failure};
use crate::volume::Format;
use crate::volume::dicom::{Choice, Gaps};

const SURFACES: &str = "it is for surfaces (.stl, .obj, .ply, .glb, .html, .gif), and none is written";
const SERIES: &str = "it is for a written DICOM series";
const KEPT: &str = "an anonymised copy of a series keeps its modality";
const SYSTEM: &str = "it is for surfaces in files of triangles (.stl, .obj, .ply), and none is read or written";
const UIDS: &str = "new UIDs are written to DICOM only";
const CHOICE: &str = "it is for DICOM, and none is read";

/// An option, whether it is given, whether it has an effect, and what it is for.
type Rule = (&'static str, bool, bool, &'static str);

/// Refuses options that this conversion has no use for.
pub(super) fn refuse(args: &Convert) -> Result<(), Failure> {
    let unused = rules(args).into_iter().find(|(_, is_given, is_used, _)| *is_given && !is_used);
    match unused {
        None => Ok(()),
        Some((option, .., what)) => {
            Err(Failure::message(Exit::Usage, format!("{option} has no effect here: {what}; leave it out")))
        }
    }
}

fn rules(args: &Convert) -> Vec<Rule> {
    let target = args.to.as_deref().map_or_else(|| args.target.clone(), of_ending);
    let written = Format::written_as(&target);
    let is_series = written == Some(Format::DicomImage);
    let is_copy = args.anonymize && is_series && args.to.is_none() && is(&args.source, Format::DicomImage);
    let is_scene = scene::Kind::of(&target).is_some();
    let has_surfaces = is_scene || matches!(written, Some(Format::Surface | Format::Scene));
    let has_triangles = written == Some(Format::Surface) || args.to.is_none() && holds_surfaces(&args.source);
    let is_dicom = is_series || written == Some(Format::DicomSegments);
    let Choice { series, stack, gaps } = args.series.choice();
    let reads = [Some(&args.source), args.on.as_ref(), args.reference.as_ref()];
    let reads_dicom = reads.into_iter().flatten().any(|path| may_be_dicom(path));
    vec![
        ("--blocky", args.blocky, has_surfaces, SURFACES),
        ("--triangles", args.triangles.is_some(), has_surfaces, SURFACES),
        ("--modality", args.modality.is_some(), is_series, SERIES),
        ("--modality", args.modality.is_some(), !is_copy, KEPT),
        ("--coordinates", args.coordinates.is_some(), has_triangles, SYSTEM),
        ("--secret", args.secret.is_some(), is_dicom, UIDS),
        ("--series", series.is_some(), reads_dicom, CHOICE),
        ("--stack", stack.is_some(), reads_dicom, CHOICE),
        ("--fill-gaps", gaps != Gaps::Refuse, reads_dicom, CHOICE),
    ]
}

/// A target of `--to`.
fn of_ending(ending: &str) -> PathBuf {
    match ending.trim_start_matches('.') {
        "dicom" => "dicom".into(),
        ending => format!("a.{ending}").into(),
    }
}

fn is(path: &Path, format: Format) -> bool {
    matches!(Format::of(path), Ok(found) if found == format)
}

/// A surface, or a folder of them.
fn holds_surfaces(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().any(|entry| is(&entry.path(), Format::Surface)),
        Err(_) => is(path, Format::Surface),
    }
}

/// What cannot be read is told of by the conversion itself.
fn may_be_dicom(path: &Path) -> bool {
    let is_other = |format| !matches!(format, Format::DicomImage | Format::DicomSegments | Format::DicomContours);
    path.is_dir() || !Format::of(path).is_ok_and(is_other)
}
