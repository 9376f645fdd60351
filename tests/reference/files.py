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
# Headers in other files, or files that another one's header names; and the segment files, which tests of their own pin.
SKIPPED = {".raw", ".md", ".json", ".csv", ".stl", ".seg"}


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
    if values.ndim < 2:
        raise ValueError("a line of numbers is no image")
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


def read(path):
    name = path.name
    if name.endswith((".nii", ".nii.gz")):
        return nifti(path)
    if name.endswith((".nrrd", ".nhdr")):
        return nrrd_file(path)
    if name.endswith(".png"):
        return picture(path)
    return None


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
        if not path.is_file() or path.suffix in SKIPPED or path.name.endswith(".seg.nrrd") or "dicom" in str(path.relative_to(data)):
            continue
        name = str(path.relative_to(data))
        try:
            found = read(path)
        except Exception as error:
            print("invalid:", name, error, file=sys.stderr)
            rows.append([name, "invalid"])
            continue
        if found:
            values, where = found
            rows.append([name, values.shape[0], list(values.shape[1:]), crc(values), *(where or [])])
    for name in ["totalsegmentator/example_ct_dicom", "dicomseg_dcmqi/ct-3slice", "dicomseg_dcmqi/23x38x3/image", "dicomseg_dcmqi/24x38x3/image"]:
        values, where = series(data / name)
        rows.append([name, values.shape[0], list(values.shape[1:]), crc(values), *where])
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (HERE / "files.json").write_text(f"[\n{lines}\n]\n")


main()
