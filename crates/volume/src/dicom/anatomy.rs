//! Codes of common structures by name, for segmentation objects: SNOMED CT, as DICOM's context groups list them.
//!
//! `tests/reference/anatomy.py` compares the table with pydicom's dictionary.

use super::{Code, SegmentCoding};

/// Category of organs and other normal anatomy (PS3.16 CID 7150).
const ANATOMY: (&str, &str) = ("91723000", "Anatomical Structure");
/// Category of tumours and other lesions.
const ALTERED: (&str, &str) = ("49755003", "Morphologically Altered Structure");

/// Value, meaning and other names of a structure. Names are lower case, words separated by blanks.
type Row = (&'static str, &'static str, &'static [&'static str]);

/// Normal anatomy.
#[rustfmt::skip]
const STRUCTURES: [Row; 63] = [
    ("10200004", "Liver", &[]), ("78961009", "Spleen", &[]), ("64033007", "Kidney", &["kidneys"]), ("15776009", "Pancreas", &[]),
    ("69695003", "Stomach", &[]), ("28231008", "Gallbladder", &["gall bladder"]), ("32849002", "Esophagus", &["oesophagus"]),
    ("38848004", "Duodenum", &[]), ("30315005", "Small intestine", &["small bowel"]), ("14742008", "Large intestine", &["large bowel"]),
    ("71854001", "Colon", &[]), ("34402009", "Rectum", &[]), ("23451007", "Adrenal gland", &["adrenal", "adrenal glands"]),
    ("89837001", "Urinary bladder", &["bladder"]), ("41216001", "Prostate", &[]), ("35039007", "Uterus", &[]),
    ("15497006", "Ovary", &[]), ("71252005", "Cervix", &[]), ("87953007", "Ureter", &[]),
    ("80891009", "Heart", &[]), ("82471001", "Left atrium", &["left heart atrium", "heart atrium left"]),
    ("73829009", "Right atrium", &["heart atrium right"]), ("87878005", "Left ventricle", &["heart ventricle left"]),
    ("53085002", "Right ventricle", &["heart ventricle right"]), ("15825003", "Aorta", &[]), ("7832008", "Abdominal aorta", &[]),
    ("64131007", "Inferior vena cava", &["postcava", "ivc"]), ("48345005", "Superior vena cava", &[]),
    ("32764006", "Portal vein", &[]), ("81040000", "Pulmonary artery", &[]), ("122972007", "Pulmonary vein", &[]),
    ("73634005", "Common iliac artery", &["iliac artery"]), ("39607008", "Lung", &["lungs"]), ("44567001", "Trachea", &[]),
    ("955009", "Bronchus", &[]), ("69748006", "Thyroid", &["thyroid gland"]), ("9875009", "Thymus", &[]), ("76752008", "Breast", &[]),
    ("12738006", "Brain", &[]), ("119238007", "Brain Stem", &["brainstem"]), ("113305005", "Cerebellum", &[]),
    ("5366008", "Hippocampus", &[]), ("42695009", "Thalamus", &[]), ("89278009", "Putamen", &[]), ("4958002", "Amygdala", &[]),
    ("2748008", "Spinal cord", &[]), ("45289007", "Parotid gland", &["parotid"]), ("54019009", "Submandibular gland", &[]),
    ("421060004", "Spine", &["vertebral column"]), ("51282000", "Vertebra", &["vertebrae"]), ("113197003", "Rib", &["ribs"]),
    ("54735007", "Sacrum", &[]), ("22356005", "Ilium", &[]), ("56873002", "Sternum", &[]), ("51299004", "Clavicle", &["clavicula"]),
    ("79601000", "Scapula", &[]), ("85050009", "Humerus", &[]), ("71341001", "Femur", &[]), ("64234005", "Patella", &[]),
    ("12611008", "Tibia", &[]), ("87342007", "Fibula", &[]), ("89546000", "Skull", &[]), ("91609006", "Mandible", &[]),
];

/// Lesions.
#[rustfmt::skip]
const LESIONS: [Row; 4] = [
    ("108369006", "Neoplasm", &["tumor", "tumour", "cancer"]), ("52988006", "Lesion", &["lesions"]), ("79654002", "Edema", &["oedema"]),
    ("367643001", "Cyst", &["cysts"]),
];

/// Modifiers of structures that exist on both sides.
const SIDES: [(&str, &str, &str); 2] = [("left", "7771000", "Left"), ("right", "24028007", "Right")];

/// The coded description of a structure with this name, in any case and with any of blank, `-` and `_` between its words;
/// `None` for names that the table lacks. `left kidney` and `kidney_right` are the kidney with a modifier.
pub fn coding(name: &str) -> Option<SegmentCoding> {
    let folded = name.to_lowercase().replace(['-', '_'], " ");
    let words: Vec<&str> = folded.split_whitespace().collect();
    if let Some(coding) = exact(&words.join(" ")) {
        return Some(coding);
    }
    let (word, value, meaning) = *SIDES.iter().find(|(side, ..)| words.contains(side))?;
    let unsided: Vec<&str> = words.into_iter().filter(|other| *other != word).collect();
    let coding = exact(&unsided.join(" "))?;
    Some(SegmentCoding { modifier: Some(Code::new(value, "SCT", meaning)), ..coding })
}

fn exact(name: &str) -> Option<SegmentCoding> {
    let tables = [(&STRUCTURES[..], ANATOMY), (&LESIONS[..], ALTERED)];
    tables.into_iter().find_map(|(rows, category)| {
        let is_called = |(_, meaning, others): &&Row| meaning.to_lowercase() == name || others.contains(&name);
        let (value, meaning, _) = rows.iter().find(is_called)?;
        Some(SegmentCoding {
            category: Code::new(category.0, "SCT", category.1),
            property: Code::new(value, "SCT", meaning),
            ..SegmentCoding::default()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_sides_become_modifiers() {
        for (name, value, side) in [
            ("Liver", "10200004", None),
            ("left-kidney", "64033007", Some("Left")),
            ("kidney_right", "64033007", Some("Right")),
            ("Left Atrium", "82471001", None),
            ("small_bowel", "30315005", None),
            ("tumour", "108369006", None),
        ] {
            let coding = coding(name).unwrap();
            let modifier = coding.modifier.map(|code| code.meaning);
            assert_eq!((coding.property.value.as_str(), modifier.as_deref()), (value, side), "{name}");
        }
        for name in ["label 3", "left", "rightmost lobe", ""] {
            assert_eq!(coding(name), None, "{name}");
        }
    }

    /// Written by `tests/reference/anatomy.py` from pydicom's dictionary of SNOMED CT codes.
    #[test]
    fn values_are_those_of_pydicoms_dictionary() {
        let text = include_str!("../../../../tests/reference/anatomy.json");
        let known: std::collections::BTreeMap<String, String> = serde_json::from_str(text).unwrap();
        for (value, meaning, _) in STRUCTURES.iter().chain(&LESIONS) {
            assert_eq!(known.get(*meaning).map(String::as_str), Some(*value), "{meaning}");
        }
    }
}
