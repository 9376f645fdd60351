//! Layers: which value wins, what a variant replaces, and what `extends`, variables and `--set` may say.

use segspec::auto::Auto;
use segspec::model::Model;
use segspec::train::spec::{AdamW, Optimizer, Sgd};

use super::load;

const BASE: &str = "extends = [\"../bases/base.toml\"]\n";

fn features(model: &Model) -> &Auto<Vec<usize>> {
    let Model::Unet(unet) = model else { panic!("a U-Net") };
    &unet.features
}

#[test]
fn a_file_wins_over_the_files_it_extends_and_defaults_come_last() {
    let loaded = load(&format!("{BASE}train.epochs = 40\n"), &[], &[]).unwrap();
    let train = &loaded.experiment.train;
    assert_eq!((train.epochs, train.clip_norm), (40, 12.0));
    assert_eq!(features(&loaded.experiment.model), &Auto::Fixed(vec![8, 16]));
    let defaults = AdamW::default();
    let expected = AdamW { learning_rate: 1e-3, weight_decay: 1e-2, ..defaults };
    assert_eq!(train.optimizer, Optimizer::Adamw(expected));
}

#[test]
fn later_files_of_extends_win_and_a_shared_base_lies_below_both() {
    let text = "extends = [\"../bases/left.toml\", \"../bases/right.toml\"]\n";
    let loaded = load(text, &[], &[]).unwrap();
    // `right.toml` says nothing about epochs; that it extends the base again must not undo what `left.toml` says.
    assert_eq!((loaded.experiment.seed, loaded.experiment.train.epochs), (2, 21));
}

#[test]
fn variables_win_over_files_and_arguments_over_variables() {
    let environment = [("SEGSPEC__TRAIN__EPOCHS", "50"), ("SEGSPEC__SEED", "9"), ("SEGSPEC_DATA", "x"), ("HOME", "y")];
    let loaded = load(BASE, &["train.epochs=60"], &environment).unwrap();
    assert_eq!((loaded.experiment.train.epochs, loaded.experiment.seed), (60, 9));
    assert_eq!(loaded.overrides, ["SEGSPEC__SEED=9", "SEGSPEC__TRAIN__EPOCHS=50"]);
}

#[test]
fn the_last_argument_wins_and_bare_words_are_texts() {
    let set = ["train.epochs=1", "train.epochs=2", "model.unet.norm=batch", "description=two words", "run-root=/a b"];
    let loaded = load(BASE, &set, &[]).unwrap();
    assert_eq!(loaded.experiment.train.epochs, 2);
    assert_eq!((loaded.experiment.description.as_str(), loaded.experiment.run_root.as_str()), ("two words", "/a b"));
}

#[test]
fn lists_are_replaced_not_joined() {
    let loaded = load(BASE, &["model.unet.features=[4]"], &[]).unwrap();
    assert_eq!(features(&loaded.experiment.model), &Auto::Fixed(vec![4]));
}

#[test]
fn the_same_variant_is_merged_key_by_key() {
    let loaded = load(&format!("{BASE}train.optimizer.adamw.learning-rate = 0.5\n"), &[], &[]).unwrap();
    let expected = AdamW { learning_rate: 0.5, weight_decay: 1e-2, ..AdamW::default() };
    assert_eq!(loaded.experiment.train.optimizer, Optimizer::Adamw(expected));
}

#[test]
fn another_variant_replaces_the_lower_one_whole() {
    let middle = "extends = [\"../bases/middle.toml\"]\n";
    let loaded = load(middle, &[], &[]).unwrap();
    assert_eq!(loaded.experiment.train.optimizer, Optimizer::Sgd(Sgd { learning_rate: 1e-2, ..Sgd::default() }));
    // Back to the first variant: nothing of the lowest layer's table comes back.
    let loaded = load(middle, &["train.optimizer.adamw.learning-rate=0.5"], &[]).unwrap();
    let expected = AdamW { learning_rate: 0.5, ..AdamW::default() };
    assert_eq!(loaded.experiment.train.optimizer, Optimizer::Adamw(expected));
}

#[test]
fn two_variants_in_one_layer_are_an_error_even_below_another_layer() {
    let text = "extends = [\"../bases/two-variants.toml\"]\ntrain.optimizer.sgd.learning-rate = 0.1\n";
    let message = load(text, &[], &[]).unwrap_err().to_string();
    assert!(message.contains("`optimizer` is both `adamw` and `sgd`"), "{message}");
    assert!(message.contains("two-variants.toml:4:18"), "{message}");
}

#[test]
fn two_variants_in_the_environment_are_an_error() {
    let environment =
        [("SEGSPEC__TRAIN__OPTIMIZER__SGD__MOMENTUM", "0.5"), ("SEGSPEC__TRAIN__OPTIMIZER__ADAMW__EPSILON", "1e-8")];
    let message = load(BASE, &[], &environment).unwrap_err().to_string();
    assert!(message.contains("`optimizer` is both"), "{message}");
    assert!(message.contains("environment:1:"), "{message}");
}

#[test]
fn errors_show_the_text_of_arguments_and_variables() {
    let message = load(BASE, &["train.batch-sise=4"], &[("SEGSPEC__TRAIN__EPOCS", "4")]).unwrap_err().to_string();
    assert!(message.contains("--set:1:7") && message.contains("1 | train.batch-sise=4"), "{message}");
    assert!(message.contains("did you mean `batch-size`?") && message.contains("did you mean `epochs`?"), "{message}");
    assert!(message.contains("environment:1:17") && message.contains("1 | SEGSPEC__TRAIN__EPOCS=4"), "{message}");
}

#[test]
fn faulty_arguments_and_variables_are_refused() {
    let faults = [
        ("train.epochs", "needs a key and a value"),
        ("=4", "is not a key"),
        ("a b=4", "is not a key"),
        ("train.epochs=[4", "unclosed array"),
        ("extends=[]", "`extends` can only be written in a file"),
        ("train.epochs=4x", "must be an integer from 1 to 1000000, not the string \"4x\""),
    ];
    for (argument, expected) in faults {
        let message = load(BASE, &[argument], &[]).unwrap_err().to_string();
        assert!(message.contains(expected), "{argument}:\n{message}");
        assert!(message.contains("--set:1:"), "{argument}:\n{message}");
    }
    let message = load(BASE, &[], &[("SEGSPEC__TRAIN____EPOCHS", "4")]).unwrap_err().to_string();
    assert!(message.contains("has an empty key"), "{message}");
}

#[test]
fn a_value_is_wrong_where_it_was_written_though_another_key_is_the_reason() {
    let text = "dataset = \"organs\"\nmodel.unet.strides = [[1, 1, 1], [2, 2, 2]]\n";
    let message = load(text, &["train.patch-size=[16,16,15]"], &[]).unwrap_err().to_string();
    assert!(message.contains("--set:1:25") && message.contains("use 14 or 16"), "{message}");
    // A default that nobody wrote: the nearest table that somebody did write.
    let text =
        "dataset = \"organs\"\n[predict]\nweights = \"best\"\n[split.k-fold]\nfolds = 3\n[train]\nvalidate-every = 0\n";
    assert!(load(text, &[], &[]).unwrap_err().to_string().contains("x.toml:3:11"));
}

#[test]
fn the_history_of_a_value_names_every_layer() {
    let loaded = load(&format!("{BASE}train.epochs = 40\n"), &["train.epochs=60"], &[]).unwrap();
    let path = ["train".to_owned(), "epochs".to_owned()];
    let lines: Vec<String> =
        loaded.history(&path).iter().map(|node| loaded.sources.locate_line(node.key_place())).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], "--set train.epochs=60");
    assert!(lines[1].ends_with("x.toml:2") && lines[2].ends_with("base.toml:7"), "{lines:?}");
    assert!(loaded.history(&["train".to_owned(), "clip-norm".to_owned()]).is_empty());
}

#[test]
fn later_stages_can_report_at_a_value_too() {
    let loaded = load("dataset = \"organs\"\n[train]\nepochs = 3\n", &[], &[]).unwrap();
    let mut findings = loaded.findings();
    findings.error("train.epochs", "too few", "use more");
    findings.error("train.patch-size", "too large", "use less");
    findings.error("memory-target-gb", "too little", "use more");
    let message = loaded.reject(findings).to_string();
    for place in ["x.toml:3:10", "x.toml:2:2", "x.toml:1:1"] {
        assert!(message.contains(place), "{place}:\n{message}");
    }
}
