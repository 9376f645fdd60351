//! The readers under test, their seeds, and mutations of them.

pub mod frames;
pub mod mutate;
pub mod seeds;

use std::path::{Path, PathBuf};

use segspec_volume::format::{Format, Options};
use segspec_volume::geometry::Geometry;
use segspec_volume::{dicom, nifti, nrrd, raster, rle, surface};

/// A reader: whether it accepted a file.
pub struct Reader {
    /// Its name, and that of its libFuzzer target.
    pub name: &'static str,
    /// Whether it is the one for a seed of this format.
    pub takes: fn(Format) -> bool,
    /// Reads a file in every way that the program does.
    pub read: fn(&Path) -> bool,
    /// Memory that it may take: bytes whatever the file's size, and a multiple of it. docs/testing.md says what decides the multiples.
    pub memory: [u64; 2],
}

const MIB: u64 = 1 << 20;

/// Every reader of files from elsewhere.
pub const READERS: &[Reader] = &[
    Reader { name: "nifti", takes: |it| it == Format::Nifti, read: read_nifti, memory: [64 * MIB, 16 * 1032] },
    Reader {
        name: "nrrd",
        takes: |it| matches!(it, Format::Nrrd | Format::NrrdSegments),
        read: read_nrrd,
        memory: [64 * MIB, 16 * 1032],
    },
    Reader { name: "dicom", takes: |it| it == Format::DicomImage, read: read_dicom, memory: [512 * MIB, 32 * 16_384] },
    Reader {
        name: "segments",
        takes: |it| it == Format::DicomSegments,
        read: read_segments,
        memory: [512 * MIB, 32 * 16_384],
    },
    Reader { name: "frames", takes: |_| false, read: read_dicom, memory: [512 * MIB, 32 * 16_384] },
    Reader { name: "pictures", takes: |it| it == Format::Picture, read: read_picture, memory: [64 * MIB, 32 * 4096] },
    Reader { name: "surfaces", takes: |it| it == Format::Surface, read: read_surface, memory: [256 * MIB, 256] },
    Reader { name: "runs", takes: |_| false, read: read_runs, memory: [64 * MIB, 64] },
    #[cfg(feature = "spec")]
    Reader { name: "spec", takes: |_| false, read: read_spec, memory: [256 * MIB, 4096] },
];

/// The reader of a name.
pub fn reader(name: &str) -> Option<&'static Reader> {
    READERS.iter().find(|reader| reader.name == name)
}

fn read_nifti(path: &Path) -> bool {
    let _ = (nifti::read_header(path), nifti::read_label_map(path));
    nifti::read_volume(path).is_ok()
}

fn read_nrrd(path: &Path) -> bool {
    let _ = (nrrd::read_header(path), nrrd::read_label_map(path), nrrd::read_segments(path));
    nrrd::read_volume(path).is_ok()
}

fn read_dicom(path: &Path) -> bool {
    let _ = (Format::of(path), dicom::scan(path));
    let choice = dicom::Choice { gaps: dicom::Gaps::Interpolate, ..dicom::Choice::default() };
    dicom::read_series(path, &choice).is_ok()
}

fn read_segments(path: &Path) -> bool {
    let _ = Format::of(path);
    (Format::DicomSegments.entry().read.segments)(path, &Options::default()).is_ok()
}

fn read_picture(path: &Path) -> bool {
    let _ = (raster::read_header(path), raster::read_label_map(path, &raster::MaskForm::Nonzero));
    raster::read_volume(path).is_ok()
}

/// Reads a surface and puts it on a grid of 32³ voxels around its middle.
fn read_surface(path: &Path) -> bool {
    let Ok(file) = surface::read_surface(path, &surface::ReadOptions::default()) else { return false };
    let geometry = Geometry::axis_aligned([32; 3], [2.0; 3]);
    surface::voxelise(&file.surface, &geometry).is_ok()
}

fn read_runs(path: &Path) -> bool {
    let Ok(table) = rle::Table::open(path, &rle::Columns::BY_CLASS) else { return false };
    table.take(10_000).all(|row| row.is_ok_and(|row| row.mask([64, 56], rle::Order::RowMajor).is_ok()))
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

/// A file of its own for this process, in memory where the system has a folder for that.
pub fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let ending = if name == "spec" { ".toml" } else { "" };
    folder.join(format!("segspec-fuzz-{}-{name}{ending}", std::process::id()))
}

/// One input of libFuzzer.
pub fn read_once(name: &str, bytes: &[u8]) {
    let Some(reader) = reader(name) else { return };
    let path = scratch(name);
    let bytes = if name == "frames" { frames::wrapped_any(bytes) } else { bytes.to_vec() };
    if std::fs::write(&path, bytes).is_ok() {
        (reader.read)(&path);
    }
}
