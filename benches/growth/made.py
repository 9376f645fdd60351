"""Made CTs and experiments for growth.py: cases of any size with any number of structures and channels, as a raw dataset of nnU-Net."""
import json, os

import numpy as np
import SimpleITK as sitk

EXPERIMENT = """\
dataset = "made"

[preprocess]
crop = "nonzero"
spacing-mm = [1.25, 1.25, 1.25]
intensity = [{{ ct = {{}} }}]

[model.unet]
features = {features}
strides = {strides}
kernels = {kernels}

[[loss]]
dice = {{}}

[[loss]]
cross-entropy = {{}}

[train]
patch-size = {patch}
batch-size = {batch}
epochs = 1
steps-per-epoch = {steps}
validate-every = 0
optimizer.adamw = {{ learning-rate = 1e-2 }}
"""
DATASET = """\
root = "{root}"
modality = "ct"
layout = {{ nnunet = {{}} }}
split.ratio = {{ test = {test}, seed = 1 }}
{tables}
"""


def write(values, file):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((1.0, 1.0, 1.0))
    sitk.WriteImage(image, str(file), True)


def labels_of(size, structures, shift=0):
    """A ball per structure, in a grid of cells: all together fill the same part of the image, however many there are."""
    cells = int(np.ceil(structures ** (1 / 3) - 1e-9))
    place = (np.arange(size) + shift) % size * cells / size
    cell, rest = place.astype(int), place % 1 - 0.5
    near = (rest**2)[:, None, None] + (rest**2)[:, None] + rest**2 < 0.45**2
    number = (cell[:, None, None] * cells + cell[:, None]) * cells + cell
    return np.where(near & (number < structures), number + 1, 0).astype(np.uint8)


def image_of(labels, seed):
    """Soft tissue with noise, its values different in each of up to 32 structures."""
    noise = np.random.default_rng(seed).standard_normal(labels.shape, dtype=np.float32) * 20
    return (40 + 30.0 * (labels % 32) + noise).astype(np.int16)


class Cases:
    """Makes each case once, in `store`; datasets link to them."""

    def __init__(self, store):
        self.store = store
        store.mkdir()

    def case(self, number, size, structures, channels):
        stem = self.store / f"{size}-{structures}-{number}"
        label, images = stem.with_suffix(".label.nii.gz"), [stem.with_suffix(f".{channel}.nii.gz") for channel in range(channels)]
        labels = None if label.exists() and all(file.exists() for file in images) else labels_of(size, structures, number)
        if not label.exists():
            write(labels, label)
        for channel, file in enumerate(images):
            if not file.exists():
                write(image_of(labels, 100 * number + channel), file)
        return images, label

    def dataset(self, folder, count, size, structures=4, channels=1):
        """Writes a raw dataset, and labels moved by two voxels as predictions of its cases."""
        for name in ["imagesTr", "labelsTr", "predicted"]:
            (folder / name).mkdir(parents=True)
        for number in range(count):
            images, label = self.case(number, size, structures, channels)
            for channel, image in enumerate(images):
                os.link(image, folder / f"imagesTr/case{number:03}_{channel:04}.nii.gz")
            os.link(label, folder / f"labelsTr/case{number:03}.nii.gz")
            os.link(self.case(number + 2, size, structures, 0)[1], folder / f"predicted/case{number:03}.nii.gz")
        names = {str(channel): "CT" for channel in range(channels)}
        values = {"background": 0, **{f"s{value}": value for value in range(1, structures + 1)}}
        about = dict(channel_names=names, labels=values, numTraining=count, file_ending=".nii.gz")
        (folder / "dataset.json").write_text(json.dumps(about))


def experiment(work, root, structures=4, channels=1, features=(4, 8), patch=32, batch=1, steps=2, test=0.0):
    for name in ["datasets", "experiments"]:
        (work / name).mkdir()
    tables = "\n".join(f'[[structure]]\nname = "s{value}"\nvalue = {value}' for value in range(1, structures + 1))
    tables += "".join(f'\n[[channel]]\nname = "c{channel}"' for channel in range(channels) if channels > 1)
    (work / "datasets/made.toml").write_text(DATASET.format(root=root, test=test, tables=tables))
    stages = len(features)
    values = dict(features=list(features), patch=[patch] * 3, batch=batch, steps=steps, kernels=[[3, 3, 3]] * stages)
    values["strides"] = [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1)
    (work / "experiments/made.toml").write_text(EXPERIMENT.format(**values))
