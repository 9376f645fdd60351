//! Sweeps: axes, order, labels, and a check of every trial.

use segspec::auto::Auto;
use segspec::model::Model;
use segspec::spec::{Loaded, Trial};
use segspec::train::spec::Optimizer;

use super::load;

fn labels(loaded: &Loaded) -> Vec<&str> {
    loaded.trials.iter().map(|trial| trial.label.as_str()).collect()
}

fn features(trial: &Trial) -> Option<&Vec<usize>> {
    let Model::Unet(unet) = &trial.experiment.model else { panic!("a U-Net") };
    unet.features.fixed()
}

#[test]
fn without_a_sweep_there_is_one_trial() {
    let loaded = load("dataset = \"organs\"\nseed = 4\n", &[], &[]).unwrap();
    assert_eq!(labels(&loaded), ["seed=4"]);
    assert_eq!(loaded.trials[0].experiment, loaded.experiment);
}

#[test]
fn the_grid_keeps_the_order_of_writing_and_seeds_vary_fastest() {
    let text = "dataset = \"organs\"\n[sweep]\nseeds = [7, 8]\ntrain.optimizer.adamw.learning-rate = [1e-2, 1e-3]\n\
                model.unet.features = [[8, 16], [4, 8]]\ntrain.epochs = [5]\n";
    let loaded = load(text, &[], &[]).unwrap();
    let first_four = [
        "learning-rate=0.01 features=[8,16] epochs=5 seed=7",
        "learning-rate=0.01 features=[8,16] epochs=5 seed=8",
        "learning-rate=0.01 features=[4,8] epochs=5 seed=7",
        "learning-rate=0.01 features=[4,8] epochs=5 seed=8",
    ];
    assert_eq!(labels(&loaded).len(), 8);
    assert_eq!(labels(&loaded)[..4], first_four);
    let last = &loaded.trials[7];
    assert_eq!((last.experiment.seed, features(last), last.experiment.train.epochs), (8, Some(&vec![4, 8]), 5));
    assert!(matches!(last.experiment.train.optimizer, Optimizer::Adamw(adamw) if adamw.learning_rate == 1e-3));
    assert!(last.experiment.sweep.is_none());
    let keys: Vec<&str> = last.settings.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(keys, ["train.optimizer.adamw.learning-rate", "model.unet.features", "train.epochs"]);
}

#[test]
fn whole_variants_are_called_by_name_and_told_apart() {
    let text = "dataset = \"organs\"\n[sweep]\nmodel = [{ unet = { features = [8] } }, { unet = { features = [4] } }]\n\
                train.optimizer = [{ adamw = {} }, { sgd = { momentum = 0.9 } }]\n";
    let loaded = load(text, &[], &[]).unwrap();
    assert_eq!(labels(&loaded)[0], "model=unet(features=[8]) optimizer=adamw");
    assert_eq!(labels(&loaded)[3], "model=unet(features=[4]) optimizer=sgd");
    assert_eq!(features(&loaded.trials[3]), Some(&vec![4]));
    let named = |variants: &str| {
        let text = format!("dataset = \"organs\"\nsweep.model = [{variants}]\n");
        let loaded = load(&text, &[], &[]).unwrap();
        labels(&loaded).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let residual = "{ unet = { features = [8] } }, { unet = { features = [8], residual = true } }, { vnet = {} }";
    assert_eq!(named(residual), ["model=unet", "model=unet(residual)", "model=vnet"]);
    let long = "{ unet = { features = [8, 16, 32, 64, 128, 256, 512] } }, { unet = {} }";
    assert_eq!(named(long), ["model=unet#1", "model=unet#2"]);
    let text = "dataset = \"organs\"\n[sweep]\nloss = [[{ dice = {} }], [{ dice = {} }, { cross-entropy = {} }]]\n";
    assert_eq!(labels(&load(text, &[], &[]).unwrap()), ["loss=dice", "loss=dice+cross-entropy"]);
}

#[test]
fn axes_of_one_name_are_told_apart() {
    let text = "dataset = \"organs\"\nsweep.train.batch-size = [1]\nsweep.predict.batch-size = [2]\n";
    assert_eq!(labels(&load(text, &[], &[]).unwrap()), ["train.batch-size=1 predict.batch-size=2"]);
}

#[test]
fn a_swept_variant_replaces_the_one_of_the_experiment() {
    let text = "dataset = \"organs\"\ntrain.optimizer.sgd.momentum = 0.5\n\
                sweep.train.optimizer.adamw.learning-rate = [0.1, 0.2]\n";
    let loaded = load(text, &[], &[]).unwrap();
    assert!(loaded.trials.iter().all(|trial| matches!(trial.experiment.train.optimizer, Optimizer::Adamw(_))));
    assert!(matches!(loaded.experiment.train.optimizer, Optimizer::Sgd(_)));
}

#[test]
fn lists_of_a_sweep_can_come_from_a_lower_layer_and_from_arguments() {
    let loaded = load("dataset = \"organs\"\nsweep.train.epochs = [3, 4]\n", &["sweep.seeds=[1,2]"], &[]).unwrap();
    assert_eq!(labels(&loaded), ["epochs=3 seed=1", "epochs=3 seed=2", "epochs=4 seed=1", "epochs=4 seed=2"]);
}

#[test]
fn a_swept_variant_of_a_higher_layer_replaces_the_lower_one() {
    let text = "dataset = \"organs\"\nsweep.train.optimizer.adamw.learning-rate = [0.1, 0.2]\n";
    let loaded = load(text, &["sweep.train.optimizer.sgd.learning-rate=[0.3]"], &[]).unwrap();
    assert_eq!(labels(&loaded), ["learning-rate=0.3"]);
}

#[test]
fn auto_is_a_value_like_others() {
    let loaded = load("dataset = \"organs\"\nsweep.train.batch-size = [\"auto\", 2]\n", &[], &[]).unwrap();
    assert_eq!(labels(&loaded), ["batch-size=auto", "batch-size=2"]);
    assert_eq!(loaded.trials[0].experiment.train.batch_size, Auto::Auto);
}

#[test]
fn a_trial_that_cannot_run_is_named_and_its_value_underlined() {
    let text = "dataset = \"organs\"\nmodel.unet.strides = [[1, 1, 1], [4, 4, 4]]\n\
                sweep.train.patch-size = [[16, 16, 16], [16, 16, 18]]\nsweep.seeds = [0, 1]\n";
    let message = load(text, &[], &[]).unwrap_err().to_string();
    assert!(message.contains("x.toml:3:50") && message.contains("use 16 or 20"), "{message}");
    assert!(message.contains("in the trial `patch-size=[16,16,18] seed=0`"), "{message}");
    assert_eq!(message.matches("error:").count(), 1, "{message}");
}
