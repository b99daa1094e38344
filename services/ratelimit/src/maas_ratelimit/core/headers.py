"""Rate limit headers, in the sets that clients know. Names are in lower case, as HTTP/2 has them.

x-ratelimit  X-RateLimit-Limit, -Remaining, -Reset (Unix seconds): the request limit with the least left; on a 429 the limit that refused.
openai       x-ratelimit-{limit,remaining,reset}-{requests,tokens}: of each kind the limit with the least left; reset is how long, as 6m0s.
ietf         RateLimit and RateLimit-Policy, every limit (draft-ietf-httpapi-ratelimit-headers-11).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from math import ceil
from typing import Literal, TypeAlias

from maas_ratelimit.core.counting import Admission
from maas_ratelimit.core.plans import Plan

HeaderSet: TypeAlias = Literal["x-ratelimit", "openai", "ietf"]


class HeaderWriter:
    """Writes the chosen sets, each header by `encode`, one after another.

    What it wrote it remembers: a limit's amount and reset stay as they are for a second, and what is left is often the same.
    """

    def __init__(self, sets: Collection[HeaderSet], encode: Callable[[str, str], bytes]) -> None:
        self._x_ratelimit = "x-ratelimit" in sets
        self._openai = "openai" in sets
        self._ietf = "ietf" in sets
        self._encode = encode
        self._left = lru_cache(maxsize=16384)(self._write_left)
        self._until = lru_cache(maxsize=8192)(self._write_until)
        self._for = lru_cache(maxsize=8192)(self._write_for)

    def admitted(self, plan: Plan, admission: Admission) -> bytes:
        """Headers of a request that goes on."""
        requests = tightest(plan.requests, admission)
        return self._write(plan, admission, requests, requests)

    def refused(self, plan: Plan, admission: Admission) -> bytes:
        """Headers of a 429, Retry-After among them: at that time, and not before, the request would pass if nothing else came."""
        headers = self._write(plan, admission, refusing_longest(admission), tightest(plan.requests, admission))
        if not admission.retry_at:
            return headers
        return headers + self._encode("retry-after", str(max(1, ceil(admission.retry_at - admission.now))))

    def _write(self, plan: Plan, admission: Admission, first: int | None, requests: int | None) -> bytes:
        """`first`: place of the limit for the set x-ratelimit. Windows end on whole seconds, so what is left of one is rounded up."""
        limits, left, resets, second = plan.limits, admission.left, admission.resets, int(admission.now)
        headers = b""
        if self._x_ratelimit and first is not None:
            headers += self._until(limits[first].amount, resets[first]) + self._left("x-ratelimit-remaining", left[first])
        if self._openai:
            if requests is not None:
                headers += self._for("requests", limits[requests].amount, resets[requests] - second)
                headers += self._left("x-ratelimit-remaining-requests", left[requests])
            if (tokens := tightest(plan.tokens, admission)) is not None:
                headers += self._for("tokens", limits[tokens].amount, resets[tokens] - second)
                headers += self._left("x-ratelimit-remaining-tokens", left[tokens])
        if self._ietf and limits:
            every = zip(limits, left, resets, strict=True)
            state = ", ".join(
                [f'"{limit.limit.id}";r={max(0, rest)}' + (f";t={max(0, reset - second)}" if reset else "") for limit, rest, reset in every]
            )
            headers += self._encode("ratelimit-policy", plan.policy) + self._encode("ratelimit", state)
        return headers

    def _write_left(self, name: str, left: int) -> bytes:
        return self._encode(name, str(max(0, left)))

    def _write_until(self, amount: int, end: int) -> bytes:
        limit = self._encode("x-ratelimit-limit", str(amount))
        return limit + self._encode("x-ratelimit-reset", str(end)) if end else limit

    def _write_for(self, kind: str, amount: int, seconds: int) -> bytes:
        return self._encode(f"x-ratelimit-limit-{kind}", str(amount)) + self._encode(
            f"x-ratelimit-reset-{kind}", _duration(max(0, seconds))
        )


def refusing_longest(admission: Admission) -> int:
    """Of the limits that refuse, the place of the one that does so for the longest; the first of those that are equal."""
    return max(admission.refusing, key=admission.resets.__getitem__)


def tightest(places: tuple[int, ...], admission: Admission) -> int | None:
    """Of these places the one with the least left, of those that are equal the one that stays so for the longest; None of none."""
    if not places:
        return None
    left, resets = admission.left, admission.resets
    best = places[0]
    for place in places[1:]:
        if left[place] < left[best] or (left[place] == left[best] and resets[place] > resets[best]):
            best = place
    return best


def _duration(seconds: int) -> str:
    """How OpenAI writes a duration: 59s, 6m0s, 23h59m1s."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
