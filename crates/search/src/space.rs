//! What is searched: parameters with domains, some active only under a choice of an earlier one.

use serde::{Deserialize, Serialize};

use crate::Error;

/// The largest magnitude of an integer parameter: every smaller one is exact in `f64`.
const LARGEST_INT: i64 = 1 << 53;

/// The parameters of a search. A condition refers only to an earlier parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// In the order of the values of a [`Point`].
    pub parameters: Vec<Parameter>,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Parameter {
    /// For messages and tables; unique within the space.
    pub name: String,
    /// Its values.
    pub domain: Domain,
    /// Where it is active; everywhere if `None`. A parameter under an inactive one is inactive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<Condition>,
}

/// Holds where an earlier parameter, a [`Domain::Choice`], is active and takes one of its choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Index of that parameter.
    pub parameter: usize,
    /// Index of its choice.
    pub choice: usize,
}

/// The values of a parameter, bounds included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Domain {
    /// A real number.
    Uniform {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// A positive real number whose logarithm is uniform.
    LogUniform {
        /// Smallest value, above 0.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// `low`, `low + step`, … up to `high`.
    Int {
        /// Smallest value.
        low: i64,
        /// No value is larger.
        high: i64,
        /// At least 1; 1 with `log`.
        step: i64,
        /// Whether the logarithm is uniform, of the interval that rounds to the number.
        log: bool,
    },
    /// One of `count` alternatives without an order.
    Choice {
        /// Number of alternatives.
        count: usize,
    },
}

/// The value of an active parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Of [`Domain::Uniform`] and [`Domain::LogUniform`].
    Number(f64),
    /// Of [`Domain::Int`].
    Int(i64),
    /// Of [`Domain::Choice`]: the index of the choice.
    Choice(usize),
}

/// A value per parameter; `None` where it is inactive.
pub type Point = Vec<Option<Value>>;

impl Space {
    /// Refuses a space that cannot be searched: no parameter, a name twice, an empty or infinite domain, a condition on a later
    /// parameter or on a choice that does not exist.
    pub fn check(&self) -> Result<(), Error> {
        if self.parameters.is_empty() {
            return Err(Error::NoParameters);
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            let fail = |reason: String| Err(Error::Parameter { name: parameter.name.clone(), reason });
            if self.parameters[..index].iter().any(|other| other.name == parameter.name) {
                return fail("another parameter has this name".into());
            }
            if let Err(reason) = parameter.domain.check() {
                return fail(reason);
            }
            let Some(condition) = parameter.only_if else { continue };
            let Some(parent) = self.parameters[..index].get(condition.parameter) else {
                return fail(format!(
                    "its condition refers to parameter {}, which is no earlier one",
                    condition.parameter
                ));
            };
            match parent.domain {
                Domain::Choice { count } if condition.choice < count => {}
                Domain::Choice { count } => {
                    return fail(format!("choice {} of `{}`, which has {count}", condition.choice, parent.name));
                }
                _ => return fail(format!("its condition refers to `{}`, which is no choice", parent.name)),
            }
        }
        Ok(())
    }

    /// Whether parameter `index` is active at a point whose earlier values are known.
    pub fn is_active(&self, index: usize, point: &[Option<Value>]) -> bool {
        self.parameters[index]
            .only_if
            .is_none_or(|condition| point[condition.parameter] == Some(Value::Choice(condition.choice)))
    }

    /// Refuses a point that this space does not contain, naming the first parameter at fault.
    pub fn check_point(&self, point: &[Option<Value>]) -> Result<(), Error> {
        if point.len() != self.parameters.len() {
            return Err(Error::Length { expected: self.parameters.len(), found: point.len() });
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            let reason = match (self.is_active(index, point), point[index]) {
                (false, None) => continue,
                (false, Some(_)) => "has a value although it is inactive".to_string(),
                (true, None) => "has no value".to_string(),
                (true, Some(value)) if parameter.domain.contains(value) => continue,
                (true, Some(value)) => format!("cannot be {value:?}"),
            };
            return Err(Error::Parameter { name: parameter.name.clone(), reason });
        }
        Ok(())
    }

    /// The parameters that are active together: indices by equal condition, in the order of their first parameter. A condition's
    /// parameter comes before all that refer to it, so that its group does, too.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (index, parameter) in self.parameters.iter().enumerate() {
            match groups.iter_mut().find(|group| self.parameters[group[0]].only_if == parameter.only_if) {
                Some(group) => group.push(index),
                None => groups.push(vec![index]),
            }
        }
        groups
    }
}

impl Domain {
    fn check(&self) -> Result<(), String> {
        match *self {
            Domain::Uniform { low, high } | Domain::LogUniform { low, high }
                if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) =>
            {
                Err(format!("bounds {low} and {high} are not finite"))
            }
            Domain::Uniform { low, high } | Domain::LogUniform { low, high } if low > high => {
                Err(format!("lower bound {low} above upper bound {high}"))
            }
            Domain::LogUniform { low, .. } if low <= 0.0 => {
                Err(format!("lower bound {low} of a logarithm is not above 0"))
            }
            Domain::Int { low, high, .. } if low > high => Err(format!("lower bound {low} above upper bound {high}")),
            Domain::Int { low, high, .. } if low <= -LARGEST_INT || high >= LARGEST_INT => {
                Err(format!("bounds {low} and {high} are beyond ±2^53"))
            }
            Domain::Int { step, .. } if step < 1 => Err(format!("step {step} is below 1")),
            Domain::Int { low, log: true, .. } if low < 1 => {
                Err(format!("lower bound {low} of a logarithm is below 1"))
            }
            Domain::Int { step, log: true, .. } if step != 1 => {
                Err(format!("step {step} with a logarithm: only 1 is possible"))
            }
            Domain::Choice { count: 0 } => Err("no choices".into()),
            _ => Ok(()),
        }
    }

    /// Whether a value is of this domain.
    pub fn contains(&self, value: Value) -> bool {
        match (*self, value) {
            (Domain::Uniform { low, high } | Domain::LogUniform { low, high }, Value::Number(number)) => {
                (low..=high).contains(&number)
            }
            (Domain::Int { low, high, step, .. }, Value::Int(number)) => {
                (low..=high).contains(&number) && (number - low) % step == 0
            }
            (Domain::Choice { count }, Value::Choice(choice)) => choice < count,
            _ => false,
        }
    }

    /// Whether there is only one value.
    pub fn is_single(&self) -> bool {
        match *self {
            Domain::Uniform { low, high } | Domain::LogUniform { low, high } => low == high,
            Domain::Int { low, high, step, .. } => high - low < step,
            Domain::Choice { count } => count == 1,
        }
    }

    /// The number of choices; `None` of a number.
    pub fn choices(&self) -> Option<usize> {
        match *self {
            Domain::Choice { count } => Some(count),
            _ => None,
        }
    }
}

/// A number's domain as an interval on which a uniform draw is a uniform draw of the domain: logarithms where it is logarithmic,
/// widened by half a step where it is an integer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    domain: Domain,
}

impl Axis {
    /// The axis of a number; `None` of a choice.
    pub fn of(domain: Domain) -> Option<Self> {
        let (low, high) = match domain {
            Domain::Uniform { low, high } => (low, high),
            Domain::LogUniform { low, high } => (libm::log(low), libm::log(high)),
            Domain::Int { low, high, step, log } => {
                let half = 0.5 * step as f64;
                let last = low + (high - low) / step * step;
                let (low, high) = (low as f64 - half, last as f64 + half);
                if log { (libm::log(low), libm::log(high)) } else { (low, high) }
            }
            Domain::Choice { .. } => return None,
        };
        Some(Axis { low, high, domain })
    }

    /// Whether several places on the axis are one value.
    pub fn is_discrete(&self) -> bool {
        matches!(self.domain, Domain::Int { .. })
    }

    /// Where a value lies; a choice has no place, which `check_point` excludes.
    pub fn place(&self, value: Value) -> f64 {
        match (value, self.domain) {
            (Value::Number(number), Domain::LogUniform { .. }) => libm::log(number),
            (Value::Int(number), Domain::Int { log: true, .. }) => libm::log(number as f64),
            (Value::Number(number), _) => number,
            (Value::Int(number), _) => number as f64,
            (Value::Choice(choice), _) => choice as f64,
        }
    }

    /// The interval of the axis that is one value of an integer.
    pub fn cell(&self, value: Value) -> (f64, f64) {
        let (Value::Int(number), Domain::Int { step, log, .. }) = (value, self.domain) else {
            return (self.place(value), self.place(value));
        };
        let (left, right) = (number as f64 - 0.5 * step as f64, number as f64 + 0.5 * step as f64);
        if log { (libm::log(left), libm::log(right)) } else { (left, right) }
    }

    /// The value at a place, or the nearest one where the place is outside.
    pub fn value(&self, place: f64) -> Value {
        match self.domain {
            Domain::Uniform { low, high } => Value::Number(place.clamp(low, high)),
            Domain::LogUniform { low, high } => Value::Number(libm::exp(place).clamp(low, high)),
            Domain::Int { low, high, step, log } => {
                let number = if log { libm::exp(place) } else { place };
                let steps = ((number - low as f64) / step as f64).round().clamp(0.0, ((high - low) / step) as f64);
                Value::Int(low + steps as i64 * step)
            }
            Domain::Choice { count } => Value::Choice((place.max(0.0) as usize).min(count.saturating_sub(1))),
        }
    }
}
