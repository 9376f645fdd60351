//! What a search still has to do, as far as it can be told.

use super::state::{Decision, Rules, State, Status};
use crate::spec::search::Search;

/// Work to the end of the budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Trials that are still to begin; `None` if only epochs or hours limit them.
    pub trials: Option<usize>,
    /// Expected epochs of all trainings; `None` if only hours limit them.
    pub epochs: Option<f64>,
    /// Seconds of training that are left; `None` without a limit in hours.
    pub seconds: Option<f64>,
    /// Whether trials may be ended earlier than counted here.
    pub at_most: bool,
}

impl Outlook {
    /// What is left of a budget. Successive halving is taken to let one in `factor` trials go on at each rung.
    pub fn new(search: &Search, rules: &Rules, state: &State) -> Self {
        let begun = state.trials.iter().filter(|trial| trial.status != Status::Rejected).count();
        let spent: u64 = state.trials.iter().map(|trial| trial.epochs).sum();
        let seconds: f64 = state.trials.iter().map(|trial| trial.seconds).sum();
        let trials = search.trials().map(|most| most.saturating_sub(begun));
        let whole = rules.epochs_of_a_trial();
        let by_trials = match rules.asha {
            Some(_) => search.trials().map(|most| whole * most as f64 - spent as f64),
            None => {
                let active = state.trials.iter().filter(|trial| trial.status == Status::Active);
                let unfinished: f64 = active.map(|trial| whole - trial.epochs as f64).sum();
                trials.map(|left| whole * left as f64 + unfinished)
            }
        };
        let by_epochs = search.budget.epochs.map(|most| most as f64 - spent as f64);
        let epochs = [by_trials, by_epochs].into_iter().flatten().reduce(f64::min);
        // Fewer trials than expected may have gone on from a rung.
        let is_over = matches!(state.decide(rules, &search.budget, search.trials()), Ok(Decision::Over));
        Self {
            trials,
            epochs: epochs.map(|epochs| if is_over { 0.0 } else { epochs.max(0.0) }),
            seconds: search.budget.hours.map(|hours| (hours * 3600.0 - seconds).max(0.0)),
            at_most: rules.wilcoxon.is_some(),
        }
    }
}

impl Rules {
    /// Epochs that a trial is expected to be trained for, over all its runs.
    fn epochs_of_a_trial(&self) -> f64 {
        let of_one = match self.asha {
            None => self.epochs as f64,
            Some(asha) => {
                let (mut part, mut before, mut sum) = (1.0, 0.0, 0.0);
                for rung in asha.rungs().into_iter().chain([asha.max]).map(|rung| rung as f64) {
                    sum += part * (rung - before).max(0.0);
                    (before, part) = (rung, part / asha.eta as f64);
                }
                sum
            }
        };
        of_one * self.repeats as f64
    }
}

#[cfg(test)]
mod tests {
    use segspec_search::{Domain, Parameter, Space};

    use super::*;
    use crate::spec::search::{Asha, Budget, Method, Prune};
    use crate::sweep::journal::Entry;

    fn search(prune: Option<Prune>, budget: Budget) -> Search {
        Search { method: Method::Random, prune, budget, ..Search::default() }
    }

    fn outlook(search: &Search, entries: &[Entry]) -> Outlook {
        let domain = Domain::Uniform { low: 0.0, high: 1.0 };
        let space = Space { parameters: vec![Parameter { name: "x".into(), domain, only_if: None }] };
        let rules = Rules::new(search, &space, 27, 2).unwrap();
        Outlook::new(search, &rules, &State::of(entries, &rules).unwrap())
    }

    #[test]
    fn every_trial_is_trained_to_the_end_without_pruning() {
        let search = search(None, Budget { trials: Some(10), ..Budget::default() });
        let asked = Entry::Asked { point: vec![None] };
        let finished = Entry::Finished { trial: 0, objectives: vec![Some(0.0)], epochs: 54, seconds: 5.0 };
        let outlook = outlook(&search, &[asked.clone(), finished, asked]);
        // Eight are to begin, one is in progress; two runs of 27 epochs each.
        assert_eq!((outlook.trials, outlook.epochs), (Some(8), Some(9.0 * 54.0)));
    }

    #[test]
    fn one_in_three_goes_on_at_each_rung() {
        let asha = Prune::Asha(Asha { min_epochs: 3, factor: 3 });
        let search = search(Some(asha), Budget { trials: Some(9), ..Budget::default() });
        // Rungs after 3 and 9 epochs: 3 + 6 / 3 + 18 / 9 = 7 epochs for each of two runs.
        assert_eq!(outlook(&search, &[]).epochs, Some(9.0 * 2.0 * 7.0));
    }

    #[test]
    fn the_smallest_limit_counts() {
        let budget = Budget { trials: Some(9), epochs: Some(100), hours: Some(0.5) };
        let outlook = outlook(&search(None, budget), &[]);
        assert_eq!((outlook.epochs, outlook.seconds), (Some(100.0), Some(1800.0)));
    }
}
