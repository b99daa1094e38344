"""Receives who calls: what their token says is kept, seldom written."""

from __future__ import annotations

from cachetools import LRUCache
from maas_common.auth.principal import DEFAULT_TENANT, Principal
from maas_common.clock import Clock
from maas_common.errors import PermissionDeniedError

from maas_keys.core.caller import Caller
from maas_keys.core.groups import kept_groups
from maas_keys.core.user import Person, User
from maas_keys.ports import TeamStore, TenantStore, UserStore

_SEEN_EVERY_S = 60
_REMEMBERED = 20_000


class Reception:
    """Knows every caller as a user. Remembers of each what was last kept, so that most calls write nothing."""

    def __init__(self, users: UserStore, teams: TeamStore, tenants: TenantStore, clock: Clock) -> None:
        self._users = users
        self._teams = teams
        self._tenants = tenants
        self._clock = clock
        self._kept: LRUCache[tuple[str, str, str], tuple[User, float]] = LRUCache(_REMEMBERED)

    async def caller(self, principal: Principal) -> Caller:
        """Who calls, synchronised with the users that are known. Newer tokens win over older ones, whichever comes first.

        PermissionDeniedError for people of a tenant that nobody has made.
        """
        user = await self._user(_person(principal, int(self._clock.now())))
        return Caller(user, principal.roles, await self._teams.roles_of(principal.tenant, principal.user))

    def forget(self) -> None:
        """What was kept was changed by others: the next call of everybody looks again."""
        self._kept.clear()

    async def _user(self, person: Person) -> User:
        identity, now = (person.tenant, person.issuer, person.subject), self._clock.now()
        user, seen_at = self._kept.get(identity, (None, 0.0))
        if user is None or now - seen_at >= _SEEN_EVERY_S or _tells_news(person, user.person):
            await self._check_tenant(person.tenant)
            user = await self._users.seen(person, at=int(now))
            self._kept[identity] = (user, now)
        return user

    async def _check_tenant(self, name: str) -> None:
        if await self._tenants.get(name) is None:
            raise PermissionDeniedError(f'tenant "{name}" does not exist yet; an administrator of the tenant "{DEFAULT_TENANT}" makes it')


def _person(principal: Principal, now: int) -> Person:
    return Person(
        tenant=principal.tenant,
        issuer=principal.issuer,
        subject=principal.subject,
        username=principal.username,
        email=principal.email,
        groups=kept_groups(principal.groups),
        # An issuer whose clock is ahead would otherwise keep tokens of later, but right, times from counting.
        groups_at=min(principal.issued_at, now),
    )


def _tells_news(said: Person, kept: Person) -> bool:
    """A newer token does: it makes the groups that it repeats young again, by the second."""
    same = (set(said.groups), said.username, said.email) == (set(kept.groups), kept.username, kept.email)
    return said.groups_at > kept.groups_at or (said.groups_at == kept.groups_at and not same)
