"""Collects what is wrong with a request, so that it is refused once for all of it."""

from __future__ import annotations

from types import TracebackType

from maas_common.errors import FieldViolation, InvalidArgumentError

_TOLD = 20
"""So many wrong fields are told at once."""


class Violations:
    """`with wrong: <a rule>` goes on past an InvalidArgumentError, and keeps it."""

    def __init__(self, place: str = "") -> None:
        """`place` is put before the names of fields: `keys[3].`."""
        self._place = place
        self._found: list[FieldViolation] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> bool:
        if not isinstance(error, InvalidArgumentError):
            return False
        self._found += (FieldViolation(self._place + each.field, each.description) for each in error.violations)
        return True

    def refuse(self) -> None:
        """InvalidArgumentError with all that was kept, if anything was."""
        if self._found:
            told = self._found[:_TOLD]
            more = f"; and {len(self._found) - _TOLD} more" if len(self._found) > _TOLD else ""
            raise InvalidArgumentError("; ".join(f"{v.field}: {v.description}" for v in told) + more, violations=told)
