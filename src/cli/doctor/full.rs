//! `segspec doctor --full`: every operation on a device beside the CPU.

use std::io::{IsTerminal, Write};

use serde_json::json;

use crate::backend::{self, DeviceName, Selected};
use crate::cli::{Exit, Failure};
use crate::counted;
use crate::selftest::{self, Row, Table, Verdict};

/// Prints a table for each device and a sentence for each; the exit code is 7 where an operation differs.
pub fn execute(wanted: Option<DeviceName>, as_json: bool) -> Result<Exit, Failure> {
    let mut tables = Vec::new();
    for device in devices(wanted)? {
        let table = selftest::full(&device, &mut watch(&device));
        clear();
        if !as_json {
            print(&table);
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

/// Shows on a terminal how far the test is: on a GPU, kernels are compiled and tuned for a minute.
fn watch(device: &Selected) -> impl FnMut(usize, usize, &str) + use<> {
    let (name, is_shown) = (device.name, std::io::stderr().is_terminal());
    move |done, of, operation| {
        if is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K{name}: {done} of {of}, {operation}");
        }
    }
}

fn clear() {
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}

fn print(table: &Table) {
    let width = |of: fn(&Row) -> usize, title: &str| table.rows.iter().map(of).max().unwrap_or(0).max(title.len());
    let names = width(|row| row.operation.chars().count(), "operation");
    let shapes = width(|row| row.shape.chars().count(), "shape");
    println!(
        "{:names$}  {:shapes$}  type  {:>7}  {:>7}  on {}",
        "operation", "shape", "error", "allowed", table.device
    );
    for row in &table.rows {
        let error = row.error.map_or("–".into(), |error| format!("{error:.0e}"));
        let verdict = match &row.verdict {
            Verdict::Agrees => "agrees".into(),
            Verdict::Differs => format!("DIFFERS in {}", row.result),
            Verdict::Fails(reason) => format!("FAILS: {reason}"),
        };
        let allowed = format!("{:.0e}", row.allowed);
        println!(
            "{:names$}  {:shapes$}  {:4}  {error:>7}  {allowed:>7}  {verdict}",
            row.operation, row.shape, row.precision
        );
    }
    let wrong = table.wrong().count();
    let all = counted(table.rows.len(), "comparison");
    match wrong {
        0 => println!("{}: all of {all} agree with the CPU\n", table.device),
        wrong => println!("{}: {wrong} of {all} DO NOT agree with the CPU\n", table.device),
    }
}

/// What to do about devices that compute wrongly.
fn remedy(wrong: &[&str]) -> String {
    let all = wrong.join(", ");
    match wrong.contains(&"cpu") {
        // Burn's operations and our own kernels: one of the two is wrong.
        true => format!("{all}: kernels of the CPU contradict each other on this machine; please report it"),
        false => format!(
            "{all}: computes something else than the CPU; do not train or predict on it. Use `--device cpu`, or try another driver"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_the_devices() {
        let text = remedy(&["cuda:0", "vulkan"]);
        assert!(text.starts_with("cuda:0, vulkan: computes something else") && text.contains("--device cpu"), "{text}");
        assert!(remedy(&["cpu"]).contains("report"));
    }

    #[test]
    fn a_device_that_is_not_there_is_the_machines_failure() {
        let failure = devices(Some(DeviceName::Cuda(99))).unwrap_err();
        assert_eq!(failure.exit, Exit::Environment);
    }
}
