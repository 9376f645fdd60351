# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # An experiment in a notebook
#
# `pip install 'segspec[polars]' matplotlib SimpleITK jupytext`, then `jupytext --to ipynb notebook.py`; Jupyter and VS Code also open this
# file as it is, and Python runs it as a script.

# %%
import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk

import segspec

# %% [markdown]
# ## Train, predict, score
#
# `segspec init` writes the example: four organs of a synthetic CT set. With `--smoke`, every stage runs for two steps and one case, which
# takes seconds; without it, the training takes a minute on two cores. A finished run is not repeated.

# %%
segspec.call("init")
segspec.run("experiments/phantom.toml", "--smoke")
run = segspec.runs("runs", "phantom")[-1]
run

# %% [markdown]
# ## Dice per structure
#
# `run.scores` has a row per case and structure; `docs/metrics.md` defines its columns. A structure that is in neither mask has no Dice.

# %%
scores = run.scores
dice: dict[str, list[float]] = {}
for structure, value in zip(scores["structure"], scores["dice"]):
    dice.setdefault(structure, [])
    if value is not None and not np.isnan(value):
        dice[structure].append(value)

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for row, (structure, values) in enumerate(dice.items()):
    axes.scatter(values, [row] * len(values), alpha=0.6)
    if values:
        axes.plot(np.mean(values), row, "k|", markersize=18)
axes.set_yticks(range(len(dice)), list(dice))
axes.set_xlim(-0.02, 1.02)
axes.set_xlabel("Dice; black: mean over cases")
figure.savefig("dice.png")
plt.show()

# %% [markdown]
# ## A case with its prediction
#
# The plan of a run names the files of every case. Predictions lie on the grid of the original image.

# %%
name, prediction_file = next(iter(run.predictions.items()))
data = run.plan["data"]
case = next(case for case in data["case"] if case["name"] == name)


def read(path) -> np.ndarray:
    """Voxels [slice, row, column], turned as radiologists look at them: rows from front to back, columns from right to left."""
    return sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS"))


image = read(f"{data['found-at']}/{case['images'][0]}")
reference = read(f"{data['found-at']}/{case['label']['map']}")
prediction = read(prediction_file)
print(f"{name}: {image.shape} voxels, values {np.unique(prediction)} predicted")

# %%
# The slice with the most labelled voxels.
middle = int(np.argmax((reference > 0).sum(axis=(1, 2))))
figure, panels = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for panel, title, labels in zip(panels, ["reference", "prediction"], [reference, prediction]):
    panel.imshow(image[middle], cmap="gray", vmin=-160, vmax=240)
    shown = np.ma.masked_equal(labels[middle], 0)
    panel.imshow(shown, cmap="tab10", vmin=1, vmax=10, alpha=0.5, interpolation="nearest")
    panel.set_title(f"{title}, slice {middle}")
    panel.set_axis_off()
figure.savefig("case.png")
plt.show()

# %% [markdown]
# `run.report` is the page with all figures; `run.weights()` gives the network's parameters as arrays. See `docs/python.md`.
