"""Finds, and keeps, those that own keys or will."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from maas_common.errors import NotFoundError

from maas_keys.core.api_key import Owner, OwnerKind
from maas_keys.core.caller import Caller
from maas_keys.core.finding import of_one_owner
from maas_keys.core.key_owner import SELF, OwnerDraft, check_owner, group_owner, name_to_find, owner_of
from maas_keys.core.search import KeyFilter
from maas_keys.core.tenant_people import TenantPeople
from maas_keys.core.user import Person
from maas_keys.ports import KeyStore, TeamStore, UserStore


class KeyOwners:
    """Owners that administrators name need not be known yet."""

    def __init__(self, keys: KeyStore, users: UserStore, teams: TeamStore, people: TenantPeople) -> None:
        self._keys = keys
        self._users = users
        self._teams = teams
        self._people = people

    async def find(self, draft: OwnerDraft, caller: Caller, now: int) -> tuple[Owner, Person | None]:
        """Who is meant, and what is to be kept of them before they own a key."""
        check_owner(draft, caller, self._people)
        if draft == SELF:
            return caller.user.owner, None
        if draft.kind is OwnerKind.GROUP:
            return group_owner(draft.username), None
        owner, person = owner_of(draft, await self._users.find(caller.tenant, name_to_find(draft)), caller, now)
        if owner.kind is not OwnerKind.USER:
            return owner, person
        # Nobody may be called so, and who would be new be known by another name.
        if person and (known := await self._users.find(caller.tenant, person.user)):
            owner, person = owner_of(replace(draft, username=person.user), known, caller, now)
        self._people.check_issuer("username", owner.issuer, caller.tenant)
        return owner, person

    async def of_one(self, asked: KeyFilter) -> KeyFilter:
        """The keys of the one whom a filter's username means, if it names one."""
        if not asked.username:
            return asked
        found = await self._users.find(asked.tenant, asked.username)
        is_group = await self._keys.count(KeyFilter(asked.tenant, user=group_owner(asked.username).user)) > 0
        return of_one_owner(asked, found, is_group=is_group)

    async def keep(self, people: Sequence[Person], now: int) -> None:
        """Know these people."""
        if people:
            await self._users.import_(people, at=now, dry_run=False)

    async def check_team(self, team: str, caller: Caller) -> None:
        """NotFoundError when there is no such team in the caller's tenant."""
        if team and team not in caller.teams and await self._teams.get(caller.tenant, team) is None:
            raise NotFoundError(f'team "{team}" does not exist', metadata={"team": team})
