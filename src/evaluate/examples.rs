//! Example cases of a run: best, median and worst.

use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::frame::{Groups, frame, mean, rows};
use super::metric::DICE;
use super::table::TableError;

/// Rank for which a case is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// Highest mean Dice.
    Best,
    /// Median of the mean Dice.
    Median,
    /// Lowest mean Dice.
    Worst,
}

impl Rank {
    /// Display name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "Best",
            Self::Median => "Median",
            Self::Worst => "Worst",
        }
    }
}

/// An example case.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its rank.
    pub rank: Rank,
    /// Name of the case.
    pub case: String,
    /// Its mean Dice over structures.
    pub dice: f64,
}

/// Best, median and worst case by mean Dice over structures; with fewer than three cases, as many as there are. Ties are ordered by
/// name.
///
/// # Errors
/// [`TableError`] if the table is not a score table.
pub fn examples(scores: &DataFrame) -> Result<Vec<Example>, TableError> {
    let groups = Groups::by(scores, &["case"])?;
    let dice = groups.each(DICE.column, mean)?;
    let cases = frame(groups.count(), groups.keys())?;
    let named = rows(&cases).map(|row| row.text("case")).zip(dice);
    let mut ranked: Vec<(&str, f64)> = named.filter_map(|(case, dice)| Some((case, dice?))).collect();
    let merit = |(_, dice): &(&str, f64)| DICE.merit(*dice);
    ranked.sort_by(|a, b| merit(b).total_cmp(&merit(a)).then_with(|| a.0.cmp(b.0)));
    let places = match ranked.len() {
        0 | 1 => vec![(Rank::Best, 0)],
        2 => vec![(Rank::Best, 0), (Rank::Worst, 1)],
        n => vec![(Rank::Best, 0), (Rank::Median, n / 2), (Rank::Worst, n - 1)],
    };
    let example = |(rank, place): (Rank, usize)| {
        let (case, dice) = ranked.get(place)?;
        Some(Example { rank, case: (*case).to_owned(), dice: *dice })
    };
    Ok(places.into_iter().filter_map(example).collect())
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;

    /// Ranks and names of the examples of a table with a row per name and Dice.
    fn shown(cases: &[&str], dice: &[Option<f64>]) -> Vec<(Rank, String)> {
        let table = df!("case" => cases, "dice" => dice).unwrap();
        examples(&table).unwrap().into_iter().map(|example| (example.rank, example.case)).collect()
    }

    #[test]
    fn structures_are_averaged_and_undefined_cases_left_out() {
        let cases = ["a", "a", "b", "c", "c", "d"];
        let dice = [Some(0.2), Some(0.4), None, Some(0.9), None, Some(0.5)];
        let expected = [(Rank::Best, "c".into()), (Rank::Median, "d".into()), (Rank::Worst, "a".into())];
        assert_eq!(shown(&cases, &dice), expected);
    }

    #[test]
    fn few_cases_are_shown_once() {
        assert_eq!(shown(&[], &[]), []);
        assert_eq!(shown(&["a"], &[Some(0.5)]), [(Rank::Best, "a".into())]);
        let two = [(Rank::Best, "a".into()), (Rank::Worst, "b".into())];
        assert_eq!(shown(&["b", "a"], &[Some(0.5); 2]), two);
    }
}
