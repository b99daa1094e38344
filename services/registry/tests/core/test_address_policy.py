"""Which addresses a model's server may have."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from maas_common.errors import InvalidArgumentError
from maas_registry.core.address_policy import AddressPolicy
from maas_registry.core.endpoint import Endpoint

NAME = Endpoint.parse("https://models.example.org/v1")


def complaint(policy: AddressPolicy, *addresses: str, endpoint: Endpoint = NAME) -> str:
    """What is said of an endpoint with those addresses."""
    with pytest.raises(InvalidArgumentError) as caught:
        policy.check(endpoint, map(ip_address, addresses))
    assert [violation.field for violation in caught.value.violations] == ["url"]
    return caught.value.message


def is_open(policy: AddressPolicy, *addresses: str) -> bool:
    policy.check(NAME, map(ip_address, addresses))
    return True


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("127.0.0.1", "a loopback address"),
        ("127.255.255.254", "a loopback address"),
        ("::1", "a loopback address"),
        ("169.254.0.1", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("169.254.169.254", "a cloud's metadata address"),
        ("100.100.100.200", "a cloud's metadata address"),
        ("168.63.129.16", "a cloud's metadata address"),
        ("fd00:ec2::254", "a cloud's metadata address"),
        ("0.0.0.0", "an unspecified address"),
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "the broadcast address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("::127.0.0.1", "a loopback address"),
        ("64:ff9b::7f00:1", "a loopback address"),
        ("2002:7f00:1::", "a loopback address"),
    ],
)
def test_closed_addresses_are_refused_however_they_are_written(address, what):
    assert f'host "models.example.org" resolves to {ip_address(address)}, {what}; ' in complaint(AddressPolicy(), address)


@pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.1", "172.16.3.4", "192.168.1.1", "fd12::1", "2001:db8::1", "::ffff:10.0.0.1"])
def test_public_and_private_addresses_are_open(address):
    assert is_open(AddressPolicy(), address)


def test_one_closed_address_among_several_is_enough_to_refuse():
    assert "127.0.0.1" in complaint(AddressPolicy(), "203.0.113.7", "127.0.0.1")


def test_an_address_in_the_url_itself_is_refused_as_that():
    endpoint = Endpoint.parse("http://[::1]:8000/v1")
    assert complaint(AddressPolicy(), "::1", endpoint=endpoint).startswith("url: host ::1 is a loopback address; use a server elsewhere")


def test_an_allowed_range_opens_exactly_itself():
    policy = AddressPolicy(allowed=(ip_network("127.0.0.0/30"), ip_network("fe80::/10")))
    assert is_open(policy, "127.0.0.1", "::ffff:127.0.0.1", "fe80::1")
    assert complaint(policy, "127.0.0.5")
    assert complaint(policy, "::1")


def test_a_refused_range_closes_more_unless_it_is_allowed():
    api_server = ip_network("10.96.0.1/32")
    assert "in a range that is refused here" in complaint(AddressPolicy(refused=(api_server,)), "10.96.0.1")
    assert is_open(AddressPolicy(refused=(api_server,)), "10.96.0.2")
    assert is_open(AddressPolicy(allowed=(api_server,), refused=(api_server,)), "10.96.0.1")
