"""Counters of one tenant on several nodes: each subject has a hash tag of its own, so a request may need several.

Each tag counts its part of a request by itself. When one refuses, what others took is undone: so for a moment a request may be refused that
would have fitted, but none is admitted that doesn't.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from zlib import crc32

from maas_ratelimit.adapters.redis.calls import Tag
from maas_ratelimit.core.counting import Account, Admission, Claim, Operation, Outcome, Settled, Settlement
from maas_ratelimit.core.plans import Plan

_TAGS = 256
"""Of a tenant: so many streams of events have to be read, and so many nodes can share its counters."""
_MOST_PLANS = 8192

Run = Callable[[Mapping[Tag, Sequence[Operation]]], Mapping[Tag, Sequence[Outcome]]]
"""Count operations by their tags."""


class Part(NamedTuple):
    """What of an account is counted under one tag: those places of its plan."""

    tag: Tag
    places: tuple[int, ...]
    account: Account


class Subjects:
    """Splits requests by their subjects, and puts the outcomes together."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._plans: dict[tuple[Plan, tuple[int, ...]], Plan] = {}

    def parts(self, account: Account) -> list[Part]:
        """By the first place of each; one at least."""
        plan, tenant, subjects = account
        places: dict[str, list[int]] = {}
        for place, subject in enumerate(subjects):
            places.setdefault(self._text(tenant, subject), []).append(place)
        if len(places) <= 1:
            text = next(iter(places), None) or self._text(tenant, "")
            return [Part(Tag(text, tenant), tuple(range(len(subjects))), account)]
        return [
            Part(
                Tag(text, tenant), tuple(those), Account(self._plan(plan, tuple(those)), tenant, tuple([subjects[each] for each in those]))
            )
            for text, those in places.items()
        ]

    def run(self, operations: Sequence[Operation], everywhere: Sequence[Tag], run: Run) -> list[Outcome]:
        """Operations on nobody knows whose account go to every tag."""
        groups: dict[Tag, list[Operation]] = {}
        asked: list[list[tuple[Part, int]]] = []
        for operation in operations:
            account = operation.account
            parts = self.parts(account) if account is not None else [Part(tag, (), Account(_NOTHING, tag.tenant, ())) for tag in everywhere]
            asked.append([])
            for number, part in enumerate(parts):
                group = groups.setdefault(part.tag, [])
                asked[-1].append((part, len(group)))
                group.append(_part_of(operation, part, is_first=number == 0))
        counted = run(groups)
        undo: dict[Tag, list[Operation]] = {}
        outcomes: list[Outcome] = []
        for operation, those in zip(operations, asked, strict=True):
            pairs = [(part, counted[part.tag][number]) for part, number in those]
            if isinstance(operation, Claim):
                outcomes.append(_joined(operation, pairs, undo))
            else:
                outcomes.append(_settled([outcome for _, outcome in pairs]))
        if undo:
            run(undo)  # where that fails, what was taken stays reserved until it expires
        return outcomes

    def _text(self, tenant: str, subject: str) -> str:
        return f"{{{self._prefix}:{tenant}:{crc32(subject.encode()) % _TAGS:02x}}}"

    def _plan(self, plan: Plan, places: tuple[int, ...]) -> Plan:
        part = self._plans.get((plan, places))
        if part is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            part = self._plans[plan, places] = replace(plan, limits=tuple([plan.limits[place] for place in places]))
        return part


_NOTHING = Plan.parse("1")


def _part_of(operation: Operation, part: Part, *, is_first: bool) -> Operation:
    """Only the first has a record: there is one event for each request."""
    record = operation.record if is_first else ""
    if isinstance(operation, Claim):
        takes, leasts = operation.takes, operation.leasts
        places = part.places
        return Claim(operation.rid, part.account, tuple([takes[each] for each in places]), tuple([leasts[each] for each in places]), record)
    if operation.account is None:
        return operation
    used = tuple([operation.used[each] for each in part.places]) if operation.used else ()
    return replace(operation, account=part.account, used=used, record=record)


def _joined(claim: Claim, pairs: Sequence[tuple[Part, Outcome]], undo: dict[Tag, list[Operation]]) -> Outcome:
    """The outcome of all parts together; what has to be undone is added to `undo`."""
    if len(pairs) == 1:
        return pairs[0][1]
    admissions = [(part, outcome) for part, outcome in pairs if isinstance(outcome, Admission)]
    failed = next((outcome for _, outcome in pairs if isinstance(outcome, Exception)), None)
    refusing = [admission for _, admission in admissions if admission.refusing]
    is_admitted = failed is None and not refusing
    if not is_admitted:
        for part, admission in admissions:
            if not admission.refusing and not admission.is_repeat:
                undo.setdefault(part.tag, []).append(Settlement.undoing(claim.rid, part.account))
    if failed is not None:
        return failed
    count = len(claim.takes)
    left, resets, granted = [0] * count, [0] * count, [0] * count
    for part, admission in admissions:
        back = not is_admitted and not admission.refusing and not admission.is_repeat
        for number, place in enumerate(part.places):
            given = admission.granted[number] if admission.granted else 0
            took_first = number not in admission.throttled
            left[place] = admission.left[number] + (given if back and took_first else 0)
            resets[place] = admission.resets[number]
            granted[place] = given
    retries = [admission.retry_at for admission in refusing]
    return Admission(
        _places(admissions, "refusing"),
        tuple(left),
        tuple(resets),
        tuple(granted) if is_admitted else (),
        max(admission.now for _, admission in admissions),
        max(retries) if retries and all(retries) else 0.0,
        _places(admissions, "throttled") if is_admitted else (),
        _places(admissions, "exceeded"),
        is_repeat=is_admitted and all(admission.is_repeat for _, admission in admissions),
    )


def _places(admissions: Sequence[tuple[Part, Admission]], field: str) -> tuple[int, ...]:
    return tuple(sorted(part.places[number] for part, admission in admissions for number in getattr(admission, field)))


def _settled(outcomes: Sequence[Outcome]) -> Outcome:
    """The first part's, which has the event; of nobody's whatever was found anywhere. A failure is told first: it may be tried again."""
    failed = next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)
    if failed is not None:
        return failed
    return next((outcome for outcome in outcomes if outcome is not Settled.UNKNOWN), Settled.UNKNOWN)
