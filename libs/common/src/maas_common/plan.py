"""The plan: every limit that applies to a request, as one canonical string from authz to ratelimit. docs/plan.md has the grammar."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from maas_common.limits import HARD, MAX_AMOUNT, Limit

VERSION = "1"
STRICT = f"{VERSION} strict"
_ID = re.compile(r"[a-z0-9._/-]{1,128}")
_AMOUNT = re.compile(r"[1-9][0-9]{0,15}")
_NOTIFY = re.compile(r"[1-9][0-9]{0,2}(/[1-9][0-9]{0,2})*")
_FEWEST, _MOST = 5, 7


class PlanError(ValueError):
    """A string that is no plan; the message says where and what would be right."""


class ParsedPlan(NamedTuple):
    """What a plan says. Strict: no token limit may be overshot, so the most that a model may put out is written into the request."""

    limits: tuple[Limit, ...]
    is_strict: bool


def format_plan(limits: Iterable[Limit], *, is_strict: bool = False) -> str:
    """Write limits as a plan. PlanError when an id is outside the grammar or there twice."""
    parts = [STRICT if is_strict else VERSION]
    seen: set[str] = set()
    for limit in sorted(limits, key=lambda each: each.id):
        _check_id(limit.id, seen)
        parts.append(_format_limit(limit))
    return ";".join(parts)


def parse_plan(text: str) -> ParsedPlan:
    """Read a plan, strictly: what this accepts, `format_plan` writes back to the same limits, in whatever order they were."""
    version, *parts = text.split(";")
    if version not in {VERSION, STRICT}:
        raise PlanError(f'plan version "{version[:16]}" is not known; this reads version "{VERSION}" and "{STRICT}"')
    seen: set[str] = set()
    return ParsedPlan(tuple(_parse_limit(part, seen) for part in parts), version == STRICT)


def _format_limit(limit: Limit) -> str:
    written = f"{limit.id}:{limit.metric}:{limit.amount}:{limit.window.text}:{limit.per.text}"
    if limit.notify:
        return f"{written}:{limit.over.text}:{'/'.join(map(str, limit.notify))}"
    return written if limit.over == HARD else f"{written}:{limit.over.text}"


def _parse_limit(part: str, seen: set[str]) -> Limit:
    fields = part.split(":")
    if not _FEWEST <= len(fields) <= _MOST:
        raise PlanError(f'limit "{part[:200]}": want id:metric:amount:window:per[:over[:notify]]')
    limit_id, metric, amount, window, per = fields[:_FEWEST]
    over, notify = [*fields[_FEWEST:], "", ""][:2]
    _check_id(limit_id, seen)
    if not _AMOUNT.fullmatch(amount) or int(amount) > MAX_AMOUNT:
        raise PlanError(f'limit "{limit_id}": amount "{amount[:32]}" is not a whole number from 1 to {MAX_AMOUNT}')
    if notify and not _NOTIFY.fullmatch(notify):
        raise PlanError(f'limit "{limit_id}": notify "{notify[:32]}": want percentages joined by /, like 50/80/100')
    try:
        limit = Limit.parse(
            id=limit_id,
            metric=metric,
            amount=int(amount),
            window=window,
            per=per,
            over=over,
            notify=tuple(map(int, notify.split("/"))) if notify else (),
        )
    except ValueError as error:
        raise PlanError(f'limit "{limit_id}": {error}') from None
    if (canonical := _format_limit(limit)) != part:
        raise PlanError(f'limit "{limit_id}": write it as {canonical}')
    return limit


def _check_id(limit_id: str, seen: set[str]) -> None:
    if not _ID.fullmatch(limit_id):
        raise PlanError(f'limit id "{limit_id[:160]}": want 1 to 128 of a-z 0-9 . _ - /')
    if limit_id in seen:
        raise PlanError(f'limit id "{limit_id}" is there twice')
    seen.add(limit_id)
