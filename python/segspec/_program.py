"""Finds and calls the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Mapping, Union

PathLike = Union[str, "os.PathLike[str]"]

#: What the exit codes of segspec mean.
EXIT_CODES = {
    2: "wrong command line",
    3: "error in a spec",
    4: "data cannot be used",
    5: "a run failed",
    6: "numbers differ from the record",
    7: "the machine lacks something: disk, memory, permission, device",
    130: "interrupted; the state was saved",
}


class SegspecError(RuntimeError):
    """A call of segspec that failed. ``code`` is its exit code, ``message`` what it said."""

    def __init__(self, code: int, message: str) -> None:
        meaning = EXIT_CODES.get(code, "failed")
        super().__init__(f"segspec ended with code {code} ({meaning})\n{message}".rstrip())
        self.code = code
        self.message = message


def program() -> Path:
    """The program: ``SEGSPEC_PROGRAM``, else the one installed with this package, else the one in ``PATH``.

    :raises FileNotFoundError: there is none.
    """
    stated = os.environ.get("SEGSPEC_PROGRAM")
    name = "segspec.exe" if os.name == "nt" else "segspec"
    beside = [Path(sysconfig.get_path("scripts")) / name, Path(sys.executable).parent / name]
    found = [Path(stated)] if stated else [path for path in beside if path.is_file()]
    in_path = shutil.which("segspec")
    found += [Path(in_path)] if in_path else []
    if not found or not found[0].is_file():
        where = f"SEGSPEC_PROGRAM is {stated}" if stated else "it is neither beside this Python nor in PATH"
        raise FileNotFoundError(f"the program segspec is not there: {where}")
    return found[0]


def call(*arguments: PathLike, cwd: PathLike | None = None, env: Mapping[str, str] | None = None) -> str:
    """Calls segspec with arguments as in a shell, and returns what it prints on its standard output.

    Progress and warnings go to the standard error of this process.

    :raises SegspecError: it ended with another code than 0.
    """
    command = [str(program()), *(os.fspath(argument) for argument in arguments)]
    environment = {**os.environ, **env} if env else None
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SegspecError(done.returncode, done.stderr)
    sys.stderr.write(done.stderr)
    return done.stdout


def run(experiment: PathLike, *arguments: str, cwd: PathLike | None = None) -> None:
    """Runs an experiment, as ``segspec run EXPERIMENT …``; progress is shown. A finished run is not repeated.

    :raises SegspecError: it did not end well.
    """
    command = [str(program()), "run", os.fspath(experiment), *arguments]
    code = subprocess.run(command, cwd=cwd).returncode
    if code != 0:
        raise SegspecError(code, "")
