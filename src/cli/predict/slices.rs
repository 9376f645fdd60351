//! `segspec predict` with a slice classifier.

use polars::prelude::{Column, DataFrame};
use serde_json::json;

use super::{Exit, Failure, Predict, done_of};
use crate::cli::session;
use crate::dataset::{Case, Excluded};
use crate::evaluate::table::write_csv;
use crate::infer::trained::read_image;
use crate::infer::{InferError, Trained};
use crate::observe::{Events, Kind};
use crate::predict::PredictError;
use crate::run::RunError;

/// Probability of one structure in one slice.
struct Row {
    case: String,
    structure: String,
    slice: u32,
    probability: f32,
}

/// Classifies the slices of every case, and writes `slices.csv`.
pub fn classify(
    cases: &[Case],
    mut failed: Vec<Excluded>,
    args: &Predict,
    trained: &Trained,
    events: &Events,
) -> Result<Exit, Failure> {
    let cancel = session::cancellation();
    let names: Vec<&str> = trained.plan.target.structures.iter().map(|structure| structure.name.as_str()).collect();
    let mut rows = Vec::new();
    for (done, case) in cases.iter().enumerate() {
        events.emit(Kind::Predicting { done, of: cases.len() });
        match read_image(case).and_then(|image| trained.classify(&image, &cancel)) {
            Ok((slices, _)) => rows.extend(slices.indexed_iter().map(|((structure, slice), probability)| Row {
                case: case.name.clone(),
                structure: names[structure].to_owned(),
                slice: slice as u32,
                probability: *probability,
            })),
            Err(InferError::Predict(PredictError::Cancelled)) => {
                return Err(Failure::message(Exit::Interrupted, "stopped; nothing was written"));
            }
            Err(error) => {
                let row = Excluded { case: case.name.clone(), reason: error.to_string() };
                events.emit(Kind::Excluded { cases: vec![row.clone()] });
                failed.push(row);
            }
        }
    }
    events.emit(Kind::Predicting { done: cases.len(), of: cases.len() });
    let path = args.output.join("slices.csv");
    std::fs::create_dir_all(&args.output).map_err(RunError::file(args.output.clone()))?;
    let frame = frame(&rows).map_err(|error| RunError::Internal(error.to_string()))?;
    write_csv(&frame, &path).map_err(RunError::from)?;
    let segmented = cases.len() - failed.iter().filter(|row| cases.iter().any(|case| case.name == row.case)).count();
    match args.json {
        true => println!("{:#}", json!({ "runs": args.runs, "slices": path, "cases": segmented, "failed": failed })),
        false => println!("{} classified: {}", done_of(segmented, failed.len()), path.display()),
    }
    Ok(if failed.is_empty() { Exit::Ok } else { Exit::BadData })
}

fn frame(rows: &[Row]) -> polars::prelude::PolarsResult<DataFrame> {
    let texts = |of: fn(&Row) -> &str| rows.iter().map(of).collect::<Vec<_>>();
    let columns = vec![
        Column::new("case".into(), texts(|row| &row.case)),
        Column::new("structure".into(), texts(|row| &row.structure)),
        Column::new("slice".into(), rows.iter().map(|row| row.slice).collect::<Vec<_>>()),
        Column::new("probability".into(), rows.iter().map(|row| row.probability).collect::<Vec<_>>()),
    ];
    DataFrame::new(rows.len(), columns)
}
