"""Run folders: plan, history, scores, weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ._program import PathLike
from ._tables import read_table, read_weights

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = None


class Run:
    """A run folder, ``runs/EXPERIMENT/ID``: its latest prediction and its scores.

    :param path: the folder.
    :raises FileNotFoundError: it is no run folder.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        if not (self.path / "plan.toml").is_file():
            raise FileNotFoundError(f"{self.path} is no run folder: it has no plan.toml")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def id(self) -> str:
        """The id of the training: the name of the folder."""
        return self.path.name

    @property
    def plan(self) -> dict[str, Any]:
        """The plan: every setting with its value.

        :raises ImportError: Python before 3.11 without the package ``tomli``.
        """
        text = (self.path / "plan.toml").read_text(encoding="utf-8")
        if tomllib is not None:
            return tomllib.loads(text)
        try:
            import tomli
        except ImportError:
            raise ImportError("plans need Python 3.11, or: pip install tomli") from None
        return tomli.loads(text)

    @property
    def manifest(self) -> dict[str, Any]:
        """Provenance: versions, host, sessions, hashes. Empty before the run begins."""
        path = self.path / "manifest.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @property
    def finished(self) -> bool:
        """Whether it has scores."""
        return self._evaluation() is not None

    @property
    def scores(self) -> Any:
        """A row per case and structure with every metric, as a data frame; docs/metrics.md defines the columns.

        :raises FileNotFoundError: the run is not finished.
        """
        return read_table(self._scored() / "scores.parquet")

    @property
    def history(self) -> Any:
        """A row per epoch: loss, learning rate, validation scores.

        :raises FileNotFoundError: no epoch is finished.
        """
        path = self.path / "history.parquet"
        if not path.is_file():
            raise FileNotFoundError(f"{self.path}: no epoch is finished")
        return read_table(path)

    @property
    def report(self) -> Path:
        """The page of the run's report."""
        return self._scored() / "report" / "report.html"

    @property
    def predictions(self) -> dict[str, Path]:
        """The predicted label map of each test case, by its name."""
        folder = self._scored().parent.parent
        files = sorted(folder.glob("*.nii.gz"))
        return {file.name[: -len(".nii.gz")]: file for file in files}

    def weights(self) -> dict[str, Any]:
        """The best weights: numpy arrays by the names of parameters.

        :raises FileNotFoundError: there are none yet.
        """
        path = self.path / "checkpoints" / "best.safetensors"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no best weights: not trained, or without validation cases")
        return read_weights(path)

    def _scored(self) -> Path:
        found = self._evaluation()
        if found is None:
            raise FileNotFoundError(f"{self.path}: no scores yet: segspec.run finishes it")
        return found

    def _evaluation(self) -> Path | None:
        """The folder of the latest scores."""
        scores = self.path.glob("predictions/*/evaluations/*/scores.parquet")
        latest = max(scores, key=lambda path: path.stat().st_mtime, default=None)
        return latest.parent if latest else None


def runs(root: PathLike = "runs", experiment: str | None = None) -> list[Run]:
    """The runs below a run root, or of one experiment, sorted by experiment and id."""
    pattern = f"{experiment or '*'}/*/plan.toml"
    return [Run(path.parent) for path in sorted(Path(root).glob(pattern))]
