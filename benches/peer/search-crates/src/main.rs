//! `search-crates FUNCTION SAMPLER TRIALS SEEDS OUT`: the least loss of each seed. Only spaces of uniform numbers.

#[path = "../../../../crates/search/examples/search/functions.rs"]
mod functions;

use std::cell::Cell;
use std::error::Error;

use functions::function_named;
use optimizer::parameter::{FloatParam, Parameter as _};
use optimizer::sampler::tpe::MultivariateTpeSampler;
use optimizer::sampler::{CmaEsSampler, Sampler, TpeSampler};
use optimizer::{Direction, Study};
use rand::SeedableRng;
use segspec_search::{Domain, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [function, sampler, trials, seeds, out] = &arguments[..] else { return Err("see the head of this file".into()) };
    let (space, loss) = function_named(function)?;
    let bounds: Vec<(f64, f64)> = space
        .parameters
        .iter()
        .map(|parameter| match parameter.domain {
            Domain::Uniform { low, high } => Ok((low, high)),
            _ => Err("only uniform numbers"),
        })
        .collect::<Result<_, _>>()?;
    let trials: usize = trials.parse()?;
    let mut best = Vec::new();
    for seed in 0..seeds.parse()? {
        let (asked, least) = (Cell::new(0), Cell::new(f64::INFINITY));
        let evaluate = |x: &[f64]| {
            let value = loss(&x.iter().map(|x| Some(Value::Number(*x))).collect());
            // What asks for whole generations may ask for more than it is given.
            if asked.get() < trials {
                asked.set(asked.get() + 1);
                least.set(least.get().min(value));
            }
            value
        };
        match sampler.as_str() {
            "optimizer tpe" => study(TpeSampler::builder().seed(seed).build()?, &bounds, trials, evaluate)?,
            "optimizer multivariate" => {
                study(MultivariateTpeSampler::builder().seed(seed).build()?, &bounds, trials, evaluate)?
            }
            "optimizer cma-es" => study(CmaEsSampler::with_seed(seed), &bounds, trials, evaluate)?,
            "parzen" => with_parzen(seed, &bounds, trials, evaluate)?,
            "tpe" => with_tpe(seed, &bounds, trials, evaluate)?,
            "cmaes" => with_cmaes(seed, &bounds, trials, evaluate)?,
            _ => return Err("no such sampler".into()),
        }
        best.push(least.get());
    }
    Ok(std::fs::write(out, serde_json::to_vec(&best)?)?)
}

type Bounds = [(f64, f64)];
type Done = Result<(), Box<dyn Error>>;

fn study(sampler: impl Sampler + 'static, bounds: &Bounds, trials: usize, evaluate: impl Fn(&[f64]) -> f64) -> Done {
    let study: Study<f64> = Study::with_sampler(Direction::Minimize, sampler);
    let parameters: Vec<FloatParam> =
        bounds.iter().enumerate().map(|(i, (low, high))| FloatParam::new(*low, *high).name(format!("x{i}"))).collect();
    for _ in 0..trials {
        let mut trial = study.ask();
        let x: Vec<f64> = parameters.iter().map(|parameter| parameter.suggest(&mut trial)).collect::<Result<_, _>>()?;
        study.tell(trial, Ok::<_, String>(evaluate(&x)));
    }
    Ok(())
}

fn with_parzen(seed: u64, bounds: &Bounds, trials: usize, evaluate: impl Fn(&[f64]) -> f64) -> Done {
    use parzen::{Direction, Distribution, FloatDistribution, ModelStrategy, SearchSpace, Study, TpeSampler, TpeSamplerConfig};
    let mut space = SearchSpace::new();
    let mut names = Vec::new();
    let mut handles = Vec::new();
    for (i, (low, high)) in bounds.iter().enumerate() {
        names.push(format!("x{i}"));
        handles.push(space.add(&names[i], Distribution::Float(FloatDistribution::linear(*low, *high)?))?);
    }
    let mut config = TpeSamplerConfig::optuna_compatible(seed);
    // It models at most eight parameters together.
    if handles.len() <= 8 {
        space.add_group(handles)?;
        config = config.model(ModelStrategy::Grouped { max_group_size: 8 });
    }
    let mut study = Study::new(Direction::Minimize, TpeSampler::new(config)?, space)?;
    for _ in 0..trials {
        let x: Vec<f64> = names.iter().map(|name| study.suggest_float(name)).collect::<Result<_, _>>()?;
        study.complete_trial(evaluate(&x))?;
    }
    Ok(())
}

fn with_tpe(seed: u64, bounds: &Bounds, trials: usize, evaluate: impl Fn(&[f64]) -> f64) -> Done {
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut optimisers = Vec::new();
    for (low, high) in bounds {
        optimisers.push(tpe::TpeOptimizer::new(tpe::parzen_estimator(), tpe::range(*low, *high)?));
    }
    for _ in 0..trials {
        let x: Vec<f64> = optimisers.iter_mut().map(|optimiser| optimiser.ask(&mut random)).collect::<Result<_, _>>()?;
        let value = evaluate(&x);
        for (optimiser, x) in optimisers.iter_mut().zip(x) {
            optimiser.tell(x, value)?;
        }
    }
    Ok(())
}

/// It knows no bounds: places outside are moved to them, and cost their distance.
fn with_cmaes(seed: u64, bounds: &Bounds, trials: usize, evaluate: impl Fn(&[f64]) -> f64) -> Done {
    let objective = |place: &cmaes::DVector<f64>| {
        let x: Vec<f64> =
            place.iter().zip(bounds).map(|(place, (low, high))| low + place.clamp(0.0, 1.0) * (high - low)).collect();
        let outside: f64 = place.iter().map(|place| (place - place.clamp(0.0, 1.0)).powi(2)).sum();
        evaluate(&x) + outside
    };
    cmaes::CMAESOptions::new(vec![0.5; bounds.len()], 1.0 / 6.0)
        .seed(seed)
        .max_function_evals(trials)
        .build(objective)
        .map_err(|error| format!("{error:?}"))?
        .run();
    Ok(())
}
