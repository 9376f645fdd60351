//! Who the patient of an anonymous copy is, and the secret that new UIDs follow from.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use super::Convert;
use crate::cli::{Exit, Failure};
use crate::files;
use crate::volume::dicom::Anonymous;
use crate::volume::format;

/// The identity of what is written with `--anonymize`.
pub(super) fn identity(args: &Convert) -> Result<Option<Anonymous>, Failure> {
    if !args.anonymize {
        return Ok(None);
    }
    let name = args.target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = format::stem(&name).unwrap_or(&name).to_owned();
    Ok(Some(match &args.secret {
        // Series and objects of several calls are to have the same patient, whatever they are called.
        Some(path) => Anonymous { patient: String::new(), description: name, secret: kept(path)? },
        None => Anonymous { patient: name.clone(), description: name, secret: made() },
    }))
}

/// New for each call, so that anonymised UIDs cannot be traced back. The standard library seeds its hashers with system randomness.
fn made() -> String {
    let number = || RandomState::new().build_hasher().finish();
    [number(), number(), number(), number()].map(|number| format!("{number:016x}")).concat()
}

/// The secret in a file, which is made if it is not there.
fn kept(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::reading(path, &error);
    if !path.exists() {
        let secret = made();
        files::write_atomic(path, format!("{secret}\n").as_bytes()).map_err(failed)?;
        eprintln!("note: {}: a new secret; keep it for further calls, and away from the results", path.display());
        return Ok(secret);
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    match text.trim() {
        "" => Err(Failure::message(Exit::Usage, format!("{}: holds no secret: remove the file", path.display()))),
        secret => Ok(secret.to_owned()),
    }
}
