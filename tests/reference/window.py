"""Sliding window by nnU-Net 2.8.1 (positions, Gaussian weights, padding): writes window.json."""
import json
import pathlib

import numpy as np
import torch
from acvl_utils.cropping_and_padding.padding import pad_nd_image
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window

rng = np.random.default_rng(5)
windows = []
for overlap in [0.0, 0.25, 0.5, 0.7]:
    for _ in range(8):
        patch = rng.integers(4, 65, 3)
        shape = patch + rng.integers(0, 150, 3)
        steps = compute_steps_for_sliding_window(tuple(map(int, shape)), tuple(map(int, patch)), 1 - overlap)
        windows.append({"shape": shape.tolist(), "patch": patch.tolist(), "overlap": overlap, "steps": steps})
gaussians = []
for patch in [(4, 6, 5), (8, 8, 8), (1, 12, 9), (3, 2, 16)]:
    weights = compute_gaussian(patch, dtype=torch.float32, device=torch.device("cpu")).numpy()
    gaussians.append({"patch": patch, "weights": weights.ravel().tolist()})
paddings = []
for shape, patch in [((3, 9, 4), (8, 8, 8)), ((5, 5, 5), (6, 7, 8)), ((9, 9, 9), (8, 4, 2))]:
    padded, slices = pad_nd_image(np.ones(shape), patch, "constant", {"constant_values": 0}, True, None)
    paddings.append({"shape": shape, "patch": patch, "before": [int(s.start) for s in slices],
                     "padded": padded.shape})
text = json.dumps({"windows": windows, "gaussians": gaussians, "paddings": paddings}, separators=(",", ":"))
pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
