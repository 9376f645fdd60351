//! Files that name the values of a label map, or the masks of an overlapping segmentation: `label_map.json` of segspec's predictions,
//! `dataset.json` of nnU-Net and the Decathlon, label descriptions of ITK-SNAP (`.txt`), colour tables of 3D Slicer (`.ctbl`).

pub mod own;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ndarray::Array4;
use serde_json::Value;

use super::dicom::{Algorithm, Code, SegmentCoding, coding};
use super::format::Options;
use super::stored::{damaged, unsupported};
use super::{Format, LabelMap, ReadError, Segment, Segmentation, Segments};
use segspec_base::counted;

/// Name of the file beside predictions.
pub const LABEL_MAP: &str = "label_map.json";

/// The names in one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelNames {
    /// Whether segments may overlap: each is a mask, and its number counts the masks from 0.
    pub overlapping: bool,
    /// The program that drew the segments.
    pub program: Option<String>,
    /// The named segments.
    pub labels: Vec<LabelName>,
    /// Names of several values together, as nnU-Net's regions.
    pub regions: Vec<(String, Vec<u16>)>,
    /// The files that the names were written for, and their hashes.
    pub of: BTreeMap<String, String>,
}

/// One named label value or mask.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelName {
    /// Name of the structure.
    pub name: String,
    /// Label value, or number of the mask from 0.
    pub number: u16,
    /// Display colour.
    pub color: Option<[u8; 3]>,
    /// The coded anatomy that the file states.
    pub code: Option<Code>,
}

/// The file that names the values of a label file: `STEM.label_map.json`, or `label_map.json` in the same folder.
pub fn beside(source: &Path) -> Option<PathBuf> {
    let own = own_label_map(source);
    [own, Some(source.with_file_name(LABEL_MAP))].into_iter().flatten().find(|path| path.is_file())
}

/// `a.nii.gz` → `a.label_map.json`.
pub fn own_label_map(source: &Path) -> Option<PathBuf> {
    let name = source.file_name()?.to_string_lossy();
    Some(source.with_file_name(format!("{}.{LABEL_MAP}", super::format::stem(&name)?)))
}

impl LabelNames {
    /// Reads names; the file's ending tells its form.
    ///
    /// # Errors
    /// [`ReadError`] with the file and its first wrong place.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let text = std::fs::read_to_string(path).map_err(|source| ReadError::Open { path: path.into(), source })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let names = match name.rsplit('.').next() {
            Some("json") => from_json(&text),
            Some("txt") => lines(&text, itksnap_line),
            Some("ctbl") => lines(&text, slicer_line),
            _ => {
                return Err(unsupported(
                    path,
                    "names labels in none of the known forms: .json, .txt (ITK-SNAP), .ctbl (3D Slicer)",
                ));
            }
        };
        let names = names.map_err(|reason| damaged(path, reason))?;
        match names.duplicate() {
            Some(number) => Err(damaged(path, format!("the label {number} is named twice"))),
            None => Ok(names),
        }
    }

    fn duplicate(&self) -> Option<u16> {
        let mut numbers: Vec<u16> = self.labels.iter().map(|label| label.number).collect();
        numbers.sort_unstable();
        numbers.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// Reads a label map, or masks along the channels if the names are of masks, and names its segments. Values without a name stay
    /// `label N`; a name without voxels is kept.
    ///
    /// # Errors
    /// The file cannot be read, or holds another number of masks than are named.
    pub fn segments(&self, source: &Path, options: &Options) -> Result<Segments, ReadError> {
        let read = &Format::of(source)?.entry().read;
        if let Some((region, _)) = self.regions.first() {
            let reason = format!(
                "names a region of several values (`{region}`), which `segspec evaluate` scores and no label map holds"
            );
            let names = options.names.clone().or_else(|| beside(source)).unwrap_or_else(|| source.into());
            return Err(unsupported(&names, reason));
        }
        if self.overlapping {
            let volume = (read.volume)(source, options)?;
            let count = volume.voxels.dim().0;
            if count != self.labels.len() {
                return Err(unsupported(
                    source,
                    format!("holds {}, and {} are named", counted(count, "mask"), self.labels.len()),
                ));
            }
            let masks = binary(source, volume.voxels)?;
            let content = Segmentation::Masks { masks, geometry: volume.geometry };
            let mut labels = self.labels.clone();
            labels.sort_by_key(|label| label.number);
            let named = labels.into_iter().zip(1..).map(|(label, value)| Segment {
                name: label.name,
                value,
                color: label.color,
            });
            return Ok(Segments { segments: named.collect(), content });
        }
        let mut segments = (read.segments)(source, options)?;
        let from = options.names.clone().or_else(|| beside(source));
        if let (Segmentation::Labels(map), Some(from)) = (&segments.content, from) {
            options.notes.extend(own::doubt(self, &from, source, &present(map))?);
        }
        for label in &self.labels {
            match segments.segments.iter_mut().find(|segment| segment.value == label.number) {
                Some(segment) => (segment.name, segment.color) = (label.name.clone(), label.color),
                None => segments.segments.push(Segment {
                    name: label.name.clone(),
                    value: label.number,
                    color: label.color,
                }),
            }
        }
        segments.segments.sort_by_key(|segment| segment.value);
        Ok(segments)
    }

    /// Coded descriptions of segments with these names: the codes that the file states, else those of common structures.
    pub fn coding(&self, segments: &[Segment]) -> Vec<SegmentCoding> {
        let algorithm = self.program.clone().map_or(Algorithm::Manual, Algorithm::Automatic);
        let of = |segment: &Segment| {
            let known = coding(&segment.name).unwrap_or_default();
            let stated =
                self.labels.iter().find(|label| label.name == segment.name).and_then(|label| label.code.clone());
            match stated {
                Some(property) => SegmentCoding { property, modifier: None, algorithm: algorithm.clone(), ..known },
                None => SegmentCoding { algorithm: algorithm.clone(), ..known },
            }
        };
        segments.iter().map(of).collect()
    }
}

/// The values of a label map.
pub fn present(map: &LabelMap) -> BTreeSet<u16> {
    let mut present = vec![false; usize::from(u16::MAX) + 1];
    map.voxels.iter().for_each(|&value| present[usize::from(value)] = true);
    (0..=u16::MAX).filter(|value| present[usize::from(*value)]).collect()
}

/// Masks of 0 and 1 along the channels.
///
/// # Errors
/// A value that is neither.
pub fn binary(path: &Path, voxels: Array4<f32>) -> Result<Array4<u8>, ReadError> {
    match voxels.iter().find(|&&value| value != 0.0 && value != 1.0) {
        Some(value) => {
            Err(unsupported(path, format!("its channels are not masks: they hold the value {value}, not only 0 and 1")))
        }
        None => Ok(voxels.mapv(|value| u8::from(value != 0.0))),
    }
}

fn from_json(text: &str) -> Result<LabelNames, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(structures) = value["structures"].as_array() {
        let overlapping = value["overlapping"].as_bool().unwrap_or(false);
        let labels = structures.iter().map(|it| own_label(it, overlapping)).collect::<Option<Vec<_>>>();
        let mut labels = labels.ok_or("a structure lacks `name`, or `value` (`mask` where structures overlap)")?;
        let mut regions = Vec::new();
        for (it, label) in structures.iter().zip(&labels) {
            if let Some(values) = it["values"].as_array().filter(|values| values.len() > 1) {
                regions.push((label.name.clone(), region(&label.name, values)?));
            }
        }
        labels.retain(|label| regions.iter().all(|(region, _)| *region != label.name));
        let program = value["program"].as_str().map(str::to_owned);
        let of = serde_json::from_value(value["of"].clone()).unwrap_or_default();
        return Ok(LabelNames { overlapping, program, labels, regions, of });
    }
    let table = value["labels"].as_object().or(value.as_object()).ok_or("it has no table of labels")?;
    let mut names = LabelNames::default();
    for (key, value) in table {
        match value.as_array() {
            Some(values) => names.regions.push((key.clone(), region(key, values)?)),
            None => names.labels.extend(Some(pair(key, value)?).filter(|label| label.number > 0)),
        }
    }
    Ok(names)
}

/// `"whole tumour": [1, 2, 3]` of nnU-Net.
fn region(name: &str, values: &[Value]) -> Result<Vec<u16>, String> {
    let value = |value: &Value| value.as_u64().and_then(|value| u16::try_from(value).ok());
    let values: Option<Vec<u16>> = values.iter().map(value).collect();
    values.filter(|values| !values.is_empty()).ok_or(format!("the region `{name}` is no list of label values"))
}

fn own_label(it: &Value, overlapping: bool) -> Option<LabelName> {
    let number = it[if overlapping { "mask" } else { "value" }].as_u64()?;
    let code =
        |code: &Value| Some(Code::new(code["value"].as_str()?, code["scheme"].as_str()?, code["meaning"].as_str()?));
    Some(LabelName {
        name: it["name"].as_str()?.to_owned(),
        number: u16::try_from(number).ok()?,
        color: it["color"].as_str().and_then(hex),
        code: code(&it["code"]),
    })
}

/// `"liver": 1` of nnU-Net v2, or `"1": "liver"` of the Decathlon and nnU-Net v1.
fn pair(key: &str, value: &Value) -> Result<LabelName, String> {
    let number = |value: u64| u16::try_from(value).map_err(|_| format!("the label {value} is above 65535"));
    let (name, number) = match (value.as_u64(), key.parse::<u64>(), value.as_str()) {
        (Some(value), ..) => (key, number(value)?),
        (None, Ok(key), Some(name)) => (name, number(key)?),
        _ => return Err(format!("`{key}` does not pair a name with one label value")),
    };
    Ok(LabelName { name: name.to_owned(), number, color: None, code: None })
}

/// `#rrggbb`.
fn hex(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

fn lines(text: &str, parse: fn(&str) -> Option<LabelName>) -> Result<LabelNames, String> {
    let rows = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    let labels =
        rows.map(|(line, number)| parse(line).ok_or(format!("line {number} is not a label: `{}`", line.trim())));
    let labels = labels.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|label| label.number > 0).collect();
    Ok(LabelNames { labels, ..LabelNames::default() })
}

/// `IDX R G B A VIS MSH "LABEL"`.
fn itksnap_line(line: &str) -> Option<LabelName> {
    let (fields, name) = line.split_once('"')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let [number, red, green, blue, ..] = fields.as_slice() else { return None };
    Some(LabelName {
        name: name.trim_end().strip_suffix('"')?.to_owned(),
        number: number.parse().ok()?,
        color: Some([red.parse().ok()?, green.parse().ok()?, blue.parse().ok()?]),
        code: None,
    })
}

/// `IDX NAME R G B A`, with underscores for blanks in the name.
fn slicer_line(line: &str) -> Option<LabelName> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [number, name, red, green, blue, ..] = fields.as_slice() else { return None };
    Some(LabelName {
        name: name.replace('_', " "),
        number: number.parse().ok()?,
        color: Some([red.parse().ok()?, green.parse().ok()?, blue.parse().ok()?]),
        code: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<LabelNames, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        LabelNames::read(&path)
    }

    #[test]
    fn every_form_names_the_same_labels() {
        let own = r##"{"format": 1, "overlapping": false, "structures": [{"name": "liver", "value": 1, "color": "#ff0007"},
            {"name": "left kidney", "value": 300, "color": "#0000ff"}]}"##;
        let itksnap =
            "# header\n 0 0 0 0 0 0 0 \"Clear Label\"\n 1 255 0 7 1 1 1 \"liver\"\n300 0 0 255 1 1 1 \"left kidney\"\n";
        let slicer = "# Color table file\n0 Background 0 0 0 0\n1 liver 255 0 7 255\n300 left_kidney 0 0 255 255\n";
        for (name, text) in [("label_map.json", own), ("a.txt", itksnap), ("a.CTBL", slicer)] {
            let names = read(name, text).unwrap();
            let of = |label: &LabelName| (label.name.clone(), label.number, label.color);
            let found: Vec<_> = names.labels.iter().map(of).collect();
            assert_eq!(
                found,
                [("liver".into(), 1, Some([255, 0, 7])), ("left kidney".into(), 300, Some([0, 0, 255]))],
                "{name}"
            );
        }
    }

    #[test]
    fn dataset_files_of_both_nnunet_versions_are_read() {
        for text in [
            r#"{"labels": {"background": 0, "a": 1, "b": 2}}"#,
            r#"{"labels": {"0": "background", "1": "a", "2": "b"}}"#,
        ] {
            let names = read("dataset.json", text).unwrap();
            let found: Vec<_> = names.labels.iter().map(|label| (label.name.as_str(), label.number)).collect();
            assert_eq!(found, [("a", 1), ("b", 2)]);
        }
    }

    #[test]
    fn regions_are_names_of_several_values() {
        let names = read("dataset.json", r#"{"labels": {"background": 0, "whole": [1, 2], "core": 2}}"#).unwrap();
        assert_eq!(names.regions, [("whole".to_owned(), vec![1, 2])]);
        assert_eq!(names.labels.iter().map(|label| label.number).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn regions_that_were_painted_over_each_other_are_names_of_several_values() {
        let text = r#"{"overlapping": false, "structures": [{"name": "whole", "value": 1, "values": [1, 2]},
            {"name": "core", "value": 2, "values": [2]}]}"#;
        let names = read("label_map.json", text).unwrap();
        assert_eq!(names.regions, [("whole".to_owned(), vec![1, 2])]);
        assert_eq!(names.labels.iter().map(|label| label.number).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn faulty_files_name_their_place() {
        for (name, text, reason) in [
            ("a.json", r#"{"labels": {"region": [1, "x"]}}"#, "`region`"),
            ("a.json", r#"{"labels": {"a": 1, "b": 1}}"#, "named twice"),
            ("a.json", r#"{"labels": {"a": 70000}}"#, "above 65535"),
            ("a.json", "{", "EOF"),
            ("a.txt", "1 2 3\n", "line 1"),
            ("a.ctbl", "# x\n1 liver red 0 0 255\n", "line 2"),
            ("a.csv", "1,liver", ".ctbl"),
        ] {
            let error = read(name, text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
