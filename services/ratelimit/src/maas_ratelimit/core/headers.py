"""Rate limit headers, in the sets that clients know. Names are in lower case, as HTTP/2 has them.

x-ratelimit  X-RateLimit-Limit, -Remaining, -Reset (Unix seconds): the request limit with the least left; on a 429 the limit that refused.
openai       x-ratelimit-{limit,remaining,reset}-{requests,tokens}: of each kind the limit with the least left; reset is how long, as 6m0s.
ietf         RateLimit and RateLimit-Policy, every limit (draft-ietf-httpapi-ratelimit-headers-11).

None tells of shadow limits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from math import ceil
from typing import Literal, NamedTuple, TypeAlias

from maas_common.windows import FOREVER

from maas_ratelimit.core.counting import Admission
from maas_ratelimit.core.plans import Plan

HeaderSet: TypeAlias = Literal["x-ratelimit", "openai", "ietf"]


class _Names(NamedTuple):
    """Headers that tell of one limit."""

    limit: str
    remaining: str
    reset: str
    is_duration: bool
    """The reset is how long, not when."""


_X_RATELIMIT = _Names("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", is_duration=False)
_REQUESTS, _TOKENS = (
    _Names(f"x-ratelimit-limit-{kind}", f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}", is_duration=True)
    for kind in ("requests", "tokens")
)


class _OneLimit:
    """Writes what tells of one limit, and remembers it: all but what is left stays for a second, and what is left is often the same."""

    def __init__(self, names: Collection[_Names], encode: Callable[[str, str], bytes]) -> None:
        self._names = names
        self._encode = encode
        self._all_but_left = lru_cache(maxsize=8192)(self._write_all_but_left)
        self._left = lru_cache(maxsize=16384)(self._write_left)

    def write(self, plan: Plan, admission: Admission, place: int | None) -> bytes:
        """Nothing when there is no such limit."""
        if place is None:
            return b""
        limit, reset = plan.limits[place], admission.resets[place]
        return self._all_but_left(limit.amount, reset, int(admission.now)) + self._left(admission.left[place])

    def _write_all_but_left(self, amount: int, reset: int, second: int) -> bytes:
        headers = b""
        for names in self._names:
            headers += self._encode(names.limit, str(amount))
            if names.is_duration:
                headers += self._encode(names.reset, _duration(max(0, reset - second))) if reset < FOREVER else b""
            elif 0 < reset < FOREVER:
                headers += self._encode(names.reset, str(reset))
        return headers

    def _write_left(self, left: int) -> bytes:
        return b"".join([self._encode(names.remaining, str(max(0, left))) for names in self._names])


class HeaderWriter:
    """Writes the chosen sets, each header by `encode`, one after another."""

    def __init__(self, sets: Collection[HeaderSet], encode: Callable[[str, str], bytes]) -> None:
        x_ratelimit = [_X_RATELIMIT] if "x-ratelimit" in sets else []
        requests, tokens = ([_REQUESTS], [_TOKENS]) if "openai" in sets else ([], [])
        self._first = _OneLimit(x_ratelimit, encode)
        self._requests = _OneLimit(requests, encode)
        self._first_and_requests = _OneLimit(x_ratelimit + requests, encode)
        self._tokens = _OneLimit(tokens, encode)
        self._ietf = "ietf" in sets
        self._encode = encode

    def admitted(self, plan: Plan, admission: Admission, requests: int | None) -> bytes:
        """Headers of a request that goes on; `requests` is the place of the tightest limit of requests."""
        return self._write(plan, admission, requests, requests)

    def refused(self, plan: Plan, admission: Admission) -> bytes:
        """Headers of a 429, Retry-After among them: at that time, and not before, the request would pass if nothing else came."""
        headers = self._write(plan, admission, refusing_longest(admission), tightest(plan.requests, admission))
        if not 0 < admission.retry_at < FOREVER:
            return headers
        return headers + self._encode("retry-after", str(max(1, ceil(admission.retry_at - admission.now))))

    def _write(self, plan: Plan, admission: Admission, first: int | None, requests: int | None) -> bytes:
        """`first`: place of the limit for the set x-ratelimit. Windows end on whole seconds, so what is left of one is rounded up."""
        if first == requests:
            headers = self._first_and_requests.write(plan, admission, first)
        else:
            headers = self._first.write(plan, admission, first) + self._requests.write(plan, admission, requests)
        if plan.tokens:
            headers += self._tokens.write(plan, admission, tightest(plan.tokens, admission))
        if self._ietf and plan.told:
            second = int(admission.now)
            every = [(plan.limits[place].limit.id, admission.left[place], admission.resets[place]) for place in plan.told]
            state = ", ".join(
                [
                    f'"{limit_id}";r={max(0, rest)}' + (f";t={max(0, reset - second)}" if 0 < reset < FOREVER else "")
                    for limit_id, rest, reset in every
                ]
            )
            headers += self._encode("ratelimit-policy", plan.policy) + self._encode("ratelimit", state)
        return headers


def refusing_longest(admission: Admission) -> int:
    """Of the limits that refuse, the place of the one that does so for the longest; the first of those that are equal."""
    return max(admission.refusing, key=admission.resets.__getitem__)


def tightest(places: tuple[int, ...], admission: Admission) -> int | None:
    """Of these places the one with the least left, of those that are equal the one that stays so for the longest; None of none."""
    if not places:
        return None
    best = places[0]
    if len(places) == 1:
        return best
    left, resets = admission.left, admission.resets
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
