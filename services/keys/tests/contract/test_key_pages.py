"""Pages of keys are stretches of one sorted list, whatever is asked for, on every database."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maas_keys.core.api_key import KeyKind, OwnerKind, Status
from maas_keys.core.search import KeyFilter, KeyQuery, SortBy, Visible, position
from maas_keys.core.user import Person

PEOPLE = ("alice", "bob", "zoe|x")
TEAMS = ("", "red", "blue")
NAMES = ("laptop", "Laptop", "größer", "GRÖSSER", "a_b", "a%b", "Ω", "🔑", "")
LABELS = ({}, {"env": "prod"}, {"env": "test"}, {"env": "prod", "team": "red"})
TIMES = st.integers(0, 100)
NUMBERS = itertools.count()
"""Of examples, each of which has a tenant of its own, and of keys."""

few_keys = st.lists(
    st.fixed_dictionaries(
        {
            "owner": st.sampled_from(PEOPLE),
            "team": st.sampled_from(TEAMS),
            "name": st.sampled_from(NAMES),
            "labels": st.sampled_from(LABELS),
            "kind": st.sampled_from(KeyKind),
            "created_at": TIMES,
            "expires_at": TIMES,
            "last_used_at": TIMES,
            "is_ephemeral": st.booleans(),
            "is_disabled": st.booleans(),
            "pending_reasons": st.sampled_from([(), ("large",)]),
            "revoked_at": st.sampled_from([None, None, 5]),
        }
    ),
    max_size=24,
)
maybe_time = st.none() | TIMES
queries = st.builds(
    KeyQuery,
    st.builds(
        KeyFilter,
        tenant=st.just("of the example"),
        visible=st.none() | st.builds(Visible, st.just("https://idp|sub-alice"), st.sampled_from([(), ("red",), ("red", "blue")])),
        username=st.sampled_from(["", "", "alice", "nobody"]),
        user=st.sampled_from(["", "", "https://idp|sub-alice", "https://idp|sub-zoe|x"]),
        owner_kind=st.sampled_from([None, None, OwnerKind.USER, OwnerKind.GROUP]),
        team=st.sampled_from(["", *TEAMS]),
        kinds=st.just(frozenset()) | st.frozensets(st.sampled_from(KeyKind)),
        statuses=st.just(frozenset()) | st.frozensets(st.sampled_from(Status)),
        now=st.just(50),
        labels=st.sampled_from([{}, {}, {"env": "prod"}, {"env": "prod", "team": "red"}, {"env": "none"}]),
        is_ephemeral=st.sampled_from([None, None, True, False]),
        name_contains=st.sampled_from(["", "", "LAP", "ss", "_", "%", "ω"]),
        **dict.fromkeys(("created_after", "created_before", "expires_after", "expires_before"), maybe_time),
        **dict.fromkeys(("last_used_after", "last_used_before"), maybe_time),
    ),
    size=st.integers(1, 7),
    sort=st.sampled_from(SortBy),
    descending=st.booleans(),
    offset=st.integers(0, 5),
)


def fits(key, asked):
    """What KeyFilter says, over again."""
    one_of = ((asked.kinds, key.kind), (asked.statuses, key.status(asked.now)))
    equal = (
        (asked.username, key.owner.username),
        (asked.user, key.owner.user),
        (asked.team, key.team),
        (asked.owner_kind, key.owner.kind),
    )
    ranges = (
        (asked.created_after, key.created_at, asked.created_before),
        (asked.expires_after, key.expires_at, asked.expires_before),
        (asked.last_used_after, key.last_used_at, asked.last_used_before),
    )
    return (
        (asked.visible is None or key.owner.user == asked.visible.user or key.team in asked.visible.teams)
        and all(not wanted or value in wanted for wanted, value in one_of)
        and all(not wanted or value == wanted for wanted, value in equal)
        and asked.labels.items() <= key.labels.items()
        and asked.is_ephemeral in {None, key.is_ephemeral}
        and asked.name_contains.casefold() in key.name.casefold()
        and all((after is None or value >= after) and (before is None or value < before) for after, value, before in ranges)
    )


@pytest.fixture
def new_tenant(users, there):
    """Makes one with its people and teams."""

    def make():
        tenant = f"tenant-{next(NUMBERS)}"
        there(tenant, teams=("red", "blue"))
        people = [Person(tenant, "https://idp", f"sub-{name}", name, "", ("staff",), 0) for name in PEOPLE]
        asyncio.run(users.import_(people, at=1_700_000_000, dry_run=False))
        return tenant

    return make


def one_of_a_kind(several):
    """Those of which there would be a second otherwise are standard keys."""
    seen, kept = set(), []
    for key in several:
        is_second = key.revoked_at is None and (key.owner.user, key.kind) in seen
        kept.append(replace(key, kind=KeyKind.STANDARD) if is_second else key)
        if key.revoked_at is None:
            seen.add((key.owner.user, key.kind))
    return kept


async def every_page(store, query):
    found, after = [], None
    while page := await store.page(replace(query, after=after)):
        assert len(page) <= query.size
        found += page
        after = position(page[-1], query.sort)
    return found


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=few_keys, asked=queries)
def test_pages_by_position_and_by_offset_are_the_sorted_list(keys, new_tenant, a_key, made, asked):
    tenant = new_tenant()
    query = replace(asked, keys=replace(asked.keys, tenant=tenant))

    async def scenario():
        several = one_of_a_kind(a_key(next(NUMBERS), tenant=tenant, **fields) for fields in made)
        _, newest = await keys.add_foreign(several)
        revisions = itertools.count(newest - len(several) + 1)
        stored = [replace(key, created_revision=(at := next(revisions)), revision=at) for key in several]
        expected = sorted(
            (key for key in stored if fits(key, query.keys)), key=lambda key: position(key, query.sort), reverse=query.descending
        )
        assert await every_page(keys, replace(query, offset=0)) == expected
        assert await keys.page(query) == expected[query.offset : query.offset + query.size]
        assert await keys.count(query.keys) == len(expected)

    asyncio.run(scenario())


def test_pages_stay_what_they_are_while_keys_are_added(keys, a_key):
    async def scenario():
        for number in range(1, 6):
            await keys.add(a_key(number))
        query = KeyQuery(KeyFilter("default"), 2)
        first = await keys.page(query)
        await keys.add(a_key(6))
        second = await keys.page(replace(query, after=position(first[-1], query.sort)))
        assert [key.id[-1] for key in (*first, *second)] == ["5", "4", "3", "2"]

    asyncio.run(scenario())


def test_personal_keys_are_first_then_the_newest(keys, a_key):
    async def scenario():
        for number, kind in enumerate([KeyKind.STANDARD, KeyKind.PERSONAL, KeyKind.PLAYGROUND, KeyKind.STANDARD], 1):
            await keys.add(a_key(number, kind=kind))
        assert [key.id[-1] for key in await keys.page(KeyQuery(KeyFilter("default"), 10))] == ["2", "4", "3", "1"]

    asyncio.run(scenario())
