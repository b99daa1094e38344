"""Somebody with a plan, who calls a store by the clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from maas_common.limits import Metric
from maas_ratelimit.core.counting import Account, Admission, Claim, CounterState, Settled, Settlement
from maas_ratelimit.core.events import record
from maas_ratelimit.core.plans import Plan

from services.ratelimit.tests.contract.stores import Counting

NOW = 1_800_000_030.0
"""2027-01-15 08:00:30 UTC, a Friday."""
MINUTE, HOUR = 1_800_000_060, 1_800_003_600
"""When the minute and the hour that it lies in end."""
ANN = {"key": "ann-key", "user": "ann", "team": "blue", "tier": "free", "model": "small"}
FIXED_COUNTS = {Metric.REQUESTS: (1, 1), Metric.CONCURRENCY: (1, 0)}
"""What a request takes, and what it has used when it has ended."""


def at(text: str) -> float:
    """Unix time of `2027-01-15 08:00:30`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def in_ms(milliseconds: int) -> float:
    """Time in seconds, of which int(time * 1000) is that again."""
    return (milliseconds + 0.5) / 1000


def rid(number: int) -> str:
    return f"{number:032x}"


def usage_record(number: int, tenant: str = "default") -> str:
    facts = (tenant, "ann-key", "ann", "blue", "free", "everybody", "small", "-")
    return record(facts, (number, None, None, number, None, None))


class Caller:
    """Requests by one subject under one plan. Tokens stand for everything that is not a count of requests."""

    def __init__(self, counting: Counting, plan: str, *, tenant: str = "default", **who: str) -> None:
        self.store, self.clock = counting.store, counting.clock
        self.plan = Plan.parse(plan)
        self.account = Account(self.plan, tenant, self.plan.subjects(SimpleNamespace(**ANN | who)))

    def claim(self, number: int, tokens: int = 100, *, least: int | None = None, record: str | None = None) -> Claim:
        """Takes are the most that each limit can hold; `least` is for tokens."""
        takes = tuple(self._each(tokens, 0, capped=True))
        leasts = tuple(self._each(tokens if least is None else least, 0, capped=True))
        return Claim(rid(number), self.account, takes, leasts, usage_record(tokens, self.account.tenant) if record is None else record)

    def settlement(self, number: int, tokens: int = 0, **more) -> Settlement:
        return Settlement(rid(number), self.account, tuple(self._each(tokens, 1)), more.pop("record", ""), **more)

    def admit(self, number: int, tokens: int = 100, **more) -> Admission:
        return self.do(self.claim(number, tokens, **more))

    def settle(self, number: int, tokens: int = 0, **more) -> Settled:
        return self.do(self.settlement(number, tokens, **more))

    def settle_as_nobody(self, number: int) -> Settled:
        """As is done for one that was refused for its limits."""
        return self.do(Settlement(rid(number), self.account, (), "", may_charge=False))

    def undo(self, number: int) -> Settled:
        return self.do(Settlement(rid(number), self.account, (), "", is_undone=True, may_charge=False))

    def do(self, operation):
        """Its one outcome; raised when it is an error."""
        (outcome,) = self.store.run([operation], now=self.clock.now())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def admitted(self, numbers, tokens: int = 100) -> int:
        """How many of those requests were admitted."""
        return sum(not self.admit(number, tokens).refusing for number in numbers)

    def states(self) -> tuple[CounterState, ...]:
        return self.store.read(self.account, now=self.clock.now())

    def used(self) -> list[tuple[int, int]]:
        """Used and reserved of each limit."""
        return [(state.used, state.reserved) for state in self.states()]

    def left(self) -> list[int]:
        return [state.left for state in self.states()]

    def _each(self, tokens: int, which: int, *, capped: bool = False) -> list[int]:
        amounts = [FIXED_COUNTS.get(limit.metric, (tokens, tokens))[which] for limit in self.plan.limits]
        return [min(amount, limit.capacity) for amount, limit in zip(amounts, self.plan.limits, strict=True)] if capped else amounts
