"""People between messages and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from maas.keys.v1 import users_pb2 as pb
from maas_common.auth.roles import Role, TeamRole
from maas_common.watch import Enforced

from maas_keys.core.groups import groups_until, shown_groups
from maas_keys.core.team import Team
from maas_keys.core.user import Imported, User
from maas_keys.core.user_csv import csv_rows
from maas_keys.core.user_import import UserRow
from maas_keys.servicers.limit_messages import pack_enforcement, pack_time


@dataclass(frozen=True, slots=True)
class Details:
    """What is told of one user, and not of each in a list."""

    roles: frozenset[Role]
    teams: Sequence[tuple[Team, TeamRole]]
    personal_key_id: str


def pack_user(user: User, groups_max_age_s: int, details: Details | None = None) -> pb.User:
    """A user."""
    person = user.person
    return pb.User(
        id=user.id,
        kind=person.kind,
        issuer=person.issuer,
        subject=person.subject,
        username=person.username,
        email=person.email,
        groups=shown_groups(person.groups),
        groups_at=pack_time(person.groups_at),
        groups_until=pack_time(groups_until(person.groups_at, groups_max_age_s)),
        created_at=pack_time(user.created_at),
        last_seen_at=pack_time(user.last_seen_at),
        roles=sorted(details.roles) if details else (),
        teams=[pb.UserTeam(id=team.id, name=team.name, role=role) for team, role in details.teams] if details else (),
        personal_key_id=details.personal_key_id if details else "",
        tenant=person.tenant,
    )


def unpack_rows(request: pb.ImportUsersRequest) -> Iterable[UserRow]:
    """The users that somebody hands in; InvalidArgumentError when their CSV can't be read."""
    if request.csv:
        return csv_rows(request.csv)
    return [
        UserRow(f"users[{place}]", user.subject, user.issuer, user.username, user.email, tuple(user.groups), user.kind)
        for place, user in enumerate(request.users)
    ]


def pack_imported(imported: Imported, enforced: Enforced | None) -> pb.ImportUsersResponse:
    """What an import did; one that nothing was kept of was a dry run."""
    return pb.ImportUsersResponse(
        created=imported.created,
        updated=imported.updated,
        unchanged=imported.unchanged,
        dry_run=enforced is None,
        enforcement=pack_enforcement(enforced),
    )
