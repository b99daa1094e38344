"""Changes that meet another's: read again and try again, unless the caller said which version they change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from maas_common.errors import ConflictError

_Done = TypeVar("_Done")
_RETRIES = 3


async def retried(attempt: Callable[[], Awaitable[_Done]], *, etag: str) -> _Done:
    """What the attempt returns: one that reads, changes and puts. ConflictError at once with an etag, else after the last retry."""
    for _ in range(_RETRIES):
        try:
            return await attempt()
        except ConflictError:
            if etag:
                raise
    return await attempt()
