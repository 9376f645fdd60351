//! Every file in `tests/specs/invalid` has its message beside it; every file in `tests/specs/valid` has none.

use super::{check, files};

#[test]
fn every_faulty_spec_gets_its_message() {
    let files = files("tests/specs/invalid");
    assert!(files.len() >= 60, "only {} faulty specs", files.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../specs/invalid");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    for file in files {
        let Err(diagnostics) = check(&file) else { panic!("{} has no error", file.display()) };
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = diagnostics.to_string();
        for problem in &diagnostics.problems {
            assert!(problem.place.is_some(), "{name}: {} has no place", problem.message);
            assert!(problem.help.is_some(), "{name}: {} has no help", problem.message);
        }
        assert!(text.contains(".toml:"), "{name} names no file and line:\n{text}");
        for jargon in ["invalid type", "untagged", "newtype", "usize", "f64", "deserial", "u64", "enum"] {
            assert!(!text.contains(jargon), "{name} speaks of {jargon}:\n{text}");
        }
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn every_valid_spec_and_every_committed_one_is_accepted() {
    for file in ["tests/specs/valid", "experiments", "datasets"].into_iter().flat_map(files) {
        if let Err(diagnostics) = check(&file) {
            panic!("{}:\n{diagnostics}", file.display());
        }
    }
}

#[test]
fn every_committed_spec_names_its_schema() {
    for file in ["experiments", "datasets"].into_iter().flat_map(files) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("#:schema schema.json\n"), "{}", file.display());
    }
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    use segspec::spec::schema;
    for (path, schema) in
        [("experiments/schema.json", schema::experiment()), ("datasets/schema.json", schema::dataset())]
    {
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == schema::text(&schema), "{path} is stale: run `segspec schema --write`");
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    }
}

#[test]
fn faults_of_a_file_that_is_no_text_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, [0xff, 0xfe, 0]).unwrap();
    let message = check(&file).unwrap_err().to_string();
    assert!(message.contains("it is not UTF-8 text"), "{message}");
    let missing = check(&folder.path().join("y.toml")).unwrap_err().to_string();
    assert!(missing.contains("there is no such file") && missing.contains("did you mean"), "{missing}");
}

#[test]
fn a_file_cut_off_or_with_a_lost_letter_never_panics_and_every_error_has_a_place() {
    let root = super::workspace();
    let broken = root.path().join("experiments/broken.toml");
    let text = std::fs::read_to_string("experiments/phantom.toml").unwrap();
    for (at, letter) in text.char_indices().skip(20).step_by(3) {
        let (head, tail) = (&text[..at], &text[at + letter.len_utf8()..]);
        for changed in [head.to_owned(), format!("{head}{tail}"), format!("{head}[{tail}"), format!("{head}\"{tail}")] {
            std::fs::write(&broken, changed).unwrap();
            let Err(diagnostics) = segspec::spec::load(&broken, &[], &[]) else { continue };
            assert!(!diagnostics.to_string().is_empty());
            assert!(diagnostics.problems.iter().all(|problem| problem.place.is_some()), "{diagnostics}");
        }
    }
}
