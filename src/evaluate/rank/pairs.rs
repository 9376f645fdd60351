//! Paired comparison of two competitors.

use serde::Serialize;

use super::Options;
use super::bootstrap::Resamples;
use super::grid::Grid;
use crate::evaluate::statistics::{ALPHA, FEWEST, SignedRanks, bca, holm, smallest_p};

/// Two competitors of a board, the one with the better rank first.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The first, by its place in the ranking's list of competitors.
    pub a: usize,
    /// The second.
    pub b: usize,
    /// Mean of the first − mean of the second, in the unit of the metric.
    pub difference: f64,
    /// 95 % confidence interval of the difference: BCa bootstrap over patients.
    pub ci95: Option<[f64; 2]>,
    /// Patients with a difference other than zero.
    pub n: usize,
    /// Patients without a difference.
    pub zeros: usize,
    /// Two-sided p-value of Wilcoxon's signed-rank test over patients.
    pub p: f64,
    /// Adjusted for all pairs of the board (Holm).
    pub p_holm: f64,
    /// Whether the p-value is exact.
    pub exact: bool,
    /// Effect size: matched-pairs rank-biserial correlation, above 0 where the first is better.
    pub rank_biserial: f64,
    /// Part of the resamples in which the first has the better mean; ties count one half.
    pub p_better: Option<f64>,
    /// Part of the resamples in which the difference is within the margin.
    pub p_equivalent: Option<f64>,
    /// What interval and margin say.
    pub verdict: Verdict,
    /// Whether no data of so few patients could have made this pair significant, adjusted for all pairs.
    pub underpowered: bool,
}

/// What the interval of a difference says, given the margin (0 if none was declared).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole interval is beyond the margin, in favour of the first.
    Better,
    /// The whole interval is beyond the margin, in favour of the second.
    Worse,
    /// The whole interval is within the margin.
    Equivalent,
    /// Anything else.
    Undecided,
}

impl Verdict {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Equivalent => "equivalent",
            Self::Undecided => "undecided",
        }
    }

    fn of(ci95: Option<[f64; 2]>, margin: f64) -> Self {
        match ci95 {
            Some([low, _]) if low > margin => Self::Better,
            Some([_, high]) if high < -margin => Self::Worse,
            Some([low, high]) if low >= -margin && high <= margin && margin > 0.0 => Self::Equivalent,
            _ => Self::Undecided,
        }
    }
}

/// Differences in merit of two competitors, per patient: the mean over the patient's cases that have a value of both.
pub struct Differences {
    /// `[patient, competitor]` sums are not kept: `[case]` → values of the competitors.
    cases: Vec<Vec<f64>>,
    patients: Vec<usize>,
    n_patients: usize,
}

impl Differences {
    /// The values of every case over some structures, in merit.
    pub fn new(grid: &Grid, structures: &[usize]) -> Self {
        let merit = |values: Vec<f64>| values.into_iter().map(|it| grid.metric.merit(it)).collect();
        let cases = (0..grid.cases.len()).map(|case| merit(grid.over(structures, case))).collect();
        Self { cases, patients: grid.patients.clone(), n_patients: grid.n_patients }
    }

    /// First − second.
    pub fn of(&self, a: usize, b: usize) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.n_patients];
        for (values, patient) in self.cases.iter().zip(&self.patients) {
            let difference = values[a] - values[b];
            if !difference.is_nan() {
                sums[*patient].0 += difference;
                sums[*patient].1 += 1.0;
            }
        }
        sums.into_iter().filter(|(_, n)| *n > 0.0).map(|(sum, n)| sum / n).collect()
    }
}

/// Compares every pair of `order`, the competitors of a board from the first to the last.
pub fn compare(
    order: &[usize],
    differences: &Differences,
    resamples: &Resamples,
    at: impl Fn(usize) -> usize,
    grid: &Grid,
    options: &Options,
) -> Vec<Pair> {
    let pairs: Vec<(usize, usize)> =
        order.iter().enumerate().flat_map(|(place, a)| order[place + 1..].iter().map(move |b| (*a, *b))).collect();
    let found = pairs.iter().map(|(a, b)| pair((*a, *b), differences, resamples, [at(*a), at(*b)], grid, options));
    let mut found: Vec<Pair> = found.collect();
    let adjusted = holm(&found.iter().map(|pair| pair.p).collect::<Vec<_>>());
    let number = found.len() as f64;
    for (pair, p) in found.iter_mut().zip(adjusted) {
        pair.p_holm = p;
        pair.underpowered = number * smallest_p(pair.n + pair.zeros) > ALPHA;
    }
    found
}

fn pair(
    (a, b): (usize, usize),
    differences: &Differences,
    resamples: &Resamples,
    [at_a, at_b]: [usize; 2],
    grid: &Grid,
    options: &Options,
) -> Pair {
    let metric = grid.metric;
    let own = differences.of(a, b);
    let test = SignedRanks::of(&own);
    let minus = |values: &[f64]| values[at_a] - values[at_b];
    let difference = minus(&resamples.all.values);
    let without: Vec<f64> = resamples.without.iter().map(|means| minus(&means.values)).collect();
    let drawn = || resamples.drawn.iter().map(|means| minus(&means.values)).filter(|it| !it.is_nan());
    let enough = own.len() >= FEWEST;
    let ci95 = enough.then(|| bca(difference, drawn(), &without, 0.95)).flatten();
    let part = |of: &dyn Fn(f64) -> f64| {
        let (sum, n) = drawn().fold((0.0, 0.0), |(sum, n), it| (sum + of(it), n + 1.0));
        (n > 0.0 && own.len() > 1).then(|| sum / n)
    };
    let sign = metric.merit(1.0);
    let towards_first = ci95.map(|[low, high]| if sign > 0.0 { [low, high] } else { [-high, -low] });
    let better = |it: f64| {
        let merit = it * sign;
        if merit > 0.0 {
            1.0
        } else if merit == 0.0 {
            0.5
        } else {
            0.0
        }
    };
    let margin = options.margin.unwrap_or(0.0);
    Pair {
        a,
        b,
        difference,
        ci95,
        n: test.n,
        zeros: test.zeros,
        p: test.two_sided(),
        p_holm: 1.0,
        exact: test.is_exact(),
        rank_biserial: test.rank_biserial(),
        p_better: part(&better),
        p_equivalent: options.margin.and_then(|margin| part(&|it| f64::from(u8::from(it.abs() <= margin)))),
        verdict: Verdict::of(towards_first, margin),
        underpowered: false,
    }
}
