//! Writes NRRD files with an attached header and gzip-compressed data, whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::{ArrayView4, Axis};

use crate::files;
use crate::{Geometry, LabelMap, Segmentation, Volume, WriteError};

/// Writes an image as int16 where every value is a whole number that fits, else as float32; several channels become the
/// first axis, of kind `list`.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_volume(path: &Path, volume: &Volume) -> Result<(), WriteError> {
    let voxels = volume.voxels.view();
    let write = Writer { path, geometry: &volume.geometry, pairs: &[] };
    if voxels.iter().all(|&value| value == f32::from(value as i16)) {
        return write.write(voxels, "short", |value| (value as i16).to_le_bytes());
    }
    write.write(voxels, "float", f32::to_le_bytes)
}

/// Writes labels as uint8, or as uint16 where a value needs it.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_label_map(path: &Path, labels: &LabelMap) -> Result<(), WriteError> {
    write_labels(path, &labels.geometry, labels.voxels.view().insert_axis(Axis(0)), &[])
}

/// Writes a segmentation: a label map, or one mask (0 or 1) per structure as channels.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before.
pub fn write_segmentation(path: &Path, segmentation: &Segmentation) -> Result<(), WriteError> {
    match segmentation {
        Segmentation::Labels(labels) => write_label_map(path, labels),
        Segmentation::Masks { masks, geometry } => {
            let write = Writer { path, geometry, pairs: &[] };
            write.write(masks.view(), "short", |value| i16::from(value).to_le_bytes())
        }
    }
}

/// Label layers `[layer, z, y, x]` with key/value pairs.
pub(super) fn write_labels(
    path: &Path,
    geometry: &Geometry,
    layers: ArrayView4<u16>,
    pairs: &[(String, String)],
) -> Result<(), WriteError> {
    let write = Writer { path, geometry, pairs };
    if layers.iter().all(|&value| value <= u16::from(u8::MAX)) {
        return write.write(layers, "unsigned char", |value| [value as u8]);
    }
    write.write(layers, "unsigned short", u16::to_le_bytes)
}

struct Writer<'a> {
    path: &'a Path,
    geometry: &'a Geometry,
    pairs: &'a [(String, String)],
}

impl Writer<'_> {
    fn write<T: Copy, const N: usize>(
        &self,
        voxels: ArrayView4<T>,
        type_name: &str,
        bytes: impl Fn(T) -> [u8; N],
    ) -> Result<(), WriteError> {
        let refused = |reason: String, environment| WriteError { path: self.path.into(), reason, environment };
        if self.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("nhdr")) {
            return Err(refused("header and data are written as one file; name it .nrrd".into(), false));
        }
        let header = self.header(voxels.len_of(Axis(0)), type_name, N);
        let written = files::write_atomic_with(self.path, |file| {
            let mut buffered = BufWriter::new(file);
            buffered.write_all(header.as_bytes())?;
            let mut encoder = GzEncoder::new(&mut buffered, Compression::fast());
            // The channel varies fastest.
            write_numbers(&mut encoder, voxels.permuted_axes([1, 2, 3, 0]).iter().map(|&value| bytes(value)))?;
            encoder.finish()?;
            buffered.flush()
        });
        written.map_err(|error| refused(files::reason(&error), files::is_environment(&error)))
    }

    fn header(&self, channels: usize, type_name: &str, number_bytes: usize) -> String {
        let (list, none, kind, count) =
            if channels == 1 { (String::new(), "", "", 3) } else { (format!("{channels} "), "none ", "list ", 4) };
        let [depth, height, width] = self.geometry.shape;
        let mut text = String::from("NRRD0004\n");
        text += "# Complete NRRD file format specification at:\n# http://teem.sourceforge.net/nrrd/format.html\n";
        text += &format!("type: {type_name}\ndimension: {count}\n");
        if self.geometry.has_spacing {
            text += "space: left-posterior-superior\n";
        }
        text += &format!("sizes: {list}{width} {height} {depth}\n");
        if self.geometry.has_spacing {
            let [x, y, z] = [0, 1, 2].map(|axis| vector(self.geometry.column(axis)));
            text += &format!("space directions: {none}{x} {y} {z}\n");
        }
        text += &format!("kinds: {kind}domain domain domain\n");
        if number_bytes > 1 {
            text += "endian: little\n";
        }
        text += "encoding: gzip\n";
        if self.geometry.has_spacing {
            text += &format!("space origin: {}\n", vector(self.geometry.column(3)));
        }
        for (key, value) in self.pairs {
            text += &format!("{key}:={}\n", super::text::escaped(value));
        }
        text + "\n"
    }
}

/// `(x,y,z)` towards left, posterior and superior, of a vector towards right, anterior and superior.
fn vector([right, anterior, superior]: [f64; 3]) -> String {
    // Adding zero turns −0 into 0; the shortest decimal form of a number reads back exactly.
    format!("({},{},{})", 0.0 - right, 0.0 - anterior, superior + 0.0)
}

fn write_numbers<const N: usize>(file: &mut dyn Write, numbers: impl Iterator<Item = [u8; N]>) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(1 << 16);
    for number in numbers {
        buffer.extend_from_slice(&number);
        if buffer.len() >= 1 << 16 {
            file.write_all(&buffer)?;
            buffer.clear();
        }
    }
    file.write_all(&buffer)
}
