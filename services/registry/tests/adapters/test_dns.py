"""Looking up hosts."""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest
from maas_common.errors import InvalidArgumentError, UnavailableError
from maas_registry.adapters.dns import SystemResolver


def found(*addresses):
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 0)) for address in addresses]


def test_names_and_addresses_of_this_machine_are_found():
    resolver = SystemResolver(30)
    assert set(map(str, asyncio.run(resolver.addresses("localhost")))) <= {"127.0.0.1", "::1"}
    assert list(map(str, asyncio.run(resolver.addresses("203.0.113.7")))) == ["203.0.113.7"]


def test_each_address_comes_once_and_without_its_zone():
    resolver = SystemResolver(30, lambda _host: found("10.0.0.1", "fe80::1%eth0", "10.0.0.1"))
    assert asyncio.run(resolver.addresses("m.example")) == [ip_address("10.0.0.1"), ip_address("fe80::1")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (UnicodeError("label too long"), "label too long"),
        (OSError("odd"), "odd"),
    ],
)
def test_a_name_that_is_not_known_is_refused_with_the_reason(error, reason):
    def fail(_host):
        raise error

    with pytest.raises(InvalidArgumentError) as caught:
        asyncio.run(SystemResolver(30, fail).addresses("nowhere.example"))
    assert caught.value.message == f'url: host "nowhere.example" does not resolve: {reason}'


def test_a_name_server_that_does_not_answer_is_not_waited_for():
    released = threading.Event()
    resolver = SystemResolver(0.01, lambda _host: released.wait(60) and found("10.0.0.1"))
    with pytest.raises(UnavailableError, match=r"url: host \"slow\.example\" did not resolve within 0\.01 s; try again"):
        asyncio.run(resolver.addresses("slow.example"))
    released.set()
