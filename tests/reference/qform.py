"""Affines of qforms near a half turn, from SimpleITK (nifti1_io) and nibabel. Run: pip install nibabel SimpleITK numpy; python qform.py

Writes qform.json: for each header the vector part of the quaternion as stored (32 bits), voxel sizes, handedness, offset, and the affine
in RAS millimetres that each library makes of it. Where 1 − (b² + c² + d²) < 1e-7, nifti1_io takes the rotation as a half turn; nibabel does
so below 3.6e-7.
"""
import json, tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

HERE = Path(__file__).parent
SHAPE = (3, 4, 5)


def row(direction, rest, sizes, qfac):
    """A quaternion along `direction` whose scalar part has the square `rest`."""
    direction = np.asarray(direction, dtype=np.float64)
    vector = direction / np.linalg.norm(direction) * np.sqrt(1.0 - rest)
    header = nib.Nifti1Header()
    header.set_data_shape(SHAPE)
    header.set_data_dtype(np.uint8)
    header["pixdim"][:4] = [qfac, *sizes]
    header["quatern_b"], header["quatern_c"], header["quatern_d"] = vector
    header["qoffset_x"], header["qoffset_y"], header["qoffset_z"] = 10.5, -20.25, 300.0
    header["qform_code"], header["sform_code"] = 1, 0
    header["vox_offset"], header["xyzt_units"] = 352, 2
    header["magic"] = b"n+1"
    stored = [float(header[key]) for key in ("quatern_b", "quatern_c", "quatern_d")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii"
        path.write_bytes(header.binaryblock + b"\0\0\0\0" + bytes(int(np.prod(SHAPE))))
        image = sitk.ReadImage(str(path))
        cosines = np.array(image.GetDirection()).reshape(3, 3)
        lps = np.column_stack([cosines * np.array(image.GetSpacing()), image.GetOrigin()])
        itk = np.diag([-1.0, -1.0, 1.0]) @ lps
        try:
            nibabel = nib.load(path).affine[:3].tolist()
        except Exception:  # nibabel refuses what is longer than rounding makes it
            nibabel = None
    return {
        "quaternion": stored,
        "rest": 1.0 - float(np.dot(stored, stored)),
        "pixdim": [qfac, *map(float, sizes)],
        "itk": itk.tolist(),
        "nibabel": nibabel,
    }


def main():
    rows = []
    for direction in ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.2, -0.9, 0.4], [-0.6, 0.1, 0.8]):
        for rest in (0.0, 1e-9, 3e-8, 9e-8, 2e-7, 5e-7, 1e-5, 1e-2, -3e-8, -2e-7):
            rows.append(row(direction, rest, (0.7, 0.9, 2.5), 1.0))
    for rest in (3e-8, 2e-7, 0.3):
        rows.append(row([0.5, 0.5, 0.1], rest, (1.0, 1.0, 1.0), -1.0))
    (HERE / "qform.json").write_text(json.dumps(rows, indent=0) + "\n")


main()
