//! Curves over epochs, from a run's history table.
//!
//! Columns: `epoch` (required); `loss` and any column that ends in `_loss`; `learning_rate`; `validation_dice` (mean over
//! structures) and `validation_dice.NAME` per structure; `best` (whether the epoch's weights became the best so far);
//! `stopped_early` (whether early stopping made it the last epoch).
//! Other columns are kept in `training_history.json` but not drawn. Nulls are epochs without that value.

use polars::prelude::*;
use serde_json::{Map, Value, json};

/// A value over epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Name in legends.
    pub name: String,
    /// One value per epoch.
    pub values: Vec<Option<f64>>,
}

/// The curves of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Epoch numbers, ascending.
    pub epochs: Vec<f64>,
    /// Losses.
    pub losses: Vec<Curve>,
    /// Learning rate.
    pub learning_rate: Option<Curve>,
    /// Validation Dice per structure.
    pub structure_dice: Vec<Curve>,
    /// Validation Dice over structures.
    pub mean_dice: Option<Curve>,
    /// The epoch with the best weights: the last one marked as best, else the one with the highest mean Dice.
    pub best_epoch: Option<f64>,
    /// The last epoch, if early stopping ended training.
    pub stopped_early: Option<f64>,
}

/// Prefix of the columns with one structure's validation Dice.
const STRUCTURE_DICE: &str = "validation_dice.";

impl History {
    /// The curves in a history table; `None` if it has no `epoch` column or no rows.
    pub fn read(frame: &DataFrame) -> Option<Self> {
        let epochs: Vec<f64> = numbers(frame, "epoch")?.into_iter().flatten().collect();
        if epochs.is_empty() || epochs.len() != frame.height() {
            return None;
        }
        let curve =
            |column: &str, name: &str| numbers(frame, column).map(|values| Curve { name: name.to_owned(), values });
        let names: Vec<String> = frame.get_column_names().iter().map(|name| name.to_string()).collect();
        let is_loss = |name: &&String| *name == "loss" || name.ends_with("_loss");
        let losses = names.iter().filter(is_loss).filter_map(|name| curve(name, &name.replace('_', " ")));
        let structures = names.iter().filter_map(|name| curve(name, name.strip_prefix(STRUCTURE_DICE)?));
        let mean_dice = curve("validation_dice", "mean");
        Some(Self {
            losses: losses.collect(),
            learning_rate: curve("learning_rate", "learning rate"),
            structure_dice: structures.collect(),
            best_epoch: best_epoch(frame, &epochs, mean_dice.as_ref()),
            mean_dice,
            stopped_early: stopped_early(frame, &epochs),
            epochs,
        })
    }
}

fn stopped_early(frame: &DataFrame, epochs: &[f64]) -> Option<f64> {
    let stopped = frame.column("stopped_early").ok()?.bool().ok()?.iter().any(|stopped| stopped == Some(true));
    epochs.last().copied().filter(|_| stopped)
}

fn best_epoch(frame: &DataFrame, epochs: &[f64], mean_dice: Option<&Curve>) -> Option<f64> {
    let marked = frame.column("best").ok().and_then(|column| column.bool().ok());
    if let Some(marked) = marked {
        let marked: Vec<Option<bool>> = marked.iter().collect();
        let last = marked.iter().rposition(|best| *best == Some(true))?;
        return epochs.get(last).copied();
    }
    let scored = epochs.iter().zip(&mean_dice?.values).filter_map(|(epoch, dice)| Some((*epoch, (*dice)?)));
    // The first of tied scores, because weights are kept only if they improve the score.
    let better = |best: Option<(f64, f64)>, next: (f64, f64)| match best {
        Some(best) if best.1 >= next.1 => Some(best),
        _ => Some(next),
    };
    scored.fold(None, better).map(|(epoch, _)| epoch)
}

/// A column as numbers, NaN and infinity as missing; `None` if the column is missing or not numeric.
fn numbers(frame: &DataFrame, name: &str) -> Option<Vec<Option<f64>>> {
    let column = frame.column(name).ok().filter(|column| column.dtype().is_primitive_numeric())?;
    let column = column.cast(&DataType::Float64).ok()?;
    Some(column.f64().ok()?.iter().map(|value| value.filter(|value| value.is_finite())).collect())
}

/// Every column of a history table as a list, for `training_history.json`.
pub fn to_json(frame: &DataFrame) -> Value {
    let mut columns = Map::new();
    for name in frame.get_column_names() {
        let values = match numbers(frame, name) {
            Some(values) if frame.column(name).is_ok_and(|column| column.dtype().is_integer()) => {
                values.into_iter().map(|value| json!(value.map(|value| value as i64))).collect()
            }
            Some(values) => values.into_iter().map(|value| json!(value)).collect(),
            None => other_values(frame, name),
        };
        columns.insert(name.to_string(), Value::Array(values));
    }
    Value::Object(columns)
}

fn other_values(frame: &DataFrame, name: &str) -> Vec<Value> {
    let Ok(column) = frame.column(name) else { return Vec::new() };
    if let Ok(flags) = column.bool() {
        return flags.iter().map(|flag| json!(flag)).collect();
    }
    column.str().map(|texts| texts.iter().map(|text| json!(text)).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_found_by_name_and_the_best_epoch_by_its_mark_or_its_score() {
        let mut frame = df!(
            "epoch" => [1i64, 2, 3],
            "loss" => [0.9, f64::NAN, 0.5],
            "validation_dice" => [None, Some(0.7), Some(0.7)],
            "validation_dice.left kidney" => [None, Some(0.6), Some(0.8)],
            "seconds" => [1.0, 2.0, 3.0]
        )
        .unwrap();
        let history = History::read(&frame).unwrap();
        assert_eq!(history.epochs, [1.0, 2.0, 3.0]);
        assert_eq!(history.losses, [Curve { name: "loss".into(), values: vec![Some(0.9), None, Some(0.5)] }]);
        assert_eq!(history.structure_dice[0].name, "left kidney");
        assert_eq!((history.learning_rate.clone(), history.best_epoch), (None, Some(2.0)));
        frame.with_column(Column::new("best".into(), [false, true, true])).unwrap();
        assert_eq!(History::read(&frame).unwrap().best_epoch, Some(3.0));
        assert_eq!(History::read(&frame).unwrap().stopped_early, None);
        frame.with_column(Column::new("stopped_early".into(), [false, false, true])).unwrap();
        assert_eq!(History::read(&frame).unwrap().stopped_early, Some(3.0));
        let json = to_json(&frame);
        assert_eq!(json["epoch"], json!([1, 2, 3]));
        assert_eq!(json["loss"], json!([0.9, null, 0.5]));
        assert_eq!(json["best"], json!([false, true, true]));
    }

    #[test]
    fn a_table_without_epochs_has_no_curves() {
        assert_eq!(History::read(&df!("loss" => [1.0]).unwrap()), None);
        assert_eq!(History::read(&df!("epoch" => Vec::<i64>::new()).unwrap()), None);
    }
}
