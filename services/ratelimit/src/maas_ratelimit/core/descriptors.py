"""The descriptor that Envoy sends in domain `maas`: `kind=admit` when a request arrives, `kind=settle` when its stream has ended.

All values are strings; "-" stands for none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from maas_common.errors import InvalidArgumentError

DOMAIN = "maas"
_NONE = "-"
_RID = re.compile(r"[0-9a-f]{32}")
_MISSING = {"", _NONE}
_MOST_DIGITS = 15


class Admit(NamedTuple):
    """A request that has arrived. `bytes` is its body's length; `max_out` the most output tokens it asks for."""

    rid: str
    tenant: str
    user: str
    model: str
    plan: str
    bytes: int
    max_out: int | None


class Settle(NamedTuple):
    """A request whose stream has ended. Counts that were not seen are None."""

    rid: str
    tenant: str
    user: str
    model: str
    plan: str
    bytes: int
    max_out: int | None
    input: int | None
    output: int | None
    total: int | None
    events: int
    """Server-sent events in the answer."""
    response_bytes: int
    code: int
    """Status; 0 when there was no answer."""
    flags: int
    """Envoy's response flags."""


def read_admit(entries: Mapping[str, str]) -> Admit:
    """InvalidArgumentError names the entry that is missing or wrong: what can't be read can't be counted, so it is not let through."""
    get = entries.get
    admit = Admit(
        get("rid", _NONE),
        get("tenant", _NONE),
        get("user", _NONE),
        get("model", _NONE),
        get("plan", _NONE),
        _strict_count("bytes", get("bytes", _NONE)) or 0,
        _strict_count("max_out", get("max_out", _NONE)),
    )
    _check_rid(admit.rid)
    for name, value in zip(Admit._fields, admit[:5], strict=False):
        if value in _MISSING:
            raise InvalidArgumentError(f'descriptor entry "{name}" is missing')
    return admit


def read_settle(entries: Mapping[str, str]) -> Settle:
    """InvalidArgumentError when there is no request id. All else that can't be read is none: tokens were used, and are estimated then."""
    get = entries.get
    rid = get("rid", _NONE)
    _check_rid(rid)
    return Settle(
        rid,
        get("tenant", ""),
        get("user", ""),
        get("model", ""),
        get("plan", ""),
        _count(get("bytes", _NONE)) or 0,
        _count(get("max_out", _NONE)),
        _count(get("input", _NONE)),
        _count(get("output", _NONE)),
        _count(get("total", _NONE)),
        _count(get("events", _NONE)) or 0,
        _count(get("response_bytes", _NONE)) or 0,
        _count(get("code", _NONE)) or 0,
        _count(get("flags", _NONE)) or 0,
    )


def _check_rid(rid: str) -> None:
    if not _RID.fullmatch(rid):
        raise InvalidArgumentError(f'descriptor entry "rid" is "{rid[:64]}"; want 32 hexadecimal digits')


def _strict_count(name: str, value: str) -> int | None:
    count = _count(value)
    if count is None and value != _NONE:
        raise InvalidArgumentError(f'descriptor entry "{name}" is "{value[:64]}"; want a whole number or "-"')
    return count


def _count(value: str) -> int | None:
    return int(value) if value.isdecimal() and len(value) <= _MOST_DIGITS else None
