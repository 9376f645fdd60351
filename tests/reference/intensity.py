"""Intensity steps by nnU-Net 2.8.1 (z-score, CT, 0..1) and NumPy (percentiles, window): writes intensity.json."""
import json
import pathlib

import numpy as np
from nnunetv2.preprocessing.cropping.cropping import create_nonzero_mask
from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    CTNormalization, RescaleTo01Normalization, ZScoreNormalization)

rng = np.random.default_rng(3)
shape = (2, 4, 5, 6)
image = (rng.normal(100, 300, shape)).astype(np.float32)
image[:, 0] = 0  # a rim of zeros
image[:, :, :, 0] = 0
image[:, 2, 2, 3] = 0  # a hole, filled: part of the region
inside = create_nonzero_mask(image)
cases = []


def add(steps, result):
    cases.append({"shape": shape, "image": image.ravel().tolist(), "steps": steps, "result": np.asarray(result).ravel().tolist()})


def each(scheme, seg=None):
    return [scheme.run(channel.copy(), seg) for channel in image]


add([{"z-score": {}}], each(ZScoreNormalization(False, {})))
add([{"z-score": {"region": "nonzero"}}], each(ZScoreNormalization(True, {}), np.where(inside, 0, -1)))
statistics = {"mean": 80.5, "std": 120.25, "percentile_00_5": -150.0, "percentile_99_5": 410.0}
add([{"ct": {"statistics": {"mean": 80.5, "sd": 120.25, "p00-5": -150.0, "p99-5": 410.0}}}], each(CTNormalization(False, statistics)))
add([{"min-max": {}}], each(RescaleTo01Normalization(False, {})))
add([{"window": {"range-hu": [-100.0, 240.0]}}], (np.clip(image, -100, 240) + 100) / 340)
clipped = [np.clip(channel, *np.percentile(channel, [2, 95])) for channel in image]
add([{"percentile-clip": {"range": [2.0, 95.0]}}], clipped)
add([{"percentile-clip": {"range": [2.0, 95.0], "channels": [1]}}, {"z-score": {}}],
    [(c - c.mean()) / c.std() for c in (image[0], clipped[1])])
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
