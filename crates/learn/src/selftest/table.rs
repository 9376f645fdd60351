//! The result of a self-test.

use serde::Serialize;

use crate::backend::Precision;

/// Every comparison on a device.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// Name of the device.
    pub device: String,
    /// In the order of the operations.
    pub rows: Vec<Row>,
}

/// An operation in one floating-point type.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// The operation.
    pub operation: &'static str,
    /// Its shape and settings.
    pub shape: String,
    /// Floating-point type.
    pub precision: &'static str,
    /// The result with the largest error: output or a gradient.
    pub result: String,
    /// Its error relative to the values; `None` where there is no number to tell.
    pub error: Option<f64>,
    /// Largest accepted error.
    pub allowed: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The device computes what the CPU computes.
    Agrees,
    /// It computes something else.
    Differs,
    /// It failed, with its message.
    Fails(String),
}

impl Table {
    /// Rows that do not agree.
    pub fn wrong(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict != Verdict::Agrees)
    }

    /// Whether every row agrees, and there is one.
    pub fn is_right(&self) -> bool {
        !self.rows.is_empty() && self.wrong().next().is_none()
    }

    /// What is wrong in a precision, in one line: the first operations that do not agree; `None` if all do.
    pub fn complaint(&self, precision: Precision) -> Option<String> {
        const NAMED: usize = 3;
        let wrong: Vec<String> =
            self.wrong().filter(|row| row.precision == precision.name()).map(Row::complaint).collect();
        let more = wrong.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        (!wrong.is_empty()).then(|| format!("{}{rest}", wrong[..wrong.len() - more].join("; ")))
    }
}

impl Row {
    /// What is wrong with it.
    fn complaint(&self) -> String {
        let place = format!("{} ({}, {})", self.operation, self.shape, self.precision);
        match (&self.verdict, self.error) {
            (Verdict::Fails(reason), _) => format!("{place} fails: {reason}"),
            (_, Some(error)) => {
                format!("{place}: {} is off by {error:.1e}, {:.1e} are allowed", self.result, self.allowed)
            }
            (_, None) => format!("{place}: {} is no number", self.result),
        }
    }
}
