"""Scores of label files against references."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping, Sequence

from ._program import PathLike, call


def evaluate(
    reference: PathLike,
    prediction: PathLike,
    *,
    labels: Mapping[str, int] | None = None,
    cases: Sequence[str] | None = None,
    tolerance_mm: float | None = None,
    arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """Scores label files against references, as ``segspec evaluate --json``.

    :param reference: a file or folder of any form that segspec reads.
    :param prediction: the same.
    :param labels: structures and their label values; without it, every name or value that occurs.
    :param cases: only these cases.
    :param tolerance_mm: distance up to which surfaces agree: adds NSD and boundary IoU.
    :param arguments: further options of ``segspec evaluate``.
    :return: ``mean`` over structures, ``structures``, ``cases`` with a row per case and structure, ``warnings``, …
    :raises SegspecError: nothing could be scored, or a case could not.
    """
    command: list[str] = ["evaluate", "--reference", os.fspath(reference), "--prediction", os.fspath(prediction), "--json"]
    if labels:
        command += ["--labels", ",".join(f"{name}={value}" for name, value in labels.items())]
    if cases:
        command += ["--cases", ",".join(cases)]
    if tolerance_mm is not None:
        command += ["--tolerance-mm", str(tolerance_mm)]
    return json.loads(call(*command, *arguments))
