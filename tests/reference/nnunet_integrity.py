"""nnU-Net's own check of a raw dataset, and that its folds name its training cases.

Usage: nnunet_integrity.py FOLDER…; exit code 77 where nnunetv2 is not installed.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

# Without them, nnU-Net warns on each import.
for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(name, tempfile.gettempdir())


def check_folds(folder: Path) -> None:
    splits = folder / "splits_final.json"
    if not splits.is_file():
        return
    cases = {path.name[: -len(".nii.gz")] for path in (folder / "labelsTr").iterdir()}
    for fold in json.loads(splits.read_text(encoding="utf-8")):
        train, val = set(fold["train"]), set(fold["val"])
        assert train and val and not train & val, f"{folder}: a fold without cases, or with a case in both parts"
        assert train | val <= cases, f"{folder}: unknown cases {sorted((train | val) - cases)}"


def main() -> int:
    try:
        from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    except ImportError as error:
        print(error)
        return 77
    for folder in map(Path, sys.argv[1:]):
        verify_dataset_integrity(str(folder), num_processes=2)
        check_folds(folder)
        print(f"accepted {folder.name}")
    return 0


# nnU-Net starts processes that read this file.
if __name__ == "__main__":
    sys.exit(main())
