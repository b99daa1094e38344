"""A tier's limits, from what people write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError
from maas_common.limits import Limit, default_id

_PLAN_ID_LENGTH = 128
"""Plans name a limit `tier/<tier>/<limit>` in at most this many characters."""


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


def limits_of(tier: str, drafts: Sequence[LimitDraft]) -> tuple[Limit, ...]:
    """The limits of that tier; InvalidArgumentError names the field that is wrong: `limits[1].window`."""
    limits: list[Limit] = []
    positions: dict[str, int] = {}
    for position, draft in enumerate(drafts):
        field = f"limits[{position}]"
        limit = _limit(field, draft)
        if limit.id in positions:
            raise InvalidArgumentError.of(
                f"{field}.id", f'"{limit.id}" is taken by limits[{positions[limit.id]}]; give one of them another id'
            )
        room = _PLAN_ID_LENGTH - len(f"tier/{tier}/")
        if len(limit.id) > room:
            raise InvalidArgumentError.of(
                f"{field}.id", f'"{limit.id}" has {len(limit.id)} characters; want at most {room} in tier "{tier}"'
            )
        positions[limit.id] = position
        limits.append(limit)
    return tuple(limits)


def _limit(field: str, draft: LimitDraft) -> Limit:
    try:
        return Limit.parse(
            id=draft.id or default_id(draft.metric, draft.window),
            metric=draft.metric,
            amount=draft.amount,
            window=draft.window,
            per=draft.per,
            over=draft.over,
            notify=draft.notify,
        )
    except ValueError as error:
        part, _, _ = str(error).replace(":", " ").partition(" ")
        raise InvalidArgumentError.of(f"{field}.{part}", str(error)) from None
