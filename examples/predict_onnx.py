"""Segments an image with a network that `segspec export --format onnx` wrote, as `segspec predict` does.

    python predict_onnx.py EXPORT IMAGE [IMAGE ...] OUTPUT

EXPORT is the folder with model.onnx and metadata.json. Give one IMAGE for each channel, in the order of the training.
OUTPUT is a label map on the grid of the first image (one mask per structure along the fourth axis if structures overlap).
Needs numpy, onnxruntime and SimpleITK. Arrays are [z, y, x] or [channel, z, y, x].
"""

import argparse
import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import onnxruntime
import SimpleITK as sitk

# Lower bound of standard deviations: a constant image becomes 0.
SD_FLOOR = 1e-8
# Voxels by which lines are extended before cubic interpolation.
PADDING = 12


# ---- Geometry ------------------------------------------------------------------------------------


def crop_box(image, preprocess):
    """Slices of the region that the network sees."""
    kind = preprocess["crop"]
    if kind == "none":
        return tuple(slice(0, length) for length in image.shape[1:])
    mask = (image != 0).any(axis=0)
    if kind == "body":
        threshold = preprocess.get("body-threshold")
        mask = largest_component(image[0] > (otsu(image[0]) if threshold is None else threshold), neighbours=6)
    if not mask.any():
        raise SystemExit("the image is empty")
    places = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return tuple(slice(place[0], place[-1] + 1) for place in places)


def otsu(image):
    """Otsu's threshold with 256 bins."""
    counts, edges = np.histogram(image, bins=256)
    centres = (edges[1:] + edges[:-1]) / 2
    below, above = np.cumsum(counts)[:-1], np.cumsum(counts[::-1])[::-1][1:]
    mean_below = np.cumsum(counts * np.arange(256))[:-1] / below
    mean_above = np.cumsum((counts * np.arange(256))[::-1])[::-1][1:] / above
    return centres[np.argmax(below * above * (mean_below - mean_above) ** 2.0)]


def largest_component(mask, neighbours):
    """The largest connected component of a mask."""
    found = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), neighbours == 26)
    labels = sitk.GetArrayFromImage(found)
    sizes = np.bincount(labels.ravel())[1:]
    return labels == 1 + np.argmax(sizes) if len(sizes) else mask


def coarse_axis(from_mm, to_mm, threshold):
    """The axis along which anisotropic images are resampled by nearest neighbour."""
    for spacing in (from_mm, to_mm):
        if max(spacing) / min(spacing) > threshold:
            coarse = [axis for axis in range(3) if spacing[axis] == max(spacing)]
            return coarse[0] if len(coarse) == 1 else None
    return None


def prepared_grid(shape, spacing, preprocess):
    """Shape and spacing of the network's input."""
    if "shape" in preprocess:
        fixed = [wanted or own for wanted, own in zip(preprocess["shape"], shape)]
        return fixed, [mm * own / new for mm, own, new in zip(spacing, shape, fixed)]
    if "spacing-mm" not in preprocess:
        return list(shape), list(spacing)
    target = [wanted or own for wanted, own in zip(preprocess["spacing-mm"], spacing)]
    # Python rounds halves to even, as segspec does.
    return [max(1, round(own / new * length)) for own, new, length in zip(spacing, target, shape)], target


# ---- Resampling: the outer edges of both grids coincide ------------------------------------------


def positions(old, new):
    return (np.arange(new) + 0.5) * (old / new) - 0.5


def linear_matrix(old, new):
    """Weights [new, old] of linear interpolation; edge voxels repeat."""
    at = positions(old, new).clip(0, old - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, old - 1)
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new), low), 1 - (at - low))
    np.add.at(matrix, (np.arange(new), high), at - low)
    return matrix


def cubic_matrix(old, new):
    """Weights [new, old] of cubic B-spline interpolation; edge voxels repeat."""
    length = old + 2 * PADDING
    extended = np.zeros((length, old))
    extended[np.arange(length), (np.arange(length) - PADDING).clip(0, old - 1)] = 1
    spline = (np.diag(np.full(length, 4.0)) + np.eye(length, k=1) + np.eye(length, k=-1)) / 6
    spline[0, 0] = spline[-1, -1] = 5 / 6
    coefficients = np.linalg.solve(spline, extended)
    at = positions(old, new)
    floor = np.floor(at)
    t = at - floor
    s = 1 - t
    inner = lambda d: (d * d * (d - 2) * 3 + 4) / 6
    taps = np.zeros((new, length))
    for offset, weight in enumerate([s**3 / 6, inner(t), inner(s), t**3 / 6]):
        taps[np.arange(new), (floor + PADDING - 1 + offset).astype(int)] += weight
    return taps @ coefficients


def along(matrix, image, axis):
    return np.moveaxis(np.tensordot(matrix, image, axes=(1, axis)), 0, axis).astype(np.float32)


def nearest(image, axis, length):
    old = image.shape[axis]
    return image.take(np.floor(positions(old, length) + 0.5).clip(0, old - 1).astype(int), axis=axis)


def resample(image, shape, cubic, coarse):
    """An image [z, y, x] at another shape, with nearest neighbour along `coarse`."""
    if coarse is not None and shape[coarse] < image.shape[coarse]:
        image = nearest(image, coarse, shape[coarse])
    axes = [axis for axis in range(3) if axis != coarse and image.shape[axis] != shape[axis]]
    others = tuple(axis for axis in range(3) if axis != coarse)
    low, high = image.min(axis=others, keepdims=True), image.max(axis=others, keepdims=True)
    for axis in sorted(axes, key=lambda axis: shape[axis] / image.shape[axis]):
        matrix = (cubic_matrix if cubic else linear_matrix)(image.shape[axis], shape[axis])
        image = along(matrix, image, axis)
    if cubic and axes:
        image = np.clip(image, low, high)
    return image if coarse is None else nearest(image, coarse, shape[coarse])


# ---- Intensity -----------------------------------------------------------------------------------


def window(channel, low, high):
    return (channel.clip(low, max(low, high)) - low) / max(high - low, SD_FLOOR)


def z_score(channel, inside):
    mean, sd = channel[inside].mean(dtype=np.float64), channel[inside].std(dtype=np.float64)
    return np.where(inside, (channel - mean) / max(sd, SD_FLOOR), 0)


def clamp_metal(channel, spacing, above, margin, to):
    metal = sitk.GetImageFromArray((channel > above).astype(np.uint8))
    metal.SetSpacing(spacing[::-1])
    distance = sitk.SignedMaurerDistanceMap(metal, squaredDistance=False, useImageSpacing=True)
    near = sitk.GetArrayFromImage(distance) <= margin
    return np.where((channel > above) | (near & (channel > to)), to, channel) if (channel > above).any() else channel


def apply_steps(image, steps, spacing):
    """The intensity steps, in order, on an image [channel, z, y, x]."""
    nonzero = sitk.GetImageFromArray((image != 0).any(axis=0).astype(np.uint8))
    body = sitk.GetArrayFromImage(sitk.BinaryFillhole(nonzero)) != 0
    for step in steps:
        ((name, keys),) = step.items()
        for index in keys.get("channels") or range(len(image)):
            channel = image[index].astype(np.float64)
            if name == "window":
                channel = window(channel, *keys["range-hu"])
            elif name == "percentile-clip":
                low, high = np.percentile(channel, keys["range"])
                channel = channel.clip(low, max(low, high))
            elif name == "z-score":
                inside = body if keys.get("region") == "nonzero" else np.ones_like(body)
                channel = z_score(channel, inside)
            elif name == "min-max":
                channel = window(channel, channel.min(), channel.max())
            elif name == "ct":
                known = keys["statistics"]
                low, high = known["p00-5"], max(known["p00-5"], known["p99-5"])
                channel = (channel.clip(low, high) - known["mean"]) / max(known["sd"], SD_FLOOR)
            elif name == "clamp-metal":
                channel = clamp_metal(channel, spacing, keys["above-hu"], keys["margin-mm"], keys["to-hu"])
            else:
                raise SystemExit(f"unknown intensity step {name}")
            image[index] = channel
    return image


# ---- Windows -------------------------------------------------------------------------------------


def starts(length, patch, overlap):
    """First voxels of the fewest windows that keep the overlap, evenly spaced from border to border."""
    last = length - patch
    count = int(np.ceil(last / max(patch * (1 - overlap), 1)))
    return [round(last / max(count, 1) * index) for index in range(count + 1)]


def importance(patch, windows):
    """Weight of each voxel of a window."""
    if windows["blend"] == "constant":
        return np.ones(patch, np.float32)
    weights = np.ones(patch)
    for axis, length in enumerate(patch):
        sigma = length * windows["sigma"]
        distance = np.abs(np.arange(length) - length // 2)
        profile = np.where(distance <= int(4 * sigma + 0.5), np.exp(-0.5 * (distance / sigma) ** 2), 0)
        weights = weights * profile.reshape([-1 if other == axis else 1 for other in range(3)])
    weights = weights.astype(np.float32)
    return np.maximum(weights, weights[weights > 0].min())


def activate(logits, metadata):
    """Probabilities of logits [output, ...]."""
    if metadata["labels"]["activation"] == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    found = np.exp(logits - logits.max(axis=0))
    return found / found.sum(axis=0)


def outputs_of(session, patch, metadata):
    """Probabilities (or logits) [output, z, y, x] of a window [channel, z, y, x], averaged over flips."""
    windows, flat = metadata["windows"], metadata["network"]["dimensions"] == 2
    axes = windows["mirror-axes"]
    flips = [chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)]
    total = 0
    for chosen in flips:
        spatial = [axis + 1 for axis in chosen]
        images = np.flip(patch, spatial)[None].astype(np.float32)
        (logits,) = session.run(None, {"images": images[:, :, 0] if flat else images})
        logits = (logits[:, :, None] if flat else logits)[0]
        found = logits if windows["averaged"] == "logits" else activate(logits, metadata)
        found = np.flip(found, spatial)
        if 2 in chosen:
            order = list(range(len(found)))
            for one, other in windows["mirrored-outputs"]:
                order[one], order[other] = order[other], order[one]
            found = found[order]
        total = total + found
    return total / len(flips)


def slide(session, image, metadata):
    """Probabilities (or logits) [output, z, y, x] of a prepared image [channel, z, y, x]."""
    windows = metadata["windows"]
    patch = windows["size"]
    shape = image.shape[1:]
    missing = [max(size - length, 0) for size, length in zip(patch, shape)]
    image = np.pad(image, [(0, 0)] + [(gap // 2, gap - gap // 2) for gap in missing])
    weights = importance(patch, windows)
    total, weight = 0, np.zeros(image.shape[1:], np.float32)
    places = [starts(length, size, windows["overlap"]) for length, size in zip(image.shape[1:], patch)]
    for start in product(*places):
        place = tuple(slice(first, first + size) for first, size in zip(start, patch))
        found = outputs_of(session, image[(slice(None), *place)], metadata)
        if weight.max() == 0:
            total = np.zeros((len(found), *image.shape[1:]), np.float32)
        total[(slice(None), *place)] += found * weights
        weight[place] += weights
    inner = tuple(slice(gap // 2, gap // 2 + length) for gap, length in zip(missing, shape))
    return (total / weight)[(slice(None), *inner)]


# ---- From files to files -------------------------------------------------------------------------


def decide(outputs, metadata):
    """Labels [z, y, x], or masks [structure, z, y, x] if structures overlap, of probabilities on the grid of the crop."""
    labels = metadata["labels"]
    if labels["overlapping"]:
        return (outputs > labels["threshold"]).astype(np.uint16)
    if labels["painted"]:
        found = np.zeros(outputs.shape[1:], np.uint16)
        for structure in metadata["structures"]:
            found[outputs[structure["output"]] > labels["threshold"]] = structure["value"]
        return found
    softmax = labels["activation"] == "softmax"
    best = outputs[0] if softmax else np.full(outputs.shape[1:], labels["threshold"], np.float32)
    found = np.zeros(outputs.shape[1:], np.uint16)
    for structure in metadata["structures"]:
        output = outputs[structure["output"]]
        found, best = np.where(output > best, structure["value"], found), np.maximum(best, output)
    return found.astype(np.uint16)


def keep_largest(found, metadata):
    for values in metadata["labels"]["largest-union"]:
        mask = np.isin(found, values)
        found[mask & ~largest_component(mask, neighbours=26)] = 0
    for index, structure in enumerate(metadata["structures"]):
        if structure["name"] not in metadata["labels"]["largest-component"]:
            continue
        if found.ndim == 4:
            found[index] *= largest_component(found[index] != 0, neighbours=26)
        else:
            mask = found == structure["value"]
            found[mask & ~largest_component(mask, neighbours=26)] = 0
    return found


def segment(session, image, spacing, metadata):
    """Segments an image [channel, z, y, x] whose axes are those of `preprocess.orientation`."""
    preprocess = metadata["preprocess"]
    axes = preprocess["axes"]
    image, spacing = image.transpose([0] + [axis + 1 for axis in axes]), [spacing[axis] for axis in axes]
    box = crop_box(image, preprocess)
    cropped = apply_steps(image[(slice(None), *box)].copy(), preprocess["intensity"], spacing)
    shape, new_spacing = prepared_grid(cropped.shape[1:], spacing, preprocess)
    threshold = preprocess["anisotropy-threshold"]
    coarse = coarse_axis(spacing, new_spacing, threshold)
    cubic = preprocess["interpolation"] == "cubic"
    prepared = np.stack([resample(channel, shape, cubic, coarse) for channel in cropped])
    outputs = slide(session, prepared, metadata)
    coarse = coarse_axis(new_spacing, spacing, threshold)
    outputs = np.stack([resample(output, cropped.shape[1:], False, coarse) for output in outputs])
    if metadata["windows"]["averaged"] == "logits":
        outputs = activate(outputs, metadata)
    found = decide(outputs, metadata)
    whole = np.zeros(found.shape[:-3] + image.shape[1:], np.uint16)
    whole[(..., *box)] = found
    back = [found.ndim - 3 + place for place in np.argsort(axes)]
    return keep_largest(whole.transpose(list(range(found.ndim - 3)) + back), metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("images", nargs="+")
    parser.add_argument("output")
    given = parser.parse_args()
    metadata = json.loads((given.export / "metadata.json").read_text())
    if metadata["network"]["task"] != "segment" or "first-stage" in metadata:
        raise SystemExit("this example takes a network that segments whole images")
    session = onnxruntime.InferenceSession(given.export / "model.onnx")

    original = [sitk.ReadImage(image, sitk.sitkFloat32) for image in given.images]
    if len(original) != metadata["network"]["input"]["channels"]:
        wanted = metadata["network"]["input"]["channels"]
        raise SystemExit(f"{wanted} images are needed, one for each channel")
    orientation = metadata["preprocess"]["orientation"]
    canonical = original if orientation == "as-stored" else [sitk.DICOMOrient(image, orientation) for image in original]
    image = np.stack([sitk.GetArrayFromImage(channel) for channel in canonical])
    found = segment(session, image, canonical[0].GetSpacing()[::-1], metadata)

    code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(original[0].GetDirection())
    masks = []
    for mask in found if found.ndim == 4 else [found]:
        mask = sitk.GetImageFromArray(mask)
        mask.CopyInformation(canonical[0])
        mask = mask if orientation == "as-stored" else sitk.DICOMOrient(mask, code)
        mask.CopyInformation(original[0])
        masks.append(mask)
    sitk.WriteImage(masks[0] if found.ndim == 3 else sitk.JoinSeries(masks), given.output)


if __name__ == "__main__":
    main()
