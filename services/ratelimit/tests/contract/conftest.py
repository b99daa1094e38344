"""One suite for every store."""

from __future__ import annotations

import pytest
from maas_common.testing import FakeClock

from services.ratelimit.tests.contract.callers import NOW, Caller
from services.ratelimit.tests.contract.stores import STORES


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture(params=STORES, scope="session")
def new_counting(request):
    """Makes empty stores of one kind, each by a clock."""
    return STORES[request.param]


@pytest.fixture
def counting(new_counting, clock):
    return new_counting(clock)


@pytest.fixture
def ann(counting):
    """Calls with her own plan: `ann("1;…")`."""
    return lambda plan, **who: Caller(counting, plan, **who)
