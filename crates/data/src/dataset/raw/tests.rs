//! A synthetic set as a raw dataset.

use std::path::Path;

use super::*;
use crate::Cancel;
use crate::dataset::Access;
use crate::dataset::phantom::{self, PhantomLayout, PhantomRecipe, PhantomSize};
use crate::volume::{read_label_map, read_volume};

fn dataset(more: &str) -> Dataset {
    let head = "root = \"set\"\nmodality = \"ct\"\nlayout = { msd = {} }\nsource = \"segspec phantom\"";
    let structures = [("liver", 1), ("left-kidney", 2), ("right-kidney", 3), ("spleen", 4), ("spine", 5), ("ribs", 6)];
    let structure = |(name, value): (&str, u16)| format!("[[structure]]\nname = \"{name}\"\nvalue = {value}\n");
    toml::from_str(&format!("{head}\n{more}\n{}", structures.map(structure).concat())).unwrap()
}

fn inputs(place: &Path, dataset: &Dataset) -> Inputs {
    let recipe = PhantomRecipe { cases: 4, seed: 3, size: PhantomSize::Tiny, layout: PhantomLayout::Decathlon };
    phantom::write(&place.join("set"), recipe, &|_, _| {}, &Cancel::new()).unwrap();
    Inputs::open(dataset, place, &place.join("cache"), Access::Read, &|_, _, _| {}, &Cancel::new()).unwrap()
}

#[test]
fn grids_and_voxels_are_kept_and_values_are_consecutive() {
    let place = tempfile::tempdir().unwrap();
    let dataset = dataset("[split.k-fold]\nfolds = 3\nheld-out = 0.25\n");
    let inputs = inputs(place.path(), &dataset);
    let chosen = ["ribs".to_owned(), "liver".to_owned()];
    let raw = plan(&dataset, &inputs, &dataset.split, &chosen).unwrap();
    assert!(raw.notes.iter().any(|note| note.contains("ribs 6 → 1, liver 1 → 2")), "{:?}", raw.notes);
    assert!(raw.notes.iter().any(|note| note.starts_with("background") && note.contains("spine")), "{:?}", raw.notes);
    assert_eq!((raw.parts.training.len(), raw.parts.test.len(), raw.parts.folds.len()), (3, 1, 3));
    let out = place.path().join("out");
    std::fs::create_dir(&out).unwrap();
    raw.write(&out, &|_, _| {}, &Cancel::new()).unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("dataset.json")).unwrap()).unwrap();
    assert_eq!(json["labels"], serde_json::json!({ "background": 0, "ribs": 1, "liver": 2 }));
    assert_eq!((&json["channel_names"]["0"], &json["numTraining"]), (&"CT".into(), &3.into()));
    for (part, names) in [("Tr", &raw.parts.training), ("Ts", &raw.parts.test)] {
        for name in names {
            let read = |file: String| read_volume(file.as_ref()).unwrap();
            let own = read(format!("{}/set/imagesTr/{name}.nii.gz", place.path().display()));
            assert_eq!(read(format!("{}/images{part}/{name}_0000.nii.gz", out.display())), own, "{name}");
            let source = read_label_map(&place.path().join(format!("set/labelsTr/{name}.nii.gz"))).unwrap();
            let label = read_label_map(&out.join(format!("labels{part}/{name}.nii.gz"))).unwrap();
            assert_eq!(label.geometry, own.geometry, "{name}");
            let expected = source.voxels.mapv(|value| match value {
                6 => 1,
                1 => 2,
                _ => 0,
            });
            assert_eq!(label.voxels, expected, "{name}");
        }
    }
    let cancelled = Cancel::new();
    cancelled.stop();
    assert!(matches!(raw.write(&out, &|_, _| {}, &cancelled), Err(RawError::Cancelled)));
}

#[test]
fn channels_are_named_by_how_nnunet_normalises_them() {
    let (names, notes) = channels(&dataset(""));
    assert_eq!((names, notes), (vec!["CT".to_owned()], vec![]));
    let several = "[[channel]]\nname = \"arterial\"\n[[channel]]\nname = \"CT\"\nmodality = \"mr\"\n\
                   [[channel]]\nname = \"PET\"\nmodality = \"pet\"\n";
    let (names, notes) = channels(&dataset(several));
    assert_eq!(names, ["CT", "CT-image", "PET"]);
    assert!(notes.len() == 2 && notes[0].contains("`arterial` is called `CT`"), "{notes:?}");
}
