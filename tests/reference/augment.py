"""Reference values of the augmentation: python augment.py > augment.json (torch, numpy, scipy, monai, batchgeneratorsv2 0.3.6).

Intensities and affine maps from batchgeneratorsv2 (nnU-Net's transforms), shift and scale from MONAI, the B-spline from SciPy.
"""
import json

import numpy as np
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import blur_dimension
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform, create_affine_matrix_3d
from monai.transforms import ScaleIntensity, ShiftIntensity
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

rng = np.random.default_rng(7)
shape = (5, 6, 7)
image = rng.normal(0.3, 1.2, shape).round(3).astype(np.float32)


def tensor():
    return torch.from_numpy(image.copy())[None]


def flat(values):
    return [round(float(v), 6) for v in np.asarray(values).ravel()]


intensity = []


def add(kind, result, **parameters):
    intensity.append({"kind": kind, **parameters, "result": flat(result)})


for factor in (0.75, 1.2):
    t = MultiplicativeBrightnessTransform(multiplier_range=factor, synchronize_channels=False)
    add("brightness", t(image=tensor())["image"], value=factor)
    for keep in (False, True):
        t = ContrastTransform(contrast_range=factor, preserve_range=keep, synchronize_channels=False)
        add("contrast", t(image=tensor())["image"], value=factor, keep=keep)
for exponent in (0.7, 1.5):
    for inverted in (False, True):
        for keep in (False, True):
            t = GammaTransform(gamma=exponent, p_invert_image=float(inverted), synchronize_channels=False, p_per_channel=1,
                               p_retain_stats=float(keep))
            add("gamma", t(image=tensor())["image"], value=exponent, inverted=inverted, keep=keep)
for scale in (0.5, 0.8):
    for in_plane in (False, True):
        t = SimulateLowResolutionTransform(scale=scale, synchronize_channels=False, synchronize_axes=True,
                                           ignore_axes=(0,) if in_plane else None)
        add("low-resolution", t(image=tensor())["image"], value=scale, inverted=in_plane)
for sigma in (0.5, 0.8, 1.0):
    blurred = tensor()
    for axis in range(3):
        blurred = blur_dimension(blurred, sigma, axis)
    add("blur", blurred, value=sigma)
add("shift", ShiftIntensity(offset=0.07)(tensor()).numpy(), value=0.07)
add("scale", ScaleIntensity(minv=None, maxv=None, factor=0.08)(tensor()).numpy(), value=1.08)

# Affine maps at isotropic spacing: batchgeneratorsv2 samples the case around its middle, patch and case have one shape.
labels = np.zeros(shape, np.int16)
labels[1:4, 1:5, 2:6] = 3
labels[2:4, 2:6, 0:4] = 8
labels[0:2, 4:6, 4:7] = 1
affine = []
for angles, scales in (((0, 0, 0), (0.7,) * 3), ((20, 0, 0), (1,) * 3), ((0, -35, 0), (1,) * 3), ((0, 0, 50), (1,) * 3),
                       ((25, -15, 10), (1.3,) * 3)):
    radians = [a * np.pi / 180 for a in angles]
    t = SpatialTransform(shape, 0, False, p_rotation=1, rotation=lambda image, dim, r=radians: r[dim], p_scaling=1,
                         scaling=lambda image, dim, s=scales: s[0], p_synchronize_scaling_across_axes=1)
    out = t(image=tensor(), segmentation=torch.from_numpy(labels.copy())[None])
    affine.append({"degrees": angles, "step": scales[0], "matrix": flat(create_affine_matrix_3d(radians, scales)),
                   "image": flat(out["image"]), "labels": [int(v) for v in out["segmentation"].ravel()]})

# A B-spline grid: voxels of 1 × 2 × 1.5 mm, control points every 4, 6, 5 mm, the patch in the middle of the intervals.
voxel_mm, grid_mm = (1.0, 2.0, 1.5), (4.0, 6.0, 5.0)
intervals = [max(1, int(np.ceil((n - 1) * v / g))) for n, v, g in zip(shape, voxel_mm, grid_mm)]
control = rng.uniform(-1.6, 1.6, (3, *[n + 3 for n in intervals])).round(3)


def weights(axis):
    """[voxel, control point]: the design matrix of uniform cubic B-splines."""
    n, v, g, k = shape[axis], voxel_mm[axis], grid_mm[axis], intervals[axis]
    margin = (k * g - (n - 1) * v) / 2
    at = (np.arange(n) * v + margin) / g
    return BSpline.design_matrix(at, np.arange(-3, k + 4).astype(float), 3).toarray()


displacement = np.einsum("za,yb,xc,kabc->kzyx", weights(0), weights(1), weights(2), control)
grid = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
places = [grid[k] + displacement[k] / voxel_mm[k] for k in range(3)]
elastic = {"voxel_mm": voxel_mm, "grid_mm": grid_mm, "control": [flat(c) for c in control],
           "displacement": [flat(d) for d in displacement],
           "image": flat(map_coordinates(image, places, order=1, mode="grid-constant", cval=0.0))}
print(json.dumps({"shape": shape, "image": flat(image), "labels": [int(v) for v in labels.ravel()], "intensity": intensity,
                  "affine": affine, "elastic": elastic}))
