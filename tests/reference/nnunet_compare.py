"""Our predictions beside those of nnU-Net: python nnunet_compare.py SCENARIO_FOLDER OUR_FOLDER. Prints JSON: one row per case.

Called by tests/it/nnunet.rs. `same`: fraction of voxels with the same label; `expected`, `exact`: largest difference of the probabilities from
those of nnU-Net as it is, and with logits summed in single precision; `…_above_1e-3`: fraction of the voxels that differ by more than that.
"""
import json, sys
from pathlib import Path

try:
    import nibabel, numpy as np
    import SimpleITK as sitk
except ImportError as missing:
    print(missing)
    sys.exit(77)

root, ours = Path(sys.argv[1]), Path(sys.argv[2])
rows = []
for file in sorted((root / "expected").glob("*.nii.gz")):
    case = file.name[: -len(".nii.gz")]
    theirs, found = sitk.ReadImage(str(file)), sitk.ReadImage(str(ours / file.name))
    a, b = sitk.GetArrayFromImage(theirs), sitk.GetArrayFromImage(found)
    place = max(
        float(np.abs(np.subtract(getattr(theirs, what)(), getattr(found, what)())).max())
        for what in ["GetOrigin", "GetSpacing", "GetDirection"]
    )
    row = dict(case=case, voxels=int(a.size), same=float((a == b).mean()), place=place, labels=sorted(map(int, np.unique(a))))
    row["different"] = int((a != b).sum())
    probabilities = nibabel.load(ours / "probabilities" / file.name).get_fdata(dtype=np.float32)
    probabilities = probabilities.reshape(probabilities.shape[:3] + (-1,)).transpose(3, 2, 1, 0)
    for kind in ["expected", "exact"]:
        other = np.load(root / kind / f"{case}.npz")["probabilities"].astype(np.float32)
        # Softmax has a background, and ours has not.
        other = other[len(other) - len(probabilities) :]
        difference = np.abs(other - probabilities)
        row[kind] = float(difference.max())
        row[f"{kind}_above_1e-3"] = float((difference > 1e-3).mean())
    rows.append(row)
print(json.dumps(rows))
