"""Scores of one prediction by other programs for `cargo bench --bench metrics`: metrics.py PROGRAM REFERENCE PREDICTION prints seconds.

`counts` is nnU-Net's counting (compute_tp_fp_fn_tn for every label); `surface-distance` and `monai` give HD95, average surface distance and
surface Dice at 2 mm of every structure. Reading the files is not timed.
"""
import ast
import importlib.util
import sys
import time
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np

warnings.simplefilter("ignore")
program, paths = sys.argv[1], sys.argv[2:4]
images = [nib.load(path) for path in paths]
reference, prediction = [np.ascontiguousarray(np.asarray(image.dataobj).T) for image in images]
spacing = np.linalg.norm(images[0].affine[:3, :3], axis=0)[::-1].tolist()
labels = np.unique(reference)[1:].tolist()


def counts():
    # The function alone: its module imports most of nnU-Net.
    root = importlib.util.find_spec("nnunetv2").submodule_search_locations[0]
    module = ast.parse((Path(root) / "evaluation" / "evaluate_predictions.py").read_text())
    names = {"np": np}
    module.body = [node for node in module.body if getattr(node, "name", "") == "compute_tp_fp_fn_tn"]
    exec(compile(module, "evaluate_predictions.py", "exec"), names)
    compute_tp_fp_fn_tn = names["compute_tp_fp_fn_tn"]
    start = time.perf_counter()
    for label in labels:
        compute_tp_fp_fn_tn(reference == label, prediction == label, None)
    return time.perf_counter() - start


def surface_distance():
    import surface_distance as it
    start = time.perf_counter()
    for label in labels:
        found = it.compute_surface_distances(reference == label, prediction == label, spacing)
        it.compute_robust_hausdorff(found, 95)
        it.compute_average_surface_distance(found)
        it.compute_surface_dice_at_tolerance(found, 2.0)
    return time.perf_counter() - start


def monai():
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
    torch.set_num_threads(2)
    start = time.perf_counter()
    for label in labels:
        masks = [torch.from_numpy(volume == label)[None, None] for volume in (prediction, reference)]
        compute_hausdorff_distance(*masks, include_background=True, percentile=95, spacing=spacing)
        compute_average_surface_distance(*masks, include_background=True, symmetric=True, spacing=spacing)
        compute_surface_dice(*masks, [2.0], include_background=True, spacing=spacing)
    return time.perf_counter() - start


print({"counts": counts, "surface-distance": surface_distance, "monai": monai}[program]())
