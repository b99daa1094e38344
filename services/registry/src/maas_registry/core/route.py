"""Whether the gateway routes to a model, as the gateway says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What the gateway made of a model's route."""

    PENDING = "pending"
    READY = "ready"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class RouteState:
    """`reason` is the gateway's own words when it rejected the route."""

    state: State
    reason: str = ""


PENDING = RouteState(State.PENDING)
READY = RouteState(State.READY)


def overall(states: Iterable[RouteState]) -> RouteState:
    """What several gateways together make of it: rejected by one is rejected; ready is ready everywhere; nobody there is pending."""
    seen = list(states)
    for state in seen:
        if state.state is State.REJECTED:
            return state
    return READY if seen and all(state == READY for state in seen) else PENDING
