"""The rules of who is in a team."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.auth.roles import Reach
from maas_common.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError

from maas_keys.core.caller import Caller
from maas_keys.core.team import Member, Team
from maas_keys.core.team_rules import SERVICE


def the_member(team: Team, members: Sequence[Member], name: str) -> Member:
    """The member of that id, email or username, the first of these that anybody has.

    NotFoundError when there is none, InvalidArgumentError when there are several.
    """
    by_name = [
        [member for member in members if member.user_id == name],
        [member for member in members if member.email.casefold() == name.casefold()],
        [member for member in members if member.username == name],
    ]
    meant = next(filter(None, by_name), [])
    if not meant:
        raise NotFoundError(f'team "{team.id}": "{name}" is no member', metadata={"team": team.id})
    if len(meant) > 1:
        ids = ", ".join(member.user_id for member in meant)
        raise InvalidArgumentError.of("user", f'"{name}" is the name of several members; give the id of one: {ids}')
    return meant[0]


def check_may_remove(caller: Caller, team: Team, member: Member) -> None:
    """PermissionDeniedError for who would take out another, and may only leave."""
    if caller.reach(f"{SERVICE}/RemoveTeamMember", team.id) is Reach.OWN and member.user_id != caller.user.id:
        raise PermissionDeniedError(f'team "{team.id}": only its owners and administrators take others out; you may leave')
