//! Colour tables beside label maps, so that ITK-SNAP and 3D Slicer show the structures with their names and colours.

use std::fmt::Write as _;
use std::path::Path;

use super::{Segment, Segmentation, Segments, WriteError};
use crate::files;

/// The comment that ITK-SNAP writes at the top of its tables.
const ITKSNAP_HEADER: &str = "\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    MSH:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
";

/// Writes a colour table.
pub type Write = fn(&Path, &Segments) -> Result<(), WriteError>;

/// The forms, by the ending of the file's name: ITK-SNAP (Segmentation → Import Label Descriptions) and 3D Slicer.
const FORMS: [(&str, Write); 2] = [(".txt", write_itksnap), (".ctbl", write_slicer)];

/// The writer for a file's ending. It chooses a colour for segments that have none; where it fails, the file stays as it was.
///
/// # Errors
/// [`WriteError`] with the file's name where the ending is neither `.txt` nor `.ctbl`.
pub fn writer(path: &Path) -> Result<Write, WriteError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let form = FORMS.iter().find(|(ending, _)| name.ends_with(ending));
    form.map(|(_, write)| *write)
        .ok_or_else(|| WriteError::refused(path, "name a colour table .txt (ITK-SNAP) or .ctbl (3D Slicer)"))
}

fn write_itksnap(path: &Path, segments: &Segments) -> Result<(), WriteError> {
    let mut text = String::from(ITKSNAP_HEADER);
    text += "    0     0    0    0        0  0  0    \"Clear Label\"\n";
    for segment in labels(path, segments)? {
        let [red, green, blue] = color(segment);
        // The format has no escape for quotes.
        let name = one_line(&segment.name).replace('"', "'");
        let _ = writeln!(text, "{:5} {red:5} {green:4} {blue:4}        1  1  1    \"{name}\"", segment.value);
    }
    write(path, &text)
}

fn write_slicer(path: &Path, segments: &Segments) -> Result<(), WriteError> {
    let segments = labels(path, segments)?;
    let mut text = String::from("# Color table file\n");
    let _ = writeln!(text, "# {} values", segments.len() + 1);
    text += "0 Background 0 0 0 0\n";
    for segment in segments {
        let [red, green, blue] = color(segment);
        // Blanks separate the columns; 3D Slicer shows underscores as blanks.
        let name = one_line(&segment.name).replace(char::is_whitespace, "_");
        let name = if name.is_empty() { format!("Segment_{}", segment.value) } else { name };
        let _ = writeln!(text, "{} {name} {red} {green} {blue} 255", segment.value);
    }
    write(path, &text)
}

/// The segments of a label map; overlapping masks have no label values that a table could name.
fn labels<'a>(path: &Path, segments: &'a Segments) -> Result<&'a [Segment], WriteError> {
    match &segments.content {
        Segmentation::Labels(_) => Ok(&segments.segments),
        Segmentation::Masks { .. } => {
            Err(WriteError::refused(path, "the segments overlap: no label value stands for one of them"))
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), WriteError> {
    files::write_atomic(path, text.as_bytes()).map_err(|error| WriteError::io(path, &error))
}

fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The segment's colour, or one derived from its value: the hues of successive values are a golden section of the circle apart.
pub fn color(segment: &Segment) -> [u8; 3] {
    segment.color.unwrap_or_else(|| {
        let hue = f64::from(segment.value) * 0.618_033_988_749_895 % 1.0 * 6.0;
        [5.0, 3.0, 1.0].map(|shift: f64| {
            let phase = (shift + hue) % 6.0;
            (230.0 * (1.0 - 0.75 * phase.min(4.0 - phase).clamp(0.0, 1.0))) as u8
        })
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;
    use crate::{Geometry, LabelMap};

    fn segments() -> Segments {
        let segment = |name: &str, value, color| Segment { name: name.into(), value, color };
        let segments = vec![segment("left \"upper\" lobe", 1, Some([255, 0, 7])), segment("two\nlines", 300, None)];
        let geometry = Geometry::axis_aligned([1; 3], [1.0; 3]);
        let labels = LabelMap { voxels: Array3::zeros([1; 3]), geometry };
        Segments { segments, content: Segmentation::Labels(labels) }
    }

    fn lines(name: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        writer(&path).unwrap()(&path, &segments()).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn itksnap_has_eight_columns_and_a_quoted_name() {
        let lines = lines("labels.TXT");
        assert_eq!(lines[0], "    0     0    0    0        0  0  0    \"Clear Label\"");
        assert_eq!(lines[1], "    1   255    0    7        1  1  1    \"left 'upper' lobe\"");
        assert!(lines[2].starts_with("  300 ") && lines[2].ends_with("\"two lines\""), "{}", lines[2]);
    }

    #[test]
    fn slicer_has_six_columns() {
        let lines = lines("labels.ctbl");
        assert_eq!(lines[..2], ["0 Background 0 0 0 0", "1 left_\"upper\"_lobe 255 0 7 255"]);
        assert_eq!(lines[2].split(' ').count(), 6);
        assert!(lines[2].starts_with("300 two_lines "));
    }

    #[test]
    fn other_endings_and_overlapping_segments_are_refused() {
        assert!(writer(Path::new("labels.csv")).unwrap_err().to_string().contains(".ctbl"));
        let geometry = Geometry::axis_aligned([1; 3], [1.0; 3]);
        let masks = Segmentation::Masks { masks: Array4::zeros([2, 1, 1, 1]), geometry };
        let overlapping = Segments { content: masks, ..segments() };
        let path = Path::new("labels.ctbl");
        assert!(writer(path).unwrap()(path, &overlapping).unwrap_err().to_string().contains("overlap"));
    }

    #[test]
    fn segments_without_colour_get_different_ones() {
        let colors: Vec<_> = (1..9).map(|value| color(&Segment { name: String::new(), value, color: None })).collect();
        let distance = |a: [u8; 3], b: [u8; 3]| (0..3).map(|part| a[part].abs_diff(b[part])).max().unwrap_or(0);
        for (index, &one) in colors.iter().enumerate() {
            assert!(colors[..index].iter().all(|&other| distance(one, other) > 30), "{colors:?}");
        }
    }
}
