//! Images below the roots. A path from a request is resolved with its links, and what lies outside the roots does not exist.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Answer, Refusal};
use super::percent::encoded;
use super::state::{Inner, Shared, quick, working};
use super::{answer, image};
use crate::dataset::{Case, read_image};
use crate::store;
use crate::volume::{Format, format};

/// Most entries of a folder that are listed.
const MOST: usize = 5000;
/// Words in the names of label files.
const LABEL_WORDS: [&str; 11] = [
    "label",
    "labels",
    "labelmap",
    "seg",
    "segmentation",
    "segmentations",
    "mask",
    "masks",
    "gt",
    "corrections",
    store::PREDICTIONS,
];

/// The folders that the page may look into.
pub struct Roots(Vec<Root>);

struct Root {
    name: String,
    path: PathBuf,
}

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    path: String,
    #[serde(default)]
    channel: Option<usize>,
}

/// A path with its folder in full, as processes with another working folder need it.
pub fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_path_buf())
}

impl Roots {
    /// Folders that exist; each gets the last part of its path as name, with a number where two have the same.
    ///
    /// # Errors
    /// One is no folder.
    pub fn new(folders: &[PathBuf]) -> Result<Self, String> {
        let mut roots: Vec<Root> = Vec::new();
        for folder in folders {
            let path = folder.canonicalize().ok().filter(|path| path.is_dir());
            let path =
                path.ok_or_else(|| format!("--root {}: no such folder; name one that holds images", folder.display()))?;
            let name = path.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy().into_owned());
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            let mut names = std::iter::once(name.clone()).chain(numbered);
            let is_free = |name: &String| roots.iter().all(|root| root.name != *name);
            let name = names.find(is_free).unwrap_or(name.clone());
            roots.push(Root { name, path });
        }
        Ok(Self(roots))
    }

    /// The folders with their links followed.
    pub fn resolved(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|root| root.path.as_path())
    }

    /// The root of a path, and what follows: with several roots, the first part of a path names one.
    fn split<'a>(&self, wanted: &'a str) -> Option<(&Root, &'a str)> {
        match self.0.as_slice() {
            [only] => Some((only, wanted)),
            several => {
                let (name, rest) = wanted.split_once('/').unwrap_or((wanted, ""));
                several.iter().find(|root| root.name == name).map(|root| (root, rest))
            }
        }
    }

    /// Where a path leads, if it is in a root.
    ///
    /// # Errors
    /// It leads nowhere, or elsewhere: both are answered alike, so that nobody learns what there is elsewhere.
    pub fn find(&self, wanted: &str) -> Answer<PathBuf> {
        let missing = || Refusal::missing("file or folder");
        let is_plain =
            |part: Component| matches!(part, Component::Normal(name) if !name.as_encoded_bytes().starts_with(b"."));
        let (root, rest) = self.split(wanted).ok_or_else(missing)?;
        let below = Path::new(rest);
        if wanted.contains(['\0', '\\']) || !below.components().all(is_plain) {
            return Err(missing());
        }
        let path = root.path.join(below).canonicalize().map_err(|_| missing())?;
        // Compared by components: `/data-secret` is not in `/data`.
        if path.starts_with(&root.path) { Ok(path) } else { Err(missing()) }
    }
}

/// `GET /api/files?path=…`.
pub async fn list(State(state): State<Shared>, Query(wanted): Query<Wanted>) -> Answer<Response> {
    quick(&state, move |state| listed(state, &wanted.path)).await.map(|value| answer::json(&value))
}

fn listed(state: &Inner, wanted: &str) -> Answer<Value> {
    let wanted = wanted.trim_matches('/');
    if wanted.is_empty() && state.roots.0.len() != 1 {
        let names: Vec<&str> = state.roots.0.iter().map(|root| root.name.as_str()).collect();
        return Ok(json!({ "path": "", "folders": names, "files": [], "left-out": 0 }));
    }
    let folder = state.roots.find(wanted)?;
    let entries = fs::read_dir(&folder).map_err(|_| Refusal::missing("folder"))?;
    let visible = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = visible.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    let left_out = names.len().saturating_sub(MOST);
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for name in names.into_iter().take(MOST) {
        let below = if wanted.is_empty() { name.clone() } else { format!("{wanted}/{name}") };
        // Links that lead elsewhere are not listed.
        let Ok(path) = state.roots.find(&below) else { continue };
        match (path.is_dir(), kind(&path, &name)) {
            (true, Some(kind)) => {
                files.push(json!({ "name": name, "kind": kind }));
                folders.push(name);
            }
            (true, None) => folders.push(name),
            (false, Some(kind)) => files.push(json!({ "name": name, "kind": kind })),
            (false, None) => {}
        }
    }
    Ok(json!({ "path": wanted, "folders": folders, "files": files, "left-out": left_out }))
}

/// What a file or folder holds, by its name and first bytes; `None` for what cannot be shown.
fn kind(path: &Path, name: &str) -> Option<&'static str> {
    if path.is_dir() {
        let mut entries = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
        let first = entries.find(|path| path.is_file() && !is_hidden(path))?;
        return is_dicom(&first).then_some("series");
    }
    if !path.is_file() {
        return None;
    }
    let holds_labels = match format::stem(name) {
        // With its endings: `001.seg.nrrd`.
        Some(_) => is_label(name, path),
        // Segmentations and contours are DICOM, too.
        None if is_dicom(path) => Format::of(path).is_ok_and(|format| format.entry().holds_labels),
        None => return None,
    };
    Some(if holds_labels { "labels" } else { "image" })
}

/// Whether a file is likely to hold labels, by its name, or by that of its folder (`labelsTr`).
fn is_label(name: &str, path: &Path) -> bool {
    let around = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let folder = around.trim_end_matches("tr").trim_end_matches("ts").trim_end_matches("val");
    let name = name.to_ascii_lowercase();
    let words = |text: &str| text.split(['_', '-', '.', ' ']).any(|word| LABEL_WORDS.contains(&word));
    words(&name) || words(folder)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_dicom(path: &Path) -> bool {
    let mut beginning = [0; 132];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    read.is_ok() && beginning.ends_with(b"DICM")
}

/// The image at a path, as a case without labels.
///
/// # Errors
/// It leads elsewhere, or is no image.
pub fn case(state: &Inner, wanted: &str) -> Answer<Case> {
    let path = state.roots.find(wanted.trim_matches('/'))?;
    let format = Format::of(&path)?;
    if !format.entry().holds_labels || path.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = format::stem(&name).map(str::to_owned).unwrap_or(name);
        return Ok(Case::new(&name, vec![path], None));
    }
    Err(Refusal::bad(format!("this file is no image ({format})")))
}

/// `GET /api/files/image?path=…`: what is known of the image.
pub async fn about(State(state): State<Shared>, Query(wanted): Query<Wanted>) -> Answer<Response> {
    let value = working(&state, move |state| {
        let case = case(state, &wanted.path)?;
        let (grid, channels) = image::grid(&case)?;
        let url = format!("/api/files/voxels?path={}", encoded(&wanted.path));
        Ok(image::about(&case.name, &url, &grid, channels, None))
    });
    Ok(answer::json(&value.await?))
}

/// `GET /api/files/voxels?path=…&channel=N`: the image as NIfTI.
pub async fn voxels(State(state): State<Shared>, Query(wanted): Query<Wanted>) -> Answer<Response> {
    let file = working(&state, move |state| {
        let case = case(state, &wanted.path)?;
        let changed = changed(&case);
        let key = ["file", &wanted.path, &format!("{:?} {changed}", wanted.channel)];
        state
            .volumes
            .get(&key, state.voxels.ending, |path| image::write_image(path, read_image(&case)?, wanted.channel))
    });
    answer::file(file.await?, state.voxels.kind, None)
}

/// What changes with every change of the image.
fn changed(case: &Case) -> String {
    let files = case.images.iter().filter_map(|path| crate::files::below(path).ok()).flatten();
    let of = |path: PathBuf| {
        let metadata = fs::metadata(&path).ok();
        format!("{path:?} {:?}", metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len()))))
    };
    files.map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_nowhere_but_below_the_roots() {
        let place = tempfile::tempdir().unwrap();
        let [data, secret] = ["data", "data-secret"].map(|name| place.path().join(name));
        fs::create_dir_all(data.join("a/b")).unwrap();
        fs::create_dir_all(&secret).unwrap();
        for file in [data.join("a/b/ct.nii"), data.join("a/.hidden"), secret.join("x.nii")] {
            fs::write(file, "x").unwrap();
        }
        let roots = Roots::new(std::slice::from_ref(&data)).unwrap();
        for inside in ["", "a", "a/b", "a/b/ct.nii", "a//b/ct.nii"] {
            assert!(roots.find(inside).is_ok(), "{inside}");
        }
        let absolute = secret.join("x.nii").to_string_lossy().into_owned();
        let outside = [
            "..",
            "../data-secret/x.nii",
            "a/../../data-secret/x.nii",
            "./a",
            "/etc/passwd",
            &absolute,
            "a\\..\\..",
            "a/b\0",
            "%2e%2e/data-secret",
            "a/.hidden",
            "nowhere",
            "../data-secret",
            "~",
        ];
        for outside in outside {
            assert!(roots.find(outside).is_err(), "{outside}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&secret, data.join("link")).unwrap();
            std::os::unix::fs::symlink(data.join("a"), data.join("own")).unwrap();
            assert!(roots.find("link/x.nii").is_err() && roots.find("link").is_err());
            assert!(roots.find("own/b/ct.nii").is_ok());
        }
        let both = Roots::new(&[data.join("a"), secret.clone()]).unwrap();
        assert!(both.find("a/b/ct.nii").is_ok() && both.find("data-secret/x.nii").is_ok());
        assert!(both.find("b/ct.nii").is_err() && both.find("a/../data-secret").is_err());
        assert!(Roots::new(&[place.path().join("gone")]).is_err());
        let names = ["one/data-2", "two/data", "three/data", "four/data-2"].map(|name| place.path().join(name));
        names.iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        let all = Roots::new(&names).unwrap();
        let names: std::collections::BTreeSet<&str> = all.0.iter().map(|root| root.name.as_str()).collect();
        assert_eq!(names.len(), 4, "{names:?}");
    }

    #[test]
    fn files_are_told_apart_by_name_and_content() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, content: &[u8]| {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            kind(&path, name)
        };
        let dicom = [&[0; 128][..], b"DICM"].concat();
        assert_eq!(make("ct.nii.gz", b"x"), Some("image"));
        assert_eq!(make("ct_seg.nii.gz", b"x"), Some("labels"));
        assert_eq!(make("labelsTr/001.nii.gz", b"x"), Some("labels"), "as nnU-Net keeps them");
        assert_eq!(make("imagesTr/001.nii.gz", b"x"), Some("image"));
        assert_eq!(make("001.seg.nrrd", b"x"), Some("labels"));
        assert_eq!((make("IM0001", &dicom), make("notes.txt", b"x")), (Some("image"), None));
        make("series/IM0001", &dicom);
        make("other/notes", b"x");
        let of = |name: &str| kind(&place.path().join(name), name);
        assert_eq!((of("series"), of("other")), (Some("series"), None));
    }
}
