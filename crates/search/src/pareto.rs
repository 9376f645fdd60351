//! Two objectives, both to be minimised.

use crate::history::ascending;

/// Whether `left` is at least as good as `right` in both objectives and better in one. NaN is worse than every number.
pub fn dominates(left: [f64; 2], right: [f64; 2]) -> bool {
    let order = [ascending(left[0], right[0]), ascending(left[1], right[1])];
    order.iter().all(|order| order.is_le()) && order.iter().any(|order| order.is_lt())
}

/// Indices of the pairs that no other dominates, ascending by the first objective (equal pairs all stay).
pub fn front(pairs: &[[f64; 2]]) -> Vec<usize> {
    let ranks = ranks(pairs);
    order(pairs).into_iter().filter(|index| ranks[*index] == 0).collect()
}

/// The non-domination rank of each pair: 0 on the front, 1 on the front of what remains without it, and so on (Deb et al. 2002).
pub fn ranks(pairs: &[[f64; 2]]) -> Vec<usize> {
    // Sorted by both objectives, a pair belongs to the first front whose last member does not dominate it.
    let mut ends: Vec<[f64; 2]> = Vec::new();
    let mut ranks = vec![0; pairs.len()];
    for index in order(pairs) {
        let rank = ends.partition_point(|end| dominates(*end, pairs[index]));
        match ends.get_mut(rank) {
            Some(end) => *end = pairs[index],
            None => ends.push(pairs[index]),
        }
        ranks[index] = rank;
    }
    ranks
}

/// The area that the pairs dominate below a reference: 0 for pairs that are not better than it in both objectives.
pub fn hypervolume(pairs: &[[f64; 2]], reference: [f64; 2]) -> f64 {
    let (mut area, mut ceiling) = (0.0, reference[1]);
    for index in order(pairs) {
        let [first, second] = pairs[index];
        if first < reference[0] && second < ceiling {
            area += (reference[0] - first) * (ceiling - second);
            ceiling = second;
        }
    }
    area
}

/// Indices of the best `count` (at most), by rank; of the last rank those that together cover most hypervolume, taken greedily, with
/// a reference 10 % beyond the worst of that rank (as in Optuna's TPE).
pub(crate) fn best(pairs: &[[f64; 2]], count: usize) -> Vec<usize> {
    let ranks = ranks(pairs);
    let mut chosen = Vec::new();
    for rank in 0..=ranks.iter().copied().max().unwrap_or(0) {
        let members: Vec<usize> = order(pairs).into_iter().filter(|index| ranks[*index] == rank).collect();
        if chosen.len() + members.len() <= count {
            chosen.extend(members);
            continue;
        }
        let left = count - chosen.len();
        chosen.extend(cover(pairs, members, left));
        break;
    }
    chosen.sort_unstable();
    chosen
}

/// Greedy choice of `count` of the members of one front, sorted by the first objective.
fn cover(pairs: &[[f64; 2]], mut members: Vec<usize>, count: usize) -> Vec<usize> {
    let worst = |objective: usize| {
        let worst = members.iter().map(|index| pairs[*index][objective]).max_by(|left, right| ascending(*left, *right));
        let worst = worst.unwrap_or(0.0);
        let reference = (1.1 * worst).max(0.9 * worst);
        if reference == 0.0 { 1e-12 } else { reference }
    };
    let reference = [worst(0), worst(1)];
    if !(reference[0].is_finite() && reference[1].is_finite()) {
        members.truncate(count);
        return members;
    }
    // Equal pairs add nothing: they come last.
    let mut twins = Vec::new();
    let mut distinct: Vec<usize> = Vec::new();
    for index in members {
        let is_twin = distinct.last().is_some_and(|last| pairs[*last] == pairs[index]);
        if is_twin { twins.push(index) } else { distinct.push(index) }
    }
    let mut corners = vec![reference; distinct.len()];
    let mut chosen = Vec::new();
    while chosen.len() < count && !distinct.is_empty() {
        let gain = |at: usize| {
            let pair = pairs[distinct[at]];
            (corners[at][0] - pair[0]) * (corners[at][1] - pair[1])
        };
        let at = (0..distinct.len()).rev().max_by(|left, right| gain(*left).total_cmp(&gain(*right))).unwrap_or(0);
        let index = distinct.remove(at);
        corners.remove(at);
        corners[..at].iter_mut().for_each(|corner| corner[0] = corner[0].min(pairs[index][0]));
        corners[at..].iter_mut().for_each(|corner| corner[1] = corner[1].min(pairs[index][1]));
        chosen.push(index);
    }
    chosen.extend(twins.into_iter().take(count - chosen.len()));
    chosen
}

/// Indices ascending by the first objective, then the second, then the index.
fn order(pairs: &[[f64; 2]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|left, right| {
        let (left, right) = (pairs[*left], pairs[*right]);
        ascending(left[0], right[0]).then(ascending(left[1], right[1]))
    });
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::tests::reference;

    #[derive(Deserialize)]
    struct Case {
        pairs: Vec<[f64; 2]>,
        ranks: Vec<usize>,
        hypervolume: f64,
    }

    #[test]
    fn ranks_and_areas_are_those_of_optuna() {
        for case in reference::<Vec<Case>>("fronts") {
            assert_eq!(ranks(&case.pairs), case.ranks);
            assert!((hypervolume(&case.pairs, [1.75, 1.75]) - case.hypervolume).abs() < 1e-12);
        }
    }

    #[test]
    fn a_front_by_hand() {
        let pairs = [[3.0, 1.0], [1.0, 3.0], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0], [f64::NAN, 0.5], [2.0, 2.5]];
        assert_eq!(front(&pairs), [1, 2, 3, 0, 5]);
        assert_eq!(hypervolume(&pairs, [4.0, 4.0]), 6.0);
        assert_eq!(hypervolume(&[], [1.0, 1.0]), 0.0);
        assert!(front(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_pair_is_on_the_front_exactly_if_none_dominates_it(
            pairs in prop::collection::vec((0u8..7, 0u8..7), 0..30), count in 0usize..30,
        ) {
            let pairs: Vec<[f64; 2]> = pairs.iter().map(|pair| [f64::from(pair.0), f64::from(pair.1)]).collect();
            let ranks = ranks(&pairs);
            for (index, pair) in pairs.iter().enumerate() {
                // One more than the worst rank among those that dominate it.
                let above = (0..pairs.len()).filter(|other| dominates(pairs[*other], *pair)).map(|other| ranks[other] + 1).max();
                prop_assert_eq!(ranks[index], above.unwrap_or(0));
            }
            let chosen = best(&pairs, count);
            prop_assert_eq!(chosen.len(), count.min(pairs.len()));
            let worst = chosen.iter().map(|index| ranks[*index]).max().unwrap_or(0);
            let all_better_are_chosen = (0..pairs.len()).all(|index| ranks[index] >= worst || chosen.contains(&index));
            prop_assert!(all_better_are_chosen);
        }
    }
}
