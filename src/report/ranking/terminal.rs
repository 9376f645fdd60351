//! A ranking for a terminal of 80 columns.

use std::collections::BTreeSet;

use super::words::{entry_rows, origin, pair_rows, structure_rows};
use crate::evaluate::rank::{Board, Pair, Ranking, Verdict};
use crate::report::terminal::shorten;
use crate::report::text_table::{Charset, TextTable};

/// Pairs that are listed: of more, those with the first.
const MOST_PAIRS: usize = 6;
/// Structures that are listed; the rest is in the files.
const MOST_STRUCTURES: usize = 40;
/// Columns of a terminal.
const WIDTH: usize = 80;

/// The overall board, its pairs, the first of every structure, and cautions.
pub fn terminal(ranking: &Ranking, charset: Charset) -> String {
    let Some(board) = ranking.overall() else { return "nothing to rank\n".into() };
    let heading = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let ascii = |text: String| if charset == Charset::Ascii { text.replace('–', "-") } else { text };
    let first = if ranking.of.starts_with("value") { "value" } else { &ranking.of };
    let metric = shorten(&ranking.heading, 11, charset);
    let mut table =
        TextTable::of_scores(heading(&[first, "rank", "95%", &metric, "95% CI", "P(1st)", "wins"]), charset);
    let tags = tags(ranking, board, charset);
    for (row, entry) in entry_rows(ranking, board).into_iter().zip(&board.entries) {
        let name = match &tags {
            Tags::Names(_) => row.name,
            Tags::Letters(letters) => format!("{} {}", letters[entry.competitor], row.name),
        };
        table.row([
            shorten(&name, 27, charset),
            row.rank,
            ascii(row.ranks),
            row.mean,
            ascii(row.ci95),
            row.p_first,
            row.wins,
        ]);
    }
    let mut text = table.render() + "\n";
    let mut table = TextTable::of_scores(heading(&["difference", "", "95% CI", "p Holm", "r", "verdict"]), charset);
    for (row, pair) in pair_rows(ranking, board, MOST_PAIRS).into_iter().zip(shown(ranking)) {
        let (Tags::Names(short) | Tags::Letters(short)) = &tags;
        let [a, b] = [&short[pair.a], &short[pair.b]];
        let minus = if charset == Charset::Unicode { "−" } else { "-" };
        let verdict = match (pair.verdict, pair.underpowered) {
            (Verdict::Undecided, true) => "underpowered".to_owned(),
            (verdict, _) => verdict.name().to_owned(),
        };
        table.row([format!("{a} {minus} {b}"), row.difference, ascii(row.ci95), row.p_holm, row.effect, verdict]);
    }
    text += &(table.render() + "\n");
    text += &structures(ranking, charset);
    text += &factors(ranking, charset);
    for line in origin(ranking).iter().chain(&ranking.cautions) {
        text += &wrapped(&ascii(line.clone()));
    }
    text
}

/// What stands for the competitors in the table of pairs.
enum Tags {
    /// Their names, as far as there is room.
    Names(Vec<String>),
    /// Letters from A for the first, which stand before the names in the table above: what there is room for is the same for several.
    Letters(Vec<String>),
}

fn tags(ranking: &Ranking, board: &Board, charset: Charset) -> Tags {
    let short: Vec<String> = ranking.competitors.iter().map(|name| shorten(name, 9, charset)).collect();
    if short.iter().collect::<BTreeSet<_>>().len() == short.len() {
        return Tags::Names(short);
    }
    let mut letters = vec![String::new(); short.len()];
    board.entries.iter().enumerate().for_each(|(place, entry)| letters[entry.competitor] = letter(place));
    Tags::Letters(letters)
}

/// A to Z, then AA, AB and so on.
fn letter(place: usize) -> String {
    let last = char::from(b'A' + (place % 26) as u8);
    if place < 26 { last.to_string() } else { format!("{}{last}", letter(place / 26 - 1)) }
}

/// The listed pairs.
fn shown(ranking: &Ranking) -> impl Iterator<Item = &Pair> {
    let board = ranking.overall();
    let all = board.is_some_and(|board| board.pairs.len() <= MOST_PAIRS);
    let first = board.and_then(|board| board.entries.first()).map(|entry| entry.competitor);
    let pairs = board.into_iter().flat_map(|board| &board.pairs);
    pairs.filter(move |pair| all || Some(pair.a) == first)
}

fn structures(ranking: &Ranking, charset: Charset) -> String {
    let rows = structure_rows(ranking);
    if rows.is_empty() {
        return String::new();
    }
    let heading = ["structure", "first", &ranking.heading, "P(1st)", "n"].map(str::to_owned).to_vec();
    let mut table = TextTable::of_scores(heading, charset);
    let more = rows.len().saturating_sub(MOST_STRUCTURES);
    for row in rows.into_iter().take(MOST_STRUCTURES) {
        table.row([
            shorten(&row.structure, 24, charset),
            shorten(&row.first, 28, charset),
            row.mean,
            row.p_first,
            row.n,
        ]);
    }
    let more = if more > 0 { format!("and {more} more structures, in ranking.csv\n") } else { String::new() };
    table.render() + &more + "\n"
}

fn factors(ranking: &Ranking, charset: Charset) -> String {
    if ranking.factors.is_empty() {
        return String::new();
    }
    let heading = ["setting", "mean over trials", "SD over trials", "trials"].map(str::to_owned).to_vec();
    let mut table = TextTable::of_scores(heading, charset);
    for factor in &ranking.factors {
        for level in &factor.levels {
            let sd = level.sd_over_trials.map_or_else(|| "n/a".to_owned(), |sd| format!("{sd:.3}"));
            let mark = if factor.balanced { "" } else { " (not balanced)" };
            let name = shorten(&level.label, 40, charset) + mark;
            table.row([name, ranking.metric.unit.show(level.mean), sd, level.n_trials.to_string()]);
        }
    }
    table.render() + "\n"
}

/// A sentence in lines of at most 80 columns.
fn wrapped(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines += &(std::mem::take(&mut line) + "\n");
        }
        line += if line.is_empty() { "" } else { " " };
        line += word;
    }
    lines + &line + "\n"
}
