"""Runs the migrations on the connection that the caller opened, in its transaction."""

from alembic import context
from sqlalchemy import text

_LOCK = 0x6B657973  # any constant of this service's own

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # Replicas that start together migrate one after the other. SQLite's transactions queue by themselves.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
context.configure(connection=connection)
context.run_migrations()
