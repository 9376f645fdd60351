use super::*;
use crate::evaluate::metric::{DICE, MetricInput};

fn score(case: &str, structure: &str, counts: [u64; 4]) -> Score {
    let [true_positive, false_positive, false_negative, true_negative] = counts;
    let counts = Overlap { true_positive, false_positive, false_negative, true_negative };
    Score::new(case, structure, &MetricInput { counts, voxel_ml: Some(0.001), ..MetricInput::default() })
}

fn example() -> Vec<Score> {
    vec![
        score("case_2", "zebra, \"odd\"", [1, 2, 3, 4]),
        score("case_2", "apple", [0, 0, 0, 9]),
        score("case_1", "zebra, \"odd\"", [0, 3, 0, 4]),
        score("case_1", "apple", [0, 0, 5, 4]),
    ]
}

/// Paths of a table in a folder: Parquet and CSV.
fn files(folder: &tempfile::TempDir, name: &str) -> (PathBuf, PathBuf) {
    (folder.path().join(format!("{name}.parquet")), folder.path().join(format!("{name}.csv")))
}

#[test]
fn a_table_comes_back_as_it_was_written_in_a_stable_order() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = files(&folder, "scores");
    write(&to_frame(&example()).unwrap(), &parquet, &csv).unwrap();
    let back = scores(&read(&parquet).unwrap()).unwrap();
    let [a, b, c, d] = example().try_into().unwrap();
    assert_eq!(back, [c, d, a, b]);
    let text = std::fs::read_to_string(&csv).unwrap();
    let before_metrics = "version,case,structure,true_positive,false_positive,false_negative,true_negative,\
                          reference_empty,prediction_empty,reference_ml,prediction_ml,\
                          reference_components,prediction_components,detected_components,distance_unit";
    let metrics: Vec<&str> = METRICS.iter().map(|metric| metric.column).collect();
    let header = format!("{before_metrics},{}", metrics.join(","));
    assert_eq!(text.lines().next(), Some(header.as_str()));
    assert_eq!(format!("version,{}", columns().join(",")), header);
    assert!(text.contains("3,case_1,apple,0,0,5,4,false,true,0.005,0.0,,,,,0.0,0.0,,0.0,"), "{text}");
}

#[test]
fn two_writes_give_identical_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, rows: &[Score]| {
        let (parquet, csv) = files(&folder, name);
        write(&to_frame(rows).unwrap(), &parquet, &csv).unwrap();
        (std::fs::read(parquet).unwrap(), std::fs::read(csv).unwrap())
    };
    let mut other_order = example();
    other_order.rotate_right(2);
    assert!(bytes("one", &example()) == bytes("two", &other_order));
}

#[test]
fn an_empty_table_keeps_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = files(&folder, "s");
    write(&to_frame(&[]).unwrap(), &parquet, &csv).unwrap();
    assert_eq!(scores(&read(&parquet).unwrap()).unwrap(), []);
    assert!(std::fs::read_to_string(csv).unwrap().starts_with("version,"));
}

#[test]
fn damaged_foreign_and_missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (path, csv) = files(&folder, "scores");
    let refused = || read(&path).unwrap_err().to_string();
    assert!(refused().contains("scores.parquet"));
    std::fs::write(&path, b"not a table").unwrap();
    assert!(refused().contains("scores.parquet"));
    let with = |changed: Column| {
        let mut frame = to_frame(&example()).unwrap();
        frame.with_column(changed).unwrap();
        write(&frame, &path, &csv).unwrap();
        refused()
    };
    let message = with(column("version", vec![VERSION + 1; 4]));
    assert!(message.contains("scores.parquet: table of version 4"), "{message}");
    let message = with(column("dice", vec!["0.5"; 4]));
    assert!(message.contains("scores.parquet") && message.contains("column `dice` has type"), "{message}");
    let without = to_frame(&example()).unwrap().drop("iou").unwrap();
    write(&without, &path, &csv).unwrap();
    let message = refused();
    assert!(message.contains("scores.parquet") && message.contains("column `iou` is missing"), "{message}");
    let message = with(column("case", vec![Some("a"), None, Some("b"), Some("c")]));
    assert!(message.contains("scores.parquet") && message.contains("row 2: `case` is empty"), "{message}");
}

#[test]
fn variants_come_back_each_with_its_scores() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = files(&folder, "variants");
    let variants = [(Variant::Pass(1), example()), (Variant::SecondStageAlone, example()[..2].to_vec())];
    write(&variants_frame(&variants).unwrap(), &parquet, &csv).unwrap();
    let back = read_variants(&parquet).unwrap();
    let found: Vec<_> = back.iter().map(|(variant, frame)| (variant.clone(), scores(frame).unwrap().len())).collect();
    assert_eq!(found, [(Variant::Pass(1), 4), (Variant::SecondStageAlone, 2)]);
    assert_eq!(scores(&back[1].1).unwrap()[0][DICE], example()[0][DICE]);
}

#[test]
fn structures_are_renamed_by_their_order() {
    let frame = to_frame(&example()).unwrap();
    let renamed = scores(&rename_structures(&frame, &["horse", "pear"]).unwrap()).unwrap();
    let names: Vec<&str> = renamed.iter().map(|score| score.structure.as_str()).collect();
    assert_eq!(names, ["horse", "pear", "horse", "pear"]);
    // Two swapped names are new names, too.
    let swapped = scores(&rename_structures(&frame, &["apple", "zebra, \"odd\""]).unwrap()).unwrap();
    assert_eq!((swapped[0].structure.as_str(), swapped[0].counts), ("apple", example()[2].counts));
    assert!(rename_structures(&to_frame(&[]).unwrap(), &["horse"]).is_ok());
    let message = rename_structures(&frame, &["horse"]).unwrap_err().to_string();
    assert!(message.contains("2 structures, the target has 1"), "{message}");
}
