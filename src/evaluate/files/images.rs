//! The images whose grids give voxels to surfaces and contours (`--on`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::side::Source;
use super::tree::{Kind, Leaf, Tree};
use crate::volume::dicom::{self, Choice};
use crate::volume::{Format, Geometry, ReadError, read_geometry};

/// Endings of the first channel of a case.
const FIRST_CHANNEL: &str = "_0000";

/// An image whose grid is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// File, or folder of DICOM slices.
    pub path: PathBuf,
    /// Which series of the folder.
    pub choice: Choice,
}

impl Image {
    /// A file of one image.
    pub fn file(path: &Path) -> Self {
        Self { path: path.into(), choice: Choice::default() }
    }

    /// Whether it is a DICOM series.
    pub fn is_series(&self) -> bool {
        matches!(Format::of(&self.path), Ok(Format::DicomImage))
    }

    /// Its grid.
    ///
    /// # Errors
    /// [`ReadError`] with the file's name.
    pub fn geometry(&self) -> Result<Geometry, ReadError> {
        match self.is_series() {
            true => Ok(dicom::Series::open(&self.path, &self.choice)?.geometry().clone()),
            false => read_geometry(&self.path),
        }
    }
}

/// The images of a file or folder.
#[derive(Clone, Debug, Default)]
pub struct Images {
    images: Vec<Image>,
    /// Images by the names that their cases may have: the depth at which a name was found, and the image if only one has it there.
    names: BTreeMap<String, (usize, Option<usize>)>,
    /// DICOM series by SeriesInstanceUID.
    series: BTreeMap<String, usize>,
}

impl Images {
    /// Finds images: a file, a DICOM series, or whatever lies below a folder.
    ///
    /// # Errors
    /// A path that cannot be listed.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        if !std::fs::metadata(path)?.is_dir() {
            return Ok(Self { images: vec![Image::file(path)], ..Self::default() });
        }
        let tree = Tree::of(path)?;
        let mut found = Self::default();
        let volumes = tree.leaves.iter().filter(|leaf| matches!(leaf.kind, Kind::Volume | Kind::Picture));
        for leaf in volumes {
            let own = leaf.stem.strip_suffix(FIRST_CHANNEL).unwrap_or(&leaf.stem);
            let image = found.add(Image::file(&leaf.path));
            let place = Leaf { stem: own.to_owned(), ..leaf.clone() }.place();
            found.name(image, &leaf.folders, [own.to_owned(), place, leaf.stem.clone(), leaf.place()]);
        }
        found.add_series(&tree);
        Ok(found)
    }

    /// The DICOM series beside DICOM objects: below the folders, or around contours that were named.
    pub fn beside(paths: &[&Path]) -> Self {
        let mut found = Self::default();
        let contours = |path: &Path| matches!(Format::of(path), Ok(Format::DicomContours));
        let folder = |path: &&Path| match path.is_dir() {
            true => Some(path.to_path_buf()),
            false => path.parent().filter(|_| contours(path)).map(|folder| Path::new(".").join(folder)),
        };
        let trees = paths.iter().filter_map(folder).filter_map(|folder| Tree::of(&folder).ok());
        let has_objects = |tree: &Tree| tree.labels().any(|leaf| leaf.kind == Kind::Object);
        trees.filter(has_objects).for_each(|tree| found.add_series(&tree));
        found
    }

    fn add_series(&mut self, tree: &Tree) {
        let mut folders: BTreeMap<(String, Vec<String>), (PathBuf, String)> = BTreeMap::new();
        for leaf in tree.leaves.iter().filter(|leaf| leaf.kind == Kind::Slice) {
            let Some(identity) = dicom::identity(&leaf.path).ok().flatten() else { continue };
            let folder = leaf.path.parent().unwrap_or(&tree.root).to_owned();
            folders.entry((identity.series, leaf.folders.clone())).or_insert((folder, identity.patient));
        }
        for ((series, folders), (path, patient)) in folders {
            // Both sides may lie in one folder, or hold copies of the images.
            if self.series.contains_key(&series) {
                continue;
            }
            let chosen = Some(series.clone()).filter(|series| !series.is_empty());
            let image = self.add(Image { path, choice: Choice { series: chosen, ..Choice::default() } });
            self.name(image, &folders, [patient, folders.join("/"), series.clone(), String::new()]);
            self.series.insert(series, image);
        }
    }

    fn add(&mut self, image: Image) -> usize {
        self.images.push(image);
        self.images.len() - 1
    }

    /// Gives an image names: its own, and those of the folders around it.
    fn name(&mut self, image: usize, folders: &[String], own: [String; 4]) {
        let depth = folders.len();
        let whole = (1..=depth).map(|count| folders[..count].join("/"));
        let mut names: Vec<String> = own.into_iter().chain(folders.iter().cloned()).chain(whole).collect();
        names.sort();
        names.dedup();
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let known = self.names.entry(name).or_insert((depth, Some(image)));
            if depth < known.0 {
                *known = (depth, Some(image));
            } else if depth == known.0 && known.1 != Some(image) {
                known.1 = None;
            }
        }
    }

    /// The image of a case: the only one, the one that a DICOM object was drawn on, or the one of the case's name.
    pub fn of_case(&self, case: &str, source: &Source) -> Option<&Image> {
        if let [one] = self.images.as_slice() {
            return Some(one);
        }
        let named = || self.names.get(case).and_then(|(_, image)| self.images.get((*image)?));
        self.drawn_on(source).or_else(named)
    }

    /// The series that a DICOM object states to be drawn on.
    pub fn drawn_on(&self, source: &Source) -> Option<&Image> {
        let mut uids = source.files().into_iter().filter(|_| !self.series.is_empty()).flat_map(drawn_on);
        self.images.get(*uids.find_map(|uid| self.series.get(&uid))?)
    }

    /// What there is, in words.
    pub fn seen(&self) -> String {
        let names: Vec<String> = self.names.keys().take(3).map(|name| format!("`{name}`")).collect();
        format!("{} images (names: {}, …)", self.images.len(), names.join(", "))
    }
}

/// SeriesInstanceUIDs of the images that a DICOM object was drawn on; none for other files.
pub fn drawn_on(path: &Path) -> Vec<String> {
    match Format::of(path) {
        Ok(Format::DicomSegments) => dicom::referenced_series(path).unwrap_or_default(),
        Ok(Format::DicomContours) => dicom::contour_facts(path).map(|facts| facts.series).unwrap_or_default(),
        _ => Vec::new(),
    }
}
