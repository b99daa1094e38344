"""Plans as they are counted by: parsed once, with all that can be worked out before a request comes."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.limits import Limit, Metric
from maas_common.plan import parse_plan

from maas_ratelimit.core.refusals import refusal_body


@dataclass(frozen=True, slots=True)
class PlannedLimit:
    """One limit of a plan."""

    limit: Limit
    counter: str
    """Names its counters: id, metric and window, not the amount. Raising a limit keeps what was used."""
    counts_tokens: bool
    amount: int
    window_s: int
    refusal: bytes
    """Body of a 429 by this limit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every limit that applies to a request. `requests` and `tokens` are the places of those kinds in `limits`."""

    limits: tuple[PlannedLimit, ...]
    requests: tuple[int, ...]
    tokens: tuple[int, ...]
    policy: str
    """The RateLimit-Policy header (draft-ietf-httpapi-ratelimit-headers-11)."""

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read a plan string; PlanError says what is wrong with it."""
        limits = tuple(_planned(limit) for limit in parse_plan(text))
        return cls(
            limits,
            requests=tuple(place for place, each in enumerate(limits) if not each.counts_tokens),
            tokens=tuple(place for place, each in enumerate(limits) if each.counts_tokens),
            policy=", ".join(_policy(each) for each in limits),
        )


class Plans:
    """Plans by their strings, so that each is parsed once; the oldest is forgotten when there are too many."""

    def __init__(self, at_most: int = 4096) -> None:
        self._known: dict[str, Plan] = {}
        self._at_most = at_most

    def get(self, text: str) -> Plan:
        """The plan that the string says; PlanError when it says none."""
        plan = self._known.get(text)
        if plan is None:
            plan = Plan.parse(text)
            if len(self._known) >= self._at_most:
                self._known.pop(next(iter(self._known)), None)
            self._known[text] = plan
        return plan


def _planned(limit: Limit) -> PlannedLimit:
    return PlannedLimit(
        limit=limit,
        counter=f"{limit.id} {limit.metric} {limit.window.seconds}",
        counts_tokens=limit.metric is Metric.TOTAL_TOKENS,
        amount=limit.amount,
        window_s=limit.window.seconds,
        refusal=refusal_body(limit),
    )


def _policy(planned: PlannedLimit) -> str:
    unit = ';qu="tokens"' if planned.counts_tokens else ""
    return f'"{planned.limit.id}";q={planned.amount}{unit};w={planned.window_s}'
