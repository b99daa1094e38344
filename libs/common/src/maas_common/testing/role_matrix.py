"""The table of roles, proved cell by cell through a service's gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from maas_common.auth.principal import Access
from maas_common.auth.roles import COLUMNS, TABLE, Reach, Role
from maas_common.testing import Issuer

_GROUPS = {Role.ADMIN: "admins", Role.MODEL_OWNER: "model-owners", Role.MODEL_CONSUMER: "model-consumers"}
SETTINGS = {f"{role.value.replace('-', '_')}_groups": [group] for role, group in _GROUPS.items()}
"""Under which nobody has a role but those that `caller` gives."""
ME = "me"
"""The subject of every caller: what they made in one role is their own in the next."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table."""

    method: str
    column: str
    reach: Reach

    def __str__(self) -> str:
        """The name of its test."""
        return f"{self.method.rpartition('.')[2]}-{self.column}"


@dataclass(frozen=True, slots=True)
class Case:
    """Requests of one method."""

    own: Message
    """About what is the caller's, or everybody's."""
    others: Message | None = None
    """About what is somebody else's; None where there is no such thing."""
    refusal: grpc.StatusCode = grpc.StatusCode.PERMISSION_DENIED
    """What `others` ends with for those who reach their own only: NOT_FOUND where they may not even know of it."""


def cells(package: str) -> list[Cell]:
    """Every cell of a package's methods."""
    return [Cell(method, column, TABLE[method][column]) for method in TABLE if method.startswith(package) for column in COLUMNS]


def caller(people: Issuer, column: str, **claims: Any) -> tuple[tuple[str, str], ...]:
    """Metadata of somebody of that column, with more claims if given. Teams are known to keys alone: elsewhere their members are nobody."""
    return people.bearer(ME, groups=(_GROUPS[Role(column)],) if column in _GROUPS else (), **claims)


def expected(cell: Cell, case: Case) -> list[grpc.StatusCode]:
    """What the requests of a case end with, by the table."""
    passes = grpc.StatusCode.OK
    denied = grpc.StatusCode.PERMISSION_DENIED
    own, others = {Reach.ALL: (passes, passes), Reach.NONE: (denied, denied)}.get(cell.reach, (passes, case.refusal))
    return [own] if case.others is None else [own, others]


async def outcomes(case: Case, call: Callable[[Any], Awaitable[Any]]) -> list[grpc.StatusCode]:
    """What they do end with."""
    return [await _status(call(request)) for request in (case.own, case.others) if request is not None]


async def _status(call: Awaitable[Any]) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def methods_of_people(access: Mapping[str, Access]) -> set[str]:
    """Every method, `package.Service/Method`, of ours that a service's access table opens to people."""
    pool = descriptor_pool.Default()
    services = {name.partition("/")[0] for name in access if name.startswith("maas.")}
    methods = [f"{service}/{method.name}" for service in services for method in pool.FindServiceByName(service).methods]
    opened = {Access.PEOPLE, Access.PEOPLE_OR_WORKLOAD}
    return {method for method in methods if access.get(method, access.get(method.partition("/")[0])) in opened}
