//! The only mask of a case (`p1/liver.nii.gz`): which structure it is, by the name of its file.

use super::labelled::Labelled;
use super::named::present;
use super::side::tells;
use crate::dataset::name::folded;
use crate::volume::dicom;

/// Names the only structure of a mask as its file is called, if the other side or the question knows this name, or if it is a common
/// anatomical term. Other files keep their values: `final.nii.gz` says nothing.
pub fn called(file: Labelled, other: &Labelled, asked: &[(String, u16)]) -> Labelled {
    let Some(own) = file.called.clone().filter(|own| file.names.is_empty() && tells(&own.name)) else { return file };
    let values = present(&file);
    if values.len() > 1 {
        return file;
    }
    let same = |name: &str| folded(name) == folded(&own.name);
    let beside = other.called.as_ref().is_some_and(|other| same(&other.name) && !other.is_case && !own.is_case);
    let known = || other.names.iter().chain(asked).any(|(name, _)| same(name));
    let is_term = || !own.is_case && dicom::coding(&own.name).is_some();
    match beside || known() || is_term() {
        true => {
            let names = vec![(own.name, values.first().copied().unwrap_or(1))];
            Labelled { names, numbered: false, ..file }
        }
        false => file,
    }
}

/// A remark on a file that is called as one structure and taken as another, because the other side names its value.
pub fn otherwise(file: &Labelled, other: &Labelled) -> Option<String> {
    let own = file.called.as_ref().filter(|own| file.names.is_empty() && dicom::coding(&own.name).is_some())?;
    let [value] = present(file)[..] else { return None };
    let taken = other.names_of(value).next().filter(|taken| folded(taken) != folded(&own.name))?;
    Some(format!(
        "{}: its value {value} is taken as `{taken}`, as {} names it; if it is `{}`, state --labels or --names",
        file.path.display(),
        other.path.display(),
        own.name
    ))
}
