use polars::prelude::*;

use super::methods::{by_mean, by_wins, wins, within_case};
use super::*;
use crate::evaluate::metric::{DICE, HD95, MetricInput};
use crate::evaluate::statistics::SignedRanks;
use crate::evaluate::table::to_frame;
use crate::evaluate::{Overlap, Score};

const OPTIONS: Options = Options { metric: DICE, margin: None, seed: 0 };

/// Values that differ by competitor, structure and case, reproducibly.
pub(crate) fn synthetic(competitors: usize, structures: usize, cases: usize) -> Ranking {
    let mut draws = crate::random::stream(1, "synthetic ranking", 0, 0);
    let mut value = |competitor: usize, structure: usize| {
        let noise: f64 = rand::Rng::random_range(&mut draws, -0.05..0.05);
        0.9 - 0.3 * competitor as f64 / competitors as f64 - 0.2 * (structure % 7) as f64 / 7.0 + noise
    };
    let rows: Vec<Vec<Vec<f64>>> = (0..structures)
        .map(|structure| (0..cases).map(|_| (0..competitors).map(|it| value(it, structure)).collect()).collect())
        .collect();
    let rows: Vec<Vec<&[f64]>> = rows.iter().map(|cases| cases.iter().map(Vec::as_slice).collect()).collect();
    ranking(DICE, Some(0.01), &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

fn ranking(metric: MetricId, margin: Option<f64>, values: &[&[&[f64]]]) -> Ranking {
    let options = Options { metric, margin, ..OPTIONS };
    of_grid("tool", &Grid::of_values(metric, values), &StructureGroups::new(), &options)
}

/// By competitor: rank, rank then mean, significance.
fn ranks(board: &Board) -> Vec<[f64; 3]> {
    let mut entries = board.entries.clone();
    entries.sort_by_key(|entry| entry.competitor);
    entries.iter().map(|entry| [entry.rank, entry.rank_then_mean, entry.significance]).collect()
}

/// Worked out by hand by challengeR's definitions: three algorithms, four cases, ties.
///
/// | case | A | B | C | ranks (ties: smallest) |
/// |---|---|---|---|---|
/// | 1 | 0.9 | 0.8 | 0.8 | 1 2 2 |
/// | 2 | 0.9 | 0.8 | 0.7 | 1 2 3 |
/// | 3 | 0.9 | 0.8 | 0.7 | 1 2 3 |
/// | 4 | 0.1 | 0.8 | 0.8 | 3 1 1 |
///
/// Means 0.7, 0.8, 0.75 → 3 1 2. Mean ranks 1.5, 1.75, 2.25 → 1 2 3. Four cases: the smallest one-sided p by the normal approximation is that
/// of four equal signs, z = (10 − 5 − 0.5) / √7.5 → p = 0.0502: nobody wins, all rank 1.
#[test]
fn the_methods_are_those_of_challenger() {
    let cases: [&[f64]; 4] = [&[0.9, 0.8, 0.8], &[0.9, 0.8, 0.7], &[0.9, 0.8, 0.7], &[0.1, 0.8, 0.8]];
    let ranking = ranking(DICE, None, &[&cases]);
    let board = ranking.overall().unwrap();
    assert_eq!(ranks(board), [[3.0, 1.0, 1.0], [1.0, 2.0, 1.0], [2.0, 3.0, 1.0]]);
    let mean_ranks: Vec<f64> = ["A0", "A1", "A2"]
        .iter()
        .map(|name| board.entries.iter().find(|entry| entry.name == *name).unwrap().mean_rank)
        .collect();
    mean_ranks.into_iter().zip([1.5, 1.75, 2.25]).for_each(|(found, expected)| close(found, expected));
    // Rankings 3 1 2 and 1 2 3: of three pairs one agrees and two do not.
    close(board.agreement[0].tau.unwrap(), -1.0 / 3.0);
    assert_eq!(board.agreement[1].tau, None);
}

/// Ten cases in which A beats both others by growing differences, and C and B take turns with equal sums of ranks.
#[test]
fn significance_counts_adjusted_one_sided_wins() {
    let values: Vec<[f64; 3]> = (0..10)
        .map(|case| {
            let step = f64::from(case) / 1000.0;
            [0.9 + step, 0.5, 0.5 + if case % 2 == 0 { 0.001 } else { -0.001 }]
        })
        .collect();
    let difference = |a: usize, b: usize| values.iter().map(|row| row[a] - row[b]).collect::<Vec<_>>();
    // z = (55 − 27.5 − 0.5) / √96.25 = 2.752, p = 0.00296; adjusted for six ordered pairs: 0.0178.
    close(SignedRanks::of(&difference(0, 1)).greater(), 0.002_960_768_512_074_36);
    assert_eq!(wins(3, difference), [2, 0, 0]);
    assert_eq!(by_wins(&[2, 0, 0]), [1.0, 2.0, 2.0]);
}

#[test]
fn equal_competitors_share_the_smallest_rank_and_lower_distances_are_better() {
    assert_eq!(by_mean(&[0.5, 0.9, 0.5, 0.1], DICE), [2.0, 1.0, 2.0, 4.0]);
    assert_eq!(by_mean(&[3.0, 1.0, 2.0], HD95), [3.0, 1.0, 2.0]);
    // One of three structures is absent: ranks 1 and 2 of two are stretched to 1 and 3.
    let found = within_case(&[0.5, f64::NAN, 0.9], DICE);
    assert!(found[1].is_nan() && (found[0], found[2]) == (3.0, 1.0));
    assert!(within_case(&[0.5, f64::NAN], DICE).iter().all(|it| it.is_nan()));
}

/// Structures are averaged first within a case for tests, and after cases for means; boards of single structures stand behind.
#[test]
fn boards_are_over_all_structures_groups_and_single_ones() {
    let s0: Vec<[f64; 2]> = (0..8).map(|case| [0.9 - f64::from(case) * 0.01, 0.8 - f64::from(case) * 0.013]).collect();
    let s1: Vec<[f64; 2]> = (0..8).map(|case| [0.3, 0.4 + f64::from(case) * 0.001]).collect();
    let [a, b] = [&s0, &s1].map(|rows| rows.iter().map(|row| row.as_slice()).collect::<Vec<_>>());
    let grid = Grid::of_values(DICE, &[&a, &b, &b]);
    let groups = StructureGroups::from([("small".to_owned(), vec!["s1".to_owned(), "s2".to_owned()])]);
    let ranking = of_grid("tool", &grid, &groups, &Options { margin: Some(0.2), ..OPTIONS });
    let names: Vec<&str> = ranking.boards.iter().map(|board| board.over.name.as_str()).collect();
    assert_eq!(names, ["all structures", "small", "s0", "s1", "s2"]);
    let first: Vec<&str> = ranking.boards.iter().map(|board| board.entries[0].name.as_str()).collect();
    assert_eq!(first, ["A1", "A1", "A0", "A1", "A1"]);
    let pair = &ranking.boards[2].pairs[0];
    assert_eq!((pair.a, pair.b, pair.n, pair.zeros, pair.exact), (0, 1, 8, 0, true));
    close(pair.difference, 0.1 + 3.5 * 0.003);
    close(pair.p, 2.0 / 256.0);
    assert_eq!((pair.rank_biserial, pair.p_better, pair.p_equivalent), (1.0, Some(1.0), Some(1.0)));
    assert_eq!((pair.verdict, pair.underpowered), (Verdict::Equivalent, false));
    let [low, high] = pair.ci95.unwrap();
    assert!(low < pair.difference && pair.difference < high && low > 0.1);
}

#[test]
fn intervals_ranks_and_probabilities_come_from_resampled_patients() {
    let values: Vec<[f64; 3]> = (0..20).map(|case| [0.8, 0.8 + f64::from(case % 5 - 2) * 0.01, 0.2]).collect();
    let rows: Vec<&[f64]> = values.iter().map(|row| row.as_slice()).collect();
    let ranking = ranking(DICE, None, &[&rows]);
    let board = ranking.overall().unwrap();
    let last = board.entries.iter().find(|entry| entry.competitor == 2).unwrap();
    assert_eq!(
        (last.rank_interval, last.p_first, last.rank_frequencies.clone()),
        (Some([3.0, 3.0]), Some(0.0), vec![0.0, 0.0, 1.0])
    );
    let pair = board.pairs.iter().find(|pair| pair.a.max(pair.b) == 1).unwrap();
    // The second has the same mean, with spread: it is as often above as below.
    assert!((pair.p_better.unwrap() - 0.5).abs() < 0.06, "{pair:?}");
    let first =
        board.entries.iter().filter(|entry| entry.competitor < 2).map(|entry| entry.p_first.unwrap()).sum::<f64>();
    assert!(first >= 1.0);
    assert_eq!(pair.verdict, Verdict::Undecided);
}

/// Sixteen images of four patients: the patients are what is resampled, tested and counted.
#[test]
fn images_of_one_patient_are_one_observation() {
    let values: Vec<[f64; 2]> = (0..16).map(|case| [0.9 + f64::from(case) * 0.001, 0.5]).collect();
    let rows: Vec<&[f64]> = values.iter().map(|row| row.as_slice()).collect();
    let mut grid = Grid::of_values(DICE, &[&rows]);
    grid.patients = (0..16).map(|case| case / 4).collect();
    grid.n_patients = 4;
    let ranking = of_grid("tool", &grid, &StructureGroups::new(), &OPTIONS);
    let board = ranking.overall().unwrap();
    assert_eq!((board.n_cases, board.n_patients, board.underpowered), (16, 4, true));
    assert_eq!((board.pairs[0].n, board.pairs[0].p, board.pairs[0].ci95), (4, 0.125, None));
    assert!(ranking.cautions[0].contains("4 patients: too few"), "{:?}", ranking.cautions);
}

#[test]
fn more_pairs_need_more_patients() {
    let values: Vec<Vec<f64>> =
        (0..8).map(|case| (0..6).map(|it| f64::from(it) * 0.1 + f64::from(case) * 0.001).collect()).collect();
    let rows: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
    // 2 / 2⁸ = 0.0078: enough for one pair, not for fifteen.
    assert!(ranking(DICE, None, &[&rows]).overall().unwrap().underpowered);
    let two: Vec<&[f64]> = values.iter().map(|row| &row[..2]).collect();
    assert!(!ranking(DICE, None, &[&two]).overall().unwrap().underpowered);
}

fn scores(rows: &[(&str, &str, [u64; 3])]) -> DataFrame {
    let score = |(case, structure, [tp, fp, fn_]): &(&str, &str, [u64; 3])| {
        let counts = Overlap { true_positive: *tp, false_positive: *fp, false_negative: *fn_, true_negative: 5 };
        Score::new(case, structure, &MetricInput { counts, ..MetricInput::default() })
    };
    to_frame(&rows.iter().map(score).collect::<Vec<_>>()).unwrap()
}

fn grid(metric: MetricId, tables: &[&DataFrame]) -> Result<Grid, RankError> {
    let named = tables.iter().enumerate();
    let competitors: Vec<Competitor> =
        named.map(|(at, table)| Competitor { name: format!("t{at}"), tables: vec![*table] }).collect();
    Grid::new(&competitors, &["liver".into()], metric)
}

#[test]
fn what_is_undefined_counts_as_it_deserves() {
    let right = scores(&[("a", "liver", [1, 0, 0]), ("b", "liver", [0, 0, 0]), ("c", "liver", [0, 0, 3])]);
    let wrong = scores(&[("a", "liver", [1, 1, 1]), ("b", "liver", [0, 2, 0]), ("c", "liver", [0, 0, 3])]);
    let found = grid(DICE, &[&right, &wrong]).unwrap();
    // b is absent: right in the first, a false positive in the second. c is missed by both.
    let row = |case: usize| found.row(0, case).to_vec();
    assert_eq!([row(0), row(1), row(2)], [vec![1.0, 0.5], vec![1.0, 0.0], vec![0.0, 0.0]]);
    assert_eq!(found.failures, [vec![[1, 0]], vec![[1, 1]]]);
    // Precision is undefined where nothing is predicted: a missed structure counts as 0.
    let precision = MetricId::all().find(|metric| metric.column == "precision").unwrap();
    assert_eq!(grid(precision, &[&right, &wrong]).unwrap().row(0, 2), [0.0, 0.0]);
    // The relative volume of a false positive has no worst value: its case is left out for both.
    let relative = MetricId::all().find(|metric| metric.column == "relative_volume_difference").unwrap();
    let found = grid(relative, &[&right, &wrong]).unwrap();
    assert_eq!((found.left_out.undefined, found.row(0, 1)[0].is_nan()), (1, true));
    // Where all are right, there is nothing to compare.
    assert_eq!(grid(DICE, &[&right, &right]).unwrap().left_out.absent, 1);
}

#[test]
fn other_cases_are_refused_and_metrics_without_values_named() {
    let (two, one) =
        (scores(&[("a", "liver", [1, 0, 0]), ("b", "liver", [1, 0, 0])]), scores(&[("a", "liver", [1, 0, 0])]));
    let message = grid(DICE, &[&two, &one]).unwrap_err().to_string();
    assert!(
        message.contains("t1 cannot be compared") && message.contains("1 of their scores are missing"),
        "{message}"
    );
    let nsd = crate::evaluate::NSD;
    let message = grid(nsd, &[&two, &two]).unwrap_err().to_string();
    assert!(message.contains("no case has a value of NSD: it needs a tolerance"), "{message}");
}

#[test]
fn structures_of_one_trial_compete_where_they_occur() {
    let table = scores(&[
        ("a", "liver", [9, 1, 1]),
        ("a", "spleen", [1, 1, 1]),
        ("b", "liver", [8, 2, 2]),
        ("b", "spleen", [0, 0, 0]),
    ]);
    let competitor = Competitor { name: "t".into(), tables: vec![&table] };
    let grid = Grid::of_structures(&competitor, &["liver".into(), "spleen".into()], DICE).unwrap();
    let ranking = of_grid("structure", &grid, &StructureGroups::new(), &OPTIONS);
    let board = ranking.overall().unwrap();
    assert_eq!((board.entries[0].name.as_str(), board.entries[1].name.as_str()), ("liver", "spleen"));
    close(board.entries[0].mean, 0.85);
    assert_eq!((board.entries[1].mean, board.entries[1].n, board.pairs[0].n), (0.5, 1, 1));
}

#[test]
fn the_tables_have_a_row_per_entry_and_pair() {
    let cases: [&[f64]; 2] = [&[0.9, 0.8, 0.8], &[0.9, 0.8, 0.7]];
    let ranking = ranking(DICE, None, &[&cases, &cases]);
    assert_eq!((entries(&ranking).unwrap().height(), pairs(&ranking).unwrap().height()), (9, 9));
    let json = serde_json::to_value(&ranking).unwrap();
    assert_eq!((json["metric"].as_str(), json["boards"].as_array().map(Vec::len)), (Some("dice"), Some(3)));
}
