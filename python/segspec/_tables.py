"""Data frames of whichever library is installed, and weights as numpy arrays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_table(path: Path) -> Any:
    """A Parquet file as a polars data frame, or a pandas one where polars is not installed.

    :raises ImportError: neither is there.
    """
    try:
        import polars
    except ImportError:
        pass
    else:
        return polars.read_parquet(path)
    try:
        import pandas
    except ImportError:
        raise ImportError("tables need polars or pandas: pip install 'segspec[polars]'") from None
    return pandas.read_parquet(path)


def read_weights(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file as numpy arrays.

    :raises ImportError: numpy is not installed.
    :raises ValueError: the file is damaged, or has a type that numpy lacks.
    """
    try:
        import numpy
    except ImportError:
        raise ImportError("weights need numpy: pip install numpy") from None
    types = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 + length:
        raise ValueError(f"{path}: damaged: it ends within its header")
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, tensor in header.items():
        if tensor["dtype"] not in types:
            raise ValueError(f"{path}: {name} has the type {tensor['dtype']}, which numpy lacks")
        start, end = (8 + length + offset for offset in tensor["data_offsets"])
        array = numpy.frombuffer(content[start:end], dtype=types[tensor["dtype"]])
        tensors[name] = array.reshape(tensor["shape"])
    return tensors
