"""The methods of TeamsService about keys: the same keys as ApiKeysService's, by the same rules, in another shape."""

from __future__ import annotations

from maas.keys.v1 import teams_pb2 as pb

from maas_keys.core.api_key import ApiKey
from maas_keys.core.details import Details
from maas_keys.core.search import KeyFilter, SortBy
from maas_keys.core.team_rules import SERVICE
from maas_keys.core.update import updated
from maas_keys.ports import KeyStore
from maas_keys.servicers.key_changing import KeyChanging
from maas_keys.servicers.key_grounds import KeyGrounds
from maas_keys.servicers.key_making import KeyMaking
from maas_keys.servicers.key_pages import key_page
from maas_keys.servicers.limit_messages import pack_enforcement
from maas_keys.servicers.team_access import TeamAccess
from maas_keys.servicers.team_key_messages import as_named_here, pack_made, pack_team_key, unpack_order, unpack_patch, unpack_turn


class TeamKeys:
    """Makes, lists, changes and ends the keys of teams."""

    def __init__(self, store: KeyStore, access: TeamAccess, making: KeyMaking, changing: KeyChanging, grounds: KeyGrounds) -> None:
        self._store = store
        self._access = access
        self._making = making
        self._changing = changing
        self._grounds = grounds

    async def create(self, request: pb.CreateTeamKeyRequest) -> pb.TeamKey:
        """CreateTeamKey."""
        caller = await self._access.caller()
        await self._access.team(caller, "CreateTeamKey", request.id)
        with as_named_here():
            made = await self._making.make(unpack_order(request), caller, f"{SERVICE}/CreateTeamKey")
        return pack_made(made.key, made.secret, self._grounds.clock.now(), made.enforced)

    async def page(self, request: pb.ListTeamKeysRequest) -> pb.ListTeamKeysResponse:
        """ListTeamKeys."""
        caller, now = await self._access.caller(), self._grounds.clock.now()
        team = await self._access.team(caller, "ListTeamKeys", request.id)
        keys = KeyFilter(caller.tenant, team=team.id, now=int(now))
        page, token = await key_page(self._store, keys, size=request.page_size, token=request.page_token, sort=SortBy.CREATED_AT)
        return pb.ListTeamKeysResponse(keys=[pack_team_key(key, now) for key in page], next_page_token=token)

    async def update(self, request: pb.UpdateTeamKeyRequest) -> pb.TeamKey:
        """UpdateTeamKey."""
        caller, now, said = await self._access.caller(), self._grounds.clock.now(), unpack_patch(request)
        ground, turned = await self._grounds.of(said, caller.user.owner, caller), unpack_turn(request, now)

        def change(key: ApiKey) -> ApiKey:
            return turned(key if said == Details() else updated(key, said, ground))

        key, enforced = await self._changing.change(request.id, caller, f"{SERVICE}/UpdateTeamKey", change)
        return pack_team_key(key, now, enforced)

    async def delete(self, request: pb.DeleteTeamKeyRequest) -> pb.DeleteTeamKeyResponse:
        """DeleteTeamKey."""
        enforced = await self._changing.delete(request.id, await self._access.caller(), f"{SERVICE}/DeleteTeamKey")
        return pb.DeleteTeamKeyResponse(enforcement=pack_enforcement(enforced))
