//! Where models are: a folder, or the archive of `nnUNetv2_export_model_to_zip`, of which only what is read is unpacked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zip::ZipArchive;

use super::ImportError;

/// Most bytes that a checkpoint may unpack to: the largest have 2 GB with their optimiser's state.
const LARGEST: u64 = 16 << 30;
/// Most bytes that all descriptions of an archive may unpack to.
const LARGEST_TEXTS: u64 = 1 << 30;

/// Where models are.
pub enum Source {
    /// A folder.
    Folder(PathBuf),
    /// An archive.
    Archive(Archive),
}

/// An archive, with what is unpacked of it: the descriptions, and an empty file in the place of each checkpoint that was not asked for.
pub struct Archive {
    path: PathBuf,
    folder: TempDir,
    /// Number in the archive of each checkpoint, by its place in the folder.
    checkpoints: BTreeMap<PathBuf, usize>,
}

impl Source {
    /// Opens a folder, or unpacks the descriptions in an archive.
    ///
    /// # Errors
    /// It cannot be read, or the archive is damaged or names files outside its folder.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        match path.is_file() {
            true => Archive::open(path).map(Self::Archive),
            false => match fs::read_dir(path) {
                Ok(_) => Ok(Self::Folder(path.into())),
                Err(error) => Err(ImportError::io(path, &error)),
            },
        }
    }

    /// The folder at or below which models are.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Archive(archive) => archive.folder.path(),
        }
    }

    /// The model's folder in words that hold after the import: the archive for what was unpacked of it.
    pub fn lasting<'a>(&'a self, folder: &'a Path) -> &'a Path {
        match self {
            Self::Folder(_) => folder,
            Self::Archive(archive) => &archive.path,
        }
    }

    /// Has a checkpoint unpacked, so that it can be read.
    ///
    /// # Errors
    /// The archive is damaged, or the disk is full.
    pub fn fetch(&self, checkpoint: &Path) -> Result<(), ImportError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Archive(archive) => archive.fetch(checkpoint).map_err(|error| self.told(error)),
        }
    }

    /// An error that names the archive and its member in place of what was unpacked.
    pub fn told(&self, error: ImportError) -> ImportError {
        let Self::Archive(archive) = self else { return error };
        let (text, folder) = (error.to_string(), archive.folder.path().display().to_string());
        if !text.contains(&folder) {
            return error;
        }
        // `FOLDER/member: reason`, or `FOLDER: reason` for a model that is not in a folder of the archive.
        let reason = text.replace(&format!("{folder}{}", std::path::MAIN_SEPARATOR), "");
        let reason = reason.replace(&format!("{folder}: "), "").replace(&folder, "the archive");
        ImportError::File { path: archive.path.clone(), reason, environment: error.is_environment() }
    }
}

impl Archive {
    fn open(path: &Path) -> Result<Self, ImportError> {
        let mut zip = zip(path)?;
        let folder = tempfile::tempdir().map_err(|error| ImportError::io(&std::env::temp_dir(), &error))?;
        let mut archive = Self { path: path.into(), folder, checkpoints: BTreeMap::new() };
        let mut left = LARGEST_TEXTS;
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(|error| damaged(path, index, &error))?;
            let Some(name) = entry.enclosed_name() else {
                return Err(ImportError::of(path, format!("its entry {} is a file outside its folder", index + 1)));
            };
            let (is_folder, target) = (entry.is_dir(), archive.folder.path().join(&name));
            drop(entry);
            let is_text = ["plans.json", "dataset.json"].iter().any(|text| name.ends_with(text));
            if is_folder || !(is_text || is_checkpoint(&name)) {
                continue;
            }
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(|error| ImportError::io(&archive.path, &error))?;
            }
            if is_text {
                left -= archive.unpack(&mut zip, index, &target, left)?;
            } else {
                File::create(&target).map_err(|error| ImportError::io(&archive.path, &error))?;
                archive.checkpoints.insert(target, index);
            }
        }
        Ok(archive)
    }

    fn fetch(&self, checkpoint: &Path) -> Result<(), ImportError> {
        let Some(index) = self.checkpoints.get(checkpoint) else { return Ok(()) };
        self.unpack(&mut zip(&self.path)?, *index, checkpoint, LARGEST).map(drop)
    }

    /// Unpacks an entry of at most `most` bytes; its size.
    fn unpack(&self, zip: &mut ZipArchive<File>, index: usize, target: &Path, most: u64) -> Result<u64, ImportError> {
        let entry = zip.by_index(index).map_err(|error| damaged(&self.path, index, &error))?;
        let name = entry.enclosed_name().unwrap_or_default().display().to_string();
        let mut out = File::create(target).map_err(|error| ImportError::io(&self.path, &error))?;
        let written =
            io::copy(&mut entry.take(most), &mut out).map_err(|error| match crate::files::is_environment(&error) {
                true => ImportError::io(&self.path, &error),
                false => ImportError::of(&self.path, format!("its member {name} is damaged: {error}")),
            })?;
        match written < most {
            true => Ok(written),
            false => {
                Err(ImportError::of(&self.path, format!("its member {name} unpacks to more than {} GB", most >> 30)))
            }
        }
    }
}

/// Whether a member is a checkpoint of a fold.
fn is_checkpoint(name: &Path) -> bool {
    let fold = name.parent().and_then(Path::file_name);
    fold.is_some_and(|fold| fold.to_string_lossy().starts_with("fold_"))
        && name.extension().is_some_and(|ending| ending == "pth")
}

fn zip(path: &Path) -> Result<ZipArchive<File>, ImportError> {
    let file = File::open(path).map_err(|error| ImportError::io(path, &error))?;
    ZipArchive::new(file)
        .map_err(|error| ImportError::of(path, format!("neither a folder nor a whole zip archive: {error}")))
}

fn damaged(path: &Path, index: usize, error: &zip::result::ZipError) -> ImportError {
    ImportError::of(path, format!("its entry {} cannot be read: {error}", index + 1))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn archive(path: &Path, files: &[(&str, &[u8])]) {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        for (name, bytes) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn only_what_is_read_is_unpacked() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("my model.zip");
        let large = vec![7; 1000];
        archive(
            &path,
            &[
                ("m/plans.json", b"{}"),
                ("m/dataset.json", b"{}"),
                ("m/fold_0/checkpoint_final.pth", &large),
                ("m/fold_0/checkpoint_best.pth", &large),
                ("m/fold_0/validation/a.nii.gz", &large),
                ("m/fold_1/checkpoint_final.pth", &large),
            ],
        );
        let source = Source::open(&path).unwrap();
        let at = |name: &str| source.folder().join(name);
        source.fetch(&at("m/fold_0/checkpoint_final.pth")).unwrap();
        let size = |name: &str| fs::metadata(at(name)).map(|file| file.len()).ok();
        let sizes = ["fold_0/checkpoint_final.pth", "fold_0/checkpoint_best.pth", "fold_1/checkpoint_final.pth"];
        assert_eq!(sizes.map(|name| size(&format!("m/{name}"))), [Some(1000), Some(0), Some(0)]);
        assert_eq!((size("m/plans.json"), size("m/fold_0/validation/a.nii.gz")), (Some(2), None));
        assert_eq!(source.lasting(&at("m")), path);
    }

    #[test]
    fn errors_name_the_archive_and_its_member() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("model.zip");
        archive(&path, &[("m/plans.json", b"{}")]);
        let source = Source::open(&path).unwrap();
        let text = |error: ImportError| source.told(error).to_string();
        let shown = path.display();
        let inside = |name: &str| source.folder().join(name);
        assert_eq!(text(ImportError::of(&inside("m/plans.json"), "bad")), format!("{shown}: m/plans.json: bad"));
        assert_eq!(text(ImportError::of(source.folder(), "has no fold")), format!("{shown}: has no fold"));
        let other = || ImportError::of(Path::new("runs/a"), "is full");
        assert_eq!(text(other()), other().to_string());
        archive(&path, &[("../plans.json", b"{}")]);
        assert!(Source::open(&path).err().unwrap().to_string().contains("outside its folder"));
        fs::write(&path, "no archive").unwrap();
        assert!(Source::open(&path).err().unwrap().to_string().contains("zip archive"));
    }
}
