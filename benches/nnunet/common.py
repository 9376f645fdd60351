"""What the benchmarks beside nnU-Net share: timing of a command with all its processes, a model of nnU-Net, and its environment."""
import contextlib, json, os, subprocess, sys, time
from pathlib import Path
from typing import NamedTuple

THREADS = "2"


class Cost(NamedTuple):
    """Of one command: wall-clock seconds, peak resident memory of its largest process, and peak of the memory of all its processes."""

    seconds: float
    largest_mb: float
    sum_mb: float


def read(path):
    try:
        return Path(path).read_text()
    except OSError:  # the process has ended
        return ""


def family(pid):
    """A process and all its descendants."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for thread in os.listdir(f"/proc/{one}/task") if os.path.isdir(f"/proc/{one}/task") else []:
            waiting += [int(child) for child in read(f"/proc/{one}/task/{thread}/children").split()]
    return found


def kilobytes(text, key):
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(key)), 0)


def timed(command, environment, log=None, every=0.05):
    """Runs a command and looks at all its processes every 50 ms, less often where looking would take a twentieth of a core.

    Memory of one process is the kernel's own peak (VmHWM). Memory of all together is the largest sum of their proportional set sizes (PSS), in
    which a page that several processes share counts once, not once per process.
    """
    started = time.time()
    process = subprocess.Popen(command, env=environment, stdout=log or subprocess.DEVNULL, stderr=log)
    largest = total = 0
    while process.poll() is None:
        looked = time.time()
        members = family(process.pid)
        largest = max([largest] + [kilobytes(read(f"/proc/{pid}/status"), "VmHWM:") for pid in members])
        total = max(total, sum(kilobytes(read(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in members))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(every, 20 * (time.time() - looked)))
    if process.returncode:
        sys.exit(f"{command[0]} failed")
    return Cost(time.time() - started, largest / 1024, total / 1024)


def program(name):
    """A command of nnunetv2, installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


def environment(work):
    """Two threads for both programs, and nnU-Net's folders below `work`."""
    values = dict(os.environ, OMP_NUM_THREADS=THREADS, RAYON_NUM_THREADS=THREADS, nnUNet_def_n_proc=THREADS, SEGSPEC_DEVICE="cpu")
    for key in ["raw", "preprocessed", "results"]:
        folder = Path(work) / f"nnunet-{key}"
        folder.mkdir(exist_ok=True)
        values[f"nnUNet_{key}"] = str(folder)
    return values


def load():
    """The load of this machine, which should be near zero before a measurement."""
    return "load of the last 1, 5, 15 minutes before: %.2f, %.2f, %.2f" % os.getloadavg()


def table(rows, heads):
    print("\n| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def compared(name, theirs, ours, digits=1):
    return [name, f"{theirs:.{digits}f}", f"{ours:.{digits}f}", f"{ours / theirs:.2f}"]


def model(folder, features, patch, spacing, size, channels=1, structures=4):
    """A model folder as nnU-Net writes it: its usual 3D U-Net with random weights, eight flips."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    stages = len(features)
    keys = dict(
        n_stages=stages, features_per_stage=features, conv_op="torch.nn.modules.conv.Conv3d", kernel_sizes=[[3, 3, 3]] * stages,
        strides=[[1, 1, 1]] + [[2, 2, 2]] * (stages - 1), n_conv_per_stage=[2] * stages, n_conv_per_stage_decoder=[2] * (stages - 1),
        conv_bias=True, norm_op="torch.nn.modules.instancenorm.InstanceNorm3d", norm_op_kwargs=dict(eps=1e-5, affine=True),
        dropout_op=None, dropout_op_kwargs=None, nonlin="torch.nn.LeakyReLU", nonlin_kwargs=dict(inplace=True),
    )  # fmt: skip
    needs = ["conv_op", "norm_op", "dropout_op", "nonlin"]
    name = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
    resample = dict(is_seg=False, order=3, order_z=0, force_separate_z=None)
    configuration = dict(
        data_identifier="x", preprocessor_name="DefaultPreprocessor", batch_size=2, patch_size=patch, spacing=spacing,
        median_image_size_in_voxels=size, normalization_schemes=["CTNormalization"] * channels, use_mask_for_norm=[False] * channels,
        batch_dice=True, resampling_fn_data="resample_data_or_seg_to_shape", resampling_fn_data_kwargs=resample,
        resampling_fn_seg="resample_data_or_seg_to_shape", resampling_fn_seg_kwargs=dict(resample, is_seg=True, order=1),
        resampling_fn_probabilities="resample_data_or_seg_to_shape", resampling_fn_probabilities_kwargs=dict(resample, order=1),
        architecture=dict(network_class_name=name, arch_kwargs=keys, _kw_requires_import=needs),
    )  # fmt: skip
    intensities = dict(mean=50.0, std=80.0, percentile_00_5=-200.0, percentile_99_5=400.0)
    plans = dict(
        dataset_name="Dataset800_Bench", plans_name="nnUNetPlans", image_reader_writer="SimpleITKIO", transpose_forward=[0, 1, 2],
        transpose_backward=[0, 1, 2], label_manager="LabelManager", experiment_planner_used="ExperimentPlanner",
        foreground_intensity_properties_per_channel={str(channel): intensities for channel in range(channels)},
        configurations={"3d_fullres": configuration},
    )  # fmt: skip
    place = Path(folder) / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (place / "fold_0").mkdir(parents=True)
    (place / "plans.json").write_text(json.dumps(plans))
    labels = {"background": 0, **{f"s{value}": value for value in range(1, structures + 1)}}
    about = dict(channel_names={str(channel): "CT" for channel in range(channels)}, labels=labels, numTraining=1, file_ending=".nii.gz")
    (place / "dataset.json").write_text(json.dumps(about))
    torch.manual_seed(0)
    network = get_network_from_plans(name, keys, needs, channels, len(labels), deep_supervision=False)
    checkpoint = dict(
        network_weights=network.state_dict(), current_epoch=1000, init_args=dict(configuration="3d_fullres"), trainer_name="nnUNetTrainer",
        inference_allowed_mirroring_axes=(0, 1, 2),
    )  # fmt: skip
    torch.save(checkpoint, place / "fold_0" / "checkpoint_final.pth")
    return place


def imported(segspec, place, name, work):
    """The run that segspec makes of a model of nnU-Net."""
    subprocess.run([segspec, "import", "nnunet", str(place), "--name", name], check=True, stdout=subprocess.DEVNULL, cwd=work)
    (run,) = (path for path in (Path(work) / "runs" / name).iterdir() if path.is_dir())
    return str(run)
