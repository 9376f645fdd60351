//! Writes the files of a form.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use axum::body::Body;
use hyper::HeaderMap;
use hyper::header::CONTENT_LENGTH;
use tokio::io::AsyncWriteExt;

use super::super::error::{Answer, Refusal};
use super::super::state::Inner;
use super::multipart::Form;
use super::{Upload, safe};
use crate::words::bytes;

/// Parts of a form that are no files.
const OTHERS: usize = 100;

/// Refuses a request that says it is too large, before it is received.
///
/// # Errors
/// [`Refusal`] with the limit.
pub fn refuse_length(state: &Inner, headers: &HeaderMap) -> Answer<()> {
    let stated = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // A form with many small files is longer than its files.
    let allowed = state.settings.limits.upload.saturating_add(state.settings.limits.files as u64 * 512);
    if stated.is_some_and(|stated| stated > allowed) { Err(too_large(state)) } else { Ok(()) }
}

fn too_large(state: &Inner) -> Refusal {
    Refusal::too_large(format!("an upload holds at most {}", bytes(state.settings.limits.upload)))
        .help("choose a larger --upload-limit, or put the images below a --root")
}

/// Receives all files of a form into the upload's folder.
///
/// # Errors
/// Too many, too large, names that lead elsewhere, two files of one name, or a full disk.
pub async fn receive(state: &Inner, upload: &Upload, boundary: &str, body: Body) -> Answer<()> {
    let limits = &state.settings.limits;
    let mut form = Form::new(body, boundary, limits.patience);
    let (mut files, mut others) = (0, 0);
    while let Some(name) = form.part().await? {
        let path = match name.as_deref() {
            Some(name) if !name.is_empty() => {
                upload.messages.learn_sent(name);
                safe(name, limits.depth).map_err(|text| Refusal::bad(upload.told(&text)))?
            }
            _ => None,
        };
        let Some(path) = path else {
            others += 1;
            if others > OTHERS + limits.files {
                return Err(Refusal::too_large("the form has too many parts"));
            }
            while let Some(piece) = form.data().await? {
                count(state, upload, piece.len())?;
            }
            continue;
        };
        files += 1;
        if files > limits.files {
            return Err(Refusal::too_large(format!("an upload holds at most {} files", limits.files)));
        }
        write(state, upload, &path, &mut form).await?;
    }
    if files == 0 { Err(Refusal::bad("the form holds no file")) } else { Ok(()) }
}

async fn write(state: &Inner, upload: &Upload, path: &Path, form: &mut Form) -> Answer<()> {
    let path = upload.folder.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|_| taken(upload, &path))?;
    }
    // Never through a link, never over another file.
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).open(&path).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(upload, &path),
        _ => Refusal::failed(crate::files::reason(&error)),
    })?;
    while let Some(piece) = form.data().await? {
        count(state, upload, piece.len())?;
        file.write_all(&piece).await.map_err(|error| Refusal::failed(crate::files::reason(&error)))?;
    }
    file.flush().await.map_err(|error| Refusal::failed(crate::files::reason(&error)))
}

pub fn too_full() -> Refusal {
    Refusal::too_many("the uploads take too much of the disk").help("remove one of them")
}

fn taken(upload: &Upload, path: &Path) -> Refusal {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Refusal::bad(upload.told(&format!("two files or folders of the form have the same name: {name}")))
}

/// Counts received bytes.
fn count(state: &Inner, upload: &Upload, more: usize) -> Answer<()> {
    let sum = upload.bytes.fetch_add(more as u64, Ordering::Relaxed) + more as u64;
    upload.touch();
    if sum > state.settings.limits.upload {
        return Err(too_large(state));
    }
    if state.uploads.bytes() > state.settings.limits.uploads {
        return Err(too_full());
    }
    if upload.is_removed.load(Ordering::SeqCst) {
        return Err(Refusal::conflict("the upload was removed"));
    }
    if state.cancel.is_stopped() {
        return Err(Refusal::failed("the server stops"));
    }
    Ok(())
}
