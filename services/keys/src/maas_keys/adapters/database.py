"""Opens the database that keys are kept in."""

from __future__ import annotations

from pathlib import Path

from maas_common.sql import open_database
from sqlalchemy import Engine
from sqlalchemy.engine import make_url


def open_private_database(url: str) -> Engine:
    """An engine (maas_common.sql.open_database). A SQLite file that is new is its owner's alone, and so is its folder."""
    where = make_url(url)
    if where.drivername == "sqlite" and where.database:
        path = Path(where.database)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # before SQLite makes it by the umask; it gives its journal the same mode
    return open_database(url)
