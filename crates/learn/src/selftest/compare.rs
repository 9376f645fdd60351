//! One operation on the device beside the same on the CPU.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bound::{error, relative_length};
use super::operation::{Measure, Operation};
use super::shake::{PRECISION, TIMES, sizes};
use super::side::{Results, Side};
use super::table::{Row, Verdict};
use crate::backend::{DeviceName, Precision, Selected, composed, select};

/// Changes the device's results of an operation.
pub type Disturb<'a> = &'a dyn Fn(&Operation, &mut Results);

/// What the CPU computes.
pub struct Expected {
    pub(super) results: Results,
    /// For each result of a network, the size of the numbers that it is made of.
    terms: Vec<f64>,
}

/// How results are compared. Tests disturb those of the device, to see that it is noticed.
#[derive(Default)]
pub struct Comparison<'a> {
    /// A mistake of the device.
    pub disturb: Option<Disturb<'a>>,
}

impl Comparison<'_> {
    /// The CPU's results, in f32 whatever the device computes in.
    pub fn expected(&self, operation: &Operation) -> Result<Expected, String> {
        let cpu = select(DeviceName::Cpu).map_err(|error| error.to_string())?.device.autodiff();
        let side = |precision| Side::new(&cpu, precision, operation.name);
        let found = results(operation, side(Precision::F32))?;
        let shaken = match operation.measure {
            Measure::Values => Vec::new(),
            Measure::Length => {
                (0..TIMES).map(|seed| results(operation, side(PRECISION).shaken(seed))).collect::<Result<_, _>>()?
            }
        };
        let terms = sizes(&found, &shaken, operation.arithmetic.stored);
        Ok(Expected { results: found, terms })
    }

    /// A device's results beside them.
    pub fn row(
        &self,
        operation: &Operation,
        precision: Precision,
        selected: &Selected,
        expected: &Result<Expected, String>,
    ) -> Row {
        let device = selected.device.clone().autodiff();
        // Our 16-bit operations on the CPU are those in 32 bits between two conversions.
        let is_composed = precision == Precision::F32;
        let on_device = |side| match is_composed {
            true => composed(|| results(operation, side)),
            false => results(operation, side),
        };
        let side = || Side::new(&device, precision, operation.name);
        if selected.name != DeviceName::Cpu {
            // At its first call, an operation tries all of its kernels and keeps the fastest. One that writes nothing is the fastest, and its
            // result is what lies in the memory that it gets: another kernel's, which is right, unless the numbers were others.
            let _ = on_device(side().with_other_numbers(operation.name));
        }
        let found = on_device(side());
        let found = found.map(|mut found| {
            if let Some(disturb) = self.disturb {
                disturb(operation, &mut found);
            }
            found
        });
        let allowed = operation.arithmetic.allowed(precision);
        let (result, error, verdict) = match (found, expected) {
            (Ok(found), Ok(expected)) => judged(operation, &found, expected, allowed),
            (Err(reason), _) => (String::new(), None, Verdict::Fails(reason)),
            (_, Err(reason)) => (String::new(), None, Verdict::Fails(format!("on the CPU: {reason}"))),
        };
        let (name, shape) = (operation.name, operation.shape.clone());
        Row { operation: name, shape, precision: precision.name(), result, error, allowed, verdict }
    }
}

/// The worst result, its error if it is a number, and what follows.
pub(super) fn judged(
    operation: &Operation,
    found: &Results,
    expected: &Expected,
    allowed: f64,
) -> (String, Option<f64>, Verdict) {
    if found.len() != expected.results.len() {
        let reason = format!("{} results instead of {}", found.len(), expected.results.len());
        return (String::new(), None, Verdict::Fails(reason));
    }
    let mut worst = (String::new(), 0.0);
    for (((name, found), (_, expected)), terms) in found.iter().zip(&expected.results).zip(&expected.terms) {
        let error = match operation.measure {
            Measure::Values => error(found, expected),
            Measure::Length => relative_length(found, expected, *terms),
        };
        if error >= worst.1 {
            worst = (name.clone(), error);
        }
    }
    let verdict = if worst.1 <= allowed { Verdict::Agrees } else { Verdict::Differs };
    (worst.0, worst.1.is_finite().then_some(worst.1), verdict)
}

/// Runs an operation on a side; the first line of its message where it fails.
fn results(operation: &Operation, mut side: Side) -> Result<Results, String> {
    let work = move || {
        (operation.work)(&mut side);
        side.finish()
    };
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        text.and_then(|text| text.lines().next()).unwrap_or("no reason given").to_owned()
    })
}
