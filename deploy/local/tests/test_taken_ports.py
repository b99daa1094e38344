from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from maas_local.settings import LocalSettings, PortInUse, free_ports
from maas_local.taken_ports import PortsTakenError, check_ports

LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("here", flush=True)
    sys.stdin.read()
"""


def port(number: int) -> PortInUse:
    return PortInUse("gateway", "MAAS_LOCAL_GATEWAY_PORT", number)


def test_free_ports_pass():
    check_ports(LocalSettings.on_free_ports().ports())


def test_a_taken_port_is_named_with_its_holder_and_the_setting_that_moves_it():
    (number,) = free_ports(1)
    with subprocess.Popen([sys.executable, "-c", LISTENER, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "here\n"
        with pytest.raises(PortsTakenError) as error:
            check_ports([port(number)])
        other.stdin.close()
    assert str(error.value).startswith(f"port {number} (gateway) is taken by process {other.pid} ({sys.executable} -c ")
    assert str(error.value).endswith("; stop that, or set MAAS_LOCAL_GATEWAY_PORT to another port")


def test_a_port_taken_on_every_address_is_taken():
    (number,) = free_ports(1)
    with socket.create_server(("", number)), pytest.raises(PortsTakenError, match=f"taken by process {os.getpid()} "):
        check_ports([port(number)])


def test_every_taken_port_is_named_at_once():
    first, second = free_ports(2)
    with socket.create_server(("127.0.0.1", first)), socket.create_server(("127.0.0.1", second)), pytest.raises(PortsTakenError) as error:
        check_ports([port(first), port(second)])
    assert [line.split()[1] for line in str(error.value).splitlines()] == [str(first), str(second)]


def test_two_parts_with_the_same_port_are_named():
    (number,) = free_ports(1)
    settings = LocalSettings.on_free_ports(gateway_port=number, keys_port=number)
    with pytest.raises(PortsTakenError, match="MAAS_LOCAL_GATEWAY_PORT and MAAS_LOCAL_KEYS_PORT both name it"):
        check_ports(settings.ports())


def test_a_connection_that_lingers_does_not_take_its_port():
    (number,) = free_ports(1)
    with socket.create_server(("127.0.0.1", number)) as server:
        client = socket.create_connection(("127.0.0.1", number))
        accepted, _ = server.accept()
        accepted.close()  # who closes first lingers
        client.close()
    check_ports([port(number)])
