"""What the fakes of the management services share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from maas.common.v1.enforcement_pb2 import Enforcement

from cli.tests.fakes.people import Issuer
from cli.tests.fakes.transcoder import RefusalError
from cli.tests.fakes.web import Request

CREATED_S = 1767225600  # 2026-01-01 00:00:00Z


@dataclass(slots=True)
class House:
    """`lagging` names watchers that don't confirm; `page_max` is the most that a page holds."""

    issuer: Issuer
    lagging: list[str] = field(default_factory=list)
    page_max: int = 2

    def caller(self, request: Request) -> str:
        return self.issuer.names[request.bearer]

    def page(self, items: list[Any], size: int, token: str) -> tuple[list[Any], str]:
        start = int(token or 0)
        end = start + min(size or self.page_max, self.page_max)
        return items[start:end], str(end) if end < len(items) else ""

    def enforcement(self) -> Enforcement:
        return Enforcement(enforced=not self.lagging, revision=7, lagging=self.lagging)

    def changed(self, resource: Any) -> Any:
        answer = type(resource)()
        answer.CopyFrom(resource)
        answer.enforcement.CopyFrom(self.enforcement())
        return answer


def found(kept: dict[str, Any], name: str, kind: str) -> Any:
    if name not in kept:
        raise RefusalError(404, f'{kind} "{name}" not found')
    return kept[name]


def updated(resource: Any, asked: Any) -> Any:
    """AIP-134 with presence: what is given, and what the mask names. A field that the resource does not have is left to the caller."""
    if asked.etag and asked.etag != resource.etag:
        raise RefusalError(409, f"etag {asked.etag} is not the current one")
    kept = {"id", "name", "etag", "update_mask"} if "id" not in asked.DESCRIPTOR.fields_by_name else {"id", "etag", "update_mask"}
    given = {descriptor.name for descriptor, _ in asked.ListFields()} | set(asked.update_mask.paths)
    for name in given & set(resource.DESCRIPTOR.fields_by_name) - kept:
        resource.ClearField(name)
        value = getattr(asked, name)
        if isinstance(value, Message) and not asked.HasField(name):
            continue
        if isinstance(value, str | int | float):
            setattr(resource, name, value)
        elif isinstance(value, Message):
            getattr(resource, name).CopyFrom(value)
        else:
            getattr(resource, name).MergeFrom(value)
    return resource
