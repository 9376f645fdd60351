//! Whether a device computes what the CPU computes: every operation of our networks, losses and optimisers, and every architecture as a
//! whole, forward and backward, beside the same on the CPU.
//!
//! A GPU's kernels are generated and chosen on the machine: a compiler, a driver or a kernel that was tuned for a shape can be wrong where
//! another is right, and a training that learns from wrong gradients ends without an error. [`full`] tries everything and is a table for
//! people (`segspec doctor --full`); [`trial`] tries what most trainings rest on, before a device's first use.
//!
//! Both sides get the same numbers (`side`), results are compared with a bound that follows from the arithmetic (`bound`), and each
//! operation is one line of a list (`operations`, `networks`). On the CPU itself, the device's side is composed of Burn's operations, as on
//! a GPU, and the other side is made by our own kernels.

mod bound;
mod compare;
mod networks;
mod operation;
mod operations;
mod shake;
mod side;
mod table;
#[cfg(test)]
mod tests;

use crate::backend::{Precision, Selected};
use compare::Comparison;
use operation::Operation;

pub use table::{Row, Table, Verdict};

/// Told while a test runs, because the next operation may be the one that a driver hangs or crashes in.
pub enum Step<'a> {
    /// A comparison begins.
    Begins {
        /// Number of comparisons that are done.
        done: usize,
        /// Number of all of them.
        of: usize,
        /// Name of the operation.
        operation: &'static str,
    },
    /// A comparison is done.
    Ends(&'a Row),
}

/// Called at every step of a test.
pub type Watch<'a> = &'a mut dyn FnMut(Step);

/// Compares every operation and architecture, in each floating-point type that the device supports; those whose names contain `only`, if it
/// is given, in letters of either case.
pub fn full(selected: &Selected, only: Option<&str>, watch: Watch) -> Table {
    let only = only.unwrap_or_default().to_lowercase();
    let is_wanted = |operation: &Operation| operation.name.to_lowercase().contains(&only);
    run(selected, operation::all().into_iter().filter(is_wanted).collect(), &Comparison::default(), watch)
}

/// Number of letters of the longest name and shape of an operation, for columns that are printed row by row.
pub fn widths() -> [usize; 2] {
    let all = operation::all();
    let longest = |of: fn(&Operation) -> &str| all.iter().map(|it| of(it).chars().count()).max().unwrap_or(0);
    [longest(|it| it.name), longest(|it| &it.shape)]
}

/// Compares the operations that most trainings rest on.
pub fn trial(selected: &Selected, watch: Watch) -> Table {
    let critical = operation::all().into_iter().filter(|operation| operation.is_critical).collect();
    run(selected, critical, &Comparison::default(), watch)
}

fn run(selected: &Selected, operations: Vec<Operation>, comparison: &Comparison, watch: Watch) -> Table {
    let precisions: Vec<Precision> =
        Precision::ALL.into_iter().filter(|precision| precision.is_supported(&selected.device)).collect();
    let wanted = |operation: &Operation, precision: &Precision| !operation.only_f32 || *precision == Precision::F32;
    let count = |operation: &Operation| precisions.iter().filter(|precision| wanted(operation, precision)).count();
    let of = operations.iter().map(count).sum();
    let mut rows = Vec::new();
    for operation in &operations {
        let expected = comparison.expected(operation);
        for &precision in precisions.iter().filter(|precision| wanted(operation, precision)) {
            watch(Step::Begins { done: rows.len(), of, operation: operation.name });
            let row = comparison.row(operation, precision, selected, &expected);
            watch(Step::Ends(&row));
            rows.push(row);
        }
    }
    Table { device: selected.name.to_string(), rows }
}
