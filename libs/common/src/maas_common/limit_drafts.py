"""Limits as people ask for them."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError
from maas_common.limits import Limit, default_id


@dataclass(frozen=True, slots=True)
class LimitDraft:
    """A limit as somebody asks for it; what has a default may be left out."""

    metric: str
    amount: int
    window: str = ""
    id: str = ""
    per: str = ""
    over: str = ""
    notify: tuple[int, ...] = ()

    def limit(self, place: str, *, per: str = "") -> Limit:
        """The limit; `per` where the draft says nothing. InvalidArgumentError names the part that is wrong: `limits[1].window`."""
        try:
            return Limit.parse(
                id=self.id or default_id(self.metric, self.window),
                metric=self.metric,
                amount=self.amount,
                window=self.window,
                per=self.per or per,
                over=self.over,
                notify=self.notify,
            )
        except ValueError as error:
            part, _, _ = str(error).replace(":", " ").partition(" ")
            raise InvalidArgumentError.of(f"{place}.{part}", str(error)) from None
