"""What can go wrong, and the exit code that a script sees for it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of every command. They are an interface: a meaning never moves to another number."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    LIMITED = 6
    INTERRUPTED = 130


EXIT_CODE_MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "the server refused or failed, or you did not confirm",
    ExitCode.USAGE: "the command line or the configuration is wrong; nothing was sent",
    ExitCode.NOT_SIGNED_IN: "not signed in, sign-in expired, or password, token or API key not accepted",
    ExitCode.NOT_FOUND: "there is no such thing, or none that you may see",
    ExitCode.UNREACHABLE: "the server can't be reached or is not available (502, 503, 504); trying again may help",
    ExitCode.LIMITED: "rate limit exceeded or quota used up (429)",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}


class CommandError(Exception):
    """Ends a command with one line for people and an exit code for scripts. Holds nothing secret."""

    exit_code: ClassVar[ExitCode] = ExitCode.REFUSED

    def __init__(self, message: str, *, hint: str = "", details: Sequence[str] = ()) -> None:
        """`details` are further lines, one per wrong field; `hint` says what to do about it."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)


class RefusedError(CommandError):
    """The server said no, or failed."""


class ForbiddenError(RefusedError):
    """The server knows who asks, and they may not."""


class UsageError(CommandError):
    """The command line or the configuration is wrong."""

    exit_code = ExitCode.USAGE


class NotSignedInError(CommandError):
    """There is no credential, or it is not accepted."""

    exit_code = ExitCode.NOT_SIGNED_IN


class NotFoundError(CommandError):
    """The thing named does not exist, or may not be seen."""

    exit_code = ExitCode.NOT_FOUND


class UnreachableError(CommandError):
    """No answer from the server, or none from what is behind it."""

    exit_code = ExitCode.UNREACHABLE


class LimitedError(CommandError):
    """A rate limit or a quota is used up."""

    exit_code = ExitCode.LIMITED
