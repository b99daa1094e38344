"""Which addresses the gateway may be sent to by whoever registers a model: a defence against server-side request forgery.

Private ranges (RFC 1918, RFC 4193) are open: that is where model servers live. Names are resolved when a model is registered
or its URL changed, and by Envoy again later: who controls a name's DNS can move it afterwards, so this rule does not replace
egress rules of the network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError

from maas_registry.core.endpoint import Endpoint, IpAddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_CLOSED: tuple[tuple[str, str], ...] = (
    ("100.100.100.200/32", "a cloud's metadata address"),
    ("168.63.129.16/32", "a cloud's metadata address"),
    ("169.254.169.254/32", "a cloud's metadata address"),
    ("192.0.0.192/32", "a cloud's metadata address"),
    ("fd00:ec2::254/128", "a cloud's metadata address"),
    ("fd20:ce::254/128", "a cloud's metadata address"),
    ("127.0.0.0/8", "a loopback address"),
    ("::1/128", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("fe80::/10", "a link-local address"),
    ("0.0.0.0/8", "an unspecified address"),
    ("::/128", "an unspecified address"),
    ("224.0.0.0/4", "a multicast address"),
    ("ff00::/8", "a multicast address"),
    ("255.255.255.255/32", "the broadcast address"),
)
_NAMED = tuple((ipaddress.ip_network(network), what) for network, what in _CLOSED)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`allowed` opens ranges that are closed otherwise; `refused` closes more (the Kubernetes API server). Allowed wins."""

    allowed: tuple[Network, ...] = ()
    refused: tuple[Network, ...] = ()

    def check(self, endpoint: Endpoint, addresses: Iterable[IpAddress]) -> None:
        """Every address that the endpoint's host has must be open; InvalidArgumentError for `url` names the one that isn't."""
        for address in addresses:
            if what := self._closed(address):
                host = f"host {endpoint.host} is" if endpoint.address else f'host "{endpoint.host}" resolves to {address},'
                raise InvalidArgumentError.of(
                    "url", f"{host} {what}; use a server elsewhere, or have the registry's allowed_endpoint_ranges allow it"
                )

    def _closed(self, address: IpAddress) -> str:
        """Why it is closed; empty when it is open."""
        for each in _meanings(address):
            if any(each in network for network in self.allowed):
                continue
            for network, what in _NAMED:
                if each in network:
                    return what
            if any(each in network for network in self.refused):
                return "in a range that is refused here"
        return ""


def _meanings(address: IpAddress) -> list[IpAddress]:
    """The address, and the IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    inner = address.sixtofour
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return [address, inner] if inner else [address]
