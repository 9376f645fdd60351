"""Depth of voxels in a mask by SciPy: distance to the nearest voxel outside, beyond the grid included. Writes depth.json."""

import json
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

rng = np.random.default_rng(7)
cases = []
for shape, spacing in [((5, 7, 6), (1, 1, 1)), ((6, 9, 8), (3.0, 0.7, 1.2)), ((1, 9, 11), (5.0, 1.0, 1.0)), ((7, 6, 5), (0.5, 2.5, 1.0))]:
    mask = gaussian_filter(rng.normal(size=shape), 1.0) > -0.1
    depth = distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    cases.append({"shape": shape, "spacing": spacing, "mask": mask.astype(int).ravel().tolist(), "depth": depth.ravel().tolist()})
Path(__file__).with_suffix(".json").write_text(json.dumps(cases))
