"""Every store that the contract holds for."""

from __future__ import annotations

import pytest
from maas_ratelimit.adapters.memory_store import MemoryBounds, MemoryStore


@pytest.fixture(params=["memory"], scope="session")
def new_store(request):
    """Makes fresh stores, whose reservations last an hour and which know settled requests for ten minutes."""
    return {"memory": lambda: MemoryStore(MemoryBounds(reservation_ttl_s=3600.0, settled_ttl_s=600.0))}[request.param]


@pytest.fixture
def store(new_store):
    return new_store()
