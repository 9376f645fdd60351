//! The readers under test: each reads a file in every way that the program does.

use std::fs;
use std::path::Path;

use segspec_volume::format::{Format, Options};
use segspec_volume::geometry::Geometry;
use segspec_volume::label_names::LabelNames;
use segspec_volume::{dicom, facts, nifti, nrrd, raster, rle, surface};

/// A reader: whether it accepted a file.
pub struct Reader {
    /// Its name, and that of its libFuzzer target.
    pub name: &'static str,
    /// Whether it is the one for a seed.
    pub takes: fn(&Path) -> bool,
    /// Reads a file in every way that the program does.
    pub read: fn(&Path) -> bool,
    /// Memory that it may take: bytes whatever the file's size, and a multiple of it. docs/testing.md says what decides the multiples.
    pub memory: [u64; 2],
}

const MIB: u64 = 1 << 20;

/// Every reader of files from elsewhere.
pub const READERS: &[Reader] = &[
    Reader { name: "nifti", takes: |path| is(path, &[Format::Nifti]), read: read_nifti, memory: [2 * MIB, 6 * 1032] },
    Reader {
        name: "nrrd",
        takes: |path| is(path, &[Format::Nrrd, Format::NrrdSegments]),
        read: read_nrrd,
        memory: [6 * MIB, 16 * 1032],
    },
    Reader {
        name: "dicom",
        takes: |path| is(path, &[Format::DicomImage]),
        read: read_dicom,
        memory: [2 * MIB, 32 * 1032],
    },
    Reader {
        name: "segments",
        takes: |path| is(path, &[Format::DicomSegments]),
        read: read_segments,
        memory: [2 * MIB, 32 * 1032],
    },
    Reader {
        name: "contours",
        takes: |path| is(path, &[Format::DicomContours]),
        read: read_contours,
        memory: [2 * MIB, 64],
    },
    Reader { name: "frames", takes: |_| false, read: read_dicom, memory: [2 * MIB, 32 * 1032] },
    Reader {
        name: "pictures",
        takes: |path| is(path, &[Format::Picture]),
        read: read_picture,
        memory: [2 * MIB, 4 * 4096],
    },
    // Pieces of the cones that close holes: at most 400,000, whatever the file.
    Reader {
        name: "surfaces",
        takes: |path| read_surface(path).is_some(),
        read: voxelise_surface,
        memory: [160 * MIB, 64],
    },
    Reader { name: "runs", takes: |_| false, read: read_runs, memory: [2 * MIB, 64] },
    Reader { name: "names", takes: |_| false, read: read_names, memory: [2 * MIB, 64] },
    #[cfg(feature = "spec")]
    Reader { name: "spec", takes: |_| false, read: read_spec, memory: [256 * MIB, 4096] },
];

/// The reader of a name.
pub fn reader(name: &str) -> Option<&'static Reader> {
    READERS.iter().find(|reader| reader.name == name)
}

fn is(path: &Path, formats: &[Format]) -> bool {
    Format::of(path).is_ok_and(|format| formats.contains(&format))
}

/// `segspec inspect`, which counts and measures what was read.
fn inspect(path: &Path) -> bool {
    facts(path, &dicom::Choice::default()).is_ok()
}

fn read_nifti(path: &Path) -> bool {
    let _ = (nifti::read_header(path), nifti::read_label_map(path));
    nifti::read_volume(path).is_ok() && inspect(path)
}

fn read_nrrd(path: &Path) -> bool {
    let _ = (nrrd::read_header(path), nrrd::read_label_map(path), nrrd::read_segments(path));
    nrrd::read_volume(path).is_ok() && inspect(path)
}

fn read_dicom(path: &Path) -> bool {
    let _ = (Format::of(path), dicom::scan(path), dicom::identity(path));
    let choice = dicom::Choice { gaps: dicom::Gaps::Interpolate, ..dicom::Choice::default() };
    copy_without_names(path, &choice);
    dicom::read_series(path, &choice).is_ok() && inspect(path)
}

/// Into a folder beside the file, which goes again.
fn copy_without_names(path: &Path, choice: &dicom::Choice) {
    let name = || String::from("anonymous");
    let identity = dicom::Anonymous { patient: name(), description: name(), secret: name() };
    let folder = path.with_extension("copy");
    if dicom::anonymise(path, choice, &folder, &identity).is_ok() {
        let _ = fs::remove_dir_all(folder);
    }
}

fn read_segments(path: &Path) -> bool {
    let _ = Format::of(path);
    (Format::DicomSegments.entry().read.segments)(path, &Options::default()).is_ok() && inspect(path)
}

/// Reads contours and puts them on the grid of the images of the reference table.
fn read_contours(path: &Path) -> bool {
    let grid = Geometry::axis_aligned([6, 96, 96], [3.0, 0.8, 0.8]);
    let _ = (Format::of(path), inspect(path));
    dicom::read_contours(path, dicom::On::Grid(&grid), &|_| true).is_ok()
}

fn read_picture(path: &Path) -> bool {
    let _ = (raster::read_header(path), raster::read_label_map(path, &raster::MaskForm::Nonzero));
    raster::read_volume(path).is_ok() && inspect(path)
}

fn read_surface(path: &Path) -> Option<surface::Surface> {
    Some(surface::read_surface(path, &surface::ReadOptions::default()).ok()?.surface)
}

/// Reads a surface and puts it on a grid of 32³ voxels around its middle: one in 64, because closing the holes of a surface with corners
/// far away takes a second.
fn voxelise_surface(path: &Path) -> bool {
    let Some(surface) = read_surface(path) else { return false };
    let chosen = fs::read(path).is_ok_and(|bytes| crc32fast::hash(&bytes).is_multiple_of(64));
    let grid = Geometry::axis_aligned([32; 3], [2.0; 3]);
    let _ = (inspect(path), surface::Topology::of(&surface));
    !chosen || surface::voxelise(&surface, &grid).is_ok()
}

fn read_runs(path: &Path) -> bool {
    let Ok(table) = rle::Table::open(path, &rle::Columns::BY_CLASS) else { return false };
    table.take(10_000).all(|row| row.is_ok_and(|row| row.mask([64, 56], rle::Order::RowMajor).is_ok()))
}

/// Names of labels; the file's ending tells their form.
fn read_names(path: &Path) -> bool {
    let named = ["json", "txt", "ctbl"].map(|ending| path.with_extension(ending));
    let read = named.iter().filter(|named| fs::hard_link(path, named).is_ok() && LabelNames::read(named).is_ok());
    let read = read.count() > 0;
    named.iter().for_each(|named| drop(fs::remove_file(named)));
    read
}

/// Checks a spec beside the repository's datasets.
#[cfg(feature = "spec")]
fn read_spec(path: &Path) -> bool {
    use segspec::spec::{self, Kind, kind};
    let checked = match kind::of_file(path) {
        Kind::Experiment => spec::load(path, &[], &[]).map(|_| ()),
        Kind::Dataset => spec::load_dataset(path).map(|_| ()),
    };
    checked.map_err(|diagnostics| diagnostics.to_string()).is_ok()
}
