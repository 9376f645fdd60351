"""Connected components, filled holes and the largest component by scipy.ndimage: writes components.json."""
import json
import pathlib

import numpy as np
from scipy import ndimage

rng = np.random.default_rng(7)
cases = []
shell = np.zeros((6, 7, 8), bool)
shell[1:5, 1:6, 1:7] = True
shell[2:4, 2:5, 2:6] = False
masks = [shell, np.zeros((2, 3, 4), bool), np.ones((1, 5, 5), bool)]
masks += [rng.random(shape) < p for shape, p in [((6, 7, 8), 0.3), ((5, 9, 6), 0.12), ((1, 12, 12), 0.55), ((7, 7, 7), 0.75)]]
for mask in masks:
    six, _ = ndimage.label(mask)
    twenty_six, n = ndimage.label(mask, np.ones((3, 3, 3)))
    sizes = np.bincount(twenty_six.ravel(), minlength=n + 1)[1:]
    largest = twenty_six == np.argmax(sizes) + 1 if n else mask
    cases.append({
        "shape": mask.shape,
        "mask": mask.astype(int).ravel().tolist(),
        "six": six.ravel().tolist(),
        "twenty_six": twenty_six.ravel().tolist(),
        "filled": ndimage.binary_fill_holes(mask).astype(int).ravel().tolist(),
        "largest": largest.astype(int).ravel().tolist(),
    })
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
