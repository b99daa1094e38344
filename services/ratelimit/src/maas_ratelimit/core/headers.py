"""Rate limit headers, in the sets that clients know. Names are in lower case, as HTTP/2 has them.

x-ratelimit  X-RateLimit-Limit, -Remaining, -Reset (Unix seconds): the request limit with the least left; on a 429 the limit that refused.
openai       x-ratelimit-{limit,remaining,reset}-{requests,tokens}: of each kind the limit with the least left; reset is how long, as 6m0s.
ietf         RateLimit and RateLimit-Policy, every limit (draft-ietf-httpapi-ratelimit-headers-11).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Literal, TypeAlias

from maas_ratelimit.core.counting import Admission
from maas_ratelimit.core.plans import Plan

HeaderSet: TypeAlias = Literal["x-ratelimit", "openai", "ietf"]
Headers: TypeAlias = list[tuple[str, str]]


class HeaderWriter:
    """Writes the chosen sets."""

    def __init__(self, sets: Collection[HeaderSet]) -> None:
        self._x_ratelimit = "x-ratelimit" in sets
        self._openai = "openai" in sets
        self._ietf = "ietf" in sets

    def admitted(self, plan: Plan, admission: Admission, now: float) -> Headers:
        """Headers of a request that goes on."""
        requests = _tightest(plan.requests, admission)
        return self._write(plan, admission, int(now), requests, requests)

    def refused(self, plan: Plan, admission: Admission, now: float) -> Headers:
        """Headers of a 429, Retry-After among them: at that time, and not before, the request would pass if nothing else came."""
        told = refusing_longest(admission)
        headers = self._write(plan, admission, int(now), told, _tightest(plan.requests, admission))
        headers.append(("retry-after", str(admission.ends[told] - int(now))))
        return headers

    def _write(self, plan: Plan, admission: Admission, second: int, first: int | None, requests: int | None) -> Headers:
        """`first`: place of the limit for the set x-ratelimit. Windows end on whole seconds, so what is left of one is rounded up."""
        limits, left, ends = plan.limits, admission.left, admission.ends
        headers: Headers = []
        if self._x_ratelimit and first is not None:
            headers += (
                ("x-ratelimit-limit", limits[first].amount_text),
                ("x-ratelimit-remaining", _not_negative(left[first])),
                ("x-ratelimit-reset", str(ends[first])),
            )
        if self._openai:
            if requests is not None:
                headers += (
                    ("x-ratelimit-limit-requests", limits[requests].amount_text),
                    ("x-ratelimit-remaining-requests", _not_negative(left[requests])),
                    ("x-ratelimit-reset-requests", _duration(ends[requests] - second)),
                )
            if (tokens := _tightest(plan.tokens, admission)) is not None:
                headers += (
                    ("x-ratelimit-limit-tokens", limits[tokens].amount_text),
                    ("x-ratelimit-remaining-tokens", _not_negative(left[tokens])),
                    ("x-ratelimit-reset-tokens", _duration(ends[tokens] - second)),
                )
        if self._ietf and limits:
            every = zip(limits, left, ends, strict=True)
            state = ", ".join(f'"{limit.limit.id}";r={_not_negative(rest)};t={end - second}' for limit, rest, end in every)
            headers += (("ratelimit-policy", plan.policy), ("ratelimit", state))
        return headers


def refusing_longest(admission: Admission) -> int:
    """Of the limits that refuse, the place of the one that does so for the longest; the first of those that are equal."""
    return max(admission.refusing, key=admission.ends.__getitem__)


def _tightest(places: tuple[int, ...], admission: Admission) -> int | None:
    """The place with the least left; of those that are equal the one that stays so for the longest."""
    if not places:
        return None
    left, ends = admission.left, admission.ends
    best = places[0]
    for place in places[1:]:
        if left[place] < left[best] or (left[place] == left[best] and ends[place] > ends[best]):
            best = place
    return best


def _not_negative(number: int) -> str:
    return str(number) if number > 0 else "0"


@lru_cache(maxsize=8192)
def _duration(seconds: int) -> str:
    """How OpenAI writes a duration: 59s, 6m0s, 23h59m1s."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
