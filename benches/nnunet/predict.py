"""Prediction with a model of nnU-Net: nnUNetv2_predict beside segspec, whole commands, time and peak memory.

    python benches/nnunet/predict.py SEGSPEC [ROUNDS] [--ct]

Needs nnunetv2 2.8.1. The model is nnU-Net's usual 3D U-Net with random weights and eight flips. Both programs use two threads and read and write
the same files. Without --ct: features 32 to 320, patch 64×96×96; the image is noise with a body in it, 100×150×150 voxels, resampled to
96×128×128. With --ct: a CT of 300×512×512 voxels (1.5×0.8×0.8 mm), resampled to 2.5 mm (180×164×164), features 8 to 80, patch 64×96×96, so
that nnU-Net takes minutes on two cores. Prints one row per round and a table in Markdown.
"""
import argparse, os, shutil, tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from common import compared, environment, imported, load, model, program, table, timed

USUAL = dict(shape=(100, 150, 150), features=[32, 64, 128, 256, 320], spacing=[1.5625, 0.9375, 0.9375], size=[96, 128, 128], kind=np.float32)
CT = dict(shape=(300, 512, 512), features=[8, 16, 32, 64, 80], spacing=[2.5, 2.5, 2.5], size=[180, 164, 164], kind=np.int16)
SMALL = dict(shape=(60, 100, 100), features=[4, 8, 16, 16, 16], spacing=[1.5625, 0.9375, 0.9375], size=[60, 90, 90], kind=np.int16)


def image(folder, shape, kind):
    folder.mkdir()
    z, y, x = (np.linspace(-1, 1, n, dtype=np.float32).reshape([-1 if axis == own else 1 for axis in range(3)]) for own, n in enumerate(shape))
    voxels = np.random.default_rng(0).standard_normal(shape, dtype=np.float32) * 60
    voxels += 40 + 150 * np.sin(6 * z) * np.cos(5 * x)
    voxels = np.where(y**2 + x**2 < 0.8, voxels, np.float32(-1000)).astype(kind)
    file = sitk.GetImageFromArray(voxels)
    file.SetSpacing((0.8, 0.8, 1.5))
    sitk.WriteImage(file, str(folder / "case_0000.nii.gz"), True)


def same_voxels(one, other):
    one, other = (sitk.GetArrayFromImage(sitk.ReadImage(str(file))) for file in [one, other])
    return float((one == other).mean())


def main():
    options = argparse.ArgumentParser()
    options.add_argument("segspec")
    options.add_argument("rounds", nargs="?", type=int, default=3)
    options.add_argument("--ct", action="store_true", help="a whole CT")
    options.add_argument("--small", action="store_true", help="a small image and network, to try this script")
    options = options.parse_args()
    setting = SMALL if options.small else CT if options.ct else USUAL
    segspec, work = str(Path(options.segspec).absolute()), Path(tempfile.mkdtemp())
    os.chdir(work)
    place = model(work / "model", setting["features"], [64, 96, 96], setting["spacing"], setting["size"])
    image(work / "images", setting["shape"], setting["kind"])
    values, run = environment(work), imported(segspec, place, "bench", work)
    theirs = [program("nnUNetv2_predict_from_modelfolder"), "-i", "images", "-o", "theirs", "-m", str(place)]
    theirs += ["-f", "0", "-device", "cpu", "-npp", "1", "-nps", "1", "--disable_progress_bar"]
    print(load(), flush=True)
    rows = []
    for _ in range(options.rounds):
        for folder in ["theirs", "ours"]:
            shutil.rmtree(folder, ignore_errors=True)
        a = timed(theirs, values)
        b = timed([segspec, "predict", run, "--input", "images", "--output", "ours"], values)
        rows.append((*a, *b, same_voxels("theirs/case.nii.gz", "ours/case.nii.gz")))
        sides = "nnU-Net %.1f s, %.0f MB in the largest process, %.0f MB in all; segspec %.1f s, %.0f MB, %.0f MB; same voxels %.5f"
        print(sides % rows[-1], flush=True)
    a, al, asum, b, bl, bsum, same = (float(np.median(column)) for column in zip(*rows))
    lines = [compared("seconds", a, b), compared("peak memory of the largest process, MB", al, bl, 0)]
    lines += [compared("peak memory of all processes (PSS), MB", asum, bsum, 0), ["same voxels", "", f"{same:.5f}", ""]]
    table(lines, ["", "nnUNetv2_predict", "segspec", "ratio"])
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
