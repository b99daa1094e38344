"""Roles as the keys service knows them: what was assigned to people and groups there, beside what settings give."""

from __future__ import annotations

import grpc
import structlog
from maas.keys.v1.people_pb2 import LookupRolesRequest
from maas.keys.v1.people_pb2_grpc import PeopleLookupServiceStub
from pydantic import SecretStr

from maas_common.auth.interceptor import WORKLOAD_HEADER
from maas_common.auth.principal import Principal
from maas_common.auth.role_source import RememberedRoles, RoleSource, kept_in
from maas_common.auth.roles import Role
from maas_common.clock import Clock

log = structlog.get_logger(__name__)

TIMEOUT_S = 1.0


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
        self._remembered = RememberedRoles(self._look_up, clock)
        self._is_cut_off = False

    async def roles_of(self, principal: Principal) -> frozenset[Role]:
        """See RoleSource."""
        return await self._remembered.roles_of(principal)

    async def _look_up(self, principal: Principal) -> frozenset[Role]:
        return await self._of_settings.roles_of(principal) | await self._assigned(principal)

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
        return kept_in(principal.tenant, frozenset(role for role in Role if role in answer.roles))
