//! Help texts: one style for every command.

use std::path::Path;

/// Names of the subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let starts = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = starts.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn help(path: &[&str]) -> String {
    let (code, out, err) = super::segspec(Path::new("."), &[path, &["--help"]].concat());
    assert_eq!(code, 0, "{err}");
    out
}

#[test]
fn every_command_has_a_summary_and_examples() {
    let top = help(&[]);
    let mut checked = 0;
    let mut check = |path: &[&str]| {
        let text = help(path);
        let summary = text.lines().next().unwrap_or_default();
        assert!(summary.len() > 15 && !summary.ends_with('.'), "{path:?}: {summary}");
        let examples = text.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{path:?} has no examples")).1;
        let start = format!("  segspec {}", path.join(" "));
        assert!(examples.lines().filter(|line| line.starts_with(&start)).count() >= 2, "{path:?}: {examples}");
        assert!(examples.lines().all(|line| line.starts_with("  segspec")), "{path:?} wraps: {examples}");
        checked += 1;
    };
    for name in subcommands(&top) {
        for inner in subcommands(&help(&[&name])) {
            check(&[&name, &inner]);
        }
        check(&[&name]);
    }
    assert!(checked >= 17, "{top}");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = super::segspec(folder.path(), &["completions", "--man", "man1"]);
    assert_eq!(code, 0, "{err}");
    for name in subcommands(&help(&[])) {
        let page = folder.path().join("man1").join(format!("segspec-{name}.1"));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|_| panic!("no {}", page.display()));
        assert!(text.contains(".SH NAME") && text.contains("Examples"), "{name}");
    }
    let (code, _, err) = super::segspec(folder.path(), &["completions"]);
    assert!(code == 2 && err.contains("<SHELL>"), "{err}");
}
