"""``python -m segspec …`` is ``segspec …``."""

import os
import subprocess
import sys

from ._program import program


def main() -> int:
    command = [str(program()), *sys.argv[1:]]
    if os.name == "posix":
        # Signals such as Ctrl-C then reach the program itself.
        os.execv(command[0], command)
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
