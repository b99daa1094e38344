"""Runs the scripts on the connection that `maas_common.sql.migrate` opened, in its transaction."""

from alembic import context
from maas_registry.adapters.tables import METADATA
from sqlalchemy import text

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # Registries that start together migrate one after the other. The number only has to be our own.
    connection.execute(text("SELECT pg_advisory_xact_lock(7226927441)"))
context.configure(connection=connection, target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
