"""The descriptor that Envoy sends in domain `maas`: `kind=admit` when a request arrives, `kind=settle` when its stream has ended.

All values are strings; "-" stands for none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
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
    key: str
    user: str
    team: str
    tier: str
    group: str
    model: str
    price: str
    plan: str
    bytes: int
    max_out: int | None


class Settle(NamedTuple):
    """A request whose stream has ended. Counts that were not seen are None."""

    rid: str
    tenant: str
    key: str
    user: str
    team: str
    tier: str
    group: str
    model: str
    price: str
    plan: str
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


def read_admit(entries: Mapping[str, str]) -> Admit:
    """InvalidArgumentError names the entry that is missing or wrong: what can't be read can't be counted, so it is not let through.

    `entries` says "" for what is not in it, as protobuf maps do.
    """
    rid, tenant, key, user, team, tier, group, model, price, plan, length, max_out = _ADMIT(entries)
    if not _RID.fullmatch(rid):
        raise _no_rid(rid)
    if not _MISSING.isdisjoint((tenant, user, model, plan)):
        missing = next(name for name in ("tenant", "user", "model", "plan") if entries[name] in _MISSING)
        raise InvalidArgumentError(f'descriptor entry "{missing}" is missing')
    bytes_, out = _strict_count("bytes", length) or 0, _strict_count("max_out", max_out)
    return Admit(rid, tenant, key, user, team, tier, group, model, price, plan, bytes_, out)


def read_settle(entries: Mapping[str, str]) -> Settle:
    """InvalidArgumentError when there is no request id. All else that can't be read is none: tokens were used, and are estimated then.

    `entries` as above.
    """
    (
        rid,
        tenant,
        key,
        user,
        team,
        tier,
        group,
        model,
        price,
        plan,
        length,
        max_out,
        inputs,
        outputs,
        total,
        cached,
        events,
        response_bytes,
        code,
        flags,
    ) = _SETTLE(entries)
    if not _RID.fullmatch(rid):
        raise _no_rid(rid)
    return Settle(
        rid,
        tenant,
        key,
        user,
        team,
        tier,
        group,
        model,
        price,
        plan,
        _count(length) or 0,
        _count(max_out),
        _count(inputs),
        _count(outputs),
        _count(total),
        _count(cached),
        _count(events) or 0,
        _count(response_bytes) or 0,
        _count(code) or 0,
        _count(flags) or 0,
    )


def facts(descriptor: Admit | Settle) -> tuple[str, ...]:
    """Who and what, as usage events tell it: tenant, key, user, team, tier, group, model, price; NONE where there is none."""
    return tuple([value or _NONE for value in descriptor[1:9]])


def _no_rid(rid: str) -> InvalidArgumentError:
    return InvalidArgumentError(f'descriptor entry "rid" is "{rid[:64]}"; want 32 hexadecimal digits')


def _strict_count(name: str, value: str) -> int | None:
    count = _count(value)
    if count is None and value not in _MISSING:
        raise InvalidArgumentError(f'descriptor entry "{name}" is "{value[:64]}"; want a whole number or "-"')
    return count


def _count(value: str) -> int | None:
    return int(value) if value.isdecimal() and len(value) <= _MOST_DIGITS else None


_ADMIT = itemgetter(*Admit._fields)
_SETTLE = itemgetter(*Settle._fields)
