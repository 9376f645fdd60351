"""Metrics of pairs of masks by surface-distance, SciPy and scikit-image: writes metrics.json.

Run: pip install 'numpy<2' 'scipy<1.14' surface-distance scikit-image nibabel; python metrics.py [DATA]

Masks are made by formulas that the tests know, too (`Mask` in src/evaluate/shape/tests/made.rs); of real label maps in DATA, the folder of
shared test data, only the results are kept. The package surface-distance 0.1 needs names that NumPy 2 and SciPy 1.14 no longer have.
"""
import json
import sys
from pathlib import Path

import numpy as np
import surface_distance
from scipy import ndimage
from skimage.morphology import skeletonize

HERE = Path(__file__).parent
U32 = 0xFFFFFFFF


def noise(size, seed, chance):
    """The same numbers as in the tests: a hash of the voxel's index."""
    number = (np.arange(np.prod(size), dtype=np.uint64) * 2654435761 + seed * 40503) & U32
    number ^= number >> 15
    number = number * 2246822519 & U32
    number ^= number >> 13
    return (number < int(chance * 2**32)).reshape(size)


def made(size, parts):
    """A mask from parts, one after the other: added, or removed where the name begins with `no-`."""
    mask = np.zeros(size, bool)
    z, y, x = np.meshgrid(*[np.arange(n, dtype=float) for n in size], indexing="ij")
    for name, *p in parts:
        kind = name.removeprefix("no-")
        if kind == "box":
            part = (z >= p[0]) & (z < p[3]) & (y >= p[1]) & (y < p[4]) & (x >= p[2]) & (x < p[5])
        elif kind == "ellipsoid":
            part = ((z - p[0]) / p[3]) ** 2 + ((y - p[1]) / p[4]) ** 2 + ((x - p[2]) / p[5]) ** 2 <= 1.0
        elif kind == "slab":
            part = np.abs(z * p[0] + y * p[1] + x * p[2] - p[3]) <= p[4]
        else:
            part = noise(size, *p)
        mask = mask & ~part if name.startswith("no-") else mask | part
    return mask


def boundary_iou(a, b, spacing, width):
    def band(mask):
        padded = np.pad(mask, 1)
        near = ndimage.distance_transform_edt(padded, spacing) <= width
        inner = padded & ~ndimage.binary_erosion(padded, ndimage.generate_binary_structure(mask.ndim, 1))
        return padded & (near | inner)
    one, other = band(a), band(b)
    return (one & other).sum() / (one | other).sum()


def pooled(distances):
    found = np.concatenate([distances["distances_gt_to_pred"], distances["distances_pred_to_gt"]])
    areas = np.concatenate([distances["surfel_areas_gt"], distances["surfel_areas_pred"]])
    order = np.argsort(found, kind="stable")
    sums = np.cumsum(areas[order]) / areas.sum()
    return found[order][min(np.searchsorted(sums, 0.95), len(found) - 1)]


def components(a, b, least):
    whole = np.ones([3] * a.ndim)
    one, n = ndimage.label(a, whole)
    other, m = ndimage.label(b, whole)
    pairs = []
    for i in range(1, n + 1):
        for j in np.unique(other[one == i]):
            if j:
                both = ((one == i) & (other == j)).sum()
                pairs.append((both / ((one == i) | (other == j)).sum(), i, int(j)))
    found = []
    for iou, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if iou >= least and all(i != k and j != l for k, l in found):
            found.append((i, j))
    return {"reference_components": n, "prediction_components": m, "detected_components": len(found),
            "lesion_f1": 2 * len(found) / (n + m) if n + m else None}


def cl_dice(a, b):
    """None where a component has lost its skeleton, which ours keep: scikit-image removes some of even width altogether."""
    one, other = skeletonize(a, method="lee") > 0, skeletonize(b, method="lee") > 0
    count = lambda mask: ndimage.label(mask, np.ones([3] * mask.ndim))[1]
    if count(one) != count(a) or count(other) != count(b):
        return None
    precision, sensitivity = (a & other).sum() / other.sum(), (b & one).sum() / one.sum()
    return 2 * precision * sensitivity / (precision + sensitivity) if precision + sensitivity else 0.0


def measured(a, b, spacing, tolerance):
    """All metrics; a flat axis is left out, a mask that is empty has the worst value."""
    result = components(a.squeeze(0) if a.shape[0] == 1 else a, b.squeeze(0) if b.shape[0] == 1 else b, 0.1)
    size = a.shape
    if size[0] == 1:
        a, b, spacing, size = a[0], b[0], spacing[1:], size[1:]
    diagonal = float(np.linalg.norm(np.array(size) * spacing))
    worst = {"hd": diagonal, "hd95": diagonal, "pooled_hd95": diagonal, "assd": diagonal, "nsd": 0.0, "boundary_iou": 0.0,
             "centre_distance": diagonal, "cl_dice": 0.0}
    if not a.any() or not b.any():
        undefined = not a.any() and not b.any()
        return {**result, **{key: None if undefined else value for key, value in worst.items()}}
    distances = surface_distance.compute_surface_distances(a, b, spacing)
    sums = [distances["surfel_areas_gt"].sum(), distances["surfel_areas_pred"].sum()]
    means = surface_distance.compute_average_surface_distance(distances)
    centres = [np.array(ndimage.center_of_mass(mask)) * spacing for mask in (a, b)]
    skeletons = cl_dice(a, b)
    if skeletons is not None:
        result["cl_dice"] = skeletons
    return {**result, "hd": surface_distance.compute_robust_hausdorff(distances, 100),
            "hd95": surface_distance.compute_robust_hausdorff(distances, 95), "pooled_hd95": pooled(distances),
            "assd": float(np.dot(means, sums) / sum(sums)),
            "nsd": surface_distance.compute_surface_dice_at_tolerance(distances, tolerance),
            "boundary_iou": boundary_iou(a, b, spacing, tolerance),
            "centre_distance": float(np.linalg.norm(centres[1] - centres[0]))}


def pairs():
    """Name, size, spacing, tolerance, parts of the reference, parts of the prediction."""
    iso, thick, odd = [1.0, 1.0, 1.0], [5.0, 0.7, 0.8], [0.9, 1.3, 2.1]
    ball = lambda z, y, x, r, s: ["ellipsoid", z, y, x, *[round(r / side, 6) for side in s]]
    one = lambda z, y, x: ["box", z, y, x, z + 1, y + 1, x + 1]
    yield "one voxel, the same", [5, 5, 5], iso, 1.05, [one(2, 2, 2)], [one(2, 2, 2)]
    yield "one voxel, a step apart", [5, 5, 5], odd, 1.05, [one(2, 2, 2)], [one(2, 2, 3)]
    yield "one voxel, corners touch", [5, 5, 5], thick, 0.75, [one(2, 2, 2)], [one(3, 3, 3)]
    yield "one voxel in opposite corners", [7, 8, 9], odd, 2.2, [one(0, 0, 0)], [one(6, 7, 8)]
    yield "one voxel in a ball", [12, 12, 12], iso, 3.1, [ball(6, 6, 6, 4.3, iso)], [one(6, 6, 6)]
    yield "both empty", [4, 5, 6], odd, 1.05, [], []
    yield "prediction empty", [6, 7, 8], thick, 1.05, [["box", 1, 1, 1, 4, 5, 6]], []
    yield "reference empty", [6, 7, 8], odd, 1.05, [], [ball(3, 3, 3, 3.0, iso)]
    yield "everything", [4, 5, 6], odd, 1.05, [["box", 0, 0, 0, 4, 5, 6]], [["box", 0, 0, 0, 4, 5, 6]]
    yield "everything and a half", [4, 6, 6], thick, 2.2, [["box", 0, 0, 0, 4, 6, 6]], [["box", 0, 0, 0, 4, 3, 6]]
    for spacing in (iso, thick, odd):
        for shift in ([1, 0, 0], [0, 2, 0], [0, 0, 3], [1, 2, 3]):
            moved = ["box", 2 + shift[0], 2 + shift[1], 2 + shift[2], 6 + shift[0], 8 + shift[1], 9 + shift[2]]
            yield "shifted box", [9, 12, 14], spacing, 2.15, [["box", 2, 2, 2, 6, 8, 9]], [moved]
    for spacing, size in ((iso, [20, 20, 20]), (thick, [6, 26, 24]), (odd, [20, 16, 12])):
        middle = [side // 2 for side in size]
        yield "concentric balls", size, spacing, 1.6, [ball(*middle, 8.2, spacing)], [ball(*middle, 6.1, spacing)]
        yield "balls side by side", size, spacing, 2.6, [ball(*middle, 6.7, spacing)], [
            ball(middle[0], middle[1] + 2, middle[2] - 1, 6.7, spacing)]
        yield "balls cut by the border", size, spacing, 2.6, [ball(0, middle[1], 1, 7.7, spacing)], [
            ball(1, middle[1], 0, 7.1, spacing)]
    for spacing in (iso, thick, odd):
        yield "oblique slabs", [12, 16, 16], spacing, 1.3, [["slab", 0.6, 0.5, 0.62, 9.0, 1.7]], [
            ["slab", 0.55, 0.5, 0.66, 9.4, 1.4]]
    yield "oblique tube", [16, 16, 16], iso, 1.3, [["slab", 0.8, -0.6, 0.0, 1.0, 1.6], ["no-slab", 0.0, 0.0, 1.0, 2.0, 4.0]], [
        ["slab", 0.8, -0.6, 0.1, 1.4, 1.6], ["no-slab", 0.0, 0.0, 1.0, 3.0, 4.0]]
    for seed, spacing, size in ((1, iso, [9, 10, 11]), (2, thick, [5, 14, 13]), (3, odd, [10, 7, 12]), (4, odd, [2, 9, 30])):
        for chance in (0.02, 0.3, 0.7):
            yield "noise", size, spacing, 1.3, [["noise", seed, chance]], [["noise", seed + 10, chance]]
    yield "far apart", [8, 8, 100], odd, 1.3, [["noise", 7, 0.4], ["no-box", 0, 0, 12, 8, 8, 100]], [
        ["noise", 8, 0.4], ["no-box", 0, 0, 0, 8, 8, 85]]
    blobs = [ball(4, 4, 4, 2.6, iso), ball(4, 14, 5, 3.2, iso), ball(12, 6, 12, 2.2, iso), ball(12, 15, 15, 1.5, iso)]
    moved = [ball(4, 5, 4, 2.6, iso), ball(5, 14, 5, 2.2, iso), ball(12, 9, 14, 2.2, iso), ball(6, 4, 16, 1.5, iso)]
    yield "lesions", [18, 20, 20], iso, 1.1, blobs, moved
    yield "lesions, two in one", [18, 20, 20], odd, 1.1, blobs, [["box", 2, 2, 2, 7, 17, 7], one(12, 15, 15)]
    vessel = [["box", 2, 8, 1, 5, 11, 22], ["box", 2, 8, 10, 16, 11, 13], ["box", 8, 2, 10, 10, 16, 12]]
    yield "vessels", [18, 18, 24], iso, 1.1, vessel, [["box", 3, 8, 1, 6, 11, 18], ["box", 3, 8, 10, 13, 11, 12]]
    yield "vessels, broken", [18, 18, 24], odd, 1.1, vessel, [*vessel, ["no-box", 0, 0, 5, 18, 18, 8]]
    yield "hollow", [14, 14, 14], odd, 1.4, [ball(7, 7, 7, 6.2, iso), ["no-ellipsoid", 7, 7, 7, 3, 3, 3]], [ball(7, 7, 7, 6.2, iso)]
    # Images of one slice: contours.
    for spacing in (iso, [1.0, 0.7, 1.9]):
        yield "flat, one pixel", [1, 6, 7], spacing, 1.05, [one(0, 2, 2)], [one(0, 4, 3)]
        yield "flat, discs", [1, 30, 32], spacing, 1.6, [["ellipsoid", 0, 14, 15, 1, 10.2, 8.1]], [["ellipsoid", 0, 15, 17, 1, 9.3, 8.9]]
        yield "flat, at the border", [1, 12, 9], spacing, 1.6, [["box", 0, 0, 0, 1, 6, 9]], [["box", 0, 0, 2, 1, 8, 9]]
        yield "flat, noise", [1, 24, 21], spacing, 1.3, [["noise", 5, 0.4]], [["noise", 6, 0.4]]
        yield "flat, ring", [1, 24, 24], spacing, 1.3, [["ellipsoid", 0, 12, 12, 1, 9.5, 9.5], ["no-ellipsoid", 0, 12, 12, 1, 6.2, 6.2]], [
            ["ellipsoid", 0, 12, 12, 1, 8.5, 9.5], ["no-ellipsoid", 0, 12, 13, 1, 6.2, 6.2]]
    yield "flat, prediction empty", [1, 8, 6], [1.0, 0.7, 1.9], 1.3, [["box", 0, 1, 1, 1, 4, 4]], []


# Label maps, what they are compared with, and the values: another label map, or itself moved by a few voxels [z, y, x].
REAL = [("hippocampus/labelsTr/hippocampus_003.nii.gz", [1, -1, 2], [1, 2]), ("pelvis/labels/pelvis_003.nii.gz", [2, 1, -3], [1, 2, 3]),
        ("totalsegmentator/example_seg.nii.gz", "totalsegmentator/example_seg_fast.nii.gz", None)]


def shifted(mask, shift):
    moved = np.zeros_like(mask)
    ends = [(slice(max(s, 0), n + min(s, 0)), slice(max(-s, 0), n + min(-s, 0))) for s, n in zip(shift, mask.shape)]
    moved[tuple(to for to, _ in ends)] = mask[tuple(start for _, start in ends)]
    return moved


def real(root):
    import nibabel as nib
    found = []
    for path, other, values in REAL:
        image = nib.load(root / path)
        labels = np.asarray(image.dataobj).T.astype(int)
        spacing = np.linalg.norm(image.affine[:3, :3], axis=0)[::-1].tolist()
        predicted = np.asarray(nib.load(root / other).dataobj).T if isinstance(other, str) else None
        for value in values or np.unique(np.concatenate([labels, predicted]))[1:].tolist():
            mask = labels == value
            prediction = shifted(mask, other) if predicted is None else predicted == value
            expected = measured(mask, prediction, spacing, 2.05)
            found.append({"path": path, "other": other, "value": value, "tolerance": 2.05, "expected": expected})
    return found


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    examples = [{"name": name, "shape": size, "spacing": spacing, "tolerance": tolerance, "reference": a, "prediction": b,
                 "expected": measured(made(size, a), made(size, b), spacing, tolerance)}
                for name, size, spacing, tolerance, a, b in pairs()]
    others = real(root) if root else []
    plain = lambda value: value.item() if isinstance(value, np.generic) else value
    lines = ",\n".join(json.dumps(example, separators=(",", ":"), default=plain) for example in examples)
    kept = ",\n".join(json.dumps(example, separators=(",", ":"), default=plain) for example in others)
    (HERE / "metrics.json").write_text('{"made":[\n' + lines + '\n],\n"real":[\n' + kept + "\n]}\n")
    print(len(examples), "made,", len(others), "real")


if __name__ == "__main__":
    main()
