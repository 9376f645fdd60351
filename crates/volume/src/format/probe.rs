//! A path as formats look at it to recognise their own.

use std::cell::OnceCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::ReadError;
use crate::dicom::{self, Content};
use crate::stored::unsupported;

/// Bytes that formats may look at: the last mark is that of NIfTI-1, at 344.
const BEGINNING: u64 = 352;

/// Name and first bytes of a file, or a folder.
pub struct Probe<'a> {
    /// The file or folder.
    pub path: &'a Path,
    /// Whether it is a folder.
    pub is_folder: bool,
    name: String,
    beginning: Vec<u8>,
    /// Headers of a series are read once, though two formats ask for them.
    dicom: OnceCell<Option<Content>>,
}

impl<'a> Probe<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Open { path: path.into(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        let is_folder = metadata.is_dir();
        if !is_folder && !metadata.is_file() {
            // A device or a pipe has no end, or waits for a writer.
            return Err(unsupported(path, "is neither a file nor a folder"));
        }
        let mut beginning = Vec::new();
        if !is_folder {
            File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning)).map_err(failed)?;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        Ok(Self { path, is_folder, name, beginning, dicom: OnceCell::new() })
    }

    /// Whether these bytes lie at a place of the file.
    pub fn has(&self, offset: usize, bytes: &[u8]) -> bool {
        self.beginning.get(offset..offset + bytes.len()) == Some(bytes)
    }

    /// Whether the name ends in one of these, in lower or upper case.
    pub fn is_named(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.name.ends_with(ending))
    }

    /// What kind of DICOM object a file is, or the files of a folder are; `None` for other files.
    ///
    /// # Errors
    /// [`ReadError`]: a damaged DICOM file, or a folder without DICOM files.
    pub fn dicom(&self) -> Result<Option<Content>, ReadError> {
        if let Some(known) = self.dicom.get() {
            return Ok(*known);
        }
        let content = if self.is_folder { Some(of_folder(self.path)?) } else { dicom::content_of(self.path)? };
        Ok(*self.dicom.get_or_init(|| content))
    }
}

/// A folder holds labels where there is no image beside them.
fn of_folder(path: &Path) -> Result<Content, ReadError> {
    let found = dicom::scan(path)?;
    let contents = || found.series.iter().map(|series| series.content);
    if contents().any(Content::has_pixels) || !found.damaged.is_empty() {
        return Ok(Content::Image);
    }
    if let Some(labels) = contents().find(|content| content.holds_labels()) {
        return Ok(labels);
    }
    let others: Vec<&str> = found.series.iter().map(|series| series.what.as_str()).collect();
    let beside = if others.is_empty() { String::new() } else { format!(" (it holds: {})", others.join(", ")) };
    Err(unsupported(path, format!("is a folder without a DICOM image{beside}; name a file in it")))
}
