"""Models trained by nnU-Net itself, and what nnU-Net predicts with them: python nnunet_models.py FOLDER [SCENARIO ...]

Called by tests/it/nnunet.rs. Ends with 77 where nnunetv2 is missing. Each scenario is a dataset of synthetic images, planned, preprocessed and
trained for a few steps by nnU-Net on the CPU:

FOLDER/SCENARIO/
  results/…/nnUNetTrainer__PLANS__CONFIGURATION/   as nnUNetv2_train leaves it
  images/CASE_0000.nii.gz …                         images that were not trained on
  expected/CASE.nii.gz, CASE.npz                    nnU-Net's segmentation and probabilities
  exact/CASE.npz                                    the same, with logits summed in single instead of half precision
  made.json                                         the model's folder, seconds and peak memory of the prediction
"""
import json, os, resource, shutil, sys, time
from pathlib import Path

folder, wanted = Path(sys.argv[1]).absolute(), sys.argv[2:]
os.environ.update(nnUNet_n_proc_DA="1", nnUNet_compile="f", nnUNet_def_n_proc="1", OMP_NUM_THREADS="2")

import numpy as np

try:
    import SimpleITK as sitk
    import torch
    import nnunetv2
except ImportError as missing:
    print(missing)
    sys.exit(77)

# Axis directions of the files: columns of the direction matrix. Left-handed, oblique and permuted grids must come back to their place.
FLIPPED = (-1, 0, 0, 0, -1, 0, 0, 0, 1)
TURNED = (0.96, -0.28, 0, 0.28, 0.96, 0, 0, 0, 1)
SAGITTAL = (0, 0, 1, 1, 0, 0, 0, 1, 0)

SCENARIOS = {
    "2d": dict(channels={"0": "CT"}, labels={"background": 0, "ball": 1, "rod": 2}, configuration="2d",
               shapes=[(12, 58, 50), (9, 44, 66)], spacings=[(4.0, 0.9, 1.1), (5.0, 1.3, 1.0)], direction=FLIPPED),
    "3d": dict(channels={"0": "CT"}, labels={"background": 0, "ball": 1, "rod": 2}, configuration="3d_fullres",
               shapes=[(40, 46, 50), (33, 52, 41)], spacings=[(1.6, 1.0, 1.0), (1.2, 1.3, 0.9)], direction=TURNED),
    "anisotropic": dict(channels={"0": "MRI"}, labels={"background": 0, "ball": 1}, configuration="3d_fullres",
                        shapes=[(44, 48, 12), (40, 44, 14)], spacings=[(1.0, 1.1, 5.0), (1.2, 1.0, 4.0)], direction=SAGITTAL),
    "residual": dict(channels={"0": "CT"}, labels={"background": 0, "ball": 1, "rod": 2}, configuration="3d_fullres",
                     planner="nnUNetPlannerResEncM", shapes=[(36, 40, 44), (40, 33, 38)],
                     spacings=[(1.5, 1.0, 1.0), (1.0, 1.2, 1.1)], direction=FLIPPED),
    "channels": dict(channels={"0": "T1", "1": "T2"}, labels={"background": 0, "ball": 1, "rod": 2}, configuration="3d_fullres",
                     shapes=[(38, 44, 40), (42, 36, 46)], spacings=[(1.0, 1.2, 1.0), (1.3, 1.0, 1.0)], direction=FLIPPED, border=12),
    "regions": dict(channels={"0": "noNorm", "1": "rescale_to_0_1"}, labels={"background": 0, "whole": [1, 2], "core": [2], "ignore": 3},
                    order=[1, 2], configuration="3d_fullres", shapes=[(36, 40, 40), (40, 42, 36)],
                    spacings=[(1.0, 1.0, 1.0), (1.4, 1.0, 1.2)], direction=FLIPPED),
    "folds": dict(channels={"0": "CT"}, labels={"background": 0, "ball": 1, "rod": 2}, configuration="2d", folds=[0, 1],
                  shapes=[(8, 46, 50), (7, 40, 44)], spacings=[(3.0, 1.0, 1.0), (3.0, 1.2, 0.9)], direction=FLIPPED),
    "cascade": dict(channels={"0": "CT"}, labels={"background": 0, "ball": 1, "rod": 2}, configuration="3d_cascade_fullres",
                    shapes=[(36, 40, 40), (32, 42, 38)], spacings=[(1.0, 1.0, 1.0), (1.3, 1.0, 1.1)], direction=FLIPPED),
}


def phantom(shape, spacing, seed, border):
    """A body with a ball and a rod in it: image in HU-like numbers, and labels."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*[(np.arange(n) - n / 2) / n for n in shape], indexing="ij")
    labels = np.zeros(shape, np.uint8)
    middle = rng.uniform(-0.12, 0.12, 3)
    labels[(z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2 < 0.05] = 1
    labels[(y + 0.25) ** 2 + (x - 0.2) ** 2 < 0.012] = 2
    body = z**2 * 0.3 + y**2 + x**2 < 0.21
    image = np.where(body, 40.0, -900.0) + 150 * (labels == 1) + 500 * (labels == 2) + rng.normal(0, 30, shape)
    if border:
        image[~body] = 0
        edge = [slice(0, max(1, n * border // 100)) for n in shape]
        image[edge[0]] = image[:, edge[1]] = image[:, :, edge[2]] = 0
    return image.astype(np.float32), labels


def write(path, array, spacing, direction):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[::-1])
    image.SetDirection(direction)
    image.SetOrigin((-31.5, 12.0, 7.25))
    sitk.WriteImage(image, str(path), True)


def cases(scenario, count, seed):
    for case in range(count):
        place = case % len(scenario["shapes"])
        shape, spacing = scenario["shapes"][place], scenario["spacings"][place]
        image, labels = phantom(shape, spacing, seed + case, scenario.get("border"))
        if "anisotropic" != scenario["name"]:
            second = image[::1] * -0.5 + 100
            second[image == 0] = 0
        else:
            second = image
        if scenario["channels"]["0"] == "noNorm":
            image, second = image / 500, second
        yield f"case_{seed + case:03}", [image, second.astype(np.float32)][: len(scenario["channels"])], labels, spacing


def make(name, scenario, number):
    root = folder / name
    if (root / "made.json").exists():
        return
    shutil.rmtree(root, ignore_errors=True)
    dataset = f"Dataset{number:03}_{name.capitalize()}"
    for key, place in [("nnUNet_raw", "raw"), ("nnUNet_preprocessed", "preprocessed"), ("nnUNet_results", "results")]:
        (root / place).mkdir(parents=True)
        os.environ[key] = str(root / place)
    raw = root / "raw" / dataset
    (raw / "imagesTr").mkdir(parents=True), (raw / "labelsTr").mkdir(), (root / "images").mkdir()
    scenario = dict(scenario, name=name)
    most = max(np.max(value) for key, value in scenario["labels"].items() if key != "ignore")
    for case, images, labels, spacing in cases(scenario, 6, 0):
        labels = np.minimum(labels, most)
        if "ignore" in scenario["labels"]:
            labels[:, :3] = scenario["labels"]["ignore"]
        for channel, image in enumerate(images):
            write(raw / "imagesTr" / f"{case}_{channel:04}.nii.gz", image, spacing, scenario["direction"])
        write(raw / "labelsTr" / f"{case}.nii.gz", labels, spacing, scenario["direction"])
    for case, images, _, spacing in cases(scenario, 2, 100):
        for channel, image in enumerate(images):
            write(root / "images" / f"{case}_{channel:04}.nii.gz", image, spacing, scenario["direction"])
    about = dict(channel_names=scenario["channels"], labels=scenario["labels"], numTraining=6, file_ending=".nii.gz", name=name)
    if "order" in scenario:
        about["regions_class_order"] = scenario["order"]
    (raw / "dataset.json").write_text(json.dumps(about))
    model = train(dataset, number, scenario)
    predict(root, model, scenario)


def train(dataset, number, scenario):
    # The paths module reads the environment when it is imported and again from these objects.
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
    from nnunetv2.run.run_training import get_trainer_from_args

    extract_fingerprints([number], num_processes=1, check_dataset_integrity=True)
    plans = plan_experiments([number], experiment_planner_class_name=scenario.get("planner", "ExperimentPlanner"))
    plans = plans or "nnUNetPlans"
    file = Path(os.environ["nnUNet_preprocessed"], dataset, f"{plans}.json")
    text = json.loads(file.read_text())
    # A network that is small enough for two cores.
    name = scenario["configuration"]
    first = None
    if name == "3d_cascade_fullres":
        # Planned by nnU-Net for larger images only.
        first, full = "3d_lowres", "3d_fullres"
        spacing = [1.5 * mm for mm in text["configurations"][full]["spacing"]]
        text["configurations"][first] = dict(inherits_from=full, spacing=spacing, data_identifier=f"{plans}_{first}", next_stage=name)
        text["configurations"][name] = dict(inherits_from=full, previous_stage=first)
        name = full
    configuration = text["configurations"][name]
    keys = configuration["architecture"]["arch_kwargs"]
    keys["features_per_stage"] = [min(8 * 2**stage, 32) for stage in range(keys["n_stages"])]
    if "n_blocks_per_stage" in keys:
        keys["n_blocks_per_stage"] = [min(blocks, 2) for blocks in keys["n_blocks_per_stage"]]
    configuration["batch_size"] = 2
    configuration["patch_size"] = [max(length * 3 // 4 // 8 * 8, length // 2) if length >= 32 else length for length in configuration["patch_size"]]
    file.write_text(json.dumps(text))
    for stage in [name, first]:
        if stage:
            preprocess([number], plans, configurations=[stage], num_processes=[1])
    # Augmentation in this process.
    os.environ["nnUNet_n_proc_DA"] = "0"
    for stage in [first, scenario["configuration"]]:
        for fold in scenario.get("folds", [0]) if stage else []:
            torch.manual_seed(fold), np.random.seed(fold)
            trainer = get_trainer_from_args(dataset, stage, fold, "nnUNetTrainer", plans, device=torch.device("cpu"))
            trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = 2, 12, 1
            if trainer.is_cascaded:
                give_labels(trainer)
            trainer.run_training()
    return Path(trainer.output_folder).parent


def give_labels(trainer):
    """The reference as the first stage's segmentation of the training cases: what it would be after a long training."""
    import blosc2

    folder = Path(trainer.folder_with_segs_from_previous_stage)
    folder.mkdir(parents=True, exist_ok=True)
    for file in Path(trainer.preprocessed_dataset_folder).glob("*_seg.b2nd"):
        labels = np.maximum(blosc2.open(str(file))[:][0], 0).astype(np.uint8)
        blosc2.asarray(np.ascontiguousarray(labels), urlpath=str(folder / file.name.replace("_seg", "")))


def predict(root, model, scenario):
    import nnunetv2.inference.predict_from_raw_data as prediction

    # Single precision everywhere, to tell what half precision does.
    half, compute = torch.half, prediction.compute_gaussian
    folds = tuple(scenario.get("folds", [0]))
    images = sorted({str(path)[: -len("_0000.nii.gz")] for path in (root / "images").iterdir()})
    lists = [[f"{case}_{channel:04}.nii.gz" for channel in range(len(scenario["channels"]))] for case in images]
    made = dict(model=str(model.relative_to(root)), folds=folds)
    first = None
    if scenario["configuration"] == "3d_cascade_fullres":
        first = root / "first"
        first.mkdir()
        predictor = prediction.nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
        lowres = str(model).replace("3d_cascade_fullres", "3d_lowres")
        predictor.initialize_from_trained_model_folder(lowres, folds, "checkpoint_final.pth")
        predictor.predict_from_files_sequential(lists, [str(first / Path(case).name) for case in images])
        first = str(first)
    for kind in ["expected", "exact"]:
        (root / kind).mkdir()
        predictor = prediction.nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(model), folds, "checkpoint_final.pth")
        if kind == "exact":
            torch.half = torch.float32
            exact = lambda *args, **keys: compute(*args, **{**keys, "dtype": torch.float32})
            exact.cache_clear = compute.cache_clear
            prediction.compute_gaussian = exact
        started = time.time()
        out = [str(root / kind / Path(case).name) for case in images]
        predictor.predict_from_files_sequential(lists, out, save_probabilities=True, folder_with_segs_from_prev_stage=first)
        made[f"{kind}_seconds"] = time.time() - started
    torch.half, prediction.compute_gaussian = half, compute
    made["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (root / "made.json").write_text(json.dumps(made))


if __name__ == "__main__":
    # One process per scenario: nnU-Net reads its folders from the environment when it is imported.
    for number, (name, scenario) in enumerate(SCENARIOS.items(), 901):
        if len(wanted) == 1 and name == wanted[0]:
            make(name, scenario, number)
        elif not wanted:
            import subprocess

            subprocess.run([sys.executable, __file__, str(folder), name], check=True)
