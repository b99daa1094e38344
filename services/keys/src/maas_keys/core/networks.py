"""Networks that a key may be used from."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

from maas_common.errors import InvalidArgumentError

_MAPPED_BITS = 96
"""Of an IPv6 network that holds IPv4 addresses only (RFC 4291, 2.5.5.2), so many bits are not those of the IPv4 network."""


def networks(field: str, texts: Sequence[str]) -> tuple[str, ...]:
    """The networks as `ipaddress` writes them, IPv4 before IPv6, each once; InvalidArgumentError names the one that is none."""
    read = {_network(f"{field}[{position}]", text) for position, text in enumerate(texts)}
    return tuple(map(str, sorted(read, key=lambda each: (each.version, int(each.network_address), each.prefixlen))))


def _network(field: str, text: str) -> IPv4Network | IPv6Network:
    try:
        if "%" in text:
            raise ValueError  # noqa: TRY301 - an interface of somebody's machine
        network = ip_network(text, strict=False)
    except ValueError:
        raise InvalidArgumentError.of(field, f'"{text[:64]}": want a network like 10.0.0.0/8 or 2001:db8::/32, or an address') from None
    if ip_interface(text).ip != network.network_address:
        raise InvalidArgumentError.of(field, f'"{text}" has bits set past its prefix; want {network}')
    return _as_ipv4(network)


def _as_ipv4(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if isinstance(network, IPv4Network) or network.prefixlen < _MAPPED_BITS or network.network_address.ipv4_mapped is None:
        return network
    return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - _MAPPED_BITS))
