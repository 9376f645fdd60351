//! Summary of a dataset's usable cases: grids, and the frequency and volume of each structure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::counted;
use crate::dataset::{CaseCheck, Dataset, Opened};
use crate::report::text_table::TextTable;

/// Number of cases that contain a structure, and its median volume in them.
struct Presence<'a> {
    name: &'a str,
    cases: usize,
    median_ml: Option<f64>,
}

pub(super) fn text(spec: &Dataset, opened: &Opened, checks: &[CaseCheck]) -> String {
    let usable: Vec<&CaseCheck> = usable(checks);
    let excluded = opened.excluded.len() + checks.len() - usable.len();
    let warnings: usize = checks.iter().map(|row| row.warnings.len()).sum();
    let mut text = format!(
        "{}: {}, {excluded} excluded, {} ({})\n",
        opened.name,
        counted(usable.len(), "usable case"),
        counted(warnings, "warning"),
        opened.root.display()
    );
    let shapes = usable.iter().filter_map(|row| Some(row.shape?.map(|count| count as f64)));
    text.push_str(&triple("shape [z, y, x]", shapes.collect()));
    text.push_str(&triple("spacing mm [z, y, x]", usable.iter().filter_map(|row| row.spacing_mm).collect()));
    let axes: Vec<String> = orientations(&usable).into_iter().map(|(code, count)| format!("{code} {count}")).collect();
    text.push_str(&format!("orientation: {}\n\n", axes.join(", ")));
    let mut table = TextTable::new(["structure", "cases", "median mL"]);
    for found in presence(spec, &usable) {
        let volume = found.median_ml.map_or_else(|| "—".into(), |volume| format!("{volume:.1}"));
        table.row([found.name.to_owned(), found.cases.to_string(), volume]);
    }
    text + &table.render()
}

pub(super) fn json(spec: &Dataset, checks: &[CaseCheck]) -> Value {
    let usable = usable(checks);
    let shapes: Vec<[f64; 3]> = usable.iter().filter_map(|row| Some(row.shape?.map(|count| count as f64))).collect();
    let spacings: Vec<[f64; 3]> = usable.iter().filter_map(|row| row.spacing_mm).collect();
    let structures: Vec<Value> = presence(spec, &usable)
        .into_iter()
        .map(|found| json!({"name": found.name, "cases": found.cases, "median-ml": found.median_ml}))
        .collect();
    json!({
        "usable": usable.len(),
        "median-shape": medians(&shapes),
        "median-spacing-mm": medians(&spacings),
        "orientations": orientations(&usable),
        "structures": structures,
    })
}

/// A number with at most two decimals.
pub(super) fn number(value: f64) -> String {
    format!("{}", (value * 100.0).round() / 100.0)
}

fn usable(checks: &[CaseCheck]) -> Vec<&CaseCheck> {
    checks.iter().filter(|row| row.excluded.is_none()).collect()
}

fn orientations(usable: &[&CaseCheck]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for code in usable.iter().filter_map(|row| row.orientation.clone()) {
        *counts.entry(code).or_insert(0) += 1;
    }
    counts
}

fn presence<'a>(spec: &'a Dataset, usable: &[&CaseCheck]) -> Vec<Presence<'a>> {
    spec.structures
        .iter()
        .map(|structure| {
            let values = spec.label_values(structure);
            let voxels =
                |row: &CaseCheck| -> usize { values.iter().filter_map(|value| row.label_voxels.get(value)).sum() };
            let present: Vec<&&CaseCheck> = usable.iter().filter(|row| voxels(row) > 0).collect();
            // Voxels without a spacing have no volume.
            let volume = |row: &&&CaseCheck| {
                let geometry = row.geometry.as_ref().filter(|geometry| geometry.has_spacing)?;
                Some(voxels(row) as f64 * geometry.voxel_mm3() / 1000.0)
            };
            let volumes: Vec<f64> = present.iter().filter_map(volume).collect();
            Presence { name: &structure.name, cases: present.len(), median_ml: median(volumes) }
        })
        .collect()
}

fn triple(what: &str, values: Vec<[f64; 3]>) -> String {
    let Some(middle) = medians(&values) else { return String::new() };
    let bound = |pick: fn(f64, f64) -> f64| {
        values.iter().copied().reduce(|a, b| [pick(a[0], b[0]), pick(a[1], b[1]), pick(a[2], b[2])]).unwrap_or(middle)
    };
    let [middle, low, high] = [middle, bound(f64::min), bound(f64::max)].map(|triple| triple.map(number).join("×"));
    format!("{what}: median {middle}, from {low} to {high}\n")
}

fn medians(values: &[[f64; 3]]) -> Option<[f64; 3]> {
    let axis = |axis: usize| median(values.iter().map(|triple| triple[axis]).collect());
    Some([axis(0)?, axis(1)?, axis(2)?])
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { (values.get(middle - 1)? + upper) / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_number_is_the_middle_of_two() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![]), None);
    }
}
