"""Lost updates are refused: who gives the version they saw changes only that one."""

from __future__ import annotations

from maas_common.errors import ConflictError


def check_etag(what: str, *, current: str, given: str) -> None:
    """ConflictError unless the etag given is the current one; an empty one changes whatever is there."""
    if given and given != current:
        raise ConflictError(f'{what} was changed meanwhile: its etag is "{current}", not "{given}"; read it again')
