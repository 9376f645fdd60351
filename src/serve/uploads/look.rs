//! Finds the images in an upload.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::error::{Answer, Refusal};
use super::super::state::Inner;
use super::unpack::{allowed, check_growth, is_zip, unpack};
use super::{Series, Token};
use crate::dataset::Case;
use crate::files;
use crate::volume::dicom::{self, Anonymous, Choice, Content, SeriesSummary};
use crate::volume::format::Options;
use crate::volume::{Format, format};

/// Most images of an upload.
const MOST: usize = 200;
/// Most reasons that are told.
const REASONS: usize = 10;

/// What was found: images, and why others cannot be used.
type Found = (Vec<Series>, Vec<String>);

/// Unpacks an upload and finds its images. With `anonymous`, DICOM series are copied without what identifies the patient, the originals
/// are removed, and images are numbered in place of their names.
///
/// # Errors
/// Nothing in it can be used, or it grows too large.
pub fn look(state: &Inner, folder: &Path, anonymous: bool) -> Answer<Found> {
    let (limits, cancel) = (&state.settings.limits, &state.cancel);
    let mut all = below(folder)?;
    if let [only] = all.as_slice()
        && is_zip(only)
    {
        let place = folder.join("unzipped");
        fs::create_dir(&place).map_err(Refusal::failed)?;
        unpack(only, &place, limits, cancel)?;
        fs::remove_file(only).map_err(Refusal::failed)?;
        all = below(folder)?;
    }
    all.iter().try_for_each(|path| check_growth(path, limits, cancel))?;
    let mut problems = Vec::new();
    let mut series = series_of(folder, &mut problems)?;
    if anonymous {
        series = without_names(folder, series)?;
    }
    series.extend(files_of(&all, anonymous, &mut problems));
    if series.len() > MOST {
        return Err(Refusal::bad(format!("the upload holds more than {MOST} images")).help("send fewer at a time"));
    }
    let mut found = Vec::new();
    for (case, modality) in series {
        match measured(state, &case) {
            Ok((geometry, channels)) => {
                found.push(Series { name: case.name.clone(), modality, case, geometry, channels });
            }
            Err(refusal) => problems.push(shown(folder, &refusal.text())),
        }
    }
    problems.truncate(REASONS);
    if found.is_empty() {
        let reasons = if problems.is_empty() { String::new() } else { format!(": {}", problems.join("; ")) };
        return Err(Refusal::bad(format!("the upload holds no image that can be read{reasons}"))
            .help("send DICOM slices, NIfTI, NRRD, PNG or TIFF"));
    }
    Ok((found, problems))
}

fn below(folder: &Path) -> Answer<Vec<PathBuf>> {
    files::below(folder).map_err(|_| Refusal::conflict("the upload was removed"))
}

/// A message without the server's temporary folder.
fn shown(folder: &Path, text: &str) -> String {
    let folder = folder.display().to_string();
    text.replace(&format!("{folder}/"), "").replace(&folder, "the upload")
}

type Cases = Vec<(Case, Option<String>)>;

/// The DICOM series.
fn series_of(folder: &Path, problems: &mut Vec<String>) -> Answer<Cases> {
    let scan = dicom::scan(folder)?;
    problems.extend(scan.damaged.iter().map(|error| shown(folder, &error.to_string())));
    let mut cases = Vec::new();
    for (index, summary) in scan.series.iter().filter(|summary| summary.content == Content::Image).enumerate() {
        if let Some(problem) = &summary.problem {
            problems.push(format!("{}: {}", summary.line(), shown(folder, problem)));
            continue;
        }
        let mut case = Case::new(&name_of(summary, index), vec![folder.to_path_buf()], None);
        case.reading.choice = Choice {
            series: Some(summary.uid.clone()).filter(|uid| !uid.is_empty()),
            stack: summary.stack.clone(),
            ..Choice::default()
        };
        cases.push((case, Some(summary.modality.to_ascii_lowercase()).filter(|modality| !modality.is_empty())));
    }
    Ok(cases)
}

fn name_of(summary: &SeriesSummary, index: usize) -> String {
    let stack = summary.stack.as_deref().map(|stack| format!(" [{stack}]")).unwrap_or_default();
    match summary.description.as_str() {
        "" => format!("series {}{stack}", index + 1),
        description => format!("{description}{stack}"),
    }
}

/// Copies of the series that tell nothing of the patient; the originals are removed, and with them everything else in DICOM.
fn without_names(folder: &Path, series: Cases) -> Answer<Cases> {
    let secret = Token::name().map_err(Refusal::failed)?;
    let mut copies = Vec::new();
    for (index, (case, modality)) in series.into_iter().enumerate() {
        let name = format!("series {}", index + 1);
        let identity = Anonymous { patient: String::new(), description: name.clone(), secret: secret.clone() };
        // Hidden, so that the copies are not found among the originals.
        let place = folder.join(format!(".copies/{}", index + 1));
        let copied = dicom::anonymise(folder, &case.reading.choice, &place, &identity);
        copied.map_err(|error| Refusal::bad(shown(folder, &error.to_string())))?;
        copies.push((Case::new(&name, vec![place], None), modality));
    }
    for path in below(folder)? {
        if dicom::content_of(&path).map_or(true, |content| content.is_some()) {
            fs::remove_file(&path).map_err(Refusal::failed)?;
        }
    }
    Ok(copies)
}

/// Files that are images by themselves.
fn files_of(all: &[PathBuf], anonymous: bool, problems: &mut Vec<String>) -> Cases {
    let mut cases: Cases = Vec::new();
    for path in all.iter().filter(|path| path.is_file()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The voxels of an image whose header is another file.
        let is_second = name.to_ascii_lowercase().ends_with(".img") && path.with_extension("hdr").is_file();
        match Format::of(path) {
            Ok(Format::DicomImage | Format::DicomSegments | Format::DicomContours) => {}
            Ok(format) if format.entry().holds_labels => problems.push(format!("{name}: holds labels, not an image")),
            Ok(_) if is_second => {}
            Ok(_) => {
                let stem = format::stem(&name).unwrap_or(&name);
                let shown = if anonymous { format!("image {}", cases.len() + 1) } else { stem.to_owned() };
                cases.push((Case::new(&shown, vec![path.clone()], None), None));
            }
            Err(_) => problems.push(format!("{name}: is in no format that holds images")),
        }
    }
    cases
}

/// Grid and channels of an image by its header, which must not claim more voxels than its files can grow to.
fn measured(state: &Inner, case: &Case) -> Answer<(crate::volume::Geometry, usize)> {
    let path = case.images.first().ok_or_else(|| Refusal::missing("image"))?;
    let options = Options { choice: case.choice(0), ..Options::default() };
    let header = Format::of(path).and_then(|format| (format.entry().read.header)(path, &options))?;
    let bytes = match header.value_type.trim_start_matches(|c: char| c.is_ascii_alphabetic()) {
        "8" => 1,
        "16" => 2,
        _ => 4,
    };
    let [z, y, x] = header.geometry.shape.map(|count| count as u64);
    let claimed = [y, x, header.channels as u64, bytes].into_iter().fold(z, u64::saturating_mul);
    let stored: u64 = files::below(path)
        .map_err(Refusal::failed)?
        .iter()
        .filter_map(|file| fs::metadata(file).ok())
        .map(|it| it.len())
        .sum();
    if claimed > allowed(&state.settings.limits, stored) {
        let text =
            format!("its header claims {z} × {y} × {x} voxels, far more than its {stored} bytes are likely to hold");
        return Err(Refusal::too_large(format!("{}: {text}", case.name)));
    }
    Ok((header.geometry, header.channels))
}
