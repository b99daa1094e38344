"""A migrated database of each kind."""

from __future__ import annotations

import pytest
from maas_common.sql import migrate, open_database
from maas_keys.adapters.tables import MIGRATIONS


@pytest.fixture
def engine(database_url):
    made = open_database(database_url)
    migrate(made, MIGRATIONS)
    yield made
    made.dispose()
