"""Where a request comes from, and whether a key may be used from there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """Networks that a key may be used from. What can't be read as one holds no address."""

    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Networks | None:
        """Read networks as CIDR; None, which stands for anywhere, when there is no text at all."""
        given = tuple(texts)
        return cls(tuple(network for text in given if (network := _network(text)) is not None)) if given else None

    def __str__(self) -> str:
        return ", ".join(map(str, self.networks)) or "no network"

    def hold(self, address: str) -> bool:
        """Whether one of them has the address. An IPv4 address written as IPv6 is that IPv4 address; what is no address is in none."""
        try:
            parsed: IPv4Address | IPv6Address = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address):
            parsed = parsed.ipv4_mapped or parsed
        return any(parsed in network for network in self.networks)


def client_address(peer: str, forwarded_for: str | None, trusted_hops: int) -> str:
    """Who speaks to the gateway, or with trusted proxies before it, whom they speak for; empty when that can't be told.

    Each proxy adds its own peer at the end of `x-forwarded-for`, the gateway too; so with so many trusted ones the client is that many
    places before the last. Whatever is further to the left anybody may have written. The gateway's own entry is not asked: for a peer
    on its own machine Envoy writes the machine's address.
    """
    if not trusted_hops:
        return peer
    hops = (forwarded_for or "").rsplit(",", trusted_hops + 1)
    return hops[-1 - trusted_hops].strip() if len(hops) > trusted_hops else ""


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None
