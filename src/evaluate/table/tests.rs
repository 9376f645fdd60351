use super::*;
use crate::evaluate::Overlap;

fn row(trial: &str, case: &str, structure: &str, counts: [u64; 4]) -> ScoreRow {
    let [true_positive, false_positive, false_negative, true_negative] = counts;
    let overlap = Overlap { true_positive, false_positive, false_negative, true_negative };
    let context = Context {
        experiment: "x".into(),
        trial: trial.into(),
        fold: (trial == "b").then_some(2),
        seed: u64::MAX,
        split: "test".into(),
        selected_on: false,
    };
    ScoreRow { context, score: Score::new(case, structure, overlap, Some(0.001)) }
}

fn example() -> Vec<ScoreRow> {
    vec![
        row("b", "case_2", "zebra, \"odd\"", [1, 2, 3, 4]),
        row("b", "case_2", "apple", [0, 0, 0, 9]),
        row("b", "case_1", "zebra, \"odd\"", [0, 3, 0, 4]),
        row("a", "case_9", "apple", [0, 0, 5, 4]),
    ]
}

#[test]
fn a_table_comes_back_as_it_was_written_in_a_stable_order() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, csv) = (folder.path().join("scores.parquet"), folder.path().join("scores.csv"));
    write(&to_frame(&example()).unwrap(), &parquet, &csv).unwrap();
    let back = rows(&read(&parquet).unwrap()).unwrap();
    let [a, b, c, d] = example().try_into().unwrap();
    assert_eq!(back, [d, c, a, b]);
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(text.starts_with("version,experiment,trial,fold,seed,split,selected_on,case,structure,true_positive"));
    assert!(text.contains("1,x,a,,18446744073709551615,test,false,case_9,apple,0,0,5,4,false,true,0.0,0.0,,0.0"));
}

#[test]
fn two_writes_give_identical_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, rows: &[ScoreRow]| {
        let (parquet, csv) = (folder.path().join(format!("{name}.parquet")), folder.path().join(format!("{name}.csv")));
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
    let (parquet, csv) = (folder.path().join("s.parquet"), folder.path().join("s.csv"));
    write(&to_frame(&[]).unwrap(), &parquet, &csv).unwrap();
    assert_eq!(rows(&read(&parquet).unwrap()).unwrap(), []);
    assert!(std::fs::read_to_string(csv).unwrap().starts_with("version,"));
}

#[test]
fn damaged_foreign_and_missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.parquet");
    assert!(read(&path).unwrap_err().to_string().contains("scores.parquet"));
    std::fs::write(&path, b"not a table").unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("scores.parquet"));
    let mut frame = to_frame(&example()).unwrap();
    frame.with_column(Column::new("version".into(), vec![VERSION + 1; 4])).unwrap();
    write(&frame, &path, &folder.path().join("scores.csv")).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.contains("scores.parquet: score table of version 2"), "{message}");
}
