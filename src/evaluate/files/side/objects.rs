//! Cases of DICOM objects (SEG, RTSTRUCT): by folder, by patient, by the series that they were drawn on. Their names may be anything.

use std::collections::BTreeMap;

use super::group::{Groups, named, paths};
use super::{Form, Reading, Source};
use crate::evaluate::files::images::drawn_on;
use crate::evaluate::files::tree::{Kind, Leaf, Tree};
use crate::volume::dicom;

/// The readings of a tree's DICOM objects.
pub(super) fn readings(tree: &Tree) -> Vec<Reading> {
    let objects: Vec<&Leaf> = tree.labels().filter(|leaf| leaf.kind == Kind::Object).collect();
    if objects.is_empty() {
        return Vec::new();
    }
    let mut found = Groups::of(tree, |leaf| leaf.kind == Kind::Object).objects();
    let patient = |leaf: &Leaf| dicom::identity(&leaf.path).ok().flatten().map(|identity| identity.patient);
    let series = |leaf: &Leaf| drawn_on(&leaf.path).into_iter().next();
    found.extend(by(&objects, Form::Patients, 4, patient));
    found.extend(by(&objects, Form::Series, 5, series));
    found
}

/// A reading by something that every object states.
fn by(objects: &[&Leaf], form: Form, rank: usize, key: impl Fn(&Leaf) -> Option<String>) -> Option<Reading> {
    let mut groups: BTreeMap<String, Vec<&Leaf>> = BTreeMap::new();
    for leaf in objects {
        groups.entry(key(leaf).filter(|key| !key.is_empty())?).or_default().push(leaf);
    }
    let cases = groups.into_iter().map(|(key, leaves)| (key, Source::Objects(paths(&leaves)))).collect();
    Some(Reading { form, cases, rank: rank * 10, alone: false })
}

impl Groups<'_> {
    /// Objects of one folder are one case; also those of the folders below the same first folder (patient/study/series).
    fn objects(&self) -> Vec<Reading> {
        let mut found = Vec::new();
        let all: Vec<(&[String], Source)> =
            self.each().map(|(folders, leaves)| (folders, Source::Objects(paths(leaves)))).collect();
        found.extend(named(&all, Form::Objects, 2));
        let mut tops: BTreeMap<&[String], Vec<&Leaf>> = BTreeMap::new();
        self.each().for_each(|(folders, leaves)| tops.entry(&folders[..1]).or_default().extend(leaves));
        if tops.len() < all.len() {
            let tops: Vec<(&[String], Source)> =
                tops.into_iter().map(|(folders, leaves)| (folders, Source::Objects(paths(&leaves)))).collect();
            found.extend(named(&tops, Form::Objects, 3));
        }
        found
    }
}
