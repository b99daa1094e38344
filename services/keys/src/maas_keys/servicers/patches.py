"""Reads update requests: a field changes when it is present or named in `update_mask`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message
from maas_common.errors import InvalidArgumentError

_Value = TypeVar("_Value")


class Presence:
    """Which fields of an update request change."""

    def __init__(self, request: Message, mask: Iterable[str], *, key: str) -> None:
        """`key`: the field that says what to change. InvalidArgumentError when the mask names a field that can't be changed."""
        fields = [field.name for field in request.DESCRIPTOR.fields if field.name not in {key, "update_mask", "etag"}]
        named = set(mask)
        for unknown in sorted(named - set(fields)):
            raise InvalidArgumentError.of("update_mask", f'"{unknown}" is no field that can be changed; those are {", ".join(fields)}')
        self._names = {field.name for field, _ in request.ListFields()} | named

    def given(self, name: str, value: _Value) -> _Value | None:
        """The value, None when the field stays as it is."""
        return value if name in self._names else None

    def __contains__(self, name: object) -> bool:
        """Whether that field changes."""
        return name in self._names
