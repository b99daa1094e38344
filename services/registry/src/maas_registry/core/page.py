"""Pages of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")
_DEFAULT_SIZE = 100


def page(items: Iterable[_Item], *, follows: Callable[[_Item], bool], size: int) -> tuple[list[_Item], bool]:
    """The first `size` of the items that follow the page before, and whether there are more; 100 when `size` is 0."""
    size = size or _DEFAULT_SIZE
    rest = [item for item in items if follows(item)]
    return rest[:size], len(rest) > size
