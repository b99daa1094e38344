"""maas.keys.v1.RolesService: who has which role."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import structlog
from maas.keys.v1 import roles_pb2 as pb
from maas.keys.v1.roles_pb2_grpc import RolesServiceServicer
from maas_common.apikey import new_id
from maas_common.auth.principal import current_principal
from maas_common.auth.roles import Role
from maas_common.clock import Clock
from maas_common.errors import NotFoundError

from maas_keys.core.caller import Caller
from maas_keys.core.role import RoleAssignment
from maas_keys.core.text import check_line
from maas_keys.core.user_search import the_user
from maas_keys.ports import RoleStore, UserStore
from maas_keys.servicers.limit_messages import pack_time
from maas_keys.servicers.pages import PAGE_SIZE, after, cut
from maas_keys.servicers.reception import Reception

log = structlog.get_logger(__name__)

_Context = grpc.aio.ServicerContext[Any, Any]


class RolesServicer(RolesServiceServicer):
    """Needs an administrator. What changes is obeyed within two seconds: roles are remembered for one, by each service."""

    def __init__(self, roles: RoleStore, users: UserStore, reception: Reception, clock: Clock) -> None:
        self._roles = roles
        self._users = users
        self._reception = reception
        self._clock = clock

    async def AssignRole(self, request: pb.AssignRoleRequest, _context: _Context) -> pb.RoleAssignment:
        """See the proto."""
        caller = await self._caller()
        check_line("member", request.member)
        member = await self._user(request.member, caller) if request.member_kind == "user" else request.member
        return _pack(await asyncio.shield(self._add(request, member, caller)))

    async def ListRoleAssignments(self, request: pb.ListRoleAssignmentsRequest, _context: _Context) -> pb.ListRoleAssignmentsResponse:
        """See the proto."""
        caller, size = await self._caller(), request.page_size or PAGE_SIZE
        found = await self._roles.page(caller.tenant, after=after(request.page_token), size=size + 1)
        assignments, token = cut(found, size, lambda assignment: assignment.id)
        return pb.ListRoleAssignmentsResponse(assignments=map(_pack, assignments), next_page_token=token)

    async def UnassignRole(self, request: pb.UnassignRoleRequest, _context: _Context) -> pb.UnassignRoleResponse:
        """See the proto."""
        await asyncio.shield(self._remove(request.id, await self._caller()))
        return pb.UnassignRoleResponse()

    async def _caller(self) -> Caller:
        return await self._reception.caller(current_principal())

    async def _user(self, name: str, caller: Caller) -> str:
        """Whom a name means; an identity may be given before its user is known."""
        found = await self._users.find(caller.tenant, name)
        issuer, _, subject = name.partition("|")
        return name if not found and issuer and subject else the_user("member", name, found).person.user

    async def _add(self, request: pb.AssignRoleRequest, member: str, caller: Caller) -> RoleAssignment:
        wanted = RoleAssignment(
            tenant=caller.tenant,
            id=new_id(),
            role=Role(request.role),
            member_kind="user" if request.member_kind == "user" else "group",
            member=member,
            created_by=caller.name,
            created_at=int(self._clock.now()),
        )
        kept = await self._roles.add(wanted)
        if kept.id == wanted.id:
            log.info("role assigned", role=kept.role, member=kept.member, actor=caller.name)
        return kept

    async def _remove(self, assignment_id: str, caller: Caller) -> None:
        check_line("id", assignment_id)
        if not await self._roles.remove(caller.tenant, assignment_id):
            raise NotFoundError(f'role assignment "{assignment_id}" does not exist', metadata={"id": assignment_id})
        log.info("role unassigned", assignment=assignment_id, actor=caller.name)


def _pack(assignment: RoleAssignment) -> pb.RoleAssignment:
    return pb.RoleAssignment(
        id=assignment.id,
        role=assignment.role,
        member_kind=assignment.member_kind,
        member=assignment.member,
        created_by=assignment.created_by,
        created_at=pack_time(assignment.created_at),
    )
