"""A tier's limits, from what people write."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.errors import InvalidArgumentError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import Limit

_PLAN_ID_LENGTH = 128
"""Plans name a limit `tier/<tier>/<limit>` in at most this many characters."""


def limits_of(tier: str, drafts: Sequence[LimitDraft]) -> tuple[Limit, ...]:
    """The limits of that tier; InvalidArgumentError names the field that is wrong: `limits[1].window`."""
    limits: list[Limit] = []
    positions: dict[str, int] = {}
    for position, draft in enumerate(drafts):
        field = f"limits[{position}]"
        limit = draft.limit(field)
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
