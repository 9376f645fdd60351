//! Left and right: experiments that mirror images across the sides of their structures are warned of wherever a person looks first.

use crate::lab::{Lab, TINY};

/// With other names for the kidneys, and a list of mirrored axes.
fn lab(names: [&str; 2], mirror: &str, pairs: &str) -> Lab {
    let lab = Lab::new();
    let dataset = std::fs::read_to_string(lab.path("datasets/tiny.toml")).unwrap();
    let renamed = dataset.replace("left-kidney", names[0]).replace("right-kidney", names[1]);
    lab.write("datasets/tiny.toml", &renamed.replacen("[labels.merge]", &format!("{pairs}\n[labels.merge]"), 1));
    let experiment = TINY.replace("structures = [\"liver\", \"spleen\"]", "");
    lab.write("experiments/tiny.toml", &format!("{experiment}\n[augment]\nmirror = [{mirror}]\n"));
    lab
}

const COMMANDS: [&[&str]; 4] = [
    &["check", "experiments/tiny.toml"],
    &["run", "experiments/tiny.toml", "--dry-run"],
    &["preview", "experiments/tiny.toml", "--cases", "1"],
    &["bench", "experiments/tiny.toml", "--steps", "1"],
];

fn warned(lab: &Lab, arguments: &[&str]) -> bool {
    let ended = lab.end(arguments);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let times = |text: &str| text.matches("no partner in `labels.mirror-pairs`").count();
    let told = times(&ended.out) + times(&ended.err);
    assert!(told <= 1, "{arguments:?}: told {told} times");
    told == 1
}

#[test]
fn sides_without_a_partner_are_told_once_by_every_command_that_plans() {
    for names in [
        ["left-kidney", "right-kidney"],
        ["Kidney_L", "Kidney_R"],
        ["KidneyLeft", "KidneyRight"],
        ["lt kidney", "rt kidney"],
    ] {
        let lab = lab(names, "\"width\"", "");
        for command in COMMANDS {
            assert!(warned(&lab, command), "{names:?} {command:?}");
        }
        let checked = lab.end(&["dataset", "check", "tiny"]);
        assert!(checked.out.contains("differ in their side"), "{}", checked.out);
    }
}

#[test]
fn pairs_other_axes_and_names_without_a_side_are_in_order() {
    let pairs = "[labels]\nmirror-pairs = [[\"left-kidney\", \"right-kidney\"]]\n";
    for (names, mirror, pairs) in [
        (["left-kidney", "right-kidney"], "\"width\"", pairs),
        (["left-kidney", "right-kidney"], "\"depth\"", ""),
        (["kidney-1", "kidney-2"], "\"width\"", ""),
    ] {
        let lab = lab(names, mirror, pairs);
        for command in COMMANDS {
            assert!(!warned(&lab, command), "{names:?} {mirror} {command:?}");
        }
    }
}

#[test]
fn the_first_stage_of_a_cascade_is_looked_at_too() {
    let lab = lab(["left-kidney", "right-kidney"], "", "");
    let experiment = std::fs::read_to_string(lab.path("experiments/tiny.toml")).unwrap();
    let stage =
        "[cascade.coarse.preprocess]\nspacing-mm = [9.0, 9.0, 9.0]\n[cascade.coarse.augment]\nmirror = [\"width\"]\n";
    lab.write("experiments/tiny.toml", &format!("{experiment}\n{stage}"));
    assert!(warned(&lab, COMMANDS[0]));
}
