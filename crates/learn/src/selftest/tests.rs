//! The table on the CPU, where Burn's operations stand beside our kernels; and planted mistakes, which it must find.

use super::*;
use crate::backend::{DeviceName, select};
use side::Results;

fn cpu() -> Selected {
    select(DeviceName::Cpu).unwrap()
}

fn planted(operations: Vec<Operation>, disturb: &dyn Fn(&Operation, &mut Results)) -> Table {
    run(&cpu(), operations, &Comparison { disturb: Some(disturb) }, &mut |_| {})
}

fn critical() -> Vec<Operation> {
    operation::all().into_iter().filter(|operation| operation.is_critical).collect()
}

#[test]
fn every_operation_composed_of_burns_agrees_with_our_kernels() {
    let (mut seen, mut names) = (0, std::collections::BTreeSet::new());
    let mut told = 0;
    let table = full(&cpu(), None, &mut |step| match step {
        Step::Begins { done, of, operation } => {
            assert!(done == seen && seen == told && done < of);
            seen += 1;
            names.insert(operation.to_owned());
        }
        Step::Ends(_) => told += 1,
    });
    for row in &table.rows {
        println!("{:24} {:60} {} {:?} of {:.1e}", row.operation, row.shape, row.precision, row.error, row.allowed);
    }
    assert!(table.is_right(), "{:#?}", table.wrong().collect::<Vec<_>>());
    assert_eq!(table.rows.len(), seen);
    for name in
        ["convolution", "scaling by root mean square", "instance norm", "dice", "AdamW step", "SegFormer", "V-Net"]
    {
        assert!(names.contains(name), "{name} is missing in {names:?}");
    }
    // In 32 bits the two are not the same operations: if every error were 0, nothing would have been compared.
    assert!(table.rows.iter().filter(|row| row.precision == "f32" && row.error > Some(0.0)).count() > 40);
}

#[test]
fn operations_are_chosen_by_a_part_of_their_names() {
    let names = |only: &str| {
        let rows = full(&cpu(), Some(only), &mut |_| {}).rows;
        rows.into_iter().map(|row| row.operation).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names("GELU").into_iter().collect::<Vec<_>>(), ["gelu"]);
    assert!(!names("softmax").is_empty() && names("no such operation").is_empty());
}

#[test]
fn one_wrong_value_in_any_result_is_found() {
    let table = planted(critical(), &|operation, results| {
        for (_, values) in results.iter_mut() {
            let size = bound::root_mean_square(values);
            let middle = values.len() / 2;
            let allowed = operation.arithmetic.allowed(Precision::Bf16);
            values[middle] += (4.0 * allowed * (f64::from(values[middle].abs()) + size)) as f32 + f32::MIN_POSITIVE;
        }
    });
    assert!(table.rows.len() > 20);
    for row in &table.rows {
        assert_eq!(row.verdict, Verdict::Differs, "{row:?}");
    }
    assert!(!table.is_right());
    for precision in Precision::ALL {
        let of = table.rows.iter().filter(|row| row.precision == precision.name()).count();
        let complaint = table.complaint(precision).unwrap();
        let more = format!("and {} more", of - 3);
        assert!(complaint.contains("is off by") && complaint.contains(&more), "{complaint}");
    }
}

/// What Burn 0.22's fused kernel gave on Vulkan: most of the outputs, off by half of their size.
#[test]
fn the_fused_chain_that_was_wrong_on_vulkan_would_be_found() {
    let chains =
        || critical().into_iter().filter(|operation| operation.name == "scaling by root mean square").collect();
    let table = planted(chains(), &|_, results| {
        for value in results.iter_mut().filter(|(name, _)| name == "output").flat_map(|(_, values)| values) {
            *value *= 0.5;
        }
    });
    assert_eq!((table.rows.len(), table.wrong().count()), (5, 5));
}

#[test]
fn numbers_that_are_none_and_results_that_are_missing_are_found() {
    let softmax = || critical().into_iter().filter(|operation| operation.name == "softmax").collect::<Vec<_>>();
    let of = |disturb: &dyn Fn(&Operation, &mut Results)| planted(softmax(), disturb).rows.remove(0);
    let nan = of(&|_, results| results[0].1[3] = f32::NAN);
    assert_eq!((nan.verdict, nan.error), (Verdict::Differs, None));
    assert_eq!(of(&|_, results| results[1].1.truncate(5)).verdict, Verdict::Differs);
    assert!(matches!(of(&|_, results| drop(results.pop())).verdict, Verdict::Fails(_)));
    assert_eq!(of(&|_, _| ()).verdict, Verdict::Agrees);
}

#[test]
fn an_operation_that_fails_is_a_row_with_its_message() {
    let fails = |side: &mut side::Side| {
        if side.precision() == Precision::F16 {
            std::panic::resume_unwind(Box::new("no such kernel\nbacktrace"));
        }
        let value = side.leaf([4]);
        side.output(value);
    };
    let operation = Operation::new("made", "4".into(), bound::Arithmetic::sums(1), fails);
    let table = run(&cpu(), vec![operation], &Comparison::default(), &mut |_| {});
    let verdicts: Vec<&Verdict> = table.rows.iter().map(|row| &row.verdict).collect();
    assert_eq!(verdicts, [&Verdict::Agrees, &Verdict::Agrees, &Verdict::Fails("no such kernel".into())]);
    let complaints = Precision::ALL.map(|precision| table.complaint(precision));
    assert_eq!(complaints, [None, None, Some("made (4, f16) fails: no such kernel".into())]);
}

/// Gradients that would be found if a device returned `factor` times the right one, and all of them; for each network.
fn noticed(precision: Precision, factor: f32) -> Vec<(&'static str, usize, usize)> {
    let of = |operation: Operation| {
        let expected = Comparison::default().expected(&operation).unwrap();
        let allowed = operation.arithmetic.allowed(precision);
        let is_noticed = |place: usize| {
            let mut found = expected.results.clone();
            found[place].1.iter_mut().for_each(|value| *value *= factor);
            compare::judged(&operation, &found, &expected, allowed).2 == Verdict::Differs
        };
        let gradients: Vec<usize> =
            (0..expected.results.len()).filter(|place| expected.results[*place].0 != "loss").collect();
        (operation.name, gradients.iter().filter(|place| is_noticed(**place)).count(), gradients.len())
    };
    networks::list().into_iter().map(of).collect()
}

/// The rest are sums that cancel, whose right value is smaller than their rounding. In bf16 that is most of what lies before a batch norm
/// over few values: there, single operations must tell.
#[test]
fn wrong_gradients_of_networks_are_found_in_every_precision() {
    let few_values = ["attention U-Net", "slice classifier"];
    for (precision, factor, share) in
        [(Precision::F32, 0.5, 0.7), (Precision::F16, 0.0, 0.65), (Precision::Bf16, 0.0, 0.55)]
    {
        for (name, found, all) in noticed(precision, factor) {
            println!("{name} in {}: {factor} times each gradient is found in {found} of {all}", precision.name());
            let is_blind = precision == Precision::Bf16 && few_values.contains(&name);
            assert!(is_blind || found as f64 >= share * all as f64, "{name}: {found} of {all}");
        }
    }
}
