//! What an archive has (QIDO-RS).

use serde::Serialize;
use serde_json::Value;

use super::{Pacs, PacsError, uid};

const JSON: &str = "application/dicom+json";

/// What studies are looked for; nothing set: all, up to the limit.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// PatientID.
    pub patient_id: Option<String>,
    /// PatientName; `*` and `?` stand for any letters.
    pub patient_name: Option<String>,
    /// AccessionNumber.
    pub accession: Option<String>,
    /// StudyDate, or a range of dates: `20240101-20240131`.
    pub date: Option<String>,
    /// ModalitiesInStudy.
    pub modality: Option<String>,
    /// Most studies.
    pub limit: usize,
}

/// A study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Study {
    /// StudyInstanceUID.
    pub uid: String,
    /// PatientID.
    pub patient_id: String,
    /// PatientName as stored.
    pub patient_name: String,
    /// StudyDate, `YYYYMMDD`.
    pub date: String,
    /// StudyDescription.
    pub description: String,
    /// AccessionNumber.
    pub accession: String,
    /// ModalitiesInStudy.
    pub modalities: Vec<String>,
    /// Number of its series, where the archive says so.
    pub series: Option<u64>,
}

/// A series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Series {
    /// SeriesInstanceUID.
    pub uid: String,
    /// SeriesNumber.
    pub number: Option<u64>,
    /// Modality.
    pub modality: String,
    /// SeriesDescription.
    pub description: String,
    /// Number of its objects, where the archive says so.
    pub instances: Option<u64>,
}

impl Pacs {
    /// The studies that fit, in the archive's order, up to the limit.
    ///
    /// # Errors
    /// [`PacsError`]
    pub fn studies(&self, query: &Query) -> Result<Vec<Study>, PacsError> {
        let limit = query.limit.to_string();
        let mut pairs = vec![("limit", limit.as_str())];
        // StudyDescription, ModalitiesInStudy, NumberOfStudyRelatedSeries: not every archive sends them unasked.
        pairs.extend(["00081030", "00080061", "00201206"].map(|tag| ("includefield", tag)));
        let wanted = [
            ("PatientID", &query.patient_id),
            ("PatientName", &query.patient_name),
            ("AccessionNumber", &query.accession),
            ("StudyDate", &query.date),
            ("ModalitiesInStudy", &query.modality),
        ];
        pairs.extend(wanted.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        // Not every archive keeps to the limit.
        Ok(self.list("studies", &pairs)?.iter().take(query.limit).map(study).collect())
    }

    /// The series of a study by their numbers.
    ///
    /// # Errors
    /// [`PacsError`]; [`PacsError::Request`] where there is none.
    pub fn series(&self, study: &str) -> Result<Vec<Series>, PacsError> {
        let place = format!("studies/{}/series", uid(study)?);
        let pairs = ["0008103E", "00201209"].map(|tag| ("includefield", tag));
        let mut found: Vec<Series> = self.list(&place, &pairs)?.iter().map(series).collect();
        if found.is_empty() {
            return Err(PacsError::Request(format!("{}: there is no study {study}", self.url())));
        }
        found.sort_by(|a, b| (a.number, &a.uid).cmp(&(b.number, &b.uid)));
        Ok(found)
    }

    /// The number of objects of a series, where the archive tells it.
    ///
    /// # Errors
    /// [`PacsError::Stopped`], and [`PacsError::Request`] for what is no UID. An archive that fails to tell is no error: not every one can.
    pub(super) fn declared(&self, [study, wanted]: [&str; 2]) -> Result<Option<u64>, PacsError> {
        let place = format!("studies/{}/series", uid(study)?);
        let pairs = [("SeriesInstanceUID", uid(wanted)?), ("includefield", "00201209")];
        match self.list(&place, &pairs) {
            Err(PacsError::Stopped) => Err(PacsError::Stopped),
            Err(_) => Ok(None),
            Ok(found) => {
                // Not every archive looks for the series alone.
                let known = found.iter().map(series).find(|series| series.uid.trim() == wanted);
                Ok(known.and_then(|series| series.instances).filter(|&count| count > 0))
            }
        }
    }

    fn list(&self, place: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, PacsError> {
        match self.get_json(place, query, JSON)? {
            None => Ok(Vec::new()),
            Some(Value::Array(found)) => Ok(found),
            Some(_) => {
                let url = format!("{}/{place}", self.url());
                Err(PacsError::Answer { url, reason: "the answer is no list: is this the address of DICOMweb?".into() })
            }
        }
    }
}

fn study(value: &Value) -> Study {
    Study {
        uid: text(value, "0020000D"),
        patient_id: text(value, "00100020"),
        patient_name: text(value, "00100010"),
        date: text(value, "00080020"),
        description: text(value, "00081030"),
        accession: text(value, "00080050"),
        modalities: texts(value, "00080061"),
        series: number(value, "00201206"),
    }
}

fn series(value: &Value) -> Series {
    Series {
        uid: text(value, "0020000E"),
        number: number(value, "00200011"),
        modality: text(value, "00080060"),
        description: text(value, "0008103E"),
        instances: number(value, "00201209"),
    }
}

/// The values of an element in the JSON model of DICOM (PS3.18, annex F).
pub(super) fn values<'a>(object: &'a Value, tag: &str) -> &'a [Value] {
    object.get(tag).and_then(|element| element.get("Value")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn texts(object: &Value, tag: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        name => Some(name.get("Alphabetic")?.as_str()?.to_owned()),
    };
    values(object, tag).iter().filter_map(text).collect()
}

pub(super) fn text(object: &Value, tag: &str) -> String {
    texts(object, tag).into_iter().next().unwrap_or_default()
}

/// A whole number, which some archives write as text.
fn number(object: &Value, tag: &str) -> Option<u64> {
    text(object, tag).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_json_model_of_dicom_is_read() {
        let value = json!({
            "0020000D": {"vr": "UI", "Value": ["1.2.3"]}, "00100020": {"vr": "LO", "Value": ["p1"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Ideographic": "…"}]},
            "00080020": {"vr": "DA", "Value": ["20240131"]}, "00081030": {"vr": "LO"},
            "00080061": {"vr": "CS", "Value": ["CT", "SEG"]}, "00201206": {"vr": "IS", "Value": ["2"]},
        });
        let expected = Study {
            uid: "1.2.3".into(),
            patient_id: "p1".into(),
            patient_name: "Doe^Jane".into(),
            date: "20240131".into(),
            description: String::new(),
            accession: String::new(),
            modalities: vec!["CT".into(), "SEG".into()],
            series: Some(2),
        };
        assert_eq!(study(&value), expected);
        let found =
            series(&json!({"0020000E": {"vr": "UI", "Value": ["1.2"]}, "00200011": {"vr": "IS", "Value": [7]}}));
        assert_eq!((found.uid.as_str(), found.number, found.instances), ("1.2", Some(7), None));
        assert_eq!(text(&json!([]), "00080060"), "");
    }
}
