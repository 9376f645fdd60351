"""Plans by nnU-Net 2.8.1's own planners for synthetic fingerprints: writes topology.json.

pip install nnunetv2==2.8.1; axes are taken as they come (no transpose_forward), as segspec's [z, y, x].
"""
import contextlib
import io
import json
import os
import pathlib
from unittest.mock import patch

import numpy as np

os.environ.setdefault("nnUNet_raw", "raw")
os.environ.setdefault("nnUNet_preprocessed", "preprocessed")
os.environ.setdefault("nnUNet_results", "results")
from nnunetv2.experiment_planning.experiment_planners import default_experiment_planner as planners  # noqa: E402
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (  # noqa: E402
    nnUNetPlannerResEncM)

MODULE = planners.__name__


def planner(kind, spacings, shapes, classes, gigabytes):
    dataset = {"channel_names": {"0": "CT"}, "labels": {str(i): i for i in range(classes)}, "numTraining": len(shapes)}
    fingerprint = {"spacings": spacings, "shapes_after_crop": shapes, "median_relative_size_after_cropping": 1.0}
    load = lambda path: fingerprint if "fingerprint" in path else dataset  # noqa: E731
    with patch(MODULE + ".maybe_convert_to_dataset_name", str), patch(MODULE + ".load_json", load), \
            patch(MODULE + ".isfile", lambda path: "fingerprint" in path), \
            patch(MODULE + ".get_filenames_of_train_images_and_targets", lambda *_: {}):
        return kind("x", gpu_memory_target_in_gb=gigabytes, suppress_transpose=True)


def plan(name, spacings, shapes, classes=3, gigabytes=8.0, residual=False, flat=False):
    spacings, shapes = [list(map(float, s)) for s in spacings], [list(map(int, s)) for s in shapes]
    kind = nnUNetPlannerResEncM if residual else planners.ExperimentPlanner
    with contextlib.redirect_stdout(io.StringIO()):
        p = planner(kind, spacings, shapes, classes, gigabytes)
        target = p.determine_fullres_target_spacing()
        new_shapes = [planners.compute_new_shape(j, i, target) for i, j in zip(spacings, shapes)]
        median = np.median(new_shapes, 0)
        voxels = float(np.prod(median, dtype=np.float64) * len(shapes))
        start = 1 if flat else 0
        made = p.get_plans_for_configuration(target[start:], median[start:], "x", voxels, {})
    network = made["architecture"]["arch_kwargs"]
    full = lambda sizes: ([1] if flat else []) + [int(i) for i in sizes]  # noqa: E731
    blocks = network.get("n_conv_per_stage", network.get("n_blocks_per_stage"))
    return {
        "name": name, "spacings": spacings, "shapes": shapes, "classes": classes, "gigabytes": gigabytes,
        "residual": residual, "flat": flat,
        "target": target.tolist(), "median": median.tolist(),
        "patch": full(made["patch_size"]), "batch": int(made["batch_size"]),
        "strides": [full(s) for s in network["strides"]], "kernels": [full(k) for k in network["kernel_sizes"]],
        "features": [int(f) for f in network["features_per_stage"]],
        "blocks": [int(b) for b in blocks], "decoder_blocks": int(network["n_conv_per_stage_decoder"][0]) if len(blocks) > 1 else None,
    }


def random_set(rng, flat):
    n = int(rng.integers(3, 9))
    base = np.exp(rng.uniform(np.log(0.3), np.log(6), 3))
    if rng.random() < 0.5:
        base[1:] = base[1]
    extent = rng.uniform(60, 420, 3)
    spacings = np.round(base * rng.uniform(0.7, 1.5, (n, 3)), 3)
    shapes = np.maximum(np.round(extent * rng.uniform(0.8, 1.25, (n, 3)) / spacings), 6).astype(int)
    if flat:
        shapes[:, 0] = 1
    return spacings.tolist(), shapes.tolist()


rng = np.random.default_rng(20)
plans = [
    # Hippocampus as nnU-Net documents it: 40x56x40, batch 9.
    plan("hippocampus", [[1, 1, 1]] * 260, [[36, 50, 35]] * 260, 3),
    # Spleen, ACDC (short axis), prostate, liver and brain: typical fingerprints of these sets.
    plan("spleen", [[5, 0.79, 0.79]] * 41, [[90, 512, 512]] * 41, 2),
    plan("acdc", [[10, 1.5, 1.5]] * 90 + [[5, 1.4, 1.4]] * 110, [[9, 237, 208]] * 90 + [[14, 256, 216]] * 110, 4),
    plan("prostate", [[3.6, 0.62, 0.62]] * 32, [[20, 320, 320]] * 32, 3),
    plan("liver", [[1, 0.77, 0.77]] * 131, [[432, 512, 512]] * 131, 3),
    plan("brain", [[1, 1, 1]] * 484, [[138, 169, 138]] * 484, 4),
    plan("hippocampus residual", [[1, 1, 1]] * 260, [[36, 50, 35]] * 260, 3, residual=True),
    plan("hippocampus 2d", [[1, 1, 1]] * 260, [[36, 50, 35]] * 260, 3, flat=True),
    plan("even half", [[1, 1, 1]] * 2, [[37, 50, 34], [36, 51, 35]], 3),
]
for i in range(60):
    flat, residual = i % 4 == 3, i % 3 == 1
    spacings, shapes = random_set(rng, flat)
    classes, gigabytes = int(rng.integers(2, 12)), float(rng.choice([8.0, 8.0, 4.0, 16.0, 40.0]))
    plans.append(plan(f"random {i}", spacings, shapes, classes, gigabytes, residual, flat))
pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + ",\n".join(json.dumps(p, separators=(",", ":")) for p in plans) + "\n]\n")
