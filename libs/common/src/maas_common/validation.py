"""The protos' own rules (protovalidate), as the suite's errors."""

from __future__ import annotations

from google.protobuf.message import Message
from protovalidate import Validator

from maas_common.errors import FieldViolation, InvalidArgumentError


def check(validator: Validator, message: Message) -> None:
    """InvalidArgumentError with one violation per field that breaks its rule."""
    violations = []
    for violation in validator.collect_violations(message):
        path = "".join(
            (f".{e.field_name}" if e.field_name else "") + (f"[{e.subscript.value}]" if e.subscript else "")
            for e in (violation.proto.field.elements if violation.proto.field else ())
        ).removeprefix(".")
        violations.append(FieldViolation(path, violation.proto.message))
    if violations:
        raise InvalidArgumentError("; ".join(f"{v.field}: {v.description}" for v in violations), violations=violations)
