"""Run segspec, and read what it wrote, from Python.

The work is done by the program ``segspec``, which the package brings along. This module calls it and reads its files; it has no compiled parts
and needs nothing but Python. Tables are polars or pandas data frames, whichever is installed; weights are numpy arrays.

>>> import segspec
>>> segspec.run("experiments/phantom.toml")             # doctest: +SKIP
>>> run = segspec.runs("runs")[0]                       # doctest: +SKIP
>>> run.scores                                          # doctest: +SKIP
"""

from ._program import SegspecError, call, program, run
from ._results import Run, runs
from ._evaluate import evaluate

__all__ = ["Run", "SegspecError", "call", "evaluate", "program", "run", "runs"]
__version__ = "0.1.0"
