"""Writes of keys inside a transaction that has taken a revision."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from maas_keys.adapters.key_queries import Condition
from maas_keys.adapters.key_rows import changed_row_of, label_rows_of, row_of, use_row_of
from maas_keys.adapters.key_tables import KEYS, LABELS, USES
from maas_keys.core.api_key import ApiKey
from maas_keys.core.changes import Change, Kind

MOST_BY_NAME = 1000
"""Of so many keys at most each is logged; of more, their owners or their tenants are."""


def insert_keys(connection: Connection, keys: Sequence[ApiKey], first_revision: int) -> None:
    """Add keys, each with a revision of its own from the first on."""
    made = list(enumerate(keys, first_revision))
    connection.execute(insert(KEYS), [row_of(key, revision) for revision, key in made])
    connection.execute(insert(USES), [use_row_of(key, revision) for revision, key in made])
    if labels := [row for key in keys for row in label_rows_of(key)]:
        connection.execute(insert(LABELS), labels)


def update_key(connection: Connection, key: ApiKey, revision: int) -> bool:
    """Change a key unless it changed since it was read; whether that went."""
    changed = update(KEYS).where(KEYS.c.id == key.id, KEYS.c.tenant == key.tenant, KEYS.c.revision == key.revision)
    if not connection.execute(changed.values(changed_row_of(key, revision))).rowcount:
        return False
    connection.execute(delete(LABELS).where(LABELS.c.key_id == key.id))
    if labels := label_rows_of(key):
        connection.execute(insert(LABELS), labels)
    return True


def revoke_where(connection: Connection, which: Condition, *, at: int, revision: int) -> tuple[int, list[Change]]:
    """End the keys that are not revoked; how many, and the changes to log.

    They are locked in the order of their ids, as whoever writes many keys does, so that no two wait for each other.
    """
    standing = select(KEYS.c.id).where(which, KEYS.c.revoked_at.is_(None)).order_by(KEYS.c.id).with_for_update()
    ended = update(KEYS).where(KEYS.c.id.in_(standing)).values(revoked_at=at, updated_at=at, revision=revision)
    keys = connection.execute(ended.returning(KEYS.c.id, KEYS.c.tenant, KEYS.c.owner_issuer, KEYS.c.owner_subject)).all()
    changes = {Change(Kind.KEY, key.tenant, key.id) for key in keys}
    if len(changes) > MOST_BY_NAME:
        changes = {Change(Kind.USER, key.tenant, f"{key.owner_issuer}|{key.owner_subject}") for key in keys}
    if len(changes) > MOST_BY_NAME:
        changes = {Change(Kind.TENANT, key.tenant, key.tenant) for key in keys}
    return len(keys), sorted(changes)


def delete_ended(connection: Connection, *, before: int, at_most: int) -> list[Change]:
    """Delete ephemeral keys that ended before a time, the earliest first; the changes to log. Locked as by `revoke_where`."""
    until = KEYS.c.ephemeral_until
    first = select(KEYS.c.id).where(until < before).order_by(until).limit(at_most)
    ended = select(KEYS.c.id).where(KEYS.c.id.in_(first)).order_by(KEYS.c.id).with_for_update()
    gone = connection.execute(delete(KEYS).where(KEYS.c.id.in_(ended)).returning(KEYS.c.tenant, KEYS.c.id))
    return sorted(Change(Kind.KEY, *key) for key in gone)


def leave_team(connection: Connection, tenant: str, team: str) -> None:
    """Have a team's keys be in none: they are not the keys of the next team of that id. Locked as by `revoke_where`."""
    for table in (KEYS, USES):
        connection.execute(update(table).where(table.c.tenant == tenant, table.c.team == team).values(team=None))


def delete_keys_of(connection: Connection, tenant: str) -> None:
    """Delete every key of a tenant. Locked as by `revoke_where`."""
    every = select(KEYS.c.id).where(KEYS.c.tenant == tenant).order_by(KEYS.c.id).with_for_update()
    connection.execute(delete(KEYS).where(KEYS.c.id.in_(every)))
