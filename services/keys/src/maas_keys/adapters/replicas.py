"""Replicas of this service as they tell each other of themselves, in PostgreSQL. Time is the database's."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import JSON, Column, Connection, Double, Engine, String, Table, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.tables import METADATA
from maas_keys.core.replica import Followers, Replica

CHANNEL = "maas_replicas"
"""What PostgreSQL notifies of whenever a replica says something."""
REPLICAS = Table(
    "replicas",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String, nullable=False),
    Column("connected", JSON, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("seen_at", Double, nullable=False),
)
_NOW = func.extract("epoch", func.clock_timestamp()).cast(Double)


class Alone:
    """The Replicas of a database that no other process may use: none."""

    async def tell(self, here: Followers) -> None:
        """See Replicas."""

    async def others(self) -> Sequence[Replica]:
        """See Replicas."""
        return ()

    async def take_over(self, lost: Replica, here: Followers) -> None:
        """See Replicas."""

    async def leave(self, here: Followers) -> None:
        """See Replicas."""


class SqlReplicas:
    """A Replicas on a migrated PostgreSQL."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Be a replica of that name, for people, from the first `tell` on."""
        self._engine = engine
        self._id = secrets.token_hex(8)
        self._name = name

    @off_the_loop
    def tell(self, here: Followers) -> None:
        """See Replicas."""
        with self._engine.begin() as connection:
            self._put(connection, here)

    @off_the_loop
    def others(self) -> Sequence[Replica]:
        """See Replicas."""
        row = REPLICAS.c
        age_s = _NOW - row.seen_at
        query = select(row.id, row.name, row.connected, row.missing, age_s).where(row.id != self._id).order_by(row.name, row.id)
        with self._engine.connect() as connection:
            return tuple(_replica(*said) for said in connection.execute(query))

    @off_the_loop
    def take_over(self, lost: Replica, here: Followers) -> None:
        """See Replicas."""
        with self._engine.begin() as connection:
            is_silent = lost.age_s <= _NOW - REPLICAS.c.seen_at
            connection.execute(delete(REPLICAS).where(REPLICAS.c.id == lost.id, is_silent))
            self._put(connection, here)

    @off_the_loop
    def leave(self, here: Followers) -> None:
        """See Replicas."""
        with self._engine.begin() as connection:
            if here.missing:
                self._put(connection, here)
            else:
                connection.execute(delete(REPLICAS).where(REPLICAS.c.id == self._id))

    def _put(self, connection: Connection, here: Followers) -> None:
        said = {"name": self._name, "connected": dict(here.connected), "missing": dict(here.missing), "seen_at": _NOW}
        connection.execute(insert(REPLICAS).values(id=self._id, **said).on_conflict_do_update(index_elements=[REPLICAS.c.id], set_=said))
        connection.execute(select(func.pg_notify(CHANNEL, "")))


def _replica(replica_id: str, name: str, connected: dict[str, int], missing: dict[str, float], age_s: float) -> Replica:
    still_missing = {watcher: for_s - age_s for watcher, for_s in missing.items() if for_s > age_s}
    return Replica(replica_id, name, Followers(connected, still_missing), age_s)
