"""Reads update requests: a field changes when it is present or named in `update_mask`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message
from maas_common.errors import InvalidArgumentError

_Value = TypeVar("_Value")
_NEVER_CHANGED = {"id", "name", "update_mask", "etag"}


class Presence:
    """Which fields of an update request change."""

    def __init__(self, request: Message, mask: Iterable[str]) -> None:
        """InvalidArgumentError when the mask names a field that can't be changed."""
        fields = [field.name for field in request.DESCRIPTOR.fields if field.name not in _NEVER_CHANGED]
        named = set(mask)
        for unknown in sorted(named - set(fields)):
            raise InvalidArgumentError.of("update_mask", f'"{unknown}" is no field that can be changed; those are {", ".join(fields)}')
        self._names = {field.name for field, _ in request.ListFields()} | named

    def given(self, name: str, value: _Value) -> _Value | None:
        """The value, None when the field stays as it is."""
        return value if name in self._names else None
