//! Finds the images in an upload.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::error::{Answer, Refusal};
use super::super::state::{Inner, Shared, locked, quick, working};
use super::unpack::{allowed, check_growth, is_zip, unpack};
use super::{Phase, Series, Token, Upload};
use crate::counted;
use crate::dataset::{Case, read_image};
use crate::files;
use crate::volume::dicom::{self, Anonymous, Choice, Content, SeriesSummary};
use crate::volume::format::Options;
use crate::volume::{Format, format};

/// Folder in an upload for what an archive holds: the first that there is not.
pub const UNZIPPED: [&str; 2] = ["unzipped", "unzipped archive"];
/// Most images of an upload.
const MOST: usize = 200;
/// Most different values of what looks like a label map.
const MOST_LABELS: usize = 120;
/// Voxels of an image that is read to see whether it holds labels: larger ones would keep a person waiting.
const MOST_LOOKED_AT: usize = 1 << 27;
/// Most reasons that are told.
const REASONS: usize = 10;

/// What was found: images, and why others cannot be used.
type Found = (Vec<Series>, Vec<String>);

/// Finds the images in an upload that was received.
pub async fn look_at(state: &Shared, upload: &Arc<Upload>) {
    let of_work = upload.clone();
    match working(state, move |state| look(state, &of_work)).await {
        Ok((series, problems)) => {
            *locked(&upload.phase) = Phase::Ready { series, problems };
        }
        Err(refusal) => refuse(state, upload, &refusal).await,
    }
    // Removed while it was unpacked.
    if upload.is_removed() {
        upload.remove();
    }
}

/// Ends an upload that cannot be used. The files of an anonymous one go at once: they name the patient.
pub async fn refuse(state: &Shared, upload: &Arc<Upload>, refusal: &Refusal) {
    let reason = upload.told(&refusal.text());
    if upload.is_anonymous {
        let of_work = upload.clone();
        // Apart from the threads that serve connections: it waits for the disk.
        let cleared = quick(state, move |_| {
            of_work.clear();
            Ok(())
        });
        let _ = cleared.await;
    }
    *locked(&upload.phase) = Phase::Refused(reason);
}

/// Unpacks an upload and finds its images. In an anonymous one, DICOM series are copied without what identifies the patient, the originals
/// are removed, and images are numbered in place of their names.
///
/// # Errors
/// Nothing in it can be used, or it grows too large.
fn look(state: &Inner, upload: &Upload) -> Answer<Found> {
    let (folder, anonymous) = (&upload.folder, upload.is_anonymous);
    let all = unpacked(state, upload)?;
    let mut problems = Vec::new();
    let mut series = series_of(folder, anonymous, &mut problems)?;
    if anonymous {
        series = without_names(folder, series)?;
    }
    series.extend(files_of(folder, &all, anonymous, &mut problems));
    if series.len() > MOST {
        return Err(Refusal::bad(format!("the upload holds more than {MOST} images")).help("send fewer at a time"));
    }
    let mut found = Vec::new();
    for image in series {
        match image.measured(state) {
            Ok(series) => found.push(series),
            Err(refusal) => {
                // A file that cannot be read is told of once, with what comes of it.
                let text = refusal.text();
                problems.retain(|known| !text.contains(known.as_str()));
                problems.push(text);
            }
        }
    }
    let problems = told(upload, &problems);
    if found.is_empty() {
        let reasons = if problems.is_empty() { String::new() } else { format!(": {}", problems.join("; ")) };
        return Err(Refusal::bad(format!("the upload holds no image that can be read{reasons}"))
            .help("send DICOM slices, NIfTI, NRRD, PNG or TIFF"));
    }
    Ok((found, problems))
}

/// The files of an upload; those of a zip archive in its place.
fn unpacked(state: &Inner, upload: &Upload) -> Answer<Vec<PathBuf>> {
    let (limits, cancel, folder) = (&state.settings.limits, &state.cancel, &upload.folder);
    let mut all = below(folder)?;
    if let [only] = all.as_slice()
        && is_zip(only)
    {
        // The archive may have any name, and lie in a folder of any.
        let place = UNZIPPED.map(|name| folder.join(name)).into_iter().find(|place| !place.exists());
        let place = place.ok_or_else(|| Refusal::bad("the upload holds names that segspec needs for itself"))?;
        fs::create_dir(&place).map_err(Refusal::failed)?;
        unpack(only, &place, limits, cancel, &upload.messages)?;
        fs::remove_file(only).map_err(Refusal::failed)?;
        all = below(folder)?;
    }
    all.iter().try_for_each(|path| check_growth(path, limits, cancel))?;
    Ok(all)
}

/// Problems as people are told of them; of anonymous uploads, the reasons alone.
fn told(upload: &Upload, problems: &[String]) -> Vec<String> {
    let some = problems.iter().take(REASONS);
    if !upload.is_anonymous {
        return some.map(|problem| upload.told(problem)).collect();
    }
    let mut reasons: Vec<String> = some.map(|problem| upload.messages.reason(problem)).collect();
    reasons.sort();
    reasons.dedup();
    let count = counted(problems.len(), "file");
    let text = format!("{count} cannot be used; their names are not shown: {}", reasons.join("; "));
    if problems.is_empty() { Vec::new() } else { vec![text] }
}

fn below(folder: &Path) -> Answer<Vec<PathBuf>> {
    files::below(folder).map_err(|_| Refusal::conflict("the upload was removed"))
}

/// An image that was found, and what tells it from others.
struct Image {
    case: Case,
    modality: Option<String>,
    file: Option<String>,
    patient: Option<String>,
    number: Option<String>,
}

impl Image {
    fn new(case: Case, modality: Option<String>) -> Self {
        Self { case, modality, file: None, patient: None, number: None }
    }

    /// The image with its grid.
    fn measured(self, state: &Inner) -> Answer<Series> {
        let Self { case, modality, file, patient, number } = self;
        let (geometry, channels) = measured(state, &case)?;
        let (name, looks_like_labels) = (case.name.clone(), modality.is_none() && looks_like_labels(&case));
        Ok(Series { name, file, patient, number, looks_like_labels, modality, case, geometry, channels })
    }
}

/// The DICOM series.
fn series_of(folder: &Path, anonymous: bool, problems: &mut Vec<String>) -> Answer<Vec<Image>> {
    let scan = dicom::scan(folder)?;
    problems.extend(scan.damaged.iter().map(ToString::to_string));
    let mut cases = Vec::new();
    for (index, summary) in scan.series.iter().filter(|summary| summary.content == Content::Image).enumerate() {
        if let Some(problem) = &summary.problem {
            // The line holds the description, which may tell who it is.
            problems.push(if anonymous { problem.clone() } else { format!("{}: {problem}", summary.line()) });
            continue;
        }
        let mut case = Case::new(&name_of(summary, index), vec![folder.to_path_buf()], None);
        case.reading.choice = Choice {
            series: Some(summary.uid.clone()).filter(|uid| !uid.is_empty()),
            stack: summary.stack.clone(),
            ..Choice::default()
        };
        let stated = |text: String| Some(text).filter(|text| !text.is_empty());
        let patient = dicom::identity(&summary.example).ok().flatten().and_then(|it| stated(it.patient));
        cases.push(Image {
            case,
            modality: stated(summary.modality.to_ascii_lowercase()),
            file: summary.example.parent().and_then(|place| below_upload(folder, place)),
            patient,
            number: stated(summary.number.clone()),
        });
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

/// A path in an upload, as the person who sent it knows it.
fn below_upload(folder: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(folder).ok()?;
    let below = UNZIPPED.iter().find_map(|name| below.strip_prefix(name).ok()).unwrap_or(below);
    Some(below.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
}

/// Copies of the series that tell nothing of the patient; the originals are removed, and with them everything else in DICOM.
fn without_names(folder: &Path, series: Vec<Image>) -> Answer<Vec<Image>> {
    let secret = Token::name().map_err(Refusal::failed)?;
    let mut copies = Vec::new();
    for (index, Image { case, modality, .. }) in series.into_iter().enumerate() {
        let name = format!("series {}", index + 1);
        let identity = Anonymous { patient: String::new(), description: name.clone(), secret: secret.clone() };
        // Hidden, so that the copies are not found among the originals.
        let place = folder.join(format!(".copies/{}", index + 1));
        let copied = dicom::anonymise(folder, &case.reading.choice, &place, &identity);
        copied.map_err(Refusal::bad)?;
        copies.push(Image::new(Case::new(&name, vec![place], None), modality));
    }
    for path in below(folder)? {
        if dicom::content_of(&path).map_or(true, |content| content.is_some()) {
            fs::remove_file(&path).map_err(Refusal::failed)?;
        }
    }
    Ok(copies)
}

/// Files that are images by themselves.
fn files_of(folder: &Path, all: &[PathBuf], anonymous: bool, problems: &mut Vec<String>) -> Vec<Image> {
    let mut cases: Vec<Image> = Vec::new();
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
                let file = below_upload(folder, path).filter(|_| !anonymous);
                cases.push(Image { file, ..Image::new(Case::new(&shown, vec![path.clone()], None), None) });
            }
            Err(_) => problems.push(format!("{name}: is in no format that holds images")),
        }
    }
    cases
}

/// Whether an image is likely to be a label map: few whole numbers from 0. A person is told, and decides.
fn looks_like_labels(case: &Case) -> bool {
    let Some(path) = case.images.first() else { return false };
    let options = Options { choice: case.choice(0), ..Options::default() };
    let header = Format::of(path).and_then(|format| (format.entry().read.header)(path, &options));
    let Ok(header) = header else { return false };
    let voxels = header.geometry.shape.iter().fold(1_usize, |product, &count| product.saturating_mul(count));
    let is_whole = header.value_type.starts_with(['u', 'i']);
    if header.channels != 1 || voxels > MOST_LOOKED_AT || !is_whole {
        return false;
    }
    read_image(case).is_ok_and(|image| has_few_values(image.voxels.iter()))
}

/// Few whole numbers from 0 on, and mostly 0, as in label files.
fn has_few_values<'a>(voxels: impl Iterator<Item = &'a f32>) -> bool {
    let (mut values, mut zeros, mut all) = (std::collections::BTreeSet::new(), 0_usize, 0_usize);
    for &voxel in voxels {
        if voxel.fract() != 0.0 || !(0.0..=f32::from(u16::MAX)).contains(&voxel) {
            return false;
        }
        (all, zeros) = (all + 1, zeros + usize::from(voxel == 0.0));
        values.insert(voxel as u32);
        if values.len() > MOST_LABELS {
            return false;
        }
    }
    2 * zeros >= all && values.len() > 1
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_whole_values_that_are_mostly_0_look_like_labels() {
        let is = |voxels: &[f32]| has_few_values(voxels.iter());
        assert!(is(&[0.0, 0.0, 1.0, 4.0]) && is(&[0.0, 300.0]));
        assert!(!is(&[0.0; 4]), "an empty image says nothing");
        assert!(!is(&[0.0, 0.0, 0.5]) && !is(&[0.0, 0.0, -1.0]) && !is(&[0.0, 0.0, 70_000.0]));
        assert!(!is(&[0.0, 1.0, 2.0, 3.0]), "mostly something");
        let ramp: Vec<f32> = (0..400).map(|value| if value < 250 { 0.0 } else { value as f32 }).collect();
        assert!(!is(&ramp), "too many values");
        assert!(!is(&[f32::NAN, 0.0]));
    }

    #[test]
    fn paths_of_an_upload_do_not_show_where_it_lies() {
        let folder = Path::new("/uploads/x");
        let shown = |path: &str| below_upload(folder, Path::new(path));
        assert_eq!(shown("/uploads/x/unzipped/p1/ct").as_deref(), Some("p1/ct"));
        assert_eq!(shown("/uploads/x/a.nii").as_deref(), Some("a.nii"));
        assert_eq!((shown("/uploads/x"), shown("/uploads/x/unzipped"), shown("/etc/passwd")), (None, None, None));
    }
}
