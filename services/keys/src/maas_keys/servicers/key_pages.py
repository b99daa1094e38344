"""Pages of keys, and the tokens of the next ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from maas_common.errors import InvalidArgumentError
from maas_common.paging import after_token, page_token

from maas_keys.core.api_key import ApiKey
from maas_keys.core.search import KeyFilter, KeyQuery, Position, SortBy, position
from maas_keys.ports import KeyStore

PAGE_SIZE = 50
MAX_PAGE_SIZE = 100
_ORDERS = {True: "desc", False: "asc"}
_LAST = 2**63 - 1
_NUMBER = re.compile("[0-9]{1,19}")


async def key_page(  # noqa: PLR0913 - a page's parts
    store: KeyStore,
    keys: KeyFilter,
    *,
    size: int,
    token: str,
    sort: SortBy = SortBy.PERSONAL_FIRST,
    descending: bool = True,
    offset: int = 0,
) -> tuple[Sequence[ApiKey], str]:
    """A page, and the token of the next one, empty on the last."""
    if token and offset:
        raise InvalidArgumentError.of("offset", "is given together with a page token; leave one of them out")
    size = size or PAGE_SIZE
    query = KeyQuery(keys, size + 1, sort, descending, _after(token, sort, descending=descending), offset)
    found = await store.page(query)
    page = found[:size]
    return page, _token(position(page[-1], sort), sort, descending=descending) if len(found) > size else ""


def _token(at: Position, sort: SortBy, *, descending: bool) -> str:
    value, made = at
    return page_token(sort, _ORDERS[descending], str(value), made)


def _after(token: str, sort: SortBy, *, descending: bool) -> Position | None:
    match after_token(token, (str, str, str, int)):
        case None:
            return None
        case (by, order, str(value), int(made)) if 0 < made <= _LAST:
            if (by, order) != (sort, _ORDERS[descending]):
                raise InvalidArgumentError.of("page_token", "is of a list in another order; leave it out to begin anew in this one")
            if sort is SortBy.NAME and "\0" not in value and value.encode(errors="ignore").decode() == value:
                return value, made
            if sort is not SortBy.NAME and _NUMBER.fullmatch(value) and int(value) <= _LAST:
                return int(value), made
    raise InvalidArgumentError.of("page_token", "not a token that a list call returned; leave it out for the first page")
