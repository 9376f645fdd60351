//! Surface files: STL (binary and ASCII), OBJ and PLY; the content decides.

mod obj;
mod ply;
mod stl;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::mesh::{Surface, SurfaceError};
use super::warning::Warning;
use crate::ReadError;

/// Direction of the first two axes of a surface file. The third points to the head in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoordinateSystem {
    /// Right, anterior, superior: as in NIfTI and in memory.
    Ras,
    /// Left, posterior, superior: as in DICOM and ITK, and in 3D Slicer where a file states nothing.
    Lps,
}

impl CoordinateSystem {
    /// Converts between this system and RAS in either direction: x and y change sign, a half turn that keeps the triangles' orientation.
    pub(super) fn turn(self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        match self {
            Self::Ras => [x, y, z],
            Self::Lps => [-x, -y, z],
        }
    }

    /// The note `SPACE=LPS` or `SPACE=RAS` that 3D Slicer writes into comments.
    fn stated(comment: &[u8]) -> Option<Self> {
        let note = |word: &[u8]| comment.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
        match (note(b"SPACE=LPS"), note(b"SPACE=RAS")) {
            (true, false) => Some(Self::Lps),
            (false, true) => Some(Self::Ras),
            _ => None,
        }
    }
}

impl fmt::Display for CoordinateSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ras => "RAS",
            Self::Lps => "LPS",
        })
    }
}

/// What a surface file may leave unspecified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadOptions {
    /// The file's coordinate system, whatever the file states. Without it the file's own note counts, else LPS, as in 3D Slicer.
    pub coordinates: Option<CoordinateSystem>,
    /// Length of the file's unit in millimetres: 1 for nearly all medical files, 1000 for metres.
    pub unit_mm: f64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { coordinates: None, unit_mm: 1.0 }
    }
}

/// A surface read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceFile {
    /// All triangles of the file, with equal points merged.
    pub surface: Surface,
    /// The coordinate system that the file states in a comment.
    pub stated: Option<CoordinateSystem>,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

/// Points and triangles as a file lists them.
#[derive(Default)]
struct Listed {
    points: Vec<[f64; 3]>,
    triangles: Vec<[u32; 3]>,
    stated: Option<CoordinateSystem>,
    trailing: usize,
}

/// Why the content of a file is not a surface, without the file's name.
#[derive(Debug)]
enum Fault {
    Damaged(String),
    Unsupported(String),
}

fn damaged(reason: impl Into<String>) -> Fault {
    Fault::Damaged(reason.into())
}

/// Reads an STL, OBJ or PLY file; the content decides which, not the name. Several solids or groups in a file become one surface;
/// polygons are cut into triangles from their first corner.
///
/// Memory is limited to 64 times the file's size: the densest file, of points in three bytes, becomes three numbers of eight bytes each, and
/// is held twice while equal points are merged.
///
/// # Errors
/// [`ReadError`] with the file's name.
pub fn read_surface(path: &Path, options: &ReadOptions) -> Result<SurfaceFile, ReadError> {
    let bytes = std::fs::read(path).map_err(|source| ReadError::Open { path: path.into(), source })?;
    parse(&bytes, options).map_err(|fault| match fault {
        Fault::Damaged(reason) => ReadError::Damaged { path: path.into(), reason },
        Fault::Unsupported(reason) => ReadError::Unsupported { path: path.into(), reason },
    })
}

fn parse(bytes: &[u8], options: &ReadOptions) -> Result<SurfaceFile, Fault> {
    let mut listed = list(bytes)?;
    if listed.triangles.is_empty() {
        return Err(damaged("holds no triangles"));
    }
    let coordinates = options.coordinates.or(listed.stated).unwrap_or(CoordinateSystem::Lps);
    for point in &mut listed.points {
        *point = coordinates.turn(point.map(|part| part * options.unit_mm));
    }
    let mut warnings = Vec::new();
    match (options.coordinates, listed.stated) {
        (None, None) => warnings.push(Warning::AssumedLps),
        (Some(asked), Some(stated)) if asked != stated => warnings.push(Warning::Overruled(stated)),
        _ => {}
    }
    let surface = Surface::new(listed.points, listed.triangles).map_err(fault)?;
    let (surface, degenerate) = surface.welded();
    if surface.triangles().is_empty() {
        return Err(damaged("holds no triangle with an area"));
    }
    let counts = [(listed.trailing, Warning::TrailingBytes as fn(usize) -> Warning), (degenerate, Warning::Degenerate)];
    warnings.extend(counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, warning)| warning(count)));
    Ok(SurfaceFile { surface, stated: listed.stated, warnings })
}

fn fault(error: SurfaceError) -> Fault {
    match error {
        SurfaceError::TooManyPoints(_) => Fault::Unsupported(error.to_string()),
        _ => Fault::Damaged(error.to_string()),
    }
}

/// ASCII STL files begin with "solid", but so do many binary ones: the exact length of a binary file decides first.
fn list(bytes: &[u8]) -> Result<Listed, Fault> {
    if ply::is_ply(bytes) {
        return ply::list(bytes);
    }
    if stl::has_binary_length(bytes) {
        return stl::list_binary(bytes);
    }
    if stl::is_ascii(bytes) {
        return stl::list_ascii(bytes);
    }
    if obj::is_obj(bytes) {
        return obj::list(bytes);
    }
    if stl::may_be_binary(bytes) {
        return stl::list_binary(bytes);
    }
    Err(Fault::Unsupported("is in no known surface format: STL, OBJ or PLY".into()))
}

/// Lines of a text with any line breaks, with their numbers from 1.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.enumerate().map(|(index, line)| (index + 1, line.trim_ascii()))
}

/// Words of a line.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn number(word: &[u8]) -> Option<f64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The next three words of a line as a point.
fn point<'a>(words: &mut impl Iterator<Item = &'a [u8]>) -> Option<[f64; 3]> {
    Some([number(words.next()?)?, number(words.next()?)?, number(words.next()?)?])
}

/// Most corners of a polygon. Modelling programs write faces with a few; cut from one corner, a large one becomes needles.
const MOST_CORNERS: usize = 10_000;

/// Cuts a polygon into triangles from its first corner.
fn fan(polygon: &[u32], triangles: &mut Vec<[u32; 3]>) -> Result<(), Fault> {
    if polygon.len() > MOST_CORNERS {
        let reason = format!("holds a polygon with more than {MOST_CORNERS} corners; save it with triangles");
        return Err(Fault::Unsupported(reason));
    }
    if let [first, rest @ ..] = polygon {
        triangles.extend(rest.windows(2).map(|pair| [*first, pair[0], pair[1]]));
    }
    Ok(())
}

/// Whether the bytes are text: no zero byte in the first 4096.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.iter().take(4096).any(|&byte| byte == 0)
}

#[cfg(test)]
pub(super) mod tests;
