"""Makes and reads images with SimpleITK, pydicom and highdicom, apart from segspec's own code. Prints JSON; positions are RAS+ millimetres."""

import json
import sys

import numpy as np
import SimpleITK as sitk

RAS = np.diag([-1.0, -1.0, 1.0])


def affine(image):
    """Voxel [x, y, z] -> RAS+ millimetres."""
    matrix = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    matrix[:3, :3] = RAS @ direction @ np.diag(image.GetSpacing())
    matrix[:3, 3] = RAS @ np.array(image.GetOrigin())
    return matrix


def voxels(path):
    """Voxels that are not 0, with their values and positions."""
    image = sitk.ReadImage(path)
    array = sitk.GetArrayFromImage(image)
    places = np.argwhere(array != 0)[:, ::-1]
    world = (affine(image) @ np.c_[places, np.ones(len(places))].T).T[:, :3]
    keys = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys() if key.startswith("Segment")}
    return {
        "size": image.GetSize(),
        "affine": affine(image).tolist(),
        "places": places.tolist(),
        "values": array[array != 0].astype(int).tolist(),
        "world": world.round(4).tolist(),
        "keys": keys,
    }


def difference(one, other):
    """Voxels in which two label maps on one grid differ: [x, y, z], old and new value, position."""
    a, b = sitk.ReadImage(one), sitk.ReadImage(other)
    assert a.GetSize() == b.GetSize(), (a.GetSize(), b.GetSize())
    gap = np.abs(affine(a) - affine(b)).max()
    old, new = sitk.GetArrayFromImage(a).astype(int), sitk.GetArrayFromImage(b).astype(int)
    places = np.argwhere(old != new)
    world = (affine(b) @ np.c_[places[:, ::-1], np.ones(len(places))].T).T[:, :3]
    rows = [
        {"at": p[::-1].tolist(), "old": int(old[tuple(p)]), "new": int(new[tuple(p)]), "world": w.round(4).tolist()}
        for p, w in zip(places, world)
    ]
    return {"grid-gap-mm": float(gap), "voxels": rows}


def turned(degrees):
    from math import cos, radians, sin

    a, b, c = (radians(each) for each in degrees)
    x = np.array([[1, 0, 0], [0, cos(a), -sin(a)], [0, sin(a), cos(a)]])
    y = np.array([[cos(b), 0, sin(b)], [0, 1, 0], [-sin(b), 0, cos(b)]])
    z = np.array([[cos(c), -sin(c), 0], [sin(c), cos(c), 0], [0, 0, 1]])
    return z @ y @ x


GRIDS = {
    "plain": (np.diag([-1.0, -1.0, 1.0]), (2.0, 2.0, 2.0)),
    "anisotropic": (np.diag([-1.0, -1.0, 1.0]), (0.8, 1.3, 4.0)),
    "oblique": (turned((20, -15, 30)), (1.5, 1.1, 2.7)),
    "flipped": (np.diag([1.0, 1.0, -1.0]) @ np.diag([-1.0, 1.0, -1.0]), (1.2, 0.9, 3.1)),
    "permuted": (turned((8, 5, -12)) @ np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), (2.1, 1.4, 1.0)),
    "left-handed": (turned((-10, 25, 5)) @ np.diag([1.0, -1.0, 1.0]), (1.0, 1.7, 2.2)),
}


def make(folder):
    """An image of each kind of grid, whose voxels all differ from their neighbours; returns their grids."""
    found = {}
    for name, (direction, spacing) in GRIDS.items():
        x, y, z = 26, 30, 18
        values = np.fromfunction(lambda k, j, i: (i * 37 + j * 101 + k * 257) % 900 - 300, (z, y, x)).astype(np.int16)
        image = sitk.GetImageFromArray(values)
        image.SetDirection(direction.ravel().tolist())
        image.SetSpacing(spacing)
        image.SetOrigin((-31.5, 12.25, 48.0))
        for ending in ["nii.gz", "nrrd"]:
            sitk.WriteImage(image, f"{folder}/{name}.{ending}")
        found[name] = {
            "affine": affine(image).tolist(),
            "determinant": float(np.linalg.det(direction)),
            "size": image.GetSize(),
        }
    return found


def value(path, *place):
    return int(sitk.ReadImage(path)[tuple(int(each) for each in place)])


def segmentation(path, folder):
    """A DICOM SEG as highdicom and pydicom see it, with the positions of its voxels; `folder`: the slices that it refers to."""
    from pathlib import Path

    import highdicom as hd
    import pydicom

    slices = {}
    for file in sorted(Path(folder).glob("*.dcm")):
        read = pydicom.dcmread(file, stop_before_pixels=True)
        slices[read.SOPInstanceUID] = read
    seg = hd.seg.segread(path)
    uids = [uid for _, _, uid in seg.get_source_image_uids()]
    found = {}
    for number in seg.segment_numbers:
        label = seg.get_segment_description(number).SegmentLabel
        order = sorted(uids, key=lambda uid: slices[uid].ImagePositionPatient[2])
        array = seg.get_pixels_by_source_instance(
            order, segment_numbers=[number], combine_segments=False, ignore_spatial_locations=False
        )[..., 0]
        points = []
        for frame, uid in zip(array, order):
            own = slices[uid]
            row, column = np.array(own.ImageOrientationPatient[:3], float), np.array(own.ImageOrientationPatient[3:], float)
            origin = np.array(own.ImagePositionPatient, float)
            step = np.array(own.PixelSpacing, float)
            for j, i in np.argwhere(frame != 0):
                points.append((RAS @ (origin + row * i * step[1] + column * j * step[0])).round(3).tolist())
        found[label] = points
    return {"segments": found, "slices": len(slices), "referenced": len(set(uids) & set(slices)), "study": seg.StudyInstanceUID == next(iter(slices.values())).StudyInstanceUID}


def window(path, image):
    """Range of a map of probabilities, its mean inside and outside of a label map's value."""
    probability = sitk.GetArrayFromImage(sitk.ReadImage(path)).astype(float)
    label, number = image.rsplit("=", 1)
    inside = sitk.GetArrayFromImage(sitk.ReadImage(label)) == int(number)
    return {
        "least": probability.min(),
        "most": probability.max(),
        "inside": probability[inside].mean(),
        "outside": probability[~inside].mean(),
    }


COMMANDS = {each.__name__: each for each in [voxels, difference, make, value, segmentation, window]}
print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
