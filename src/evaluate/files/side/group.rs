//! Cases that are folders: with one label file, with a mask per structure, with a picture per slice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;

use super::{Form, Reading, Source};
use crate::dataset::name::{folded, is_generic};
use crate::dataset::numbering::in_order_of;
use crate::evaluate::files::tree::{Kind, Leaf, Tree};
use crate::volume::{Format, read_header, read_label_map};

/// Label maps have at most this many values; more are intensities.
const MOST_VALUES: usize = 200;

/// What a file holds, found out by reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// One structure: one value besides 0.
    Mask,
    /// Several structures.
    Labels,
    /// Intensities.
    Image,
}

/// Reads what a file holds.
pub(super) fn content(leaf: &Leaf) -> Content {
    if leaf.kind == Kind::Surface {
        return Content::Mask;
    }
    let Ok(labels) = read_label_map(&leaf.path) else {
        let named = matches!(Format::of(&leaf.path), Ok(Format::NrrdSegments));
        let channels = read_header(&leaf.path).map_or(1, |header| header.channels);
        return if named || channels > 1 && leaf.kind == Kind::Volume { Content::Labels } else { Content::Image };
    };
    let mut present = vec![false; usize::from(u16::MAX) + 1];
    labels.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
    match present[1..].iter().filter(|is| **is).count() {
        0 | 1 => Content::Mask,
        2..=MOST_VALUES => Content::Labels,
        _ => Content::Image,
    }
}

/// Files in the order of their names, numbers by their value: `2` before `10`.
pub fn in_order(leaves: &[&Leaf]) -> Vec<PathBuf> {
    let mut leaves: Vec<&&Leaf> = leaves.iter().collect();
    in_order_of(&mut leaves, |leaf| leaf.stem.clone());
    leaves.into_iter().map(|leaf| leaf.path.clone()).collect()
}

/// The name of a file without those of the folders around it: `p1/p1_liver.nii.gz` is the liver.
pub(super) fn own_name(leaf: &Leaf) -> String {
    let parts = |folder: &String| {
        let rest = leaf.stem.strip_prefix(folder.as_str()).filter(|rest| rest.starts_with(SEPARATORS));
        let rest = rest
            .or_else(|| leaf.stem.strip_suffix(folder.as_str()).filter(|rest| rest.ends_with(SEPARATORS)))?
            .trim_matches(SEPARATORS);
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    leaf.folders.iter().rev().find_map(parts).unwrap_or_else(|| leaf.stem.clone())
}

/// What stands between the name of a case and that of a structure.
pub(super) const SEPARATORS: [char; 4] = ['-', '_', '.', ' '];

/// Names of label files, whatever they show.
const UNTOLD: [&str; 23] = [
    "segmentation",
    "segmentations",
    "seg",
    "label",
    "labels",
    "labelmap",
    "label map",
    "mask",
    "masks",
    "gt",
    "ground truth",
    "groundtruth",
    "truth",
    "reference",
    "ref",
    "final",
    "prediction",
    "pred",
    "output",
    "out",
    "result",
    "annotation",
    "contour",
];

/// Whether a name may be that of a structure.
pub fn tells(name: &str) -> bool {
    let folded = folded(name);
    !is_generic(name) && ![folded.as_str(), folded.trim_end_matches('s')].iter().any(|word| UNTOLD.contains(word))
}

pub(super) fn paths(leaves: &[&Leaf]) -> Vec<PathBuf> {
    leaves.iter().map(|leaf| leaf.path.clone()).collect()
}

pub(super) fn masks(leaves: &[&Leaf]) -> Source {
    Source::Masks(leaves.iter().map(|leaf| (leaf.stem.clone(), leaf.path.clone())).collect())
}

/// What the files of a folder hold, by their names.
type Contents<'a> = BTreeMap<&'a str, Content>;

/// Folders with their files.
pub(super) struct Groups<'a>(BTreeMap<&'a [String], Vec<&'a Leaf>>);

impl<'a> Groups<'a> {
    /// The folders below the root that hold label files of some kinds.
    pub fn of(tree: &'a Tree, wanted: impl Fn(&Leaf) -> bool) -> Self {
        let mut groups: BTreeMap<&[String], Vec<&Leaf>> = BTreeMap::new();
        for leaf in tree.labels().filter(|leaf| !leaf.folders.is_empty() && wanted(leaf)) {
            groups.entry(&leaf.folders).or_default().push(leaf);
        }
        Self(groups)
    }

    /// Each folder with its files.
    pub fn each(&self) -> impl Iterator<Item = (&'a [String], &Vec<&'a Leaf>)> {
        self.0.iter().map(|(folders, leaves)| (*folders, leaves))
    }

    /// How many folders down they lie.
    pub fn depths(&self) -> Vec<usize> {
        let depths: BTreeSet<usize> = self.0.keys().map(|folders| folders.len()).collect();
        depths.into_iter().collect()
    }

    /// Those of one depth.
    pub fn of_depth(&self, depth: usize) -> Self {
        let own = self.0.iter().filter(|(folders, _)| folders.len() == depth);
        Self(own.map(|(folders, leaves)| (*folders, leaves.clone())).collect())
    }

    /// Their readings. With `several`, files of other depths may be images: the first folder is then looked into.
    pub fn readings(&self, several: bool) -> Vec<Reading> {
        let mut found = Vec::new();
        if self.0.values().flatten().all(|leaf| leaf.kind == Kind::Picture) {
            let of = |leaves: &Vec<&Leaf>| Some(Source::Slices(in_order(leaves)));
            let alone = self.0.values().all(|leaves| leaves.len() == 1);
            found.extend(self.named(Form::Slices, if alone { 7 } else { 3 }, of));
        }
        if self.0.values().all(|leaves| leaves.len() == 1) {
            let image = several && self.0.values().next().is_some_and(|leaves| content(leaves[0]) == Content::Image);
            let alike = self.stems().len() == 1;
            let rank = if alike { 1 } else { 7 };
            let are_masks = self.are_masks();
            let file = |leaves: &Vec<&Leaf>| {
                let leaf = leaves.first()?;
                let (path, name) = (leaf.path.clone(), own_name(leaf));
                Some(if are_masks { Source::Mask { name, path, is_case: false } } else { Source::File(path) })
            };
            if !image {
                found.extend(self.named(Form::Folders, rank, file));
            }
        }
        found.extend(self.of_several());
        found
    }

    /// Whether all of them are masks of one structure, which their names may tell.
    fn are_masks(&self) -> bool {
        let leaves: Vec<&&Leaf> = self.0.values().flatten().collect();
        let may_be = |leaf: &&&Leaf| leaf.kind == Kind::Volume && tells(&own_name(leaf));
        leaves.iter().all(may_be) && leaves.par_iter().all(|leaf| content(leaf) == Content::Mask)
    }

    fn stems(&self) -> BTreeSet<&str> {
        self.0.values().flatten().map(|leaf| leaf.stem.as_str()).collect()
    }

    /// Folders with several files of names that come again: masks of structures, or label maps beside images.
    fn of_several(&self) -> Vec<Reading> {
        let files: usize = self.0.values().map(Vec::len).sum();
        let again = self.0.len() == 1 || self.stems().len() < files;
        let Some(most) = self.0.values().max_by_key(|leaves| leaves.len()).filter(|_| again) else { return Vec::new() };
        let several = self.0.values().any(|leaves| leaves.len() > 1);
        let pictures = most.iter().all(|leaf| leaf.kind == Kind::Picture);
        if pictures && !several {
            return Vec::new();
        }
        let contents: Contents = most.par_iter().map(|leaf| (leaf.stem.as_str(), content(leaf))).collect();
        let mut found = self.of_masks(&contents, pictures);
        if several && !pictures {
            found.extend(self.of_maps(&contents));
        }
        found
    }

    fn of_masks(&self, contents: &Contents, pictures: bool) -> Vec<Reading> {
        let is_mask = |leaf: &&Leaf| contents.get(leaf.stem.as_str()).is_none_or(|content| *content != Content::Image);
        let source = |leaves: &Vec<&'a Leaf>| {
            let own: Vec<&Leaf> = leaves.iter().copied().filter(is_mask).collect();
            (!own.is_empty()).then(|| masks(&own))
        };
        let rank = match () {
            () if pictures => 4,
            // A mask that is not all of one value is refused when it is read.
            () if contents.values().any(|content| *content == Content::Labels) => 8,
            () => 2,
        };
        match contents.values().any(|content| *content != Content::Image) {
            true => self.named(Form::Masks, rank, source),
            false => Vec::new(),
        }
    }

    /// One label map beside images, or several label maps of which one is chosen by what the other side has.
    fn of_maps(&self, contents: &Contents) -> Vec<Reading> {
        let is = |wanted: Content| contents.values().any(|content| *content == wanted);
        let maps: Vec<&str> =
            contents.iter().filter(|(_, content)| **content != Content::Image).map(|(stem, _)| *stem).collect();
        if !(is(Content::Labels) || is(Content::Image) && maps.len() == 1) {
            return Vec::new();
        }
        let of = |stem: &str| {
            let own = |leaves: &Vec<&'a Leaf>| {
                let leaf = leaves.iter().find(|leaf| leaf.stem == stem)?;
                Some(Source::File(leaf.path.clone()))
            };
            self.named(Form::Folders, 1, own)
        };
        maps.into_iter().flat_map(of).collect()
    }

    /// Readings that differ in how the folders name the cases.
    fn named(&self, form: Form, rank: usize, source: impl Fn(&Vec<&'a Leaf>) -> Option<Source>) -> Vec<Reading> {
        let sources: Vec<(&[String], Source)> =
            self.0.iter().filter_map(|(folders, leaves)| Some((*folders, source(leaves)?))).collect();
        named(&sources, form, rank)
    }
}

/// Readings of folders: named without what all of their paths share, by their whole paths, and by their first folders.
pub(super) fn named(sources: &[(&[String], Source)], form: Form, rank: usize) -> Vec<Reading> {
    let folders: Vec<&[String]> = sources.iter().map(|(folders, _)| *folders).collect();
    let whole: Vec<String> = folders.iter().map(|folders| folders.join("/")).collect();
    let first: Vec<String> = folders.iter().map(|folders| folders.first().cloned().unwrap_or_default()).collect();
    let mut found: Vec<Reading> = Vec::new();
    for (more, names) in [short(&folders), whole, first].into_iter().enumerate() {
        let cases: BTreeMap<String, Source> =
            names.into_iter().zip(sources.iter().map(|(_, source)| source.clone())).collect();
        if cases.len() == sources.len() && !cases.is_empty() && found.iter().all(|known| known.cases != cases) {
            found.push(Reading { form, cases, rank: rank * 10 + more, alone: false });
        }
    }
    found
}

/// Paths of folders without the parts that all of them share; a single one has its first folder's name.
pub fn short(folders: &[&[String]]) -> Vec<String> {
    if let [one] = folders {
        return vec![one.first().cloned().unwrap_or_default()];
    }
    let shortest = folders.iter().map(|folders| folders.len()).min().unwrap_or(0);
    let alike = |part: &dyn Fn(&[String]) -> Option<&String>| {
        let mut parts = folders.iter().map(|folders| part(folders));
        let first = parts.next().flatten();
        first.is_some() && parts.all(|part| part == first)
    };
    let front = (0..shortest).take_while(|&index| alike(&|folders: &[String]| folders.get(index))).count();
    let back = (0..shortest - front)
        .take_while(|&index| alike(&|folders: &[String]| folders.get(folders.len() - 1 - index)))
        .count();
    let own = |folders: &&[String]| folders[front..folders.len() - back].join("/");
    let names: Vec<String> = folders.iter().map(own).collect();
    match names.iter().any(String::is_empty) {
        true => folders.iter().map(|folders| folders.join("/")).collect(),
        false => names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_leave_out_what_all_share() {
        let rows: [(&[&str], &[&str]); 6] = [
            (&["a", "b"], &["a", "b"]),
            (&["train/a/segmentations", "train/b/segmentations"], &["a", "b"]),
            (&["site1/a/s", "site1/b/s", "site2/a/s"], &["site1/a", "site1/b", "site2/a"]),
            (&["p1/labels"], &["p1"]),
            (&["a", "a/b"], &["a", "a/b"]),
            (&["a/x/b", "a/b"], &["a/x/b", "a/b"]),
        ];
        for (paths, expected) in rows {
            let folders: Vec<Vec<String>> =
                paths.iter().map(|path| path.split('/').map(str::to_owned).collect()).collect();
            let folders: Vec<&[String]> = folders.iter().map(Vec::as_slice).collect();
            assert_eq!(short(&folders), expected, "{paths:?}");
        }
    }
}
