"""The protos' own rules (protovalidate), as the suite's errors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from maas_common.errors import FieldViolation, InvalidArgumentError

if TYPE_CHECKING:
    from protovalidate import Validator


def check(message: Message) -> None:
    """InvalidArgumentError with one violation per field that breaks its rule."""
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
