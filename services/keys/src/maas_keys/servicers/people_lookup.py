"""maas.keys.v1.PeopleLookupService: people as the other services ask about them."""

from __future__ import annotations

from typing import Any

import grpc
from maas.keys.v1 import people_pb2 as pb
from maas.keys.v1.people_pb2_grpc import PeopleLookupServiceServicer
from maas_common.auth.principal import Principal
from maas_common.auth.role_source import RoleSource
from maas_common.clock import Clock

from maas_keys.core.groups import shown_groups, trusted_groups
from maas_keys.core.text import check_line
from maas_keys.ports import UserStore
from maas_keys.servicers.pages import after, cut

_PAGE_SIZE = 1000
_Context = grpc.aio.ServicerContext[Any, Any]


class PeopleLookupServicer(PeopleLookupServiceServicer):
    """Needs the workload credential."""

    def __init__(self, users: UserStore, roles: RoleSource, clock: Clock, *, groups_max_age_s: int) -> None:
        """`groups_max_age_s`: how long groups are relied on without a new sign-in."""
        self._users = users
        self._roles = roles
        self._clock = clock
        self._groups_max_age_s = groups_max_age_s

    async def LookupRoles(self, request: pb.LookupRolesRequest, _context: _Context) -> pb.LookupRolesResponse:
        """See the proto."""
        for field in ("tenant", "issuer", "subject"):
            check_line(field, getattr(request, field))
        for position, group in enumerate(request.groups):
            check_line(f"groups[{position}]", group)
        who = Principal(request.issuer, request.subject, request.subject, tuple(request.groups), tenant=request.tenant)
        return pb.LookupRolesResponse(roles=sorted(await self._roles.roles_of(who)))

    async def ListPeople(self, request: pb.ListPeopleRequest, _context: _Context) -> pb.ListPeopleResponse:
        """See the proto."""
        check_line("tenant", request.tenant)
        size, now = request.page_size or _PAGE_SIZE, self._clock.now()
        found = await self._users.page(request.tenant, after=after(request.page_token), size=size + 1)
        users, token = cut(found, size, lambda user: user.id)
        people = [
            pb.Person(
                user=user.person.user,
                username=user.person.username,
                groups=shown_groups(trusted_groups(user.person, self._groups_max_age_s, now)),
            )
            for user in users
        ]
        return pb.ListPeopleResponse(people=people, next_page_token=token)
