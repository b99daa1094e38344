"""What every UserStore promises, on every database."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maas_common.errors import UnavailableError
from maas_common.sql import open_database
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.people_tables import UserGroupRow
from maas_keys.adapters.sql_users import SqlUserStore, page_query
from maas_keys.core.api_key import OwnerKind
from maas_keys.core.changes import Change, Kind
from maas_keys.core.user import Imported, Person, User
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

NOW = 1_800_000_000 - 1_800_000_000 % 60
ALICE = Person("default", "https://idp", "sub-1", "alice", "Alice@Example.com", ("red", "staff"), NOW - 10)
CHANGED = Change(Kind.USER, "default", "https://idp|sub-1")


def somebody(number, **fields):
    return replace(ALICE, subject=f"sub-{number}", username=f"user {number}", email=f"u{number}@example.com", **fields)


@pytest.fixture
def store(engine):
    return SqlUserStore(engine, history=100)


@pytest.fixture
def log(engine):
    return SqlChangeLog(engine)


def groups_for_searches(engine):
    with Session(engine) as session:
        return sorted((row.user_id, row.group) for row in session.exec(select(UserGroupRow)))


@contextmanager
def counted_statements(engine):
    seen = []

    def count(_connection, _cursor, statement, *_rest):
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", count)


def test_who_signs_in_is_kept(store, engine):
    async def scenario():
        user = await store.seen(ALICE, at=NOW + 59)
        assert user == User(user.id, ALICE, created_at=NOW + 59, last_seen_at=NOW)
        assert len(user.id) == 12
        assert user.id.isalnum()
        assert await store.get("default", user.id) == user
        assert groups_for_searches(engine) == [(user.id, "red"), (user.id, "staff")]

    asyncio.run(scenario())


def test_signing_in_again_within_the_minute_is_one_read(store, engine):
    async def scenario():
        user = await store.seen(ALICE, at=NOW)
        with counted_statements(engine) as statements:
            assert await store.seen(replace(ALICE, groups=("staff", "red", "red")), at=NOW + 59) == user
        assert [statement.split()[0] for statement in statements] == ["SELECT"]

    asyncio.run(scenario())


def test_when_somebody_was_last_seen_is_kept_to_the_minute_and_never_goes_back(store, log):
    async def scenario():
        user = await store.seen(ALICE, at=NOW)
        later = await store.seen(ALICE, at=NOW + 61)
        assert later == replace(user, last_seen_at=NOW + 60)
        assert await store.seen(ALICE, at=NOW) == later
        assert await store.get("default", user.id) == later
        assert await log.revision() == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("changes", "is_logged"), [({"groups": ("blue",)}, True), ({"username": "alicia"}, True), ({"email": "new@example.com"}, False)]
)
def test_a_newer_token_wins_and_what_concerns_keys_is_logged(store, log, engine, changes, is_logged):
    async def scenario():
        user = await store.seen(ALICE, at=NOW)
        newer = replace(ALICE, groups_at=ALICE.groups_at + 1, **changes)
        assert await store.seen(newer, at=NOW) == replace(user, person=newer)
        assert await store.get("default", user.id) == replace(user, person=newer)
        assert (await log.changes(0)).changed == ((CHANGED,) if is_logged else ())
        assert groups_for_searches(engine) == [(user.id, group) for group in newer.groups]

    asyncio.run(scenario())


def test_a_token_of_the_same_second_wins_too(store):
    async def scenario():
        user = await store.seen(ALICE, at=NOW)
        other = replace(ALICE, groups=("blue",))
        assert await store.seen(other, at=NOW) == replace(user, person=other)

    asyncio.run(scenario())


def test_an_older_token_changes_nothing_but_when_they_were_seen(store, log):
    async def scenario():
        user = await store.seen(ALICE, at=NOW)
        older = replace(ALICE, groups=("blue",), username="old", groups_at=ALICE.groups_at - 1)
        assert await store.seen(older, at=NOW + 60) == replace(user, last_seen_at=NOW + 60)
        assert await store.get("default", user.id) == replace(user, last_seen_at=NOW + 60)
        assert await log.revision() == 0

    asyncio.run(scenario())


def test_a_newer_token_that_says_the_same_makes_the_groups_young_again(store, log):
    async def scenario():
        user = await store.seen(ALICE, at=NOW)
        newer = replace(ALICE, groups_at=ALICE.groups_at + 5)
        assert await store.seen(newer, at=NOW) == replace(user, person=newer)
        assert await store.seen(replace(ALICE, groups=("blue",), groups_at=ALICE.groups_at + 4), at=NOW) == replace(user, person=newer)
        assert await log.revision() == 0

    asyncio.run(scenario())


def test_of_two_first_sign_ins_at_once_one_user_comes(store):
    async def scenario():
        users = await asyncio.gather(*(store.seen(ALICE, at=NOW) for _ in range(8)))
        assert len(set(users)) == 1
        assert await store.page("default", size=10) == [users[0]]

    asyncio.run(scenario())


def test_of_many_tokens_at_once_the_newest_stays(store, engine):
    async def scenario():
        tokens = [replace(ALICE, groups=(f"g{n}",), groups_at=NOW + n) for n in range(8)]
        users = await asyncio.gather(*(store.seen(token, at=NOW) for token in (*tokens[::2], *reversed(tokens[1::2]))))
        kept = await store.get("default", users[0].id)
        assert kept.person == tokens[-1]
        assert groups_for_searches(engine) == [(kept.id, "g7")]

    asyncio.run(scenario())


def test_an_import_is_told_in_numbers_and_a_second_one_finds_nothing_new(store, log):
    async def scenario():
        known = await store.seen(somebody(1), at=NOW)
        people = [somebody(1, groups=("blue",)), somebody(2), somebody(3)]
        assert await store.import_(people, at=NOW + 100, dry_run=True) == (Imported(2, 1, 0), 0)
        assert await store.page("default", size=10) == [known]
        assert await store.import_(people, at=NOW + 100, dry_run=False) == (Imported(2, 1, 0), 1)
        assert (await log.changes(0)).changed == (CHANGED,)
        assert await store.import_(people, at=NOW + 200, dry_run=False) == (Imported(0, 0, 3), 1)
        users = await store.page("default", size=10)
        assert {(user.person, user.created_at, user.last_seen_at) for user in users} == {
            (replace(people[0], groups_at=NOW + 200), NOW, NOW),
            (replace(people[1], groups_at=NOW + 200), NOW + 100, 0),
            (replace(people[2], groups_at=NOW + 200), NOW + 100, 0),
        }

    asyncio.run(scenario())


def test_an_import_wins_like_a_token_of_that_time(store):
    async def scenario():
        await store.import_([ALICE], at=NOW, dry_run=False)
        before = await store.seen(replace(ALICE, groups=("old",), groups_at=NOW - 1), at=NOW)
        assert before.person == replace(ALICE, groups_at=NOW)
        token = replace(ALICE, groups=("new",), groups_at=NOW + 2)
        assert (await store.seen(token, at=NOW)).person == token
        assert await store.import_([ALICE], at=NOW + 1, dry_run=False) == (Imported(0, 0, 1), 1)
        assert (await store.get("default", before.id)).person == token

    asyncio.run(scenario())


def test_groups_of_service_accounts_do_not_age_and_the_last_import_counts(store):
    async def scenario():
        robot = Person("default", "service-account", "ci", "ci", "", ("staff",), 0, OwnerKind.SERVICE_ACCOUNT)
        await store.import_([robot], at=NOW, dry_run=False)
        assert [user.person for user in await store.page("default", size=10)] == [robot]
        assert (await store.import_([replace(robot, groups=())], at=NOW, dry_run=False))[0] == Imported(0, 1, 0)
        assert [user.person for user in await store.page("default", size=10)] == [replace(robot, groups=())]

    asyncio.run(scenario())


def test_of_two_words_about_one_person_in_an_import_the_later_counts(store):
    async def scenario():
        assert (await store.import_([somebody(1), somebody(1, groups=())], at=NOW, dry_run=False))[0] == Imported(1, 0, 0)
        assert [user.person.groups for user in await store.page("default", size=10)] == [()]

    asyncio.run(scenario())


def test_an_import_of_nobody_changes_nothing(store):
    assert asyncio.run(store.import_([], at=NOW, dry_run=False)) == (Imported(0, 0, 0), 0)


def test_an_import_is_all_or_none(store, engine):
    async def scenario():
        await store.seen(somebody(1), at=NOW)
        with engine.begin() as connection:  # so that what is written last, the groups, fails
            connection.execute(text('CREATE UNIQUE INDEX one_each ON user_groups ("group")'))
        with pytest.raises(IntegrityError):
            await store.import_([somebody(2, groups=()), somebody(3, groups=("staff",))], at=NOW, dry_run=False)
        assert len(await store.page("default", size=10)) == 1

    asyncio.run(scenario())


def test_thousands_are_imported_at_once_and_many_changes_are_told_as_one(store, log, engine):
    async def scenario():
        people = [somebody(n) for n in range(2500)]
        assert (await store.import_(people, at=NOW, dry_run=False))[0] == Imported(2500, 0, 0)
        moved = [replace(person, groups=("blue",)) for person in people]
        assert (await store.import_(moved[:1000], at=NOW, dry_run=False))[0] == Imported(0, 1000, 0)
        assert {change.kind for change in (await log.changes(0)).changed} == {Kind.USER}
        assert await store.import_(moved, at=NOW, dry_run=False) == (Imported(0, 1500, 1000), 2)
        assert (await log.changes(1)).changed == (Change(Kind.TENANT, "default", "default"),)
        assert {group for _, group in groups_for_searches(engine)} == {"blue"}

    asyncio.run(scenario())


def test_imports_and_sign_ins_at_once_wait_for_each_other(store):
    async def scenario():
        people = [somebody(n) for n in range(40)]
        imports = [store.import_(people[::step], at=NOW, dry_run=False) for step in (1, -1)]
        sign_ins = [store.seen(replace(person, groups_at=NOW + 1, groups=("blue",)), at=NOW + 60) for person in people[::4]]
        await asyncio.gather(*imports, *sign_ins)
        users = await store.page("default", size=100)
        assert len(users) == 40
        blue = {user.person.subject for user in users if user.person.groups == ("blue",)}
        assert blue == {person.subject for person in people[::4]}

    asyncio.run(scenario())


def test_somebody_is_found_by_what_they_are_called_the_more_exact_first(store):
    async def scenario():
        alice = await store.seen(ALICE, at=NOW)
        await store.seen(replace(somebody(2, tenant="default"), username="alice@example.COM"), at=NOW)
        assert await store.find("default", alice.id) == [alice]
        assert await store.find("default", "https://idp|sub-1") == [alice]
        assert await store.find("default", "alice@example.com") == [alice]
        assert await store.find("default", "alice@example.COM") == [alice]
        assert await store.find("default", "alice") == [alice]
        assert await store.find("default", "Alice") == []
        assert await store.find("default", "") == []

    asyncio.run(scenario())


def test_no_username_passes_for_an_email_or_an_identity_and_no_email_for_a_username(store):
    async def scenario():
        for number, (username, email) in enumerate([("v@example.com", ""), ("https://idp|v", ""), ("u", "v")]):
            await store.seen(replace(somebody(number, tenant="default"), username=username, email=email), at=NOW)
        for name in ("v@example.com", "https://idp|v", "v"):
            assert await store.find("default", name) == []

    asyncio.run(scenario())


def test_a_subject_with_a_bar_in_it_is_found(store):
    async def scenario():
        user = await store.seen(replace(ALICE, subject="auth0|42"), at=NOW)
        assert await store.find("default", "https://idp|auth0|42") == [user]

    asyncio.run(scenario())


def test_at_most_three_are_found(store):
    async def scenario():
        await store.import_([replace(somebody(n), username="double") for n in range(5)], at=NOW, dry_run=False)
        assert len(await store.find("default", "double")) == 3

    asyncio.run(scenario())


def test_lists_are_by_email_group_and_part_of_a_name(store):
    async def scenario():
        people = [
            replace(ALICE, subject="1", username="Ölaf 100%", email="ölaf@example.com", groups=("red",)),
            replace(ALICE, subject="2", username="bob_1", email="Bob@Example.com", groups=("red", "blue")),
            replace(ALICE, subject="3", username="carol", email="carol@example.org", groups=()),
        ]
        await store.import_(people, at=NOW, dry_run=False)

        async def subjects(**filters):
            return sorted(user.person.subject for user in await store.page("default", size=10, **filters))

        assert await subjects() == ["1", "2", "3"]
        assert await subjects(email="ÖLAF@example.com") == ["1"]
        assert await subjects(email="bob@example.COM") == ["2"]
        assert await subjects(email="bob") == []
        assert await subjects(group="red") == ["1", "2"]
        assert await subjects(group="red", email="bob@example.com") == ["2"]
        assert await subjects(group="re") == []
        assert await subjects(contains="öL") == ["1"]
        assert await subjects(contains="EXAMPLE.COM") == ["1", "2"]
        assert await subjects(contains="0%") == ["1"]
        assert await subjects(contains="b_1") == ["2"]
        assert await subjects(contains="_") == ["2"]
        assert await subjects(group="blue", contains="ölaf") == []

    asyncio.run(scenario())


def test_no_tenant_sees_anothers_people(store, log):
    async def scenario():
        here = await store.seen(ALICE, at=NOW)
        there = await store.seen(replace(ALICE, tenant="acme"), at=NOW)
        assert here.id != there.id
        assert await store.get("acme", here.id) is None
        for name in (here.id, "https://idp|sub-1", "alice@example.com", "alice"):
            assert await store.find("default", name) == [here]
        assert await store.find("acme", here.id) == []
        for filters in ({}, {"email": "alice@example.com"}, {"group": "red"}, {"contains": "ali"}):
            assert await store.page("acme", size=10, **filters) == [there]
        await store.seen(replace(ALICE, tenant="acme", groups=("blue",)), at=NOW)
        assert await store.get("default", here.id) == here
        assert (await log.changes(0)).changed == (Change(Kind.USER, "acme", "https://idp|sub-1"),)

    asyncio.run(scenario())


def test_a_subject_of_another_issuer_is_somebody_else(store):
    async def scenario():
        one = await store.seen(ALICE, at=NOW)
        other = await store.seen(replace(ALICE, issuer="https://other"), at=NOW)
        assert one.id != other.id
        assert await store.find("default", "https://other|sub-1") == [other]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("filters", "index"),
    [({}, "ix_users_tenant"), ({"group": "red"}, "user_groups"), ({"email": "a@example.com"}, "ix_users_email")],
)
def test_a_page_is_a_stretch_of_an_index_however_deep(engine, filters, index):
    query = page_query("default", **{"email": "", "group": "", "contains": "", **filters}, after="m", size=10)
    statement = query.compile(engine, compile_kwargs={"literal_binds": True})
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            plan = "\n".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
            assert "SCAN" not in plan
            assert "TEMP B-TREE" not in plan
        else:
            # An empty table is scanned whatever its indexes: what is asked is whether an index could serve.
            for way in ("seqscan", "bitmapscan", "sort"):
                connection.execute(text(f"SET LOCAL enable_{way} = off"))
            plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {statement}")))
            assert "Sort" not in plan
        assert index in plan


def test_a_database_that_does_not_answer_is_told():
    async def scenario():
        engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/keys")
        store = SqlUserStore(engine, history=5)
        calls = store.seen(ALICE, at=NOW), store.import_([ALICE], at=NOW, dry_run=False), store.find("default", "x")
        for call in (*calls, store.get("default", "x"), store.page("default", size=1)):
            with pytest.raises(UnavailableError, match="does not answer"):
                await call
        engine.dispose()

    asyncio.run(scenario())


TENANTS = count()
GROUPS = st.frozensets(st.sampled_from(("red", "blue", "grün")))
TOLD = st.lists(st.tuples(st.integers(0, 9), GROUPS), max_size=20)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=TOLD, size=st.integers(1, 7), group=st.sampled_from(("", "red", "grün")))
def test_pages_together_are_the_whole_list_in_order(store, told, size, group):
    async def scenario():
        tenant = f"tenant {next(TENANTS)}"  # each example on its own
        people = {number: somebody(number, tenant=tenant, groups=tuple(groups)) for number, groups in told}
        await store.import_([somebody(number, tenant=tenant, groups=tuple(groups)) for number, groups in told], at=NOW, dry_run=False)
        everybody = await store.page(tenant, size=100, group=group)
        expected = {person.subject for person in people.values() if not group or group in person.groups}
        assert sorted(user.person.subject for user in everybody) == sorted(expected)
        paged, after = [], ""
        while page := await store.page(tenant, size=size, group=group, after=after):
            assert len(page) <= size
            paged += page
            after = page[-1].id
        assert paged == everybody

    asyncio.run(scenario())
