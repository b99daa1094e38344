"""Becomes another program that can't outlive its supervisor. Standard library only; run by path, before anything else.

launch.py <supervisor's process id> <program> <arguments…>
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask the system for SIGKILL when the parent dies, by whatever means, then turn into the program."""
    supervisor, program = int(arguments[0]), arguments[1]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # It may have died before we asked.
    if os.getppid() != supervisor:
        raise SystemExit("the supervisor is gone")
    try:
        os.execvp(program, arguments[1:])  # noqa: S606 - exactly this program, no shell
    except OSError as error:
        raise SystemExit(f"{program}: {error.strerror}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
