"""What the service needs from outside. Every method of a store raises UnavailableError when it can't be reached.

`put`, of each aggregate: stores a changed version of what was read at its `revision`; ConflictError when it changed meanwhile.
No method sees what belongs to another tenant than the one it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from maas_common.auth.roles import Role, TeamRole

from maas_keys.core.api_key import ApiKey, KeyKind
from maas_keys.core.changes import Changes
from maas_keys.core.decided import KeyInContext
from maas_keys.core.replica import Followers, Replica
from maas_keys.core.role import RoleAssignment
from maas_keys.core.search import KeyFilter, KeyQuery
from maas_keys.core.team import Member, Team
from maas_keys.core.tenant import Tenant
from maas_keys.core.usage import BudgetPassed, UsageRecord
from maas_keys.core.user import Imported, Person, User


class KeyStore(Protocol):
    """Where keys live. Each write is logged as a change of the key in the same transaction."""

    async def add(self, key: ApiKey) -> ApiKey:
        """Store a new key and return it with its revision; or the one that is in its place.

        That is the one that its creator made before with that request id, or the owner's personal or playground key.
        FailedPreconditionError when its team is gone, or its owner, whom the UserStore knows unless they are a group.
        """
        ...

    async def add_foreign(self, keys: Sequence[ApiKey]) -> tuple[int, int]:
        """Store keys that another system made, all or none; how many were new, and the log's revision after. Fails as `add`."""
        ...

    async def get(self, tenant: str, key_id: str) -> ApiKey | None:
        """The key of that id, its owner's groups as they are known now."""
        ...

    async def of_kind(self, tenant: str, user: str, kind: KeyKind) -> ApiKey | None:
        """The user's (`<issuer>|<subject>`) personal or playground key that is not revoked."""
        ...

    async def put(self, key: ApiKey) -> ApiKey:
        """Store a changed key and return it with its new revision."""
        ...

    async def delete(self, key: ApiKey) -> int:
        """Forget a key; the log's revision that says so. ConflictError when it changed since `key` was read, or is gone."""
        ...

    async def page(self, query: KeyQuery) -> Sequence[ApiKey]:
        """At most `query.size` keys in order. By position a page costs the same however far it is."""
        ...

    async def count(self, keys: KeyFilter) -> int:
        """How many keys there are."""
        ...

    async def revoke_all(self, keys: KeyFilter, *, at: int) -> tuple[int, int]:
        """End every key of the filter that is not revoked; how many that were, and the log's revision after. All or none."""
        ...

    async def lookup(self, key_id: str, tenant: str = "") -> tuple[KeyInContext | None, int]:
        """All that decisions need of the key of that id, in any tenant when none is given, and the log's revision in the same snapshot."""
        ...

    async def record_used(self, used: Mapping[str, int]) -> None:
        """Keep when keys were last used, by id. Older times than those kept, and unknown ids, change nothing; nothing is logged."""
        ...

    async def delete_ephemeral(self, *, expired_before: int, at_most: int) -> int:
        """Forget ephemeral keys that ended before that time; how many."""
        ...


class TeamStore(Protocol):
    """Where teams live. Changes of limits and budget are logged as changes of the team."""

    async def add(self, team: Team, owner: str) -> Team:
        """Store a new team with its first owner (a user's id). AlreadyExistsError when its id is taken."""
        ...

    async def get(self, tenant: str, team_id: str) -> Team | None:
        """The team of that id."""
        ...

    async def put(self, team: Team) -> Team:
        """Store a changed team and return it with its new revision."""
        ...

    async def delete(self, team: Team, *, at: int) -> tuple[int, int]:
        """Remove a team and its members and revoke its keys; how many those were, and the log's revision after. ConflictError as put."""
        ...

    async def page(self, tenant: str, *, member: str | None, after: str, size: int) -> Sequence[Team]:
        """At most `size` teams with ids past `after`, by id: all of the tenant, or those that a user (by id) is in."""
        ...

    async def members(self, tenant: str, team_id: str) -> Sequence[Member]:
        """The members, owners first, then by username."""
        ...

    async def put_member(self, tenant: str, team_id: str, user_id: str, role: TeamRole, *, at: int) -> None:
        """Add a member, or change their role. FailedPreconditionError when no owner would be left; NotFoundError when the team is gone."""
        ...

    async def remove_member(self, tenant: str, team_id: str, user_id: str, *, at: int) -> tuple[int, int]:
        """Take a member out and revoke their keys in the team; how many, and the log's revision after.

        Errors as put_member; NotFoundError also when they are no member.
        """
        ...

    async def roles_of(self, tenant: str, user: str) -> Mapping[str, TeamRole]:
        """The teams that a user (`<issuer>|<subject>`) is in, by id, with their role."""
        ...


class UserStore(Protocol):
    """Where people live. A change of groups or username is logged as a change of the user."""

    async def seen(self, person: Person, *, at: int) -> User:
        """Somebody signed in: keep what their token says unless something newer is kept. `at` is kept as the time, to the minute."""
        ...

    async def import_(self, people: Sequence[Person], *, at: int, dry_run: bool) -> tuple[Imported, int]:
        """Bring people up to date, all or none; and the log's revision after."""
        ...

    async def get(self, tenant: str, user_id: str) -> User | None:
        """The user of that id."""
        ...

    async def find(self, tenant: str, name: str) -> Sequence[User]:
        """Users that are called so, at most 3.

        With a bar in it a name is `<issuer>|<subject>`, else with an `@` an email (in upper or lower case), else an id, which comes
        first, or a username.
        """
        ...

    async def delete(self, tenant: str, user_id: str, *, at: int) -> tuple[int, int]:
        """Forget a user and revoke their keys; how many those were, and the log's revision after.

        They leave their teams and lose the roles that were given to them. NotFoundError when there is none; FailedPreconditionError
        when a team would have no owner left.
        """
        ...

    async def page(  # noqa: PLR0913 - filters, by name
        self, tenant: str, *, email: str = "", group: str = "", contains: str = "", after: str = "", size: int
    ) -> Sequence[User]:
        """At most `size` users with ids past `after`, by id."""
        ...


class TenantStore(Protocol):
    """Where tenants live. Changes are logged as changes of the tenant."""

    async def add(self, tenant: Tenant) -> Tenant:
        """Store a new tenant. AlreadyExistsError when its name is taken."""
        ...

    async def get(self, name: str) -> Tenant | None:
        """The tenant of that name."""
        ...

    async def put(self, tenant: Tenant) -> Tenant:
        """Store a changed tenant and return it with its new revision."""
        ...

    async def delete(self, tenant: Tenant) -> None:
        """Remove a tenant, its revoked keys and its last user. FailedPreconditionError when more belongs to it; ConflictError as put."""
        ...

    async def page(self, *, after: str, size: int) -> Sequence[Tenant]:
        """At most `size` tenants with names past `after`, by name."""
        ...


class RoleStore(Protocol):
    """Where roles live that administrators gave."""

    async def add(self, assignment: RoleAssignment) -> RoleAssignment:
        """Keep an assignment; or the one of the same role to the same member that is there."""
        ...

    async def remove(self, tenant: str, assignment_id: str) -> bool:
        """Take an assignment away; whether there was one."""
        ...

    async def page(self, tenant: str, *, after: str, size: int) -> Sequence[RoleAssignment]:
        """At most `size` assignments with ids past `after`, by id."""
        ...

    async def roles_of(self, tenant: str, user: str, groups: Sequence[str]) -> frozenset[Role]:
        """The roles of a user (`<issuer>|<subject>`) in these groups; administrators of the tenant are `admin`."""
        ...


class ChangeLog(Protocol):
    """The log of changes of keys, users, teams and tenants."""

    async def revision(self) -> int:
        """The log's newest revision."""
        ...

    async def changes(self, after: int, tenant: str = "") -> Changes:
        """What happened after that revision: in one tenant, or in all."""
        ...


class Replicas(Protocol):
    """The processes of this service on one database, as they tell each other of themselves."""

    async def tell(self, here: Followers) -> None:
        """Say who follows this replica; who asks after this returned knows it."""
        ...

    async def others(self) -> Sequence[Replica]:
        """The other replicas, by name."""
        ...

    async def take_over(self, lost: Replica, here: Followers) -> None:
        """Forget a replica that is silent still, and say who follows this one, in one transaction."""
        ...

    async def leave(self, here: Followers) -> None:
        """Be no replica any more; whom `here` misses is kept for another to take over."""
        ...


class TierDirectory(Protocol):
    """Who has which tiers: the registry knows."""

    async def tiers_of(self, groups: Sequence[str]) -> Sequence[str]:
        """The names of the tiers of somebody in these groups, highest level first. UnavailableError when the registry can't be asked."""
        ...


class UsageStore(Protocol):
    """Where raw usage is kept."""

    async def record(self, records: Sequence[UsageRecord], budgets: Sequence[BudgetPassed]) -> int:
        """Keep all of it or nothing; how many records were new. UnavailableError when it can't be reached.

        A record whose request id is known is left as it is, but one that ended takes the place of one that expired. A budget's
        threshold is kept once for each counter, subject and window.
        """
        ...
