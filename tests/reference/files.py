"""What every file of the shared data holds, read with nibabel, pynrrd, SimpleITK and Pillow.

Run: pip install nibabel pynrrd SimpleITK pillow numpy; python files.py DATA
Writes files.json, a row per image: path, channels, shape [z, y, x] as stored, CRC-32 of the values as little-endian floats in
[channel, z, y, x] order, and where the file states its place: spacing [z, y, x], origin [x, y, z] in RAS, axis codes [x, y, z].
Files that the libraries refuse have a row of their path and "invalid".
"""
import json
import sys
import zlib
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import SimpleITK as sitk
from PIL import Image

HERE = Path(__file__).parent
# What is no image, or what an image's header names; and surfaces and segmentation objects, which tests of their own pin
# (surface.py, dicom.py).
SKIPPED = {".raw", ".md", ".json", ".csv", ".stl", ".seg"}
OBJECTS = {"liver.dcm", "partial_overlaps.dcm", "sparse-labelmap-noppv.dcm", "sparse-labelmap-ppv5.dcm", "LICENSE"}


def crc(values):
    return zlib.crc32(np.ascontiguousarray(values, "<f4").tobytes())


def place(affine):
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(0))[::-1]
    codes = "".join(nib.aff2axcodes(affine))
    return [[round(float(v), 5) for v in spacing], [round(float(v), 4) for v in affine[:3, 3]], codes]


def nifti(path):
    image = nib.load(path)
    values = np.asanyarray(image.dataobj)
    if values.dtype.fields:
        values = np.stack([values[name] for name in values.dtype.names], -1)
    values = values.astype(np.float64)
    while values.ndim < 3:
        values = values[..., None]
    values = values.reshape(*values.shape[:3], -1)
    return values.transpose(3, 2, 1, 0), place(image.affine)


def nrrd_file(path):
    values, header = nrrd.read(str(path), index_order="F")
    kinds = header.get("kinds", ["domain"] * values.ndim)
    lists = [axis for axis, kind in enumerate(kinds) if kind in ("list", "vector", "RGB-color", "3-color")]
    values = np.moveaxis(values, lists, range(values.ndim - len(lists), values.ndim)) if lists else values
    while values.ndim < 3:
        values = values[..., None]
    values = values.reshape(*values.shape[:3], -1).astype(np.float64)
    if "space" not in header or "space origin" not in header:
        return values.transpose(3, 2, 1, 0), None
    parts = header["space"].split("-")
    sign = np.array([-1 if parts[0] == "left" else 1, -1 if parts[1] == "posterior" else 1, 1.0])
    directions = np.array([row for row in header["space directions"] if row is not None and not np.isnan(row).any()], float)
    affine = np.eye(4)
    affine[:3, :3] = (directions * sign).T
    affine[:3, 3] = np.array(header["space origin"]) * sign
    return values.transpose(3, 2, 1, 0), place(affine)


def picture(path):
    image = Image.open(path)
    if image.mode == "P":
        image = image.convert("RGB")
    values = np.asarray(image).astype(np.float64)
    if values.ndim == 2:
        values = values[..., None]
    if image.mode in ("RGBA", "LA"):
        values = values[..., :-1]
    return values.transpose(2, 0, 1)[:, None], None


def segments(path):
    """Labels where one layer holds them, else a mask per segment in the order of their numbers."""
    values, header = nrrd.read(str(path), index_order="F")
    if values.ndim == 3:
        return nrrd_file(path)
    numbers = sorted({int(key[7:].split("_")[0]) for key in header if key.startswith("Segment") and key[7].isdigit()})
    layers = [(int(header[f"Segment{n}_Layer"]), int(header[f"Segment{n}_LabelValue"])) for n in numbers]
    masks = np.stack([values[layer] == value for layer, value in layers]).astype(np.float64)
    return masks.transpose(0, 3, 2, 1), nrrd_file(path)[1]


def slice_(path):
    """One DICOM file: its place is a matter of its series."""
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float64)
    return values.reshape(1, -1, *values.shape[-2:]), None


def read(path):
    name = path.name
    if name.endswith(".seg.nrrd"):
        return segments(path)
    if name.endswith((".nii", ".nii.gz")):
        return nifti(path)
    if name.endswith((".nrrd", ".nhdr")):
        return nrrd_file(path)
    if name.endswith(".png"):
        return picture(path)
    return slice_(path)


def series(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    values = sitk.GetArrayFromImage(image).astype(np.float64)[None]
    affine = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    sign = np.array([-1, -1, 1.0])
    affine[:3, :3] = directions * sign[:, None]
    affine[:3, 3] = np.array(image.GetOrigin()) * sign
    return values, place(affine)


def main():
    data = Path(sys.argv[1])
    rows = []
    for path in sorted(data.rglob("*")):
        if not path.is_file() or path.suffix in SKIPPED or path.name in OBJECTS:
            continue
        name = str(path.relative_to(data))
        try:
            found = read(path)
        except Exception as error:
            print("invalid:", name, error, file=sys.stderr)
            rows.append([name, "invalid"])
            continue
        values, where = found
        rows.append([name, values.shape[0], list(values.shape[1:]), crc(values), *(where or [])])
    for name in ["totalsegmentator/example_ct_dicom", "dicomseg_dcmqi/ct-3slice", "dicomseg_dcmqi/23x38x3/image", "dicomseg_dcmqi/24x38x3/image"]:
        values, where = series(data / name)
        rows.append([name, values.shape[0], list(values.shape[1:]), crc(values), *where])
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (HERE / "files.json").write_text(f"[\n{lines}\n]\n")


main()
