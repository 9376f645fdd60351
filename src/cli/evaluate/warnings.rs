//! Warnings about what was scored, and what was not.

use std::collections::BTreeSet;

use super::{Evaluate, OnMissing};
use crate::evaluate::files::{Pairs, Scored};

/// A warning about cases without a prediction, with their number.
pub(super) fn missing(pairs: &Pairs, args: &Evaluate) -> Option<String> {
    let count = pairs.missing.len();
    let names: Vec<String> = pairs.missing.iter().take(3).map(|case| format!("`{case}`")).collect();
    let names = format!("{}{}", names.join(", "), if count > 3 { ", …" } else { "" });
    (count > 0).then(|| match args.missing {
        OnMissing::Empty => {
            let all = pairs.pairs.len();
            format!("{count} of {all} references have no prediction ({names}): scored as if nothing had been predicted")
        }
        _ => {
            let (all, left) = (pairs.pairs.len() + count, pairs.pairs.len());
            format!("{count} of {all} references have no prediction ({names}) and are LEFT OUT: every mean is over the other {left} only")
        }
    })
}

/// A warning about structures that are in no file: nothing was scored.
pub(super) fn nowhere(scored: &Scored) -> Option<String> {
    let scores = &scored.scores;
    if scores.is_empty() && scored.excluded.is_empty() {
        return Some("no file contains any structure: nothing was scored".into());
    }
    let names: BTreeSet<&str> = scores.iter().map(|score| score.structure.as_str()).collect();
    let occurs = |name: &str| {
        let mut own = scores.iter().filter(|score| score.structure == name);
        own.any(|score| !(score.reference_empty() && score.prediction_empty()))
    };
    let missing: Vec<String> = names.into_iter().filter(|name| !occurs(name)).map(|name| format!("`{name}`")).collect();
    (!missing.is_empty()).then(|| format!("no file contains {}: are names and values right?", missing.join(", ")))
}
