"""PostgreSQL's notifications: how replicas hear of each other within milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, sql
from sqlalchemy import Engine

log = structlog.get_logger(__name__)

_AGAIN_AFTER_S = 0.5
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}
"""A connection that is gone without a word is noticed in 20 s. Those who listen poll as well, so nothing is lost meanwhile."""


class Notifications:
    """Listens on a connection of its own, and connects again when that breaks."""

    def __init__(self, engine: Engine, listeners: Mapping[str, Callable[[], None]]) -> None:
        """`listeners`: whom to call, by channel, when it is notified, and after each connection, as something may have been missed."""
        _, self._parameters = engine.dialect.create_connect_args(engine.url)
        self._listeners = listeners

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                log.info("notifications of the database interrupted", error=str(error))
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _listen(self) -> None:
        parameters: dict[str, Any] = {**_KEEPALIVE, **self._parameters}
        async with await AsyncConnection.connect(autocommit=True, **parameters) as connection:
            for channel, listener in self._listeners.items():
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                listener()
            async for notified in connection.notifies():
                self._listeners[notified.channel]()
