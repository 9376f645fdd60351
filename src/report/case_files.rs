//! Pictures and 3D pages of the example cases: where the report's folder has them, and small copies for the page.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::ImageOutputFormat;
use image::imageops::FilterType;
use rayon::prelude::*;

use super::{Files, Panel, Report, ReportError};
use crate::evaluate::examples::Rank;

/// Folder with the files of cases, below the report's.
pub const CASES: &str = "cases";
/// Ending of a case's 3D page.
pub const SCENE: &str = "-3d.html";
/// Ending of its animation.
pub const TURNING: &str = ".gif";
/// Runs of the best trial whose files are copied beside the page.
const LINKED_RUNS: usize = 1;
/// Width of a picture in the page: of the best trial, and of others.
const WIDTHS: [u32; 2] = [1040, 440];
/// Quality of the JPEG pictures.
const QUALITY: u8 = 75;
/// Pictures of other trials in the page, at most.
const OTHERS: usize = 48;
/// Largest animation in the page, in bytes.
const ANIMATION: u64 = 600_000;

/// The example cases of a report.
#[derive(Clone, Debug, Default)]
pub struct CaseFiles {
    /// Those of the best trial first, worst first.
    pub shown: Vec<Shown>,
    /// Number of pictures that the page does not show.
    pub left_out: usize,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Index of its run.
    pub run: usize,
    /// Why it is shown.
    pub rank: Rank,
    /// Its name.
    pub case: String,
    /// A small JPEG, in base64.
    pub thumbnail: String,
    /// Its width and height.
    pub size: [u32; 2],
    /// Whether it is of the best trial, with its files beside the page.
    pub linked: bool,
    /// The picture's file, relative to the page.
    pub picture: Option<String>,
    /// The 3D page.
    pub scene: Option<String>,
    /// The animation in base64, if it is small; of the worst case of a trial only.
    pub animation: Option<String>,
}

/// Copies the best trial's files into the report's folder, unless they are there, and makes small pictures of all.
pub(super) fn place(report: &Report, files: &mut Files) -> Result<CaseFiles, ReportError> {
    let runs = &report.input.runs;
    let best = report.trials.best();
    let is_best = |run: &usize| best.is_some_and(|best| runs[*run].context.is_same_trial(&best.context));
    let with_panels: Vec<usize> = (0..runs.len()).filter(|run| !runs[*run].panels.is_empty()).collect();
    let linked: Vec<usize> = with_panels.iter().copied().filter(is_best).take(LINKED_RUNS).collect();
    let mut wanted = Vec::new();
    for &run in &linked {
        for panel in worst_first(&runs[run].panels) {
            let prefix = if linked.len() > 1 { format!("run-{}-", run + 1) } else { String::new() };
            let place =
                |file: Option<&Path>, files: &mut Files| file.map(|file| beside(file, &prefix, files)).transpose();
            // The page's own picture is nearly as large; the full one is linked where it is beside the page.
            let here = panel.picture.parent() == Some(files.folder);
            let picture = place(Some(&panel.picture).filter(|_| here).map(PathBuf::as_path), files)?;
            let scene = place(panel.scene.as_deref(), files)?;
            place(panel.turning.as_deref(), files)?;
            wanted.push(Wanted { run, panel, picture, scene, linked: true });
        }
    }
    remove_old_copies(files)?;
    let others = with_panels.iter().filter(|run| !linked.contains(run));
    let others: Vec<(usize, &Panel)> =
        others.flat_map(|run| worst_first(&runs[*run].panels).into_iter().map(move |panel| (*run, panel))).collect();
    let left_out = others.len().saturating_sub(OTHERS);
    let small_only = |(run, panel)| Wanted { run, panel, picture: None, scene: None, linked: false };
    wanted.extend(others.into_iter().take(OTHERS).map(small_only));
    let shown: Result<Vec<Shown>, ReportError> = wanted.into_par_iter().map(small).collect();
    Ok(CaseFiles { shown: shown?, left_out })
}

/// Removes the copies that an earlier report, perhaps of another trial, left; other files in the folder stay.
fn remove_old_copies(files: &Files) -> Result<(), ReportError> {
    let Ok(entries) = std::fs::read_dir(files.folder.join(CASES)) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| !files.all.contains(path)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ranked = ["best-", "median-", "worst-"].iter().any(|rank| name.starts_with(rank));
        if !ranked || ![SCENE, TURNING].iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        match std::fs::remove_file(&path) {
            // Another process, which writes the same report, was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            removed => removed.map_err(|source| ReportError::File { path, source })?,
        }
    }
    Ok(())
}

fn worst_first(panels: &[Panel]) -> Vec<&Panel> {
    let mut panels: Vec<&Panel> = panels.iter().collect();
    panels.sort_by_key(|panel| std::cmp::Reverse(panel.rank));
    panels
}

/// The file's place relative to the page; copied there if it is elsewhere.
fn beside(file: &Path, prefix: &str, files: &mut Files) -> Result<String, ReportError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if file.parent() == Some(files.folder) {
        return Ok(in_address(&name));
    }
    let name = format!("{CASES}/{prefix}{name}");
    let content = read(file)?;
    files.bytes(&name, &content)?;
    Ok(in_address(&name))
}

/// Percent signs for what an address cannot hold.
fn in_address(name: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(escaped).collect()
}

fn read(file: &Path) -> Result<Vec<u8>, ReportError> {
    std::fs::read(file).map_err(|source| ReportError::File { path: file.to_path_buf(), source })
}

/// A case to be shown.
struct Wanted<'a> {
    run: usize,
    panel: &'a Panel,
    picture: Option<String>,
    scene: Option<String>,
    linked: bool,
}

/// A small copy of a picture.
fn small(wanted: Wanted) -> Result<Shown, ReportError> {
    let Wanted { run, panel, picture, scene, linked } = wanted;
    let unreadable = |error: image::ImageError| ReportError::File {
        path: panel.picture.clone(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string()),
    };
    let large = image::load_from_memory(&read(&panel.picture)?).map_err(unreadable)?.to_rgb8();
    let width = WIDTHS[usize::from(!linked)].min(large.width());
    let height = (u64::from(large.height()) * u64::from(width) / u64::from(large.width().max(1))).max(1) as u32;
    let resized = image::imageops::resize(&large, width, height, FilterType::CatmullRom);
    let mut jpeg = Cursor::new(Vec::new());
    image::DynamicImage::ImageRgb8(resized)
        .write_to(&mut jpeg, ImageOutputFormat::Jpeg(QUALITY))
        .map_err(unreadable)?;
    let turning = panel
        .turning
        .as_ref()
        .filter(|file| panel.rank == Rank::Worst && linked && file.metadata().is_ok_and(|it| it.len() <= ANIMATION));
    Ok(Shown {
        run,
        rank: panel.rank,
        case: panel.case.clone(),
        thumbnail: STANDARD.encode(jpeg.into_inner()),
        size: [width, height],
        picture,
        scene,
        linked,
        animation: turning.map(|file| read(file)).transpose()?.map(|bytes| STANDARD.encode(bytes)),
    })
}
