"""Callers as descriptors tell of them, and what they ask."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from maas_ratelimit.core.callers import Caller
from maas_ratelimit.core.descriptors import Admit, Settle
from maas_ratelimit.core.plans import Plans

RID = "0123456789abcdef0123456789abcdef"
ANN = {
    "tenant": "default",
    "key": "k1",
    "user": "https://issuer.example|ann",
    "team": "blue",
    "tier": "free",
    "group": "everybody",
    "model": "small",
    "price": "-",
    "plan": "1",
}


def entries(*parts: dict[str, str | None]) -> defaultdict[str, str]:
    """As protobuf has them: "" for what is not there."""
    given = {name: value for part in parts for name, value in part.items()}
    return defaultdict(str, {name: value for name, value in given.items() if value is not None})


def caller(plan: str = "1", **who: str | None) -> Caller:
    return Caller(entries(ANN, {"plan": plan}, who), Plans())


def admit(plan: str, length: int = 400, max_out: int | None = 100, **who: str) -> Admit:
    """A request of 400 bytes, 100 tokens by a fresh estimate, that asks for at most 100 tokens of output."""
    return Admit(RID, caller(plan, **who), length, max_out)


def ended(plan: str = "1", price: str = "-", **seen: int | None) -> Settle:
    """An answered request of 400 bytes, of which nothing else was seen."""
    nothing = Settle(RID, caller(plan, price=price), 400, None, None, None, None, None, 0, 0, 200, 0)
    return replace(nothing, **seen)
