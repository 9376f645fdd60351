//! Header and image in two files: `case.hdr` beside `case.img`, each of them possibly compressed.

use std::path::{Path, PathBuf};

use crate::ReadError;
use crate::stored::unsupported;

/// The file with the header: the one that belongs to an `.img`, else the file itself.
pub(super) fn header_of(path: &Path) -> Result<PathBuf, ReadError> {
    match other_half(path, "img", "hdr") {
        Half::Found(header) => Ok(header),
        Half::Missing(wanted) => Err(unsupported(path, format!("is half of a pair without {wanted} beside it"))),
        Half::None => Ok(path.into()),
    }
}

/// The file with the voxels, for a header in its own file.
pub(super) fn image_of(header: &Path) -> Result<PathBuf, ReadError> {
    match other_half(header, "hdr", "img") {
        Half::Found(image) => Ok(image),
        Half::Missing(wanted) => Err(unsupported(header, format!("is half of a pair without {wanted} beside it"))),
        Half::None => {
            Err(unsupported(header, "is the header of a pair; name it .hdr, beside the .img file with its voxels"))
        }
    }
}

enum Half {
    Found(PathBuf),
    /// The name that was looked for.
    Missing(String),
    /// The file's name is neither.
    None,
}

/// `case.img.gz` → `case.hdr.gz` or `case.hdr`: the same form first.
fn other_half(path: &Path, own: &str, other: &str) -> Half {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Half::None };
    let (stem, zipped) = name.strip_suffix(".gz").map_or((name, false), |stem| (stem, true));
    let Some((stem, extension)) = stem.rsplit_once('.') else { return Half::None };
    let other = match extension {
        _ if extension == own => other.to_owned(),
        _ if extension == own.to_uppercase() => other.to_uppercase(),
        _ => return Half::None,
    };
    let (plain, compressed) = (format!("{stem}.{other}"), format!("{stem}.{other}.gz"));
    let candidates = if zipped { [&compressed, &plain] } else { [&plain, &compressed] };
    let found = candidates.into_iter().map(|name| path.with_file_name(name)).find(|candidate| candidate.is_file());
    found.map_or(Half::Missing(plain), Half::Found)
}
