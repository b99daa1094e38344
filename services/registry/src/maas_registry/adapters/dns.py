"""Addresses by the machine's own resolver."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from maas_common.errors import InvalidArgumentError, UnavailableError

from maas_registry.core.endpoint import IpAddress

Lookup = Callable[[str], Sequence[tuple[Any, ...]]]
_THREADS = 4


def _getaddrinfo(host: str) -> Sequence[tuple[Any, ...]]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


class SystemResolver:
    """A Resolver that answers within `timeout_s`. Its threads are its own: a dead name server must not hold up the database's."""

    def __init__(self, timeout_s: float, lookup: Lookup = _getaddrinfo) -> None:
        """`lookup` answers like socket.getaddrinfo and may block."""
        self._timeout_s = timeout_s
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="dns")

    async def addresses(self, host: str) -> Sequence[IpAddress]:
        """See Resolver."""
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host)
        except TimeoutError:
            raise UnavailableError(f'url: host "{host}" did not resolve within {self._timeout_s:g} s; try again') from None
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise InvalidArgumentError.of("url", f'host "{host}" does not resolve: {reason}') from None
        # An IPv6 address may come with the zone it was found in.
        return list(dict.fromkeys(ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found))
