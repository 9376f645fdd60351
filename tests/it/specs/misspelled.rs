//! Misspells every key of every committed spec once; each must be refused at the right place, with the right suggestion.

use std::path::Path;

use segspec::spec::diagnostic::Problem;
use segspec::spec::node::{Node, parse};
use segspec::spec::source::{Origin, Place, Source, Sources};
use segspec::spec::{Diagnostics, load, load_dataset};

use super::{files, workspace};

/// Tables whose keys are free: names that the person chooses.
const FREE: [&str; 2] = ["labels.merge", "exclude"];

/// Keys that a slip makes of another one of their table: `seeds`, `adamw`.
const OTHERS: [&str; 2] = ["seed", "adam"];

struct Key {
    name: String,
    place: Place,
}

/// Every written key below a node, with the place of its name.
fn keys(node: &Node, path: &str, found: &mut Vec<Key>) {
    for item in node.items() {
        keys(item, path, found);
    }
    if FREE.contains(&path) {
        return;
    }
    for (name, inner) in node.entries() {
        found.push(Key { name: name.clone(), place: inner.key_place() });
        keys(inner, format!("{path}.{name}").trim_start_matches('.'), found);
    }
}

/// One slip of the fingers, chosen by a number: a letter lost, two swapped, or one replaced.
fn misspell(name: &str, number: usize) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let at = number % letters.len();
    match number % 3 {
        0 if letters.len() > 2 => {
            letters.remove(at);
        }
        1 if at + 1 < letters.len() && letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        _ => letters[at] = if letters[at] == 'q' { 'x' } else { 'q' },
    }
    letters.into_iter().collect()
}

fn read(file: &Path) -> (String, Sources) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut sources = Sources::default();
    sources.add(Source { name: String::new(), text: text.clone(), origin: Origin::Argument });
    (text, sources)
}

/// Loads a changed spec from beside the original, so that `extends` and the dataset are found.
fn check(file: &Path, text: &str) -> Option<Diagnostics> {
    let changed = file.with_file_name("misspelled.toml");
    std::fs::write(&changed, text).unwrap();
    if is_dataset(file) { load_dataset(&changed).err() } else { load(&changed, &[], &[]).err() }
}

fn is_dataset(file: &Path) -> bool {
    file.parent().unwrap().ends_with("datasets")
}

struct Tally {
    keys: usize,
    misses: Vec<String>,
}

fn misspell_every_key(file: &Path, tally: &mut Tally) {
    let (text, sources) = read(file);
    let (tree, _) = parse(0, &sources);
    let mut found = Vec::new();
    keys(&tree, "", &mut found);
    for key in found {
        // A slip that makes another key of its table is no fault that anything could see.
        let slips = (tally.keys..).map(|number| misspell(&key.name, number));
        let slip = slips.into_iter().find(|slip| !OTHERS.contains(&slip.as_str())).unwrap();
        let changed = format!("{}{slip}{}", &text[..key.place.start], &text[key.place.end..]);
        let context = format!("{}: `{}` as `{slip}`", file.display(), key.name);
        let diagnostics = check(file, &changed).unwrap_or_else(|| panic!("{context} is accepted"));
        let at = |place: Place| diagnostics.sources.get(place.source).map(|source| source.line_column(place.start));
        let expected = sources.get(0).map(|source| source.line_column(key.place.start));
        let is_about = |problem: &&Problem| problem.place.and_then(at) == expected && problem.message.contains(&slip);
        let problem = diagnostics.problems.iter().find(is_about);
        let problem = problem.unwrap_or_else(|| panic!("{context}: no error at {expected:?}:\n{diagnostics}"));
        let help = problem.help.as_deref().unwrap_or_default();
        if !help.contains(&format!("did you mean `{}`?", key.name)) {
            tally.misses.push(format!("{context}: {help}"));
        }
        tally.keys += 1;
    }
}

#[test]
fn every_misspelled_key_is_refused_where_it_stands_with_the_right_suggestion() {
    let mut tally = Tally { keys: 0, misses: Vec::new() };
    let root = workspace();
    for folder in ["experiments", "datasets", "valid"] {
        for file in files(root.path().join(folder)) {
            misspell_every_key(&file, &mut tally);
        }
    }
    println!("{} keys, {} without the right suggestion", tally.keys, tally.misses.len());
    tally.misses.iter().for_each(|miss| println!("  {miss}"));
    assert!(tally.keys > 120, "only {} keys", tally.keys);
    assert!(tally.misses.len() * 20 <= tally.keys, "{:#?}", tally.misses);
}
