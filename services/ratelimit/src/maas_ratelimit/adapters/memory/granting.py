"""What a claim gets whose limits have not all enough left, and when it would get it all."""

from __future__ import annotations

from typing import NamedTuple

from maas_ratelimit.adapters.memory.counters import AnyCounter
from maas_ratelimit.adapters.memory.families import Family
from maas_ratelimit.core.counting import Claim
from maas_ratelimit.core.plans import PlannedLimit


class Line(NamedTuple):
    """One limit of a plan in a tenant, and where its counters are."""

    limit: PlannedLimit
    family: Family
    second: Family | None


class Granted(NamedTuple):
    """What a claim gets: of these limits and counters so much."""

    limits: tuple[PlannedLimit, ...]
    counters: list[AnyCounter]
    takes: tuple[int, ...]
    left: list[int]
    """Of the first counters."""
    refusing: list[int]
    throttled: list[int]
    exceeded: list[int]


def grant(  # noqa: PLR0913, PLR0917 - as many as there are things to know
    claim: Claim,
    lines: tuple[Line, ...],
    counters: list[AnyCounter],
    left: list[int],
    fresh: list[AnyCounter],
    now_ms: int,
) -> Granted:
    """What a claim gets whose limits have not all enough left."""
    granted = Granted((), list(counters), (), list(left), [], [], [])
    limits, takes = list(claim.account.plan.limits), list(claim.takes)
    for place, ((limit, _, second), subject, take, least) in enumerate(
        zip(lines, claim.account.subjects, claim.takes, claim.leasts, strict=True)
    ):
        if left[place] >= 0 or not take:
            continue
        rest = left[place] + take
        if rest >= least:
            takes[place], granted.left[place] = rest, 0
        elif limit.is_shadow:
            granted.exceeded.append(place)
        elif second is not None and (more := _second(limit, second, subject, take, least, now_ms, fresh)) is not None:
            granted.throttled.append(place)
            limits[place], granted.counters[place], takes[place] = more
            granted.left[place] = rest
        else:
            granted.refusing.append(place)
    return granted._replace(limits=tuple(limits), takes=tuple(takes))


def _second(  # noqa: PLR0913, PLR0917 - as many as there are things to know
    limit: PlannedLimit, family: Family, subject: str, take: int, least: int, now_ms: int, fresh: list[AnyCounter]
) -> tuple[PlannedLimit, AnyCounter, int] | None:
    """The second counter of a soft limit and what is granted of it; None when it has not enough."""
    second = limit.second
    assert second is not None  # noqa: S101 - it has a family
    counter = family.counters.get(subject)
    is_new = counter is None
    counter = counter or family.fresh(subject)
    take, least = min(take, second.capacity), min(least, second.capacity)
    rest = counter.rest(second, now_ms)
    if rest < least:
        return None
    if is_new:
        fresh.append(counter)
    return second, counter, min(take, rest)


def retry_at(claim: Claim, refusing: list[int], lines: tuple[Line, ...], now_ms: int) -> float:
    """When the claim would pass, Unix time; 0 when that can't be known. `refusing`: places of the limits that refuse it."""
    latest = 0
    for place in refusing:
        limit, family, second = lines[place]
        if limit.kind == "held":
            return 0.0
        subject, least = claim.account.subjects[place], claim.leasts[place]
        retry = family.look(subject).retry_ms(limit, least, now_ms)
        if limit.second is not None and second is not None:
            retry = min(retry, second.look(subject).retry_ms(limit.second, min(least, limit.second.capacity), now_ms))
        latest = max(latest, retry)
    return latest / 1000
