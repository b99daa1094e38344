"""Roles as the keys service knows them: what was assigned to people and groups there, beside what settings give."""

from __future__ import annotations

import grpc
import structlog
from cachetools import TTLCache
from maas.keys.v1.people_pb2 import LookupRolesRequest
from maas.keys.v1.people_pb2_grpc import PeopleLookupServiceStub
from pydantic import SecretStr

from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.auth.principal import DEFAULT_TENANT, Principal
from maas_common.auth.role_source import RoleSource
from maas_common.auth.roles import Role
from maas_common.clock import Clock

log = structlog.get_logger(__name__)

TIMEOUT_S = 1.0
REMEMBERED_S = 1.0
"""Keys remembers its answers as long: a role that was given or taken away counts within twice this."""
_REMEMBERED = 10_000
_OF_EVERY_TENANT = frozenset({Role.MODEL_CONSUMER})


class RemoteRoles:
    """A RoleSource of services other than keys. While keys can't be asked, only the roles that settings give are left.

    What these services administer is shared by all tenants: in them only people of the tenant `default` are administrators or
    model owners.
    """

    def __init__(self, keys: grpc.aio.Channel, workload_secret: SecretStr, of_settings: RoleSource, clock: Clock) -> None:
        """The channel stays the caller's."""
        self._keys = PeopleLookupServiceStub(keys)
        self._metadata = ((WORKLOAD_HEADER, workload_secret.get_secret_value()),)
        self._of_settings = of_settings
        self._known: TTLCache[tuple[str, str, tuple[str, ...]], frozenset[Role]] = TTLCache(_REMEMBERED, REMEMBERED_S, timer=clock.now)
        self._is_cut_off = False

    async def roles_of(self, principal: Principal) -> frozenset[Role]:
        """See RoleSource."""
        person = (principal.tenant, principal.user, principal.groups)
        if (known := self._known.get(person)) is not None:
            return known
        roles = await self._of_settings.roles_of(principal) | await self._assigned(principal)
        self._known[person] = roles
        return roles

    async def _assigned(self, principal: Principal) -> frozenset[Role]:
        request = LookupRolesRequest(tenant=principal.tenant, issuer=principal.issuer, subject=principal.subject, groups=principal.groups)
        try:
            answer = await self._keys.LookupRoles(request, metadata=self._metadata, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if not self._is_cut_off:
                log.warning("roles not looked up in keys, those of settings count alone", code=error.code().name, error=error.details())
            self._is_cut_off = True
            return frozenset()
        if self._is_cut_off:
            log.info("roles looked up in keys again")
        self._is_cut_off = False
        roles = frozenset(role for role in Role if role in answer.roles)
        return roles if principal.tenant == DEFAULT_TENANT else roles & _OF_EVERY_TENANT
