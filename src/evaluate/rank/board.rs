//! The ranking of all competitors on one structure, a group of structures, or all of them.

use rayon::prelude::*;
use serde::Serialize;

use super::Options;
use super::bootstrap::Resamples;
use super::grid::Grid;
use super::methods::{Method, by_mean, by_wins, wins};
use super::pairs::{Differences, Pair, compare};
use crate::evaluate::statistics::{ALPHA, FEWEST, bca, kendall_tau, smallest_p};
use crate::evaluate::summary::{Statistics, StructureGroups};

/// Which structures a board is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Over {
    /// `all structures`, the name of a group, or of a structure.
    pub name: String,
    /// Whether it is over several structures by their means.
    pub several: bool,
    /// Their places in the grid.
    #[serde(skip)]
    pub structures: Vec<usize>,
}

impl Over {
    /// The boards of a grid: all structures, the groups with at least two of them, every structure. Only the first where there is one.
    pub fn all(grid: &Grid, groups: &StructureGroups) -> Vec<Self> {
        let n = grid.structures.len();
        let one = |place: usize| Self { name: grid.structures[place].clone(), several: false, structures: vec![place] };
        if n == 1 {
            return vec![one(0)];
        }
        let mut overs = vec![Self { name: "all structures".into(), several: true, structures: (0..n).collect() }];
        for (name, members) in groups {
            let structures: Vec<usize> = (0..n).filter(|place| members.contains(&grid.structures[*place])).collect();
            if structures.len() > 1 {
                overs.push(Self { name: name.clone(), several: true, structures });
            }
        }
        overs.extend((0..n).map(one));
        overs
    }
}

/// A ranking of all competitors.
#[derive(Clone, Debug, Serialize)]
pub struct Board {
    /// Which structures it is over.
    pub over: Over,
    /// Cases with a value.
    pub n_cases: usize,
    /// Patients with a value: what is resampled and tested.
    pub n_patients: usize,
    /// The competitors, best first (mean then rank; equal ones in the order of the competitors).
    pub entries: Vec<Entry>,
    /// Every pair, in the order of the entries.
    pub pairs: Vec<Pair>,
    /// Kendall's tau-b between the methods.
    pub agreement: Vec<Agreement>,
    /// Whether so few patients allow no significant difference between any two, adjusted for all pairs.
    pub underpowered: bool,
}

/// One competitor on a board.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its place in the ranking's list of competitors.
    pub competitor: usize,
    /// Its name.
    pub name: String,
    /// Values (cases).
    pub n: usize,
    /// Structures missed, over cases (and seeds).
    pub n_missed: u64,
    /// False positives on an empty reference.
    pub n_fp_on_empty: u64,
    /// Mean over cases, then over structures.
    pub mean: f64,
    /// Standard deviation over cases of the mean over structures.
    pub sd_over_cases: Option<f64>,
    /// 95 % confidence interval of the mean: BCa bootstrap over patients.
    pub ci95: Option<[f64; 2]>,
    /// Mean of the ranks in every case.
    pub mean_rank: f64,
    /// Others that it beats significantly.
    pub wins: usize,
    /// Rank by the mean.
    pub rank: f64,
    /// Rank by the mean of ranks.
    pub rank_then_mean: f64,
    /// Rank by significant wins.
    pub significance: f64,
    /// 95 % of the resamples give it a rank from … to … by the mean.
    pub rank_interval: Option<[f64; 2]>,
    /// The same by the mean of ranks.
    pub rank_then_mean_interval: Option<[f64; 2]>,
    /// Part of the resamples in which it is first by the mean, alone or with others.
    pub p_first: Option<f64>,
    /// Part of the resamples with each rank by the mean, from 1.
    pub rank_frequencies: Vec<f64>,
}

/// How far two methods agree.
#[derive(Clone, Debug, Serialize)]
pub struct Agreement {
    /// The methods.
    pub methods: [Method; 2],
    /// Kendall's tau-b; undefined where a method ranks all equal.
    pub tau: Option<f64>,
}

/// Every board of a grid.
pub fn boards(grid: &Grid, overs: &[Over], resamples: &Resamples, options: &Options) -> Vec<Board> {
    overs.par_iter().enumerate().map(|(place, over)| board(grid, (place, over), resamples, options)).collect()
}

fn board(grid: &Grid, (place, over): (usize, &Over), resamples: &Resamples, options: &Options) -> Board {
    let n = grid.competitors.len();
    let at = |competitor: usize| place * n + competitor;
    let differences = Differences::new(grid, &over.structures);
    let own = |means: &[f64]| means[place * n..(place + 1) * n].to_vec();
    let wins = wins(n, |a, b| differences.of(a, b));
    let ranks = Ranks {
        mean: by_mean(&own(&resamples.all.values), grid.metric),
        rank: by_rank(&own(&resamples.all.ranks)),
        wins: by_wins(&wins),
    };
    let drawn = Drawn::new(grid, &own, resamples);
    let mut entries: Vec<Entry> =
        (0..n).map(|it| entry(grid, over, it, at(it), &ranks, &wins, resamples, &drawn)).collect();
    entries.sort_by(|a, b| a.rank.total_cmp(&b.rank));
    let order: Vec<usize> = entries.iter().map(|entry| entry.competitor).collect();
    let has = |case: usize| grid.over(&over.structures, case).iter().any(|it| !it.is_nan());
    let cases: Vec<usize> = (0..grid.cases.len()).filter(|case| has(*case)).collect();
    let mut patients: Vec<usize> = cases.iter().map(|case| grid.patients[*case]).collect();
    patients.sort_unstable();
    patients.dedup();
    let pairs = (n * (n - 1) / 2) as f64;
    Board {
        over: over.clone(),
        n_cases: cases.len(),
        n_patients: patients.len(),
        pairs: compare(&order, &differences, resamples, at, grid, options),
        agreement: ranks.agreement(),
        entries,
        underpowered: pairs * smallest_p(patients.len()) > ALPHA,
    }
}

/// Ranks of all competitors by each method.
struct Ranks {
    mean: Vec<f64>,
    rank: Vec<f64>,
    wins: Vec<f64>,
}

impl Ranks {
    fn agreement(&self) -> Vec<Agreement> {
        let of = |method: Method| match method {
            Method::MeanThenRank => &self.mean,
            Method::RankThenMean => &self.rank,
            Method::Significance => &self.wins,
        };
        let [mean, rank, wins] = Method::ALL;
        let pairs = [[mean, rank], [mean, wins], [rank, wins]];
        pairs.map(|methods| Agreement { methods, tau: kendall_tau(of(methods[0]), of(methods[1])) }).to_vec()
    }
}

/// Ranks of all competitors in every resample in which all have a mean.
struct Drawn {
    by_mean: Vec<Vec<f64>>,
    by_rank: Vec<Vec<f64>>,
}

impl Drawn {
    fn new(grid: &Grid, own: &dyn Fn(&[f64]) -> Vec<f64>, resamples: &Resamples) -> Self {
        let defined = |means: &Vec<f64>| means.iter().all(|it| !it.is_nan());
        let values = resamples.drawn.iter().map(|means| own(&means.values)).filter(defined);
        let ranks = resamples.drawn.iter().map(|means| own(&means.ranks)).filter(defined);
        Self {
            by_mean: values.map(|means| by_mean(&means, grid.metric)).collect(),
            by_rank: ranks.map(|means| by_rank(&means)).collect(),
        }
    }
}

/// The smallest mean rank is the best. Sums of ranks in different orders differ by rounding: such means are equal.
fn by_rank(means: &[f64]) -> Vec<f64> {
    let rounded: Vec<f64> = means.iter().map(|mean| (mean * 1e9).round()).collect();
    crate::evaluate::statistics::smallest_ranks(&rounded)
}

#[expect(clippy::too_many_arguments, reason = "one row of a table of parts that are computed together")]
fn entry(
    grid: &Grid,
    over: &Over,
    competitor: usize,
    at: usize,
    ranks: &Ranks,
    wins: &[usize],
    resamples: &Resamples,
    drawn: &Drawn,
) -> Entry {
    let cases: Vec<f64> = (0..grid.cases.len())
        .map(|case| grid.over(&over.structures, case)[competitor])
        .filter(|value| !value.is_nan())
        .collect();
    let failures = over.structures.iter().filter_map(|structure| grid.failures[competitor].get(*structure));
    let [n_missed, n_fp_on_empty] = failures.fold([0; 2], |[missed, fp], [a, b]| [missed + a, fp + b]);
    let mean = resamples.all.values[at];
    let without: Vec<f64> = resamples.without.iter().map(|means| means.values[at]).collect();
    let enough = grid.n_patients >= FEWEST;
    let ci = || bca(mean, resamples.drawn.iter().map(|means| means.values[at]), &without, 0.95);
    let own = |drawn: &[Vec<f64>]| -> Vec<f64> { drawn.iter().map(|ranks| ranks[competitor]).collect() };
    let by_mean = own(&drawn.by_mean);
    let total = by_mean.len() as f64;
    let part = |rank: usize| by_mean.iter().filter(|it| **it == rank as f64).count() as f64 / total;
    let resampled = grid.n_patients > 1 && total > 0.0;
    Entry {
        competitor,
        name: grid.competitors[competitor].clone(),
        n: cases.len(),
        n_missed,
        n_fp_on_empty,
        mean,
        sd_over_cases: Statistics::of(&cases).and_then(|it| it.sd),
        ci95: enough.then(ci).flatten(),
        mean_rank: resamples.all.ranks[at],
        wins: wins[competitor],
        rank: ranks.mean[competitor],
        rank_then_mean: ranks.rank[competitor],
        significance: ranks.wins[competitor],
        rank_interval: enough.then(|| interval(by_mean.clone())).flatten(),
        rank_then_mean_interval: enough.then(|| interval(own(&drawn.by_rank))).flatten(),
        p_first: resampled.then(|| part(1)),
        rank_frequencies: if resampled { (1..=grid.competitors.len()).map(part).collect() } else { Vec::new() },
    }
}

/// From the 2.5th to the 97.5th percentile, outwards to whole ranks.
fn interval(mut ranks: Vec<f64>) -> Option<[f64; 2]> {
    ranks.sort_by(f64::total_cmp);
    let last = ranks.len().checked_sub(1)? as f64;
    Some([ranks[(0.025 * last).floor() as usize], ranks[(0.975 * last).ceil() as usize]])
}
