//! Hospital archives over DICOMweb (PS3.18 of the DICOM standard): finds studies (QIDO-RS), fetches series (WADO-RS), and stores
//! segmentations (STOW-RS). Nothing is sent or asked for unless a person says so.
//!
//! Objects are written as the archive sends them, byte for byte: reading them is the business of [`crate::volume::dicom`].

mod client;
mod object;
pub mod parts;
mod query;
mod retrieve;
mod store;
mod watch;

use std::path::PathBuf;

pub use client::Pacs;
pub use query::{Query, Series, Study};
pub use retrieve::{Fetched, Limits};
pub use store::{Refusal, Stored};

/// An archive that does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PacsError {
    /// The request is wrong; nothing was sent.
    #[error("{0}")]
    Request(String),
    /// Nobody answers, or the answer does not come to its end.
    #[error("{url}: {reason}")]
    Away {
        /// The archive.
        url: String,
        /// Why.
        reason: String,
    },
    /// The archive refuses.
    #[error("{url}: refused with status {status}{}", told(*status, reason))]
    Refused {
        /// The request's address.
        url: String,
        /// Status of HTTP.
        status: u16,
        /// What the archive says.
        reason: String,
    },
    /// The answer is no DICOMweb, or more, less or something else than was asked for.
    #[error("{url}: {reason}")]
    Answer {
        /// The request's address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("{}: {}", path.display(), crate::files::reason(source))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Cancelled.
    #[error("stopped; nothing was kept")]
    Stopped,
}

/// What a person can do about a status, and what the archive says.
fn told(status: u16, reason: &str) -> String {
    let said = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let remedy = match status {
        401 | 403 => ": set SEGSPEC_PACS_USER and SEGSPEC_PACS_PASSWORD, or SEGSPEC_PACS_TOKEN",
        404 => {
            ": there is no such study or series, or no DICOMweb at this address (Orthanc's is http://HOST:8042/dicom-web)"
        }
        300..=399 => ": it leads elsewhere, and nothing is sent there: give the final address",
        _ => "",
    };
    format!("{said}{remedy}")
}

/// A DICOM UID (PS3.5, section 9): up to 64 characters, numbers between dots. What is none of these becomes part of no address.
///
/// # Errors
/// [`PacsError::Request`]
pub fn uid(text: &str) -> Result<&str, PacsError> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_uid = text.len() <= 64 && text.split('.').all(is_number);
    is_uid
        .then_some(text)
        .ok_or_else(|| PacsError::Request(format!("`{text}` is no UID of a study or series (digits and dots)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_have_digits_and_dots() {
        assert_eq!(uid("1.2.840.10008").unwrap(), "1.2.840.10008");
        for wrong in ["", ".", "..", "1..2", ".1", "1.", "1.2/../3", "1.2?x", "a", &"1".repeat(65)] {
            assert!(uid(wrong).unwrap_err().to_string().contains("is no UID"), "{wrong}");
        }
    }
}
