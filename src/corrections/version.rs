//! Versions of a correction: who saves or withdraws one says which one was seen, so that nobody's work is replaced unseen.

use std::fs;
use std::io::ErrorKind;

use super::labels::staged;
use super::{Correction, CorrectionError, Drawn, PATIENCE, file, labels_of, record};
use crate::store::corrected::RECORD;
use crate::store::{Lock, Stored, write_json};

/// Which correction of a case another one may take the place of.
#[derive(Clone, Copy, Debug)]
pub enum Over<'a> {
    /// Whatever there is.
    Anything,
    /// Only none: there was none when the person began.
    Nothing,
    /// Only this version, as [`Correction::version`] says.
    Version(&'a str),
}

impl Over<'_> {
    /// Compares with what there is now.
    ///
    /// # Errors
    /// [`CorrectionError::Changed`]: somebody saved or withdrew a correction meanwhile.
    pub fn check(self, there: Option<&Correction>) -> Result<(), CorrectionError> {
        let changed = |text: String| Err(CorrectionError::Changed(text));
        match (self, there) {
            (Self::Anything, _) | (Self::Nothing, None) => Ok(()),
            (Self::Version(seen), Some(there)) if there.version() == seen => Ok(()),
            (Self::Nothing | Self::Version(_), Some(Correction { who, when, .. })) => {
                changed(format!("{who} saved another correction of this case at {when}"))
            }
            (Self::Version(_), None) => changed("the correction was withdrawn meanwhile".into()),
        }
    }
}

impl Correction {
    /// What changes whenever a correction is saved: a hash of all that is known of it.
    pub fn version(&self) -> String {
        let known = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&known).to_hex()[..32].to_owned()
    }
}

/// The correction that is there, if it is the one that is being saved.
pub(super) fn saved_before(run: &Stored, there: Option<&Correction>, drawn: &Drawn) -> Option<Correction> {
    let there = there.filter(|it| it.who == drawn.who && it.base == drawn.base)?;
    let labels = labels_of(run, there).ok()?;
    let names_all = drawn
        .added
        .iter()
        .all(|it| there.structures.contains(it) || !drawn.labels.voxels.iter().any(|&value| value == it.value));
    (names_all && labels.voxels == drawn.labels.voxels).then(|| there.clone())
}

/// Takes the correction of a case away: the case is then one that nobody corrected.
///
/// # Errors
/// There is none, or another one than was seen; the record cannot be written.
pub fn withdraw(run: &Stored, name: &str, over: Over) -> Result<(), CorrectionError> {
    let folder = run.folder.corrections();
    let none = || CorrectionError::Refused(format!("the case `{name}` has no correction"));
    let first = record(run)?;
    first.corrections.get(name).ok_or_else(none)?;
    let _lock = Lock::wait(&folder.join(".lock"), PATIENCE)?;
    let mut record = record(run)?;
    over.check(record.corrections.get(name))?;
    record.corrections.remove(name).ok_or_else(none)?;
    // Recorded first: labels without a record are nobody's, a record without labels would be a fault.
    write_json(&folder.join(RECORD), &record)?;
    for path in [file(run, name), staged(run, name)] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(CorrectionError::File { path, source: error });
            }
            _ => {}
        }
    }
    Ok(())
}
