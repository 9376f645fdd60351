"""Makes the predictions of an imagined tool: label maps with shifted, eroded, dilated, missed and invented structures.

    python perturb.py REFERENCE_FOLDER OUTPUT_FOLDER NAME [--seed N] [--strength S]        # numpy 2.4.6, SimpleITK 2.5.7, scipy 1.17.1

Every structure of every .nii.gz of the reference folder is moved by up to S voxels and grown or shrunk; one in twenty is left out, and sometimes
a stray blob is added. The same arguments give the same files. NAME only seeds the random numbers, so that two tools differ.
"""

import argparse
import hashlib
from pathlib import Path

try:
    import numpy as np
    import SimpleITK
    from scipy import ndimage
except ImportError as missing:
    print(missing)
    raise SystemExit(77)

parser = argparse.ArgumentParser()
parser.add_argument("reference", type=Path)
parser.add_argument("output", type=Path)
parser.add_argument("name")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--strength", type=float, default=1.0)
arguments = parser.parse_args()

arguments.output.mkdir(parents=True, exist_ok=True)
for path in sorted(arguments.reference.glob("*.nii.gz")):
    key = f"{arguments.name} {arguments.seed} {path.name}"
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))
    image = SimpleITK.ReadImage(str(path))
    reference = SimpleITK.GetArrayFromImage(image).astype(np.uint16)
    result = np.zeros_like(reference)
    for value in np.unique(reference)[1:]:
        if rng.random() < 0.05 * arguments.strength:
            continue
        mask = ndimage.shift((reference == value).astype(float), rng.uniform(-1, 1, 3) * arguments.strength, order=1) > 0.5
        grow = rng.normal(0, 0.6 * arguments.strength)
        if grow > 0.7:
            mask = ndimage.binary_dilation(mask)
        elif grow < -0.7:
            mask = ndimage.binary_erosion(mask)
        result[mask & (result == 0)] = value
    if rng.random() < 0.3 * arguments.strength:
        corner = [int(rng.integers(0, max(1, size - 4))) for size in result.shape]
        result[tuple(slice(at, at + 4) for at in corner)] = rng.choice(np.unique(reference)[1:])
    written = SimpleITK.GetImageFromArray(result)
    written.CopyInformation(image)
    SimpleITK.WriteImage(written, str(arguments.output / path.name))
