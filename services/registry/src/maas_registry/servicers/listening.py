"""Hears what comes in on a two-way stream while answers go out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

_Request = TypeVar("_Request")


@asynccontextmanager
async def listening(
    requests: AsyncIterator[_Request], hear: Callable[[_Request], None], wake: Callable[[], None]
) -> AsyncIterator[Callable[[], bool]]:
    """Inside the block `hear` is given each request as it comes.

    Yields whether more may come; asking that raises what `hear` raised. `wake` is called when the answer turns to no.
    """

    async def listen() -> None:
        async for request in requests:
            hear(request)

    task = asyncio.create_task(listen())
    task.add_done_callback(lambda _: wake())

    def is_open() -> bool:
        if task.done():
            task.result()
        return not task.done()

    try:
        yield is_open
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
