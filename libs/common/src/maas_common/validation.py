"""The protos' own rules (protovalidate), as the suite's errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError, Message

from maas_common.errors import FieldViolation, InvalidArgumentError

if TYPE_CHECKING:
    from protovalidate import Validator


class Unreadable:
    """A request that is no message of its method."""


def reading(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """A deserializer whose Unreadable `check` refuses. grpc would call what it fails to read a failure of the service."""

    def read(request: bytes) -> Any:
        try:
            return deserialize(request)
        except DecodeError:
            return Unreadable()

    return read


def check(message: Message | Unreadable) -> None:
    """InvalidArgumentError with one violation per field that breaks its rule."""
    if isinstance(message, Unreadable):
        raise InvalidArgumentError("the request can't be read: want a message of this method, every text in it UTF-8")
    violations = []
    for violation in _validator().collect_violations(message):
        path = "".join(
            (f".{e.field_name}" if e.field_name else "") + (f"[{e.subscript.value}]" if e.subscript else "")
            for e in (violation.proto.field.elements if violation.proto.field else ())
        ).removeprefix(".")
        violations.append(FieldViolation(path, violation.proto.message))
    if violations:
        raise InvalidArgumentError("; ".join(f"{v.field}: {v.description}" for v in violations), violations=violations)


@cache
def _validator() -> Validator:
    from protovalidate import Validator  # noqa: PLC0415 - the data path need not wait for it when a service starts

    return Validator()
