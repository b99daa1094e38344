"""Roles that administrators gave, in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from maas_common.auth.roles import Role
from maas_common.sql import writing
from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from maas_keys.adapters.change_log import locked_log
from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.people_tables import RoleAssignmentRow, TenantRow
from maas_keys.core.role import RoleAssignment


class SqlRoleStore:
    """A RoleStore on a migrated database."""

    def __init__(self, engine: Engine) -> None:
        """Connect to nothing yet."""
        self._engine = engine

    @off_the_loop
    def add(self, assignment: RoleAssignment) -> RoleAssignment:
        """See RoleStore. Nothing is logged, but the log's lock keeps two from giving one role at once."""
        same = select(RoleAssignmentRow).where(
            RoleAssignmentRow.tenant == assignment.tenant,
            RoleAssignmentRow.member_kind == assignment.member_kind,
            RoleAssignmentRow.member == assignment.member,
            RoleAssignmentRow.role == assignment.role.value,
        )
        with writing(self._engine) as session:
            locked_log(session)
            if known := session.exec(same).one_or_none():
                return _assignment_of(known)
            session.add(_row_of(assignment))
        return assignment

    @off_the_loop
    def remove(self, tenant: str, assignment_id: str) -> bool:
        """See RoleStore."""
        it = delete(RoleAssignmentRow).where(col(RoleAssignmentRow.tenant) == tenant, col(RoleAssignmentRow.id) == assignment_id)
        with writing(self._engine) as session:
            return session.connection().execute(it).rowcount > 0

    @off_the_loop
    def page(self, tenant: str, *, after: str, size: int) -> Sequence[RoleAssignment]:
        """See RoleStore."""
        query = select(RoleAssignmentRow).where(RoleAssignmentRow.tenant == tenant, RoleAssignmentRow.id > after)
        with Session(self._engine) as session:
            return [_assignment_of(row) for row in session.exec(query.order_by(RoleAssignmentRow.id).limit(size))]

    @off_the_loop
    def roles_of(self, tenant: str, user: str, groups: Sequence[str]) -> frozenset[Role]:
        """See RoleStore."""
        kind, member = col(RoleAssignmentRow.member_kind), col(RoleAssignmentRow.member)
        theirs = (kind == "user") & (member == user) | (kind == "group") & member.in_(groups)
        given = select(RoleAssignmentRow.role).where(RoleAssignmentRow.tenant == tenant, theirs)
        with Session(self._engine) as session:
            roles = frozenset(map(Role, session.exec(given)))
            of = session.get(TenantRow, tenant)
        if of and (user in of.admin_users or not set(groups).isdisjoint(of.admin_groups)):
            return roles | {Role.ADMIN}
        return roles


def _row_of(assignment: RoleAssignment) -> RoleAssignmentRow:
    return RoleAssignmentRow(
        id=assignment.id,
        tenant=assignment.tenant,
        role=assignment.role.value,
        member_kind=assignment.member_kind,
        member=assignment.member,
        created_by=assignment.created_by,
        created_at=assignment.created_at,
    )


def _assignment_of(row: RoleAssignmentRow) -> RoleAssignment:
    return RoleAssignment(
        tenant=row.tenant,
        id=row.id,
        role=Role(row.role),
        member_kind="user" if row.member_kind == "user" else "group",
        member=row.member,
        created_by=row.created_by,
        created_at=row.created_at,
    )
