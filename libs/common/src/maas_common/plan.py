"""The plan: every limit that applies to a request, as one canonical string from authz to ratelimit.

    plan   = "1" *( ";" limit )
    limit  = id ":" metric ":" amount ":" window ":" per
    id     = 1*128( a-z / 0-9 / "." / "_" / "-" / "/" )
    metric = "requests" / "total_tokens"
    amount = "1"-"9" *DIGIT                       ; at most 9000000000000000
    window = "1"-"9" *7DIGIT ( "s" / "m" / "h" / "d" )
    per    = "user"

The leading 1 is the version of the grammar. Limits are in the order of their ids, so equal requests have equal plans.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from maas_common.limits import MAX_AMOUNT, Limit, Metric, Per, Window

VERSION = "1"
_ID = re.compile(r"[a-z0-9._/-]{1,128}")
_AMOUNT = re.compile(r"[1-9][0-9]{0,15}")


class PlanError(ValueError):
    """A string that is no plan; the message says where and what would be right."""


def format_plan(limits: Iterable[Limit]) -> str:
    """Write limits as a plan. PlanError when an id is outside the grammar or there twice."""
    parts = [VERSION]
    seen: set[str] = set()
    for limit in sorted(limits, key=lambda each: each.id):
        _check_id(limit.id, seen)
        parts.append(f"{limit.id}:{limit.metric}:{limit.amount}:{limit.window.text}:{limit.per}")
    return ";".join(parts)


def parse_plan(text: str) -> tuple[Limit, ...]:
    """Read a plan, strictly: what this accepts, `format_plan` writes back to the same limits."""
    version, *parts = text.split(";")
    if version != VERSION:
        raise PlanError(f'plan version "{version[:16]}" is not known; this reads version {VERSION}')
    seen: set[str] = set()
    return tuple(_parse_limit(part, seen) for part in parts)


def _parse_limit(part: str, seen: set[str]) -> Limit:
    fields = part.split(":")
    if len(fields) != 5:  # noqa: PLR2004 - the grammar above
        raise PlanError(f'limit "{part[:200]}": want id:metric:amount:window:per')
    limit_id, metric, amount, window, per = fields
    _check_id(limit_id, seen)
    if not _AMOUNT.fullmatch(amount) or int(amount) > MAX_AMOUNT:
        raise PlanError(f'limit "{limit_id}": amount "{amount[:32]}" is not a whole number from 1 to {MAX_AMOUNT}')
    try:
        return Limit(limit_id, Metric(metric), int(amount), Window.parse(window), Per(per))
    except ValueError as error:
        raise PlanError(f'limit "{limit_id}": {error}') from None


def _check_id(limit_id: str, seen: set[str]) -> None:
    if not _ID.fullmatch(limit_id):
        raise PlanError(f'limit id "{limit_id[:160]}": want 1 to 128 of a-z 0-9 . _ - /')
    if limit_id in seen:
        raise PlanError(f'limit id "{limit_id}" is there twice')
    seen.add(limit_id)
