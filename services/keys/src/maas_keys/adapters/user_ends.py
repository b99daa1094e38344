"""Forgetting a user, inside a transaction that has the log's lock."""

from __future__ import annotations

from sqlalchemy import delete
from sqlmodel import Session, col, select

from maas_keys.adapters.key_tables import KEYS
from maas_keys.adapters.key_writes import revoke_where
from maas_keys.adapters.people_tables import RoleAssignmentRow, TeamMemberRow, TenantRow, UserGroupRow, UserRow
from maas_keys.adapters.team_writes import check_an_owner_stays
from maas_keys.core.user import User


def end(session: Session, user: User, *, at: int, revision: int) -> int:
    """Revoke their keys and remove all else that is theirs; how many keys that were. FailedPreconditionError as UserStore.delete."""
    person, connection = user.person, session.connection()
    for member in session.exec(select(TeamMemberRow).where(TeamMemberRow.user_id == user.id).order_by(TeamMemberRow.team_id)):
        check_an_owner_stays(session, member)
    theirs = (KEYS.c.tenant == person.tenant) & (KEYS.c.owner_issuer == person.issuer) & (KEYS.c.owner_subject == person.subject)
    revoked, _ = revoke_where(connection, theirs, at=at, revision=revision)
    _take_roles(session, user, at=at, revision=revision)
    for belongings in (TeamMemberRow, UserGroupRow):
        connection.execute(delete(belongings).where(col(belongings.user_id) == user.id))
    connection.execute(delete(UserRow).where(col(UserRow.id) == user.id))
    return revoked


def _take_roles(session: Session, user: User, *, at: int, revision: int) -> None:
    tenant, name = user.person.tenant, user.person.user
    member_kind, member = col(RoleAssignmentRow.member_kind), col(RoleAssignmentRow.member)
    given = delete(RoleAssignmentRow).where(col(RoleAssignmentRow.tenant) == tenant, member_kind == "user", member == name)
    session.connection().execute(given)
    of = session.get(TenantRow, tenant)
    if of and name in of.admin_users:
        of.admin_users = [admin for admin in of.admin_users if admin != name]
        of.updated_at, of.revision = at, revision
