"""Planning and preprocessing of 100 CTs: nnUNetv2_plan_and_preprocess beside `segspec prepare`, whole commands, time and peak memory.

    python benches/nnunet/preprocess.py SEGSPEC [CASES]

Needs nnunetv2 2.8.1. Each case is a made CT of 90×160×160 voxels, in-plane 1.5 to 2.2 mm, slices 2 to 3 mm apart: a body with noise, five structures,
float32 values with a fraction, and a margin of zeros, as images have whose field of view was cut out. Both programs read all cases, find the
spacing (the median) and the intensities of the labelled voxels, crop to what is not zero, normalise as nnU-Net does for CT, resample with cubic
splines (labels: linear masks, the largest wins), and write the result. nnU-Net has two processes, segspec two threads. segspec's cache is in a
new folder, so empty; the raw files are in the page cache for both.
"""
import json, os, shutil, sys, tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from common import compared, environment, load, program, table, timed

SHAPE = (90, 160, 160)
BALLS = [((-0.2, -0.1, 0.35), 0.3), ((0.0, 0.3, -0.3), 0.18), ((0.3, -0.3, -0.3), 0.15), ((-0.4, 0.3, 0.2), 0.12), ((0.2, 0.1, 0.0), 0.1)]

DATASET = """\
root = "{root}"
modality = "ct"
layout = {{ nnunet = {{}} }}
split.ratio = {{ test = 0.0 }}
{structures}
"""
EXPERIMENT = """\
dataset = "made"

[preprocess]
crop = "nonzero"
spacing-mm = "auto"
image-interpolation = "cubic"
label-interpolation = "one-hot-linear"
intensity = [{ ct = {} }]
"""


def case(folder, number):
    numbers = np.random.default_rng(number)
    z, y, x = (np.linspace(-1, 1, n, dtype=np.float32).reshape([-1 if axis == own else 1 for axis in range(3)]) for own, n in enumerate(SHAPE))
    labels = np.zeros(SHAPE, np.uint8)
    for value, (centre, radius) in enumerate(BALLS, 1):
        c, b, a = np.array(centre) + numbers.uniform(-0.05, 0.05, 3)
        labels[(z - c) ** 2 + (y - b) ** 2 + (x - a) ** 2 < (radius * numbers.uniform(0.8, 1.2)) ** 2] = value
    body = (y / 0.7) ** 2 + (x / 0.85) ** 2 + 0 * z < 1
    voxels = np.where(body, np.array([20, 110, 60, 160, 220, 40], np.float32)[labels], np.float32(-1000))
    voxels += numbers.standard_normal(SHAPE, dtype=np.float32) * 25
    edge = numbers.integers(4, 12, 3)
    outside = np.ones(SHAPE, bool)
    outside[tuple(slice(int(n), -int(n)) for n in edge)] = False
    voxels[outside] = 0
    spacing = (*[float(numbers.uniform(1.5, 2.2))] * 2, float(numbers.uniform(2.0, 3.0)))
    for values, place in [(voxels, f"imagesTr/case_{number:03}_0000.nii.gz"), (labels, f"labelsTr/case_{number:03}.nii.gz")]:
        file = sitk.GetImageFromArray(values)
        file.SetSpacing(spacing)
        sitk.WriteImage(file, str(folder / place), True)


def raw(folder, cases):
    for name in ["imagesTr", "labelsTr"]:
        (folder / name).mkdir(parents=True)
    for number in range(cases):
        case(folder, number)
    labels = {"background": 0, **{f"s{value}": value for value in range(1, len(BALLS) + 1)}}
    about = dict(channel_names={"0": "CT"}, labels=labels, numTraining=cases, file_ending=".nii.gz")
    (folder / "dataset.json").write_text(json.dumps(about))


def specs(work, root):
    for name in ["datasets", "experiments"]:
        (work / name).mkdir()
    structures = "\n".join(f'[[structure]]\nname = "s{value}"\nvalue = {value}' for value in range(1, len(BALLS) + 1))
    (work / "datasets/made.toml").write_text(DATASET.format(root=root, structures=structures))
    (work / "experiments/made.toml").write_text(EXPERIMENT)


def megabytes(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6


def main():
    segspec, cases = str(Path(sys.argv[1]).absolute()), int(sys.argv[2]) if len(sys.argv) > 2 else 100
    work = Path(tempfile.mkdtemp())
    os.chdir(work)
    values = environment(work)
    root = Path(values["nnUNet_raw"]) / "Dataset007_Made"
    raw(root, cases)
    specs(work, root)
    print(load(), flush=True)
    with open(work / "log", "w") as log:
        command = [program("nnUNetv2_plan_and_preprocess"), "-d", "7", "-c", "3d_fullres", "-np", "2", "-npfp", "2", "--no_pbar"]
        a = timed(command, values, log)
        b = timed([segspec, "prepare", "experiments/made.toml"], values, log)
    made = Path(values["nnUNet_preprocessed"]) / "Dataset007_Made"
    print("nnU-Net's target spacing:", json.loads((made / "nnUNetPlans.json").read_text())["configurations"]["3d_fullres"]["spacing"])
    shown = os.popen(f"'{segspec}' show experiments/made.toml | grep spacing-mm").read().strip()
    print("segspec's:", shown, flush=True)
    lines = [compared("seconds", a.seconds, b.seconds), compared("peak memory of the largest process, MB", a.largest_mb, b.largest_mb, 0)]
    lines += [compared("peak memory of all processes (PSS), MB", a.sum_mb, b.sum_mb, 0)]
    lines += [compared("written, MB", megabytes(made), megabytes(work / "runs"), 0)]
    table(lines, [f"{cases} cases", "nnUNetv2_plan_and_preprocess, 2 processes", "segspec prepare, 2 threads", "ratio"])
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
