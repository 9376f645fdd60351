//! `segspec doctor --full`: every operation on a device beside the CPU.

use std::io::{IsTerminal, Write};

use serde_json::json;

use crate::backend::{self, DeviceName, Selected};
use crate::cli::{Exit, Failure};
use crate::counted;
use crate::selftest::{self, Row, Step, Table, Verdict};

/// Prints a table for each device, row by row, and a sentence for each; the exit code is 7 where an operation differs.
pub fn execute(wanted: Option<DeviceName>, only: Option<&str>, as_json: bool) -> Result<Exit, Failure> {
    let devices = devices(wanted)?;
    let columns = Columns::new();
    let mut tables = Vec::new();
    for device in devices {
        let name = device.name.to_string();
        if !as_json {
            columns.head(&name);
        }
        let table = selftest::full(&device, only, &mut |step| match step {
            Step::Begins { done, of, operation } => show(&format!("{name}: {done} of {of}, {operation}")),
            Step::Ends(row) => {
                show("");
                if !as_json {
                    columns.print(row);
                }
            }
        });
        if let (Some(only), true) = (only, table.rows.is_empty()) {
            let message = format!("no operation's name contains `{only}`: `segspec doctor --full` names them all");
            return Err(Failure::message(Exit::Usage, message));
        }
        if !as_json {
            println!("{}\n", sum(&table));
        }
        tables.push(table);
    }
    if as_json {
        let value = json!({ "right": tables.iter().all(Table::is_right), "devices": tables });
        println!("{value:#}");
    }
    let wrong: Vec<&str> = tables.iter().filter(|table| !table.is_right()).map(|table| table.device.as_str()).collect();
    match wrong.is_empty() {
        true => Ok(Exit::Ok),
        false => Err(Failure::message(Exit::Environment, remedy(&wrong))),
    }
}

/// The device that was asked for, else all.
fn devices(wanted: Option<DeviceName>) -> Result<Vec<Selected>, Failure> {
    let names = match wanted {
        Some(name) => vec![name],
        None => backend::available().iter().filter_map(|name| name.parse().ok()).collect(),
    };
    let found = names.into_iter().map(backend::select).collect::<Result<_, _>>();
    found.map_err(|error| Failure::new(Exit::Environment, error))
}

/// Shows on a terminal how far the test is, in place of what it said before: on a GPU, kernels are compiled and tuned for a minute.
fn show(text: &str) {
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
    }
}

/// Widths of the columns with the operation and its shape.
struct Columns([usize; 2]);

impl Columns {
    fn new() -> Self {
        let [operation, shape] = selftest::widths();
        Self([operation.max("operation".len()), shape.max("shape".len())])
    }

    fn head(&self, device: &str) {
        let [operation, shape] = self.0;
        println!("{:operation$}  {:shape$}  type  {:>7}  {:>7}  on {device}", "operation", "shape", "error", "allowed");
    }

    fn print(&self, row: &Row) {
        let [operation, shape] = self.0;
        let error = row.error.map_or("–".into(), |error| format!("{error:.0e}"));
        let verdict = match &row.verdict {
            Verdict::Agrees => "agrees".into(),
            Verdict::Differs => format!("DIFFERS in {}", row.result),
            Verdict::Fails(reason) => format!("FAILS: {reason}"),
        };
        let allowed = format!("{:.0e}", row.allowed);
        println!(
            "{:operation$}  {:shape$}  {:4}  {error:>7}  {allowed:>7}  {verdict}",
            row.operation, row.shape, row.precision
        );
    }
}

/// The result of a device in one line.
fn sum(table: &Table) -> String {
    let all = counted(table.rows.len(), "comparison");
    match table.wrong().count() {
        0 => format!("{}: all of {all} agree with the CPU", table.device),
        wrong => format!("{}: {wrong} of {all} DO NOT agree with the CPU", table.device),
    }
}

/// What to do about devices that compute wrongly.
fn remedy(wrong: &[&str]) -> String {
    let all = wrong.join(", ");
    match wrong.contains(&"cpu") {
        // Burn's operations and our own kernels: one of the two is wrong.
        true => format!("{all}: kernels of the CPU contradict each other on this machine; please report it"),
        false => {
            let way_out = backend::way_out(wrong.contains(&"vulkan"));
            format!("{all}: computes something else than the CPU; do not train or predict on it. {way_out}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_the_devices() {
        let text = remedy(&["cuda:0", "vulkan"]);
        assert!(text.starts_with("cuda:0, vulkan: computes something else") && text.contains("--device cpu"), "{text}");
        assert!(text.contains("--features wgpu") && !remedy(&["cuda:0"]).contains("--features"), "{text}");
        assert!(remedy(&["cpu"]).contains("report"));
    }

    #[test]
    fn a_device_that_is_not_there_is_the_machines_failure() {
        let failure = devices(Some(DeviceName::Cuda(99))).unwrap_err();
        assert_eq!(failure.exit, Exit::Environment);
    }
}
