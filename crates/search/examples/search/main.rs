//! Our side of `benches/peer/search.py`.
//!
//! ```text
//! search run FUNCTION SAMPLER TRIALS SEEDS OUT        least losses after 1, 2, … trials, and the best points, per seed
//! search halve CURVES MIN ETA OUT                     epochs spent and the best last value, per order of the trials
//! ```

mod functions;

use std::error::Error;
use std::fs;

use functions::{Loss, function_named};
use segspec_search::{Asha, CmaEs, Observation, Point, Rung, RungResult, Sampler, Space, State, Tpe, Verdict};
use serde::{Deserialize, Serialize};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<&str>>()[..] {
        ["run", function, sampler, trials, seeds, out] => {
            let (space, loss) = function_named(function)?;
            let sampler = sampler_named(sampler)?;
            let runs: Result<Vec<Run>, Box<dyn Error>> =
                (0..seeds.parse()?).map(|seed| run(&space, loss, &sampler, trials.parse()?, seed)).collect();
            fs::write(out, serde_json::to_vec(&runs?)?)?;
        }
        ["halve", curves, min, eta, out] => {
            let curves: Curves = serde_json::from_slice(&fs::read(curves)?)?;
            let max = curves.losses[0].len() as u64;
            let asha = Asha { min: min.parse()?, eta: eta.parse()?, max };
            asha.check()?;
            let stopping: Vec<Spent> = curves.orders.iter().map(|order| stop(&asha, order, &curves.losses)).collect();
            let promoting: Vec<Spent> =
                curves.orders.iter().map(|order| promote(&asha, order, &curves.losses)).collect();
            fs::write(out, serde_json::to_vec(&serde_json::json!({ "stop": stopping, "promote": promoting }))?)?;
        }
        _ => return Err("see the head of this file".into()),
    }
    Ok(())
}

#[derive(Serialize)]
struct Run {
    /// Least loss after each trial.
    best: Vec<f64>,
    /// Where the last of them is, and its loss.
    point: Point,
}

fn run(space: &Space, loss: Loss, sampler: &Sampler, trials: usize, seed: u64) -> Result<Run, Box<dyn Error>> {
    let mut history: Vec<Observation> = Vec::new();
    let (mut best, mut point, mut least) = (Vec::new(), Vec::new(), f64::INFINITY);
    for _ in 0..trials {
        let next = sampler.next(space, &history, seed)?;
        let value = loss(&next);
        if value < least {
            (least, point) = (value, next.clone());
        }
        best.push(least);
        history.push(Observation { point: next, state: State::Finished { objectives: vec![value] } });
    }
    Ok(Run { best, point })
}

fn sampler_named(name: &str) -> Result<Sampler, String> {
    match name {
        "random" => Ok(Sampler::Random),
        "tpe" => Ok(Sampler::Tpe(Tpe::default())),
        "cmaes" => Ok(Sampler::CmaEs(CmaEs::default())),
        _ => Err(format!("no sampler {name}")),
    }
}

#[derive(Deserialize)]
struct Curves {
    /// Loss after each epoch, per configuration.
    losses: Vec<Vec<f64>>,
    /// Orders in which configurations are tried.
    orders: Vec<Vec<usize>>,
}

#[derive(Serialize)]
struct Spent {
    epochs: u64,
    best: f64,
}

/// One trial after the other, stopped at rungs.
fn stop(asha: &Asha, order: &[usize], losses: &[Vec<f64>]) -> Spent {
    let rungs = asha.rungs();
    let mut reached = vec![Vec::new(); rungs.len()];
    let mut spent = Spent { epochs: 0, best: f64::INFINITY };
    for trial in order {
        let mut ends = asha.max;
        for (epochs, earlier) in rungs.iter().zip(&mut reached) {
            let value = losses[*trial][*epochs as usize - 1];
            let verdict = asha.decide(earlier, value);
            earlier.push(value);
            if verdict == Verdict::Stop {
                ends = *epochs;
                break;
            }
        }
        spent.epochs += ends;
        if ends == asha.max {
            spent.best = spent.best.min(losses[*trial][asha.max as usize - 1]);
        }
    }
    spent
}

/// Paused at rungs; a trial goes on where one may, else a new one starts.
fn promote(asha: &Asha, order: &[usize], losses: &[Vec<f64>]) -> Spent {
    let epochs = asha.rungs();
    let mut rungs = vec![Rung::default(); epochs.len()];
    let mut spent = Spent { epochs: 0, best: f64::INFINITY };
    let mut new = order.iter();
    loop {
        let (trial, from, to, rung) = match asha.next_promotion(&rungs) {
            Some(next) => {
                let result = rungs[next.from].results.iter_mut().find(|result| result.trial == next.trial);
                result.into_iter().for_each(|result| result.promoted = true);
                (next.trial, epochs[next.from], next.epochs, next.from + 1)
            }
            None => match new.next() {
                Some(trial) => (*trial, 0, epochs[0], 0),
                None => return spent,
            },
        };
        spent.epochs += to - from;
        let value = losses[trial][to as usize - 1];
        match rungs.get_mut(rung) {
            Some(rung) => rung.results.push(RungResult { trial, value, promoted: false }),
            None => spent.best = spent.best.min(value),
        }
    }
}
