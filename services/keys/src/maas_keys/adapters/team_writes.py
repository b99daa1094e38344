"""What must hold of a team while its members change, inside the transaction that changes them."""

from __future__ import annotations

from maas_common.auth.roles import TeamRole
from maas_common.errors import FailedPreconditionError, NotFoundError
from sqlmodel import Session, col, select

from maas_keys.adapters.people_tables import TeamMemberRow, TeamRow, UserRow


def locked_team(session: Session, tenant: str, team_id: str) -> None:
    """Lock the team's row, which everybody does who changes members; NotFoundError when there is none."""
    if session.exec(select(TeamRow.id).where(TeamRow.tenant == tenant, TeamRow.id == team_id).with_for_update()).one_or_none() is None:
        raise NotFoundError(f'team "{team_id}": there is none of that id')


def user_in(session: Session, tenant: str, user_id: str) -> UserRow:
    """The user of that id; NotFoundError when the tenant has none."""
    user = session.exec(select(UserRow).where(UserRow.tenant == tenant, UserRow.id == user_id)).one_or_none()
    if user is None:
        raise NotFoundError(f'user "{user_id}": there is none of that id')
    return user


def check_an_owner_stays(session: Session, leaving: TeamMemberRow) -> None:
    """FailedPreconditionError when this member is the team's only owner."""
    if leaving.role != TeamRole.OWNER:
        return
    others = select(TeamMemberRow.user_id).where(
        TeamMemberRow.tenant == leaving.tenant,
        TeamMemberRow.team_id == leaving.team_id,
        TeamMemberRow.role == TeamRole.OWNER,
        col(TeamMemberRow.user_id) != leaving.user_id,
    )
    if session.exec(others.limit(1)).first() is None:
        raise FailedPreconditionError(f'team "{leaving.team_id}": this is its only owner; make somebody else owner first')
