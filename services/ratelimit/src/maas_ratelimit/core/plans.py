"""Plans as they are counted by: parsed once, with all that can be worked out before a request comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple, Protocol, TypeAlias

from maas_common.limits import Limit, Metric, Per, Scope
from maas_common.plan import parse_plan
from maas_common.windows import FOREVER, Gcra, Kind, Window

from maas_ratelimit.core.refusals import refusal_body

NONE = "-"
_NOBODY = {NONE, ""}
_SEPARATOR = "\x1f"
_SECOND = "~"


class Caller(Protocol):
    """Who asks for what; NONE where there is none."""

    @property
    def key(self) -> str:
        """The key's id."""
        ...

    @property
    def user(self) -> str:
        """`<issuer>|<subject>`."""
        ...

    @property
    def team(self) -> str:
        """The team's id."""
        ...

    @property
    def tier(self) -> str:
        """The tier's name."""
        ...

    @property
    def model(self) -> str:
        """The model's id."""
        ...


class CounterName(NamedTuple):
    """Which counters: all but whose. The amount is no part of it, so raising a limit keeps what was used."""

    limit_id: str
    metric: Metric
    window: Window
    per: Per
    is_second: bool
    """The counter of a soft limit that takes over past the amount."""

    @property
    def text(self) -> str:
        """As stores write it; a burst is an amount too, so it is left out."""
        window = f"gcra {self.window.seconds}s" if isinstance(self.window, Gcra) else self.window.text
        return f"{self.limit_id}:{self.metric}:{window}:{self.per.text}{_SECOND if self.is_second else ''}"

    @classmethod
    def parse(cls, text: str) -> CounterName:
        """Read what `text` wrote; ValueError when it is something else."""
        limit_id, metric, window, per = text.removesuffix(_SECOND).split(":")
        return cls(limit_id, Metric(metric), Window.parse(window), Per.parse(per), text.endswith(_SECOND))


Amounts: TypeAlias = tuple[int, int, int, int, int, int]
"""Of each metric, in the order of Metric: requests, total, input and output tokens, cost in micro-dollars, concurrency."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedLimit:
    """One limit of a plan, or the second counter of one that is soft."""

    limit: Limit
    counter: str
    """Names its counters: CounterName.text."""
    kind: Kind
    metric: Metric
    amounts_place: int
    """Of the metric in `Amounts`."""
    window: Window
    window_s: int
    amount: int
    capacity: int
    """The most that one request can ever take: a burst, else the amount."""
    is_firm: bool
    """What is taken is used at once, not reserved: requests."""
    is_shadow: bool
    second: PlannedLimit | None
    thresholds: tuple[tuple[int, int], ...]
    """Percentages whose first use in a window is told, each with the use from which it is passed; ascending."""
    refusal: bytes
    """Body of a 429 by this limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Every limit that applies to a request.

    `told` are the places in `limits` of those that callers are told of: a shadow limit is tried out without anybody slowing down for it.
    `requests` and `tokens` are those of them that are of these kinds.
    """

    text: str
    limits: tuple[PlannedLimit, ...]
    is_strict: bool
    told: tuple[int, ...]
    requests: tuple[int, ...]
    tokens: tuple[int, ...]
    policy: str
    """The RateLimit-Policy header (draft-ietf-httpapi-ratelimit-headers-11)."""
    subjects: Callable[[Caller], tuple[str, ...]]
    """Whose counter each limit's is, for a caller."""
    of_each: Callable[[Amounts], tuple[int, ...]]
    """The amount of each limit's metric."""

    def capped(self, amounts: Amounts) -> tuple[int, ...]:
        """The same, but no more than the limit can ever hold."""
        return tuple([amount if (amount := amounts[limit.amounts_place]) < limit.capacity else limit.capacity for limit in self.limits])

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read a plan string; PlanError says what is wrong with it."""
        parsed = parse_plan(text)
        limits = tuple(_planned(limit) for limit in parsed.limits)
        told = tuple(place for place, each in enumerate(limits) if not each.is_shadow)
        return cls(
            text,
            limits,
            parsed.is_strict,
            told=told,
            requests=tuple(place for place in told if limits[place].metric is Metric.REQUESTS),
            tokens=tuple(place for place in told if limits[place].metric in _TOKENS),
            policy=", ".join(_policy(limits[place]) for place in told),
            subjects=_subjects([limit.per for limit in parsed.limits]),
            of_each=_of_each([limit.amounts_place for limit in limits]),
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
    planned = _first(limit)
    if limit.over.kind != "soft":
        return planned
    throttled = max(1, limit.amount * limit.over.throttle // 100)
    name = CounterName(limit.id, limit.metric, limit.window, limit.per, is_second=True)
    second = replace(planned, counter=name.text, amount=throttled, capacity=min(planned.capacity, throttled), thresholds=())
    return replace(planned, second=second)


def _first(limit: Limit) -> PlannedLimit:
    burst = limit.window.burst if isinstance(limit.window, Gcra) else None
    return PlannedLimit(
        limit=limit,
        counter=CounterName(limit.id, limit.metric, limit.window, limit.per, is_second=False).text,
        kind=limit.window.kind,
        metric=limit.metric,
        amounts_place=_PLACES[limit.metric],
        window=limit.window,
        window_s=limit.window.length_s,
        amount=limit.amount,
        capacity=burst or limit.amount,
        is_firm=limit.metric is Metric.REQUESTS,
        is_shadow=limit.over.kind == "shadow",
        second=None,
        thresholds=tuple((percent, -(-limit.amount * percent // 100)) for percent in limit.notify),
        refusal=refusal_body(limit),
    )


def _policy(planned: PlannedLimit) -> str:
    unit = {Metric.REQUESTS: "", Metric.COST: ';qu="micro-dollars"', Metric.CONCURRENCY: ';qu="concurrent-requests"'}
    window = f";w={planned.window_s}" if planned.kind != "held" and planned.window_s < FOREVER else ""
    return f'"{planned.limit.id}";q={planned.amount}{unit.get(planned.metric, _IN_TOKENS)}{window}'


def _of_each(places: list[int]) -> Callable[[Amounts], tuple[int, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda amounts: tuple([amounts[place] for place in places])


def _subjects(pers: list[Per]) -> Callable[[Caller], tuple[str, ...]]:
    distinct = list(dict.fromkeys(pers))
    readers = [_subject(per) for per in distinct]
    if len(distinct) == 1:
        read, count = readers[0], len(pers)
        return lambda caller: (read(caller),) * count
    places = [distinct.index(per) for per in pers]

    def subjects(caller: Caller) -> tuple[str, ...]:
        each = [read(caller) for read in readers]
        return tuple([each[place] for place in places])

    return subjects


def _subject(per: Per) -> Callable[[Caller], str]:
    if len(per.scopes) == 1:
        return _READERS[per.scopes[0]]
    readers = [_READERS[scope] for scope in per.scopes]
    return lambda caller: _SEPARATOR.join([read(caller).replace(_SEPARATOR, "\ufffd") for read in readers])


def subject_parts(per: Per, subject: str) -> dict[str, str]:
    """A subject's scopes by their names."""
    return dict(zip([scope.value for scope in per.scopes], subject.split(_SEPARATOR), strict=False))


def _key(caller: Caller) -> str:
    """Who calls without a key is limited as if they had one, theirs alone."""
    return caller.user if caller.key in _NOBODY else caller.key


def _team(caller: Caller) -> str:
    """Who is in no team is limited as if they were one, alone."""
    return caller.user if caller.team in _NOBODY else caller.team


_READERS: dict[Scope, Callable[[Caller], str]] = {
    Scope.KEY: _key,
    Scope.USER: lambda caller: caller.user,
    Scope.TEAM: _team,
    Scope.TIER: lambda caller: caller.tier,
    Scope.TENANT: lambda _: NONE,
    Scope.MODEL: lambda caller: caller.model,
    Scope.POLICY: lambda _: NONE,
}
_PLACES = {metric: place for place, metric in enumerate(Metric)}
_TOKENS = {Metric.TOTAL_TOKENS, Metric.INPUT_TOKENS, Metric.OUTPUT_TOKENS}
_IN_TOKENS = ';qu="tokens"'
