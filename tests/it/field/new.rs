//! Folders that public bug reports of other tools describe: what `segspec new` writes for them can be used.

use serde_json::Value;

use super::field;
use crate::lab::Lab;

/// What `new` and `dataset check` say of a folder.
struct Seen {
    new: Value,
    check: Value,
    text: String,
}

fn see(folder: &str) -> Option<Seen> {
    let root = field(folder)?;
    let lab = Lab::new();
    let new = lab.end(&["new", "--from", root.to_str().unwrap(), "--name", "field", "--json"]);
    assert_eq!(new.code, 0, "{folder}: {}", new.err);
    let check = lab.end(&["dataset", "check", "field", "--json"]);
    let checked = lab.end(&["check", "experiments/field.toml"]);
    assert_eq!(checked.code, 0, "{folder}: {}{}", checked.out, checked.err);
    Some(Seen {
        new: serde_json::from_str(&new.out).unwrap(),
        check: serde_json::from_str(&check.out).unwrap(),
        text: std::fs::read_to_string(lab.path("datasets/field.toml")).unwrap(),
    })
}

impl Seen {
    /// Voxels of a label value in all cases.
    fn voxels(&self, value: &str) -> Vec<u64> {
        let cases = self.check["cases"].as_array().unwrap();
        cases.iter().map(|case| case["label_voxels"][value].as_u64().unwrap_or(0)).collect()
    }

    fn structures(&self) -> Vec<(String, u64)> {
        let structures = self.new["structures"].as_array().unwrap();
        let named = |row: &Value| (row["name"].as_str().unwrap().to_owned(), row["value"].as_u64().unwrap());
        structures.iter().map(named).collect()
    }
}

fn named(structures: &[(&str, u64)]) -> Vec<(String, u64)> {
    structures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn the_first_nnunets_list_of_names_without_channels() {
    for (folder, channels) in [("one", vec![]), ("two", vec!["FLAIR", "T1"])] {
        let Some(seen) = see(&format!("15-nnunet-v1-dataset-json/data/{folder}")) else { return };
        assert_eq!(seen.new["layout"], "nnU-Net raw", "{folder}");
        assert_eq!((&seen.new["cases"], &seen.check["usable"]), (&6.into(), &6.into()), "{folder}");
        assert_eq!(seen.structures(), named(&[("lesion", 1), ("edema", 2)]));
        assert_eq!((seen.voxels("1"), seen.voxels("2")), (vec![144; 6], vec![48; 6]), "{folder}");
        let found: Vec<&str> =
            seen.new["channels"].as_array().unwrap().iter().filter_map(|channel| channel["name"].as_str()).collect();
        assert_eq!(found, channels);
    }
}

#[test]
fn regions_are_merged_targets() {
    for folder in ["regions", "regions-lists"] {
        let Some(seen) = see(&format!("16-nnunet-regions-and-ignore/data/{folder}")) else { return };
        assert_eq!(seen.check["usable"], 6, "{folder}");
        let values: Vec<u64> = seen.structures().into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [1, 2, 3], "{folder}");
        assert!(
            seen.text.contains("\"whole tumor\" = [\"value-1\", \"value-2\", \"enhancing tumor\"]"),
            "{}",
            seen.text
        );
        assert!(seen.text.contains("\"tumor core\" = [\"value-2\", \"enhancing tumor\"]"), "{}", seen.text);
        // 400 in the whole tumour, 144 in its core, 16 enhancing.
        let counts = ["1", "2", "3"].map(|value| seen.voxels(value)[0]);
        assert_eq!([counts.iter().sum::<u64>(), counts[1] + counts[2], counts[2]], [400, 144, 16], "{folder}");
    }
}

#[test]
fn the_ignored_value_is_taken_from_its_name() {
    for folder in ["ignore", "reversed"] {
        let Some(seen) = see(&format!("16-nnunet-regions-and-ignore/data/{folder}")) else { return };
        assert_eq!(seen.check["usable"], 6, "{folder}");
        assert_eq!(seen.structures(), named(&[("liver", 1), ("lesion", 2)]), "{folder}");
        assert!(seen.text.contains("ignore = 3"), "{}", seen.text);
        assert_eq!(["1", "2", "3"].map(|value| seen.voxels(value)[0]), [64, 64, 196], "{folder}");
    }
}

#[test]
fn pictures_in_nnunets_names_with_masks_of_255() {
    let Some(seen) = see("17-png-labels-0-255/data/nn") else { return };
    assert_eq!((&seen.new["cases"], &seen.check["usable"]), (&6.into(), &6.into()));
    assert!(seen.structures().iter().any(|(_, value)| *value == 255), "{:?}", seen.structures());
    assert_eq!(seen.voxels("255"), vec![80; 6]);
}

#[test]
fn nrrd_files_in_nnunets_names() {
    let Some(seen) = see("12-nrrd-label-with-layers/data/plain") else { return };
    assert_eq!((&seen.new["cases"], &seen.check["usable"]), (&3.into(), &3.into()));
    let structures = seen.structures();
    assert_eq!(structures.len(), 2, "{structures:?}");
    for (name, value) in structures {
        assert_eq!(seen.voxels(&value.to_string()), vec![64; 3], "{name}");
    }
}

#[test]
fn the_field_folders_dataset_files_are_read() {
    let Some(root) = field("") else { return };
    for (folder, dataset, usable) in [
        ("12-nrrd-label-with-layers", "plain", 3),
        ("15-nnunet-v1-dataset-json", "one-nnunet", 6),
        ("17-png-labels-0-255", "nn", 6),
        ("17-png-labels-0-255", "pairs255", 6),
    ] {
        let lab = Lab::new();
        let file = root.join(folder).join(format!("datasets/{dataset}.toml"));
        let mut command = lab.command(&["dataset", "check", file.to_str().unwrap(), "--json"]);
        let ended = crate::lab::end(command.env("SEGSPEC_DATA", root.join(folder)));
        let found: Value = serde_json::from_str(&ended.out).unwrap_or_default();
        assert_eq!(found["usable"], usable, "{folder} {dataset}: {} {}", ended.out, ended.err);
    }
}

/// DICOM masks that cases use, and copies of them.
#[test]
fn copies_of_masks_are_left_out_for_what_they_are() {
    let Some(root) = field("06-seg-file-per-structure/data/set") else { return };
    let lab = Lab::new();
    let ended = lab.end(&["new", "--from", root.to_str().unwrap(), "--name", "told", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let found: Value = serde_json::from_str(&ended.out).unwrap();
    let rows: Vec<String> = found["left-out"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(found["cases"], 3);
    for row in &rows {
        assert!(row.contains("/segs/") && row.contains("a further mask of the structure"), "{rows:?}");
    }
}
