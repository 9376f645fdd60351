"""nnU-Net's augmentation by batchgeneratorsv2 for `cargo bench --bench augment`: augment.py Z,Y,X STEP prints ms per patch.

`preset` is the list of nnUNetTrainer.get_training_transforms with its probabilities; any other step is that transform alone, always,
at the end of its range that costs most. The case is half as large again as the patch; the copy that a transform may change is timed, as
our cut is. One thread, as in nnU-Net's workers.
"""
import sys
import time

import numpy as np
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import RandomTransform

torch.set_num_threads(1)
np.random.seed(1)
torch.manual_seed(1)
size, step = tuple(int(n) for n in sys.argv[1].split(",")), sys.argv[2]


def spatial(rotation=0.0, scaling=0.0, angle=(-np.pi / 6, np.pi / 6), scale=(0.7, 1.4)):
    return SpatialTransform(size, 0, False, p_rotation=rotation, rotation=angle, p_scaling=scaling, scaling=scale,
                            p_synchronize_scaling_across_axes=1, bg_style_seg_sampling=False)


def blur(sigma, channel):
    return GaussianBlurTransform(sigma, synchronize_channels=False, synchronize_axes=False, p_per_channel=channel, benchmark=True)


def low(scale, channel):
    return SimulateLowResolutionTransform(scale, synchronize_channels=False, synchronize_axes=True, ignore_axes=None,
                                          allowed_channels=None, p_per_channel=channel)


def gamma(value, inverted):
    return GammaTransform(value, p_invert_image=inverted, synchronize_channels=False, p_per_channel=1, p_retain_stats=1)


def contrast(value):
    return ContrastTransform(value, preserve_range=True, synchronize_channels=False, p_per_channel=1)


def brightness(value):
    return MultiplicativeBrightnessTransform(value, synchronize_channels=False, p_per_channel=1)


factor = BGContrast((0.75, 1.25))
exponent = BGContrast((0.7, 1.5))
preset = [
    spatial(0.2, 0.2),
    RandomTransform(GaussianNoiseTransform((0, 0.1), 1, True), 0.1),
    RandomTransform(blur((0.5, 1.0), 0.5), 0.2),
    RandomTransform(brightness(factor), 0.15),
    RandomTransform(contrast(factor), 0.15),
    RandomTransform(low((0.5, 1), 0.5), 0.25),
    RandomTransform(gamma(exponent, 1), 0.1),
    RandomTransform(gamma(exponent, 0), 0.3),
    MirrorTransform((0, 1, 2)),
]
alone = {
    "rotation": [spatial(rotation=1.0, angle=np.pi / 6)],
    "zoom": [spatial(scaling=1.0, scale=0.7)],
    "noise": [GaussianNoiseTransform(0.1, 1, True)],
    "blur": [blur(1.0, 1.0)],
    "brightness": [brightness(1.25)],
    "contrast": [contrast(1.25)],
    "low-resolution": [low(0.5, 1.0)],
    "inverted-gamma": [gamma(1.5, 1)],
    "gamma": [gamma(1.5, 0)],
}
if step not in ("preset", "rotation", "zoom"):
    alone[step].insert(0, spatial())
transforms = ComposeTransforms(preset if step == "preset" else alone[step])
count = 300 if step == "preset" else 40

shape = [n * 3 // 2 for n in size]
z, y, x = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
image = torch.from_numpy((((z * 31 + y * 17 + x * 7) % 97) / 48 - 1).astype(np.float32))[None]
labels = torch.from_numpy(np.array([0, 1, 0, 2], np.int16)[(z // 12 + y // 12 + x // 12) % 4])[None]


def make():
    return transforms(image=image.clone(), segmentation=labels.clone())


for _ in range(10):
    make()
start = time.perf_counter()
for _ in range(count):
    make()
print((time.perf_counter() - start) * 1000 / count)
