//! Surfaces in the table of formats: files of triangles, and scenes.

use std::path::{Path, PathBuf};

use super::{
    CoordinateSystem, Decimation, Extraction, NamedSurface, ReadOptions, Surface, Warning, extract_segments,
    read_surface, voxelise, write_glb, write_obj, write_ply, write_stl,
};
use crate::format::{Entry, Format, Options, Reader, Writer, never, single};
use crate::stored::unsupported;
use crate::{LabelMap, ReadError, Segment, Segmentation, Segments, WriteError, facts, files};

type WriteSurface = fn(&Path, &Surface, CoordinateSystem) -> Result<(), WriteError>;

/// Endings of surface files, and their writers.
const WRITERS: [(&str, WriteSurface); 3] = [(".stl", write_stl), (".obj", write_obj), (".ply", write_ply)];

/// STL, OBJ and PLY: one structure per file.
pub(crate) static FORMAT: Entry = Entry {
    name: "surface",
    endings: &[],
    magic: |file| Ok(file.has(0, b"ply\n") || file.has(0, b"ply\r")),
    names: &[".stl", ".obj"],
    likely: never,
    holds_labels: true,
    read: Reader {
        header: |path, _| Err(no_grid(path)),
        volume: |path, _| Err(no_grid(path)),
        label_map: |path, options| single(path, read(path, options)?),
        segments: read,
        facts: Some(facts::of_surface),
        exact: None,
    },
    write: Writer { endings: &[".stl", ".obj", ".ply"], segments: Some(write_files), ..Writer::NONE },
};

/// Binary glTF: all structures in one file, with names and colours.
pub(crate) static SCENE: Entry = Entry {
    name: "glTF",
    endings: &[],
    magic: |file| Ok(file.has(0, b"glTF")),
    names: &[],
    likely: never,
    holds_labels: true,
    read: Reader {
        header: |path, _| Err(only_written(path)),
        volume: |path, _| Err(only_written(path)),
        label_map: |path, _| Err(only_written(path)),
        segments: |path, _| Err(only_written(path)),
        facts: Some(|path, _| Err(only_written(path))),
        exact: None,
    },
    write: Writer { endings: &[".glb"], segments: Some(write_scene), ..Writer::NONE },
};

fn no_grid(path: &Path) -> ReadError {
    let remedy = "name the image whose grid it is put on (`--on IMAGE`)";
    unsupported(path, format!("is a surface, which has no voxels: {remedy}"))
}

fn only_written(path: &Path) -> ReadError {
    unsupported(path, "is a glTF scene, which is written but not read; save the surfaces as STL, OBJ or PLY")
}

/// The voxels of an image whose centres lie inside.
fn read(path: &Path, options: &Options) -> Result<Segments, ReadError> {
    let image = options.on.as_ref().ok_or_else(|| no_grid(path))?;
    let geometry = (Format::of(image)?.entry().read.header)(image, &Options { on: None, ..options.clone() })?.geometry;
    let file = read_surface(path, &ReadOptions { coordinates: options.coordinates, ..ReadOptions::default() })?;
    let voxels = voxelise(&file.surface, &geometry).map_err(|error| unsupported(path, error.to_string()))?;
    let outside = voxels.outside(&file.surface, &geometry).map_err(|reason| unsupported(path, reason))?;
    if outside > 0.0 {
        let text =
            format!("{}: {:.1} % of the surface's points lie outside the image", path.display(), outside * 100.0);
        options.notes.extend([text]);
    }
    let overruled = file.warnings.iter().filter(|warning| matches!(warning, Warning::Overruled(_)));
    options.notes.extend(overruled.map(|warning| format!("{}: {warning}", path.display())));
    let mask = voxels.mask;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let content = Segmentation::Labels(LabelMap { voxels: mask.mapv(u16::from), geometry });
    Ok(Segments { segments: vec![Segment { name, value: 1, color: None }], content })
}

fn surfaces(path: &Path, segments: &Segments, options: &Options) -> Result<Vec<NamedSurface>, WriteError> {
    let mut extraction = Extraction::default();
    if options.blocky {
        extraction.smoothing = None;
    }
    extraction.decimation = options.triangles.map(|triangles| Decimation { triangles });
    let surfaces = extract_segments(segments, &extraction);
    let surfaces = surfaces.map_err(|error| WriteError::refused(path, error.to_string()))?;
    match surfaces.is_empty() {
        true => Err(WriteError::refused(path, "there is no voxel to make a surface of")),
        false => Ok(surfaces),
    }
}

fn write_scene(path: &Path, segments: &Segments, options: &Options) -> Result<Vec<PathBuf>, WriteError> {
    write_glb(path, &surfaces(path, segments, options)?).map(|()| vec![path.into()])
}

/// `bones.stl` for one structure; `bones-femur.stl` and so on for several.
fn write_files(path: &Path, segments: &Segments, options: &Options) -> Result<Vec<PathBuf>, WriteError> {
    let surfaces = surfaces(path, segments, options)?;
    let coordinates = options.coordinates.unwrap_or(CoordinateSystem::Lps);
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (_, write) = WRITERS.iter().find(|(ending, _)| name.ends_with(ending)).unwrap_or(&WRITERS[0]);
    // Of several structures, the only one that has voxels keeps its name.
    if let ([named], 1) = (surfaces.as_slice(), segments.segments.len()) {
        write(path, &named.surface, coordinates)?;
        return Ok(vec![path.to_path_buf()]);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    // An interrupted conversion must not look like one of fewer structures.
    files::write_together(
        folder,
        |error| WriteError::io(path, &error),
        |staged| {
            let path = staged.join(path.file_name().unwrap_or_default());
            let mut written = Vec::with_capacity(surfaces.len());
            for named in &surfaces {
                let path = file_of(&path, &named.name, &written);
                write(&path, &named.surface, coordinates)?;
                written.push(path);
            }
            Ok(written)
        },
    )
}

/// The files that structures of these names are written to, if each has voxels.
pub(crate) fn files_of(path: &Path, names: &[&str]) -> Vec<PathBuf> {
    if let [_] = names {
        return vec![path.into()];
    }
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let file = file_of(path, name, &files);
        files.push(file);
    }
    files
}

/// The file of one structure. Names that differ only in what file names cannot hold are numbered.
fn file_of(path: &Path, structure: &str, taken: &[PathBuf]) -> PathBuf {
    let keep = |letter: char| if letter.is_alphanumeric() || "-_. ".contains(letter) { letter } else { '_' };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = format!("{stem}-{}", structure.chars().map(keep).collect::<String>());
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let names = std::iter::once(name.clone()).chain(numbered);
    let mut paths = names.map(|name| path.with_file_name(format!("{name}.{ending}")));
    paths.find(|path| !taken.contains(path)).unwrap_or_default()
}
