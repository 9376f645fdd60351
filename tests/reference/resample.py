"""Resampling by nnU-Net 2.8.1's `resample_data_or_seg` (scikit-image, SciPy) on small arrays: writes resample.json.

One-hot labels are the argmax of scikit-image's linear resize of each label's mask; ties go to the smaller label.
"""
import json
import pathlib

import numpy as np
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg
from skimage.transform import resize

rng = np.random.default_rng(11)


def image(data, to, order, coarse):
    if data.shape == tuple(to):
        return data
    return resample_data_or_seg(data[None].astype(float), to, False, coarse, order, coarse is not None, order_z=0)[0]


def one_hot(labels, to, coarse):
    values = np.unique(labels)
    best, winner = np.full(to, -1.0), np.zeros(to, np.int64)
    for value in values:
        score = image((labels == value).astype(float), to, 1, coarse)
        better = score > best + 1e-9
        best[better], winner[better] = score[better], value
    return winner


def flat(array, digits):
    return [round(float(value), digits) for value in array.ravel()]


cases = []
for start, to, coarse in [
    ((5, 6, 7), (10, 12, 14), None), ((5, 6, 7), (5, 9, 4), None), ((8, 9, 10), (4, 3, 5), None),
    ((5, 6, 7), (5, 6, 7), None), ((4, 9, 8), (7, 13, 5), None), ((1, 9, 8), (1, 12, 5), None),
    ((1, 4, 5), (3, 8, 5), None), ((3, 2, 20), (4, 5, 33), None), ((16, 3, 3), (7, 3, 3), None),
    ((4, 9, 8), (9, 13, 5), 0), ((9, 7, 8), (4, 7, 8), 0), ((6, 5, 8), (8, 5, 11), 1), ((6, 5, 8), (8, 6, 4), 2),
    ((6, 7, 8), (6, 7, 8), 0), ((5, 6, 7), (5, 9, 10), 0),
]:
    data = np.round(rng.normal(0, 1, start), 3).astype(np.float32)
    labels = rng.choice([0, 1, 2, 7, 300], start, p=[0.4, 0.2, 0.2, 0.1, 0.1])
    cases.append({
        "from": start, "to": to, "coarse": coarse,
        "image": flat(data, 3),
        "linear": flat(image(data, to, 1, coarse), 6),
        "cubic": flat(image(data, to, 3, coarse), 6),
        "labels": labels.ravel().tolist(),
        "nearest": resize(labels.astype(float), to, 0, mode="edge", anti_aliasing=False).astype(int).ravel().tolist(),
        "one_hot": one_hot(labels, to, coarse).ravel().tolist(),
    })
text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + text + "\n]\n")
