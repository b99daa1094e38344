"""A tier's limits, from what people write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from maas_common.errors import InvalidArgumentError
from maas_common.limits import Limit, Metric, Per, Window

_PLAN_ID_LENGTH = 128
"""Plans name a limit `tier/<tier>/<limit>` in at most this many characters."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class LimitDraft:
    """A limit as somebody asks for it; `id` and `per` may be empty."""

    metric: str
    amount: int
    window: str
    id: str = ""
    per: str = ""


def limits_of(tier: str, drafts: Sequence[LimitDraft]) -> tuple[Limit, ...]:
    """The limits of that tier; InvalidArgumentError names the field that is wrong: `limits[1].window`."""
    limits: list[Limit] = []
    positions: dict[str, int] = {}
    for position, draft in enumerate(drafts):
        field = f"limits[{position}]"
        limit = Limit(
            id=draft.id or default_id(draft.metric, draft.window),
            metric=_read(f"{field}.metric", Metric, draft.metric),
            amount=draft.amount,
            window=_read(f"{field}.window", Window.parse, draft.window),
            per=_read(f"{field}.per", Per, draft.per or Per.USER.value),
        )
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


def default_id(metric: str, window: str) -> str:
    """`requests-1m`, `total-tokens-1d`."""
    return f"{metric.replace('_', '-')}-{window}"


def _read(field: str, parse: Callable[[str], _Read], text: str) -> _Read:
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidArgumentError.of(field, str(error)) from None
