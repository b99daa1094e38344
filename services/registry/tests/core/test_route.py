"""What several gateways together make of a route."""

from __future__ import annotations

import pytest
from maas_registry.core.route import PENDING, READY, RouteState, State, overall

BAD, WORSE = RouteState(State.REJECTED, "bad"), RouteState(State.REJECTED, "worse")


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ([], PENDING),
        ([READY], READY),
        ([READY, READY], READY),
        ([READY, PENDING], PENDING),
        ([PENDING, BAD, READY], BAD),
        ([READY, BAD, WORSE], BAD),
    ],
)
def test_a_route_is_ready_when_it_is_everywhere_and_rejected_when_it_is_anywhere(states, together):
    assert overall(states) == together
