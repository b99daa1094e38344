"""Searches for keys, as SQL.

A search looks in places that an index of their own holds in each order: a tenant, an owner, a team. What may be seen (one's own keys
and one's teams') are several of them; each gives its first keys only, so the cost is that of a page however many keys there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, exists, func, literal_column, not_, or_, select, tuple_, union

from maas_keys.adapters.key_rows import IS_OWNER, KEY_COLUMNS, USERS
from maas_keys.adapters.key_tables import KEYS, LABELS, SORTED_BY, USES
from maas_keys.core.api_key import Status
from maas_keys.core.search import KeyFilter, KeyQuery, SortBy, Visible

Place = Mapping[str, str]
"""Columns and what is in them."""
Condition = ColumnElement[bool]


def places(keys: KeyFilter, named: Sequence[str]) -> list[Place]:
    """Where a filter's keys are. `named`: whom its username names, each `<issuer>|<subject>`."""
    team = [{"team": keys.team}] if keys.team else [{}]
    user = [_owner(keys.user)] if keys.user else [{}]
    under_name = [_owner(one) for one in named] if keys.username else [{}]
    visible = _visible(keys.visible) if keys.visible else [{}]
    joined = [_joined({"tenant": keys.tenant}, *several) for several in product(team, user, under_name, visible)]
    found = [place for place in joined if place]
    return [place for place in found if not any(other.items() < place.items() for other in found)]


def _visible(to: Visible) -> list[Place]:
    return [_owner(to.user), *({"team": team} for team in to.teams)]


def _owner(user: str) -> Place:
    issuer, _, subject = user.partition("|")
    return {"owner_issuer": issuer, "owner_subject": subject}


def _joined(*several: Place) -> Place | None:
    """What is in all of these places; None when nothing can be."""
    joined: dict[str, str] = {}
    for place in several:
        if any(joined.get(column, value) != value for column, value in place.items()):
            return None
        joined.update(place)
    return joined


def in_any(where: Sequence[Place], keys: KeyFilter) -> Condition:
    """Whether a key is in one of these places (one at least) and fits the filter."""
    return and_(or_(*(_in(place) for place in where)), *_fits(keys))


def page(query: KeyQuery, where: Sequence[Place]) -> Select[Any]:
    """The rows (KEY_COLUMNS) of a page of the keys in these places, one at least.

    The numbers that bound it stand in the text, so that a plan made for all values knows how few rows are asked for.
    """
    firsts = [_firsts(query, place) for place in where]
    found = (firsts[0] if len(firsts) == 1 else union(*(select(first.subquery()) for first in firsts))).subquery()
    order = [column.desc() if query.descending else column for column in (found.c.value, found.c.created_revision)]
    ids = select(found.c.id, found.c.value, found.c.created_revision).order_by(*order).limit(_number(query.size))
    if query.offset:
        ids = ids.offset(query.offset)
    return _whole(ids, query)


def _firsts(query: KeyQuery, place: Place) -> Select[Any]:
    """The first keys of a place that may be on the page: a stretch of an index."""
    by_use, few_wait = query.sort is SortBy.LAST_USED_AT, query.keys.statuses == {Status.PENDING}
    table = USES if by_use else KEYS
    value: ColumnElement[Any] = table.c[SORTED_BY[query.sort]]
    if few_wait:
        table, value = KEYS, func.coalesce(value, value)  # in no index: those that wait have one of their own
    by = (value, table.c.created_revision)
    order = [column.desc() if query.descending else column for column in by]
    found = select(KEYS.c.id, value.label("value"), KEYS.c.created_revision).select_from(
        KEYS.join(USES, USES.c.key_id == KEYS.c.id) if by_use else KEYS
    )
    found = found.where(_in(place, table), *_fits(query.keys))
    if query.after is not None:
        past = tuple_(*by) < tuple_(*query.after) if query.descending else tuple_(*by) > tuple_(*query.after)
        found = found.where(past)
    return found.order_by(*order).limit(_number(query.size + query.offset))


def _whole(ids: Select[Any], query: KeyQuery) -> Select[Any]:
    few = ids.subquery()
    order = [column.desc() if query.descending else column for column in (few.c.value, few.c.created_revision)]
    return select(*KEY_COLUMNS).select_from(few.join(KEYS, KEYS.c.id == few.c.id).outerjoin(USERS, IS_OWNER)).order_by(*order)


def _number(number: int) -> ColumnElement[int]:
    return literal_column(str(number))


def _in(place: Place, table: Table = KEYS) -> Condition:
    return and_(*(table.c[column] == value for column, value in place.items()))


def _fits(keys: KeyFilter) -> Iterator[Condition]:
    """What a filter asks beside where a key is."""
    if keys.owner_kind:
        yield KEYS.c.owner_kind == keys.owner_kind.value
    if keys.kinds:
        yield KEYS.c.kind.in_(sorted(keys.kinds))
    if keys.statuses and keys.statuses != frozenset(Status):
        yield or_(*(_has_status(status, keys.now) for status in sorted(keys.statuses)))
    if keys.is_ephemeral is not None:
        yield KEYS.c.ephemeral_until.is_not(None) if keys.is_ephemeral else KEYS.c.ephemeral_until.is_(None)
    if keys.name_contains:
        yield KEYS.c.name_folded.contains(keys.name_contains.casefold(), autoescape=True)
    for name, value in keys.labels.items():
        yield KEYS.c.id.in_(select(LABELS.c.key_id).where(LABELS.c.name == name, LABELS.c.value == value))
    yield from _between(KEYS.c.created_at, keys.created_after, keys.created_before)
    yield from _between(KEYS.c.expires_at, keys.expires_after, keys.expires_before)
    if used := list(_between(USES.c.last_used_at, keys.last_used_after, keys.last_used_before)):
        yield exists().where(USES.c.key_id == KEYS.c.id, *used).correlate(KEYS)


def _between(column: ColumnElement[int], after: int | None, before: int | None) -> Iterator[Condition]:
    if after is not None:
        yield column >= after
    if before is not None:
        yield column < before


def _has_status(status: Status, now: int) -> Condition:
    """As ApiKey.status tells it. When keys end is no way to find the few of a page, though there is an index of it: hence the sum."""
    ends = KEYS.c.expires_at + literal_column("0")
    stands = KEYS.c.revoked_at.is_(None)
    lives = and_(stands, ends > now)
    enabled = and_(lives, not_(KEYS.c.is_disabled))
    return {
        Status.REVOKED: KEYS.c.revoked_at.is_not(None),
        Status.EXPIRED: and_(stands, ends <= now),
        Status.DISABLED: and_(lives, KEYS.c.is_disabled),
        Status.PENDING: and_(enabled, KEYS.c.pending_reasons.is_not(None)),
        Status.ACTIVE: and_(enabled, KEYS.c.pending_reasons.is_(None)),
    }[status]
