"""Writes overlap.json and overlap_summary.json: overlap scores from SciPy's boolean distances, statistics from NumPy and SciPy.

    python overlap.py        # needs numpy and scipy
"""

import json
from pathlib import Path

import numpy as np
from scipy.spatial import distance

HERE = Path(__file__).parent


def structure(reference, prediction, value):
    r, p = (reference == value).ravel(), (prediction == value).ravel()
    counts = [int((r & p).sum()), int((~r & p).sum()), int((r & ~p).sum()), int((~r & ~p).sum())]
    either = bool(r.any() or p.any())
    return {
        "value": value,
        "counts": counts,
        "dice": 1 - float(distance.dice(r, p)) if either else None,
        "iou": 1 - float(distance.jaccard(r, p)) if either else None,
        "precision": float(r[p].mean()) if p.any() else None,
        "recall": float(p[r].mean()) if r.any() else None,
        "relative_volume_difference": float(p.sum() / r.sum() - 1) if r.any() else None,
    }


def overlap():
    rng = np.random.default_rng(7)
    examples = []
    for shape, labels in [((1, 5, 6), 2), ((3, 4, 5), 3), ((4, 4, 4), 5), ((2, 7, 3), 1), ((5, 3, 4), 8)]:
        reference = rng.integers(0, labels + 1, shape)
        prediction = np.where(rng.random(shape) < 0.6, reference, rng.integers(0, labels + 1, shape))
        prediction[prediction == labels] = 0  # the last structure is missed
        values = range(1, labels + 2)  # one value that neither holds
        examples.append({
            "shape": shape,
            "reference": reference.ravel().tolist(),
            "prediction": prediction.ravel().tolist(),
            "structures": [structure(reference, prediction, value) for value in values],
        })
    return examples


def summary():
    rng = np.random.default_rng(11)
    examples = []
    for n in [2, 5, 40]:
        values = rng.beta(8, 2, n)
        q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75])
        # percentile bootstrap of the mean with so many resamples that its error is small against the tolerance
        means = values[rng.integers(0, n, (200_000, n))].mean(axis=1)
        examples.append({
            "values": values.tolist(),
            "mean": values.mean(),
            "sd": values.std(ddof=1),
            "median": median,
            "q1": q1,
            "q3": q3,
            "min": values.min(),
            "max": values.max(),
            "ci": np.quantile(means, [0.025, 0.975]).tolist(),
        })
    return examples


for name, content in [("overlap", overlap()), ("overlap_summary", summary())]:
    (HERE / f"{name}.json").write_text(json.dumps(content) + "\n")
