"""Blocking work on a database, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from maas_common.errors import UnavailableError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

P = ParamSpec("P")
T = TypeVar("T")


def off_the_loop(work: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run blocking work in a thread; a database that does not answer is UnavailableError, its own words the cause."""

    @wraps(work)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            raise UnavailableError("the keys database does not answer just now; try again") from error

    return call
