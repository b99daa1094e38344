"""What tokens cost, in whole micro-dollars."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from maas_common.errors import InvalidArgumentError
from maas_common.limits import MAX_AMOUNT

_PRICE = re.compile(r"([0-9]{1,13})/([0-9]{1,13})/([0-9]{1,13})")
_MILLION = 1_000_000


class Price(NamedTuple):
    """Micro-dollars for a million tokens; `cached` are input tokens that the model had cached."""

    input: int
    output: int
    cached: int

    def cost(self, inputs: int, outputs: int, cached: int = 0) -> int:
        """Micro-dollars, at most MAX_AMOUNT, rounded up: what is not free costs something. `inputs` has the cached ones in it."""
        if self is FREE:
            return 0
        cost = -(-((inputs - cached) * self.input + cached * self.cached + outputs * self.output) // _MILLION)
        return min(cost, MAX_AMOUNT)

    def outputs_for(self, budget: int, inputs: int) -> int | None:
        """The most output tokens that `budget` micro-dollars pay for beside `inputs`; None: as many as one likes."""
        return (budget * _MILLION - inputs * self.input) // self.output if self.output else None


FREE = Price(0, 0, 0)


@lru_cache(maxsize=4096)
def read_price(text: str) -> Price:
    """Read `input/output/cached`, or "-" for a model without a price. InvalidArgumentError says what would be right."""
    if text in {"-", ""}:
        return FREE
    match = _PRICE.fullmatch(text)
    if not match:
        raise InvalidArgumentError(
            f'descriptor entry "price" is "{text[:64]}"; want input/output/cached micro-dollars per million tokens or "-"'
        )
    return Price(*map(int, match.groups()))
