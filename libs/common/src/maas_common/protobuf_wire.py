"""Protobuf's encoding, for hot paths that put messages together from pieces serialized before."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """A whole number from 0 on: seven bits a byte, the lowest first, the top bit set on all but the last."""
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
