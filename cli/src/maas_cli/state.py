"""What every command gets from the line it stands on."""

from __future__ import annotations

from dataclasses import dataclass

import typer
from maas_common.clock import Clock

from maas_cli.client import Management
from maas_cli.session import SessionStore
from maas_cli.settings import Settings


@dataclass(frozen=True, slots=True)
class State:
    """Settings and the few outside things, made once by the composition root."""

    settings: Settings
    sessions: SessionStore
    clock: Clock


def state_of(context: typer.Context) -> State:
    """The state that the root callback left for its commands."""
    state = context.find_object(State)
    if state is None:
        raise RuntimeError("the root callback did not run")
    return state


def connect(context: typer.Context) -> Management:
    """The management API as who is signed in; NotSignedInError when nobody is."""
    state = state_of(context)
    session = state.sessions.current(state.settings.url, now=state.clock.now())
    return Management(state.settings.url, session.token)
