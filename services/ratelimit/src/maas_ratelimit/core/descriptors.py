"""The descriptor that Envoy sends in domain `maas`: `kind=admit` when a request arrives, `kind=settle` when its stream has ended.

All values are strings; "-" stands for none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter

from maas_common.errors import InvalidArgumentError

from maas_ratelimit.core.callers import Caller

DOMAIN = "maas"
_RID = re.compile(r"[0-9a-f]{32}")
_MISSING = {"", "-"}
_MOST_DIGITS = 15
COUNTS = ("bytes", "max_out", "input", "output", "total", "cached", "events", "response_bytes", "code", "flags")


@dataclass(slots=True)
class Admit:
    """A request that has arrived. `bytes` is its body's length; `max_out` the most output tokens it asks for."""

    rid: str
    caller: Caller
    bytes: int
    max_out: int | None


@dataclass(slots=True)
class Settle:
    """A request whose stream has ended. Counts that were not seen are None."""

    rid: str
    caller: Caller
    bytes: int
    max_out: int | None
    input: int | None
    output: int | None
    total: int | None
    cached: int | None
    events: int
    """Server-sent events in the answer."""
    response_bytes: int
    code: int
    """Status; 0 when there was no answer."""
    flags: int
    """Envoy's response flags."""


def read_admit(entries: Mapping[str, str], caller: Caller) -> Admit:
    """InvalidArgumentError names the entry that is missing or wrong: what can't be read can't be counted, so it is not let through.

    `entries` says "" for what is not in it, as protobuf maps do.
    """
    rid = read_rid(entries)
    if caller.refusal is not None:
        raise caller.refusal
    return Admit(rid, caller, _strict_count("bytes", entries["bytes"]) or 0, _strict_count("max_out", entries["max_out"]))


def read_settle(entries: Mapping[str, str], caller: Caller) -> Settle:
    """InvalidArgumentError when there is no request id. All else that can't be read is none: tokens were used, and are estimated then.

    `entries` as above.
    """
    rid = read_rid(entries)
    length, max_out, inputs, outputs, total, cached, events, response_bytes, code, flags = map(_count, _COUNTS(entries))
    return Settle(
        rid, caller, length or 0, max_out, inputs, outputs, total, cached, events or 0, response_bytes or 0, code or 0, flags or 0
    )


def read_rid(entries: Mapping[str, str]) -> str:
    """The request's id."""
    rid = entries["rid"]
    if not _RID.fullmatch(rid):
        raise InvalidArgumentError(f'descriptor entry "rid" is "{rid[:64]}"; want 32 hexadecimal digits')
    return rid


def _strict_count(name: str, value: str) -> int | None:
    count = _count(value)
    if count is None and value not in _MISSING:
        raise InvalidArgumentError(f'descriptor entry "{name}" is "{value[:64]}"; want a whole number or "-"')
    return count


def _count(value: str) -> int | None:
    return int(value) if value.isdecimal() and value.isascii() and len(value) <= _MOST_DIGITS else None


_COUNTS = itemgetter(*COUNTS)
