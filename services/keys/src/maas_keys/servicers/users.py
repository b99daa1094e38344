"""maas.keys.v1.UsersService: people, as they signed in or were imported."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import structlog
from maas.keys.v1 import users_pb2 as pb
from maas.keys.v1.users_pb2_grpc import UsersServiceServicer
from maas_common.auth.principal import current_principal
from maas_common.auth.roles import Reach
from maas_common.clock import Clock
from maas_common.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError

from maas_keys.core.caller import Caller
from maas_keys.core.tenant_people import TenantPeople
from maas_keys.core.text import check_line
from maas_keys.core.user_import import HandedIn, people_of
from maas_keys.ports import UserStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.limit_messages import pack_enforcement
from maas_keys.servicers.metrics import REVOKED
from maas_keys.servicers.pages import PAGE_SIZE, after, cut
from maas_keys.servicers.people_messages import pack_imported, pack_user, unpack_rows
from maas_keys.servicers.reception import Reception
from maas_keys.servicers.user_details import UserDetails

log = structlog.get_logger(__name__)

_GET = "maas.keys.v1.UsersService/GetUser"
_Context = grpc.aio.ServicerContext[Any, Any]


class UsersServicer(UsersServiceServicer):
    """Needs a signed-in caller: others than oneself are for administrators."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        users: UserStore,
        details: UserDetails,
        reception: Reception,
        feed: ChangeFeed,
        clock: Clock,
        *,
        people: TenantPeople,
        groups_max_age_s: int,
    ) -> None:
        """`groups_max_age_s`: how long groups are relied on without a new sign-in."""
        self._users = users
        self._details = details
        self._reception = reception
        self._feed = feed
        self._clock = clock
        self._people = people
        self._groups_max_age_s = groups_max_age_s

    async def GetMe(self, _request: pb.GetMeRequest, _context: _Context) -> pb.User:
        """See the proto."""
        caller = await self._caller()
        return await self._user(caller.user.id, caller)

    async def GetUser(self, request: pb.GetUserRequest, _context: _Context) -> pb.User:
        """See the proto."""
        caller = await self._caller()
        check_line("id", request.id)
        if caller.reach(_GET) is not Reach.ALL and request.id != caller.user.id:
            raise _no_user(request.id)
        return await self._user(request.id, caller)

    async def ListUsers(self, request: pb.ListUsersRequest, _context: _Context) -> pb.ListUsersResponse:
        """See the proto."""
        caller, size = await self._caller(), request.page_size or PAGE_SIZE
        for field in ("email", "group", "contains"):
            check_line(field, getattr(request, field))
        found = await self._users.page(
            caller.tenant,
            email=request.email,
            group=request.group,
            contains=request.contains,
            after=after(request.page_token),
            size=size + 1,
        )
        users, token = cut(found, size, lambda user: user.id)
        return pb.ListUsersResponse(users=[pack_user(user, self._groups_max_age_s) for user in users], next_page_token=token)

    async def ImportUsers(self, request: pb.ImportUsersRequest, _context: _Context) -> pb.ImportUsersResponse:
        """See the proto. Returns when groups that changed are decided by."""
        if bool(request.users) == bool(request.csv):
            raise InvalidArgumentError.of("users", "want users, or csv: one of them, and not both")
        return await asyncio.shield(self._import(request, await self._caller()))

    async def DeleteUser(self, request: pb.DeleteUserRequest, _context: _Context) -> pb.DeleteUserResponse:
        """See the proto. Returns when their keys are refused."""
        caller = await self._caller()
        check_line("id", request.id)
        if request.id == caller.user.id:
            raise FailedPreconditionError("you can't delete yourself; another administrator can")
        revoked, revision = await asyncio.shield(self._delete(request.id, caller))
        return pb.DeleteUserResponse(revoked_count=revoked, enforcement=pack_enforcement(await self._feed.enforced(revision)))

    async def _caller(self) -> Caller:
        return await self._reception.caller(current_principal())

    async def _user(self, user_id: str, caller: Caller) -> pb.User:
        user = await self._users.get(caller.tenant, user_id)
        if user is None:
            raise _no_user(user_id)
        return pack_user(user, self._groups_max_age_s, await self._details.of(user, caller))

    async def _import(self, request: pb.ImportUsersRequest, caller: Caller) -> pb.ImportUsersResponse:
        now = int(self._clock.now())
        people = people_of(unpack_rows(request), HandedIn(caller.tenant, caller.user.person.issuer, now, self._people))
        imported, revision = await self._users.import_(people, at=now, dry_run=request.dry_run)
        if request.dry_run:
            return pack_imported(imported, None)
        self._reception.forget()
        log.info("users imported", created=imported.created, updated=imported.updated, actor=caller.name)
        return pack_imported(imported, await self._feed.enforced(revision))

    async def _delete(self, user_id: str, caller: Caller) -> tuple[int, int]:
        revoked, revision = await self._users.delete(caller.tenant, user_id, at=int(self._clock.now()))
        self._reception.forget()
        REVOKED.inc(revoked)
        log.info("user deleted", user_id=user_id, revoked_keys=revoked, actor=caller.name)
        return revoked, revision


def _no_user(user_id: str) -> NotFoundError:
    return NotFoundError(f'user "{user_id}" does not exist', metadata={"user": user_id})
