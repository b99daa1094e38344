"""A migrated database of each kind, and keys to keep in it."""

from __future__ import annotations

import asyncio

import pytest
from maas_common.sql import open_database
from maas_keys.adapters.change_log import SqlChangeLog
from maas_keys.adapters.people_tables import TeamRow, UserRow
from maas_keys.adapters.sql_keys import SqlKeyStore
from maas_keys.adapters.sql_users import SqlUserStore
from maas_keys.core.api_key import ApiKey, KeyHash, Owner
from maas_keys.core.user import Person
from sqlmodel import Session


@pytest.fixture
def engine(migrated_url):
    made = open_database(migrated_url)
    yield made
    made.dispose()


@pytest.fixture
def log(engine):
    return SqlChangeLog(engine)


@pytest.fixture
def users(engine):
    return SqlUserStore(engine, history=100)


@pytest.fixture
def there(engine):
    """Has a tenant have these people, by their subjects, and teams."""

    def add(tenant, people=(), teams=()):
        with Session(engine) as session, session.begin():
            for subject in people:
                person = {"tenant": tenant, "kind": "user", "issuer": "https://idp", "subject": subject, "groups": [], "groups_at": 0}
                names = {"username": subject, "username_folded": subject, "email": "", "email_folded": ""}
                session.add(UserRow(id=f"{tenant}-{subject}", **person, **names, created_at=0, last_seen_at=0))
            for team in teams:
                what = {"tenant": tenant, "id": team, "name": team, "description": "", "limits": []}
                session.add(TeamRow(**what, created_at=0, updated_at=0, revision=0))

    return add


@pytest.fixture
def keys(engine, users, there):
    """A store of keys; alice and bob are known in two tenants, and each has a team red."""

    async def sign_in():
        for tenant in ("default", "other"):
            for name in ("alice", "bob"):
                await users.seen(Person(tenant, "https://idp", f"sub-{name}", name, "", ("staff",), 1_700_000_000), at=1_700_000_000)

    asyncio.run(sign_in())
    for tenant in ("default", "other"):
        there(tenant, teams=["red"])
    return SqlKeyStore(engine, history=100)


@pytest.fixture
def a_key():
    """Makes one, as read back but for its revisions."""

    def make(number, owner="alice", **fields):
        whose = Owner("https://idp", f"sub-{owner}", owner, groups=("staff",), groups_at=1_700_000_000)
        standard = {
            "id": f"key{number:09}",
            "prefix": "sk-maas-",
            "tenant": "default",
            "name": f"key {number} 鍵",
            "description": "for\ntests",
            "owner": whose,
            "created_by": "https://idp|sub-admin",
            "request_id": "",
            "hashes": (KeyHash("p1", bytes(range(32))),),
            "created_at": 1_800_000_000,
            "updated_at": 1_800_000_000,
            "expires_at": 1_900_000_000,
        }
        return ApiKey(**standard | fields)

    return make
