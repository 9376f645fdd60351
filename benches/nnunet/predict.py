"""Prediction with a model of nnU-Net: nnUNetv2_predict beside segspec, whole commands, time and peak memory.

    python benches/nnunet/predict.py SEGSPEC [ROUNDS]

Needs nnunetv2 2.8.1. The model is nnU-Net's usual 3D U-Net with random weights (features 32 to 320, patch 64×96×96, eight flips); the image is
noise with a body in it, 100×150×150 voxels, resampled to 96×128×128. Both programs use two threads and read and write the same files. Prints
one row per round and a table in Markdown.
"""
import json, os, shutil, sys, tempfile, time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

THREADS = "2"
PATCH, SPACING = [64, 96, 96], [1.5625, 0.9375, 0.9375]
STRIDES = [[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2]]
FEATURES = [32, 64, 128, 256, 320]


def model(folder):
    keys = dict(
        n_stages=5, features_per_stage=FEATURES, conv_op="torch.nn.modules.conv.Conv3d", kernel_sizes=[[3, 3, 3]] * 5, strides=STRIDES,
        n_conv_per_stage=[2] * 5, n_conv_per_stage_decoder=[2] * 4, conv_bias=True,
        norm_op="torch.nn.modules.instancenorm.InstanceNorm3d", norm_op_kwargs=dict(eps=1e-5, affine=True), dropout_op=None,
        dropout_op_kwargs=None, nonlin="torch.nn.LeakyReLU", nonlin_kwargs=dict(inplace=True),
    )  # fmt: skip
    needs = ["conv_op", "norm_op", "dropout_op", "nonlin"]
    name = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
    resample = dict(is_seg=False, order=3, order_z=0, force_separate_z=None)
    configuration = dict(
        data_identifier="x", preprocessor_name="DefaultPreprocessor", batch_size=2, patch_size=PATCH, spacing=SPACING,
        median_image_size_in_voxels=[96, 128, 128], normalization_schemes=["CTNormalization"], use_mask_for_norm=[False], batch_dice=True,
        resampling_fn_data="resample_data_or_seg_to_shape", resampling_fn_data_kwargs=resample,
        resampling_fn_seg="resample_data_or_seg_to_shape", resampling_fn_seg_kwargs=dict(resample, is_seg=True, order=1),
        resampling_fn_probabilities="resample_data_or_seg_to_shape", resampling_fn_probabilities_kwargs=dict(resample, order=1),
        architecture=dict(network_class_name=name, arch_kwargs=keys, _kw_requires_import=needs),
    )  # fmt: skip
    plans = dict(
        dataset_name="Dataset800_Bench", plans_name="nnUNetPlans", image_reader_writer="SimpleITKIO", transpose_forward=[0, 1, 2],
        transpose_backward=[0, 1, 2], label_manager="LabelManager", experiment_planner_used="ExperimentPlanner",
        foreground_intensity_properties_per_channel={"0": dict(mean=50.0, std=80.0, percentile_00_5=-200.0, percentile_99_5=400.0)},
        configurations={"3d_fullres": configuration},
    )  # fmt: skip
    place = folder / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (place / "fold_0").mkdir(parents=True)
    (place / "plans.json").write_text(json.dumps(plans))
    labels = {"background": 0, "a": 1, "b": 2, "c": 3, "d": 4}
    about = dict(channel_names={"0": "CT"}, labels=labels, numTraining=1, file_ending=".nii.gz")
    (place / "dataset.json").write_text(json.dumps(about))
    torch.manual_seed(0)
    network = get_network_from_plans(name, keys, needs, 1, len(labels), deep_supervision=False)
    checkpoint = dict(
        network_weights=network.state_dict(), current_epoch=1000, init_args=dict(configuration="3d_fullres"), trainer_name="nnUNetTrainer",
        inference_allowed_mirroring_axes=(0, 1, 2),
    )  # fmt: skip
    torch.save(checkpoint, place / "fold_0" / "checkpoint_final.pth")
    return place


def image(folder):
    folder.mkdir()
    shape = (100, 150, 150)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    noise = np.random.default_rng(0).normal(0, 60, shape)
    voxels = np.where(y**2 + x**2 < 0.8, 40 + 150 * np.sin(6 * z) * np.cos(5 * x) + noise, -1000).astype(np.float32)
    file = sitk.GetImageFromArray(voxels)
    file.SetSpacing((0.8, 0.8, 1.5))
    sitk.WriteImage(file, str(folder / "case_0000.nii.gz"), True)


def timed(command, environment):
    """Seconds and peak memory in MB of the largest process of a command."""
    started = time.time()
    pid = os.fork()
    if pid == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.execvpe(command[0], command, environment)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"{command[0]} failed")
    return time.time() - started, used.ru_maxrss / 1024


def main():
    segspec, rounds = str(Path(sys.argv[1]).absolute()), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    work = Path(tempfile.mkdtemp())
    os.chdir(work)
    place = model(work / "model")
    image(work / "images")
    environment = dict(os.environ, OMP_NUM_THREADS=THREADS, RAYON_NUM_THREADS=THREADS, nnUNet_def_n_proc=THREADS, SEGSPEC_DEVICE="cpu")
    for key in ["raw", "preprocessed", "results"]:
        environment[f"nnUNet_{key}"] = str(work)
    os.system(f"'{segspec}' import nnunet '{place}' --name bench > /dev/null")
    (run,) = (path for path in (work / "runs/bench").iterdir() if path.is_dir())
    theirs = [str(Path(sys.executable).with_name("nnUNetv2_predict_from_modelfolder")), "-i", "images", "-o", "theirs", "-m", str(place)]
    theirs += ["-f", "0", "-device", "cpu", "-npp", "1", "-nps", "1", "--disable_progress_bar"]
    rows = []
    for _ in range(rounds):
        for folder in ["theirs", "ours"]:
            shutil.rmtree(folder, ignore_errors=True)
        a = timed(theirs, environment)
        b = timed([segspec, "predict", str(run), "--input", "images", "--output", "ours"], environment)
        one, other = (sitk.GetArrayFromImage(sitk.ReadImage(f"{folder}/case.nii.gz")) for folder in ["theirs", "ours"])
        rows.append((*a, *b, float((one == other).mean())))
        print("nnU-Net %.1f s, %.0f MB; segspec %.1f s, %.0f MB; same voxels %.5f" % rows[-1], flush=True)
    a, am, b, bm, same = (float(np.median(column)) for column in zip(*rows))
    print("\n| | nnUNetv2_predict | segspec | ratio |\n|---|---|---|---|")
    print(f"| seconds | {a:.1f} | {b:.1f} | {b / a:.2f} |\n| peak memory, MB | {am:.0f} | {bm:.0f} | {bm / am:.2f} |\n| same voxels | | {same:.5f} | |")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
