"""Pages of lists that are ordered by an id or a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from maas_common.paging import after_token, page_token

from maas_keys.core.text import check_line

_Item = TypeVar("_Item")
PAGE_SIZE = 50


def after(token: str) -> str:
    """The id that the page before ended with; empty for the first page."""
    match after_token(token, (str,)):
        case (str(last),):
            check_line("page_token", last)
            return last
    return ""


def cut(found: Sequence[_Item], size: int, key: Callable[[_Item], str]) -> tuple[Sequence[_Item], str]:
    """The page, and the token of the next, of what was found when one more than `size` was asked for."""
    page = found[:size]
    return page, page_token(key(page[-1])) if len(found) > size else ""
