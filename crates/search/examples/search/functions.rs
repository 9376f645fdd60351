//! The functions of `benches/peer/search.py`: published ones (as in the Virtual Library of Simulation Experiments), and one like an
//! experiment.

use std::f64::consts::{E, PI};

use segspec_search::{Condition, Domain, Parameter, Point, Space, Value};

pub type Loss = fn(&Point) -> f64;

/// The functions of `search.py`, with the same names.
pub fn function_named(name: &str) -> Result<(Space, Loss), String> {
    let cube = |count, low, high| vec![Domain::Uniform { low, high }; count];
    match name {
        "branin" => {
            Ok((flat(&[Domain::Uniform { low: -5.0, high: 10.0 }, Domain::Uniform { low: 0.0, high: 15.0 }]), branin))
        }
        "hartmann6" => Ok((flat(&cube(6, 0.0, 1.0)), hartmann6)),
        "rosenbrock5" => Ok((flat(&cube(5, -5.0, 10.0)), rosenbrock)),
        "ackley10" => Ok((flat(&cube(10, -32.768, 32.768)), ackley)),
        "network" => Ok((network_space(), network)),
        _ => Err(format!("no function {name}")),
    }
}

fn flat(domains: &[Domain]) -> Space {
    let parameter =
        |(index, domain): (usize, &Domain)| Parameter { name: format!("x{index}"), domain: *domain, only_if: None };
    Space { parameters: domains.iter().enumerate().map(parameter).collect() }
}

fn number(value: Option<Value>) -> f64 {
    match value {
        Some(Value::Number(number)) => number,
        Some(Value::Int(number)) => number as f64,
        Some(Value::Choice(choice)) => choice as f64,
        None => f64::NAN,
    }
}

fn numbers(point: &Point) -> Vec<f64> {
    point.iter().map(|value| number(*value)).collect()
}

fn branin(point: &Point) -> f64 {
    let x = numbers(point);
    let bend = x[1] - 5.1 / (4.0 * PI * PI) * x[0] * x[0] + 5.0 / PI * x[0] - 6.0;
    bend * bend + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x[0].cos() + 10.0
}

fn hartmann6(point: &Point) -> f64 {
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let x = numbers(point);
    let term = |i: usize| (-(0..6).map(|j| A[i][j] * (x[j] - P[i][j]).powi(2)).sum::<f64>()).exp();
    -[1.0, 1.2, 3.0, 3.2].iter().enumerate().map(|(i, height)| height * term(i)).sum::<f64>()
}

fn rosenbrock(point: &Point) -> f64 {
    numbers(point).windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum()
}

fn ackley(point: &Point) -> f64 {
    let x = numbers(point);
    let count = x.len() as f64;
    let square = x.iter().map(|x| x * x).sum::<f64>() / count;
    let wave = x.iter().map(|x| (2.0 * PI * x).cos()).sum::<f64>() / count;
    -20.0 * (-0.2 * square.sqrt()).exp() - wave.exp() + 20.0 + E
}

/// The choices of an experiment: a model with parameters of its own, an optimiser with parameters of its own.
fn network_space() -> Space {
    let parameter = |name: &str, domain, only_if: Option<(usize, usize)>| Parameter {
        name: name.into(),
        domain,
        only_if: only_if.map(|(parameter, choice)| Condition { parameter, choice }),
    };
    let int = |low, high, step, log| Domain::Int { low, high, step, log };
    Space {
        parameters: vec![
            parameter("model", Domain::Choice { count: 3 }, None),
            parameter("rate", Domain::LogUniform { low: 1e-5, high: 1.0 }, None),
            parameter("optimiser", Domain::Choice { count: 2 }, None),
            parameter("momentum", Domain::Uniform { low: 0.0, high: 1.0 }, Some((2, 0))),
            parameter("decay", Domain::LogUniform { low: 1e-6, high: 1.0 }, Some((2, 1))),
            parameter("width", int(8, 128, 8, false), Some((0, 0))),
            parameter("depth", int(2, 6, 1, false), Some((0, 0))),
            parameter("heads", int(1, 64, 1, true), Some((0, 1))),
            parameter("dropout", Domain::Uniform { low: 0.0, high: 0.9 }, Some((0, 1))),
        ],
    }
}

fn network(point: &Point) -> f64 {
    let x = numbers(point);
    let model = match x[0] as usize {
        0 => 0.1 + ((x[5] - 64.0) / 64.0).powi(2) + 0.1 * (x[6] - 4.0).abs(),
        1 => (x[7] / 12.0).ln().powi(2) / 4.0 + (x[8] - 0.2).powi(2),
        _ => 0.6,
    };
    let (best_rate, optimiser) = match x[2] as usize {
        0 => (-1.5 - 2.0 * (x[3] - 0.5), 0.3 * (x[3] - 0.9).powi(2)),
        _ => (-3.0, 0.05 + 0.02 * (x[4].log10() + 3.0).powi(2)),
    };
    model + optimiser + 0.2 * (x[1].log10() - best_rate).powi(2)
}
