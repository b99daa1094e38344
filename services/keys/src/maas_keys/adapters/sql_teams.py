"""Teams in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from maas_common.auth.roles import TeamRole
from maas_common.errors import AlreadyExistsError, ConflictError, NotFoundError
from maas_common.sql import writing
from sqlalchemy import ColumnElement, Engine, delete, update
from sqlmodel import Session, col, select

from maas_keys.adapters.change_log import locked_log, logged
from maas_keys.adapters.key_tables import KEYS
from maas_keys.adapters.key_writes import leave_team, revoke_where
from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.people_tables import MEMBERS, USERS, TeamMemberRow, TeamRow, UserRow
from maas_keys.adapters.team_rows import team_of, team_values
from maas_keys.adapters.team_writes import check_an_owner_stays, locked_team, user_in
from maas_keys.core.changes import Change, Kind
from maas_keys.core.team import Member, Team

_RANK = {role.value: rank for rank, role in enumerate(TeamRole)}


class SqlTeamStore:
    """A TeamStore on a migrated database. The change log keeps its newest `history` revisions."""

    def __init__(self, engine: Engine, *, history: int) -> None:
        """Connect to nothing yet."""
        self._engine = engine
        self._history = history

    @off_the_loop
    def add(self, team: Team, owner: str) -> Team:
        """See TeamStore. The log's lock keeps two from taking one id."""
        with writing(self._engine) as session:
            revision = self._logged(session, team)
            if session.get(TeamRow, (team.tenant, team.id)):
                raise AlreadyExistsError(f'team "{team.id}": there is one of that id already; pick another')
            user_in(session, team.tenant, owner)
            row = TeamRow(**team_values(team, revision))
            session.add(row)
            session.flush()
            session.add(TeamMemberRow(tenant=team.tenant, team_id=team.id, user_id=owner, role=TeamRole.OWNER, since=team.created_at))
            return team_of(row)

    @off_the_loop
    def get(self, tenant: str, team_id: str) -> Team | None:
        """See TeamStore."""
        with Session(self._engine) as session:
            row = session.get(TeamRow, (tenant, team_id))
            return team_of(row) if row else None

    @off_the_loop
    def put(self, team: Team) -> Team:
        """See TeamStore."""
        with writing(self._engine) as session:
            values = team_values(team, self._logged(session, team))
            if not session.connection().execute(update(TeamRow).where(*_as_read(team)).values(values)).rowcount:
                raise _changed(team)
            return team_of(TeamRow(**values))

    @off_the_loop
    def delete(self, team: Team, *, at: int) -> tuple[int, int]:
        """See TeamStore."""
        members = delete(TeamMemberRow).where(col(TeamMemberRow.tenant) == team.tenant, col(TeamMemberRow.team_id) == team.id)
        with writing(self._engine) as session:
            connection, revision = session.connection(), self._logged(session, team)
            if session.exec(select(TeamRow.id).where(*_as_read(team)).with_for_update()).one_or_none() is None:
                raise _changed(team)
            connection.execute(members)
            connection.execute(delete(TeamRow).where(*_as_read(team)))
            theirs = (KEYS.c.tenant == team.tenant) & (KEYS.c.team == team.id)
            revoked, _ = revoke_where(connection, theirs, at=at, revision=revision)
            leave_team(connection, team.tenant, team.id)
            return revoked, revision

    @off_the_loop
    def page(self, tenant: str, *, member: str | None, after: str, size: int) -> Sequence[Team]:
        """See TeamStore. A member's teams are a stretch of the index of members."""
        query, in_order = select(TeamRow).where(TeamRow.tenant == tenant), col(TeamRow.id)
        if member is not None:
            in_order = col(TeamMemberRow.team_id)
            theirs = (col(TeamMemberRow.tenant) == TeamRow.tenant) & (in_order == TeamRow.id)
            query = query.join(TeamMemberRow, theirs).where(TeamMemberRow.user_id == member)
        with Session(self._engine) as session:
            return [team_of(row) for row in session.exec(query.where(in_order > after).order_by(in_order).limit(size))]

    @off_the_loop
    def members(self, tenant: str, team_id: str) -> Sequence[Member]:
        """See TeamStore."""
        query = (
            sa.select(USERS.c.id, USERS.c.username, USERS.c.email, MEMBERS.c.role, MEMBERS.c.since)
            .join(MEMBERS, MEMBERS.c.user_id == USERS.c.id)
            .where(MEMBERS.c.tenant == tenant, MEMBERS.c.team_id == team_id)
        )
        with Session(self._engine) as session:
            rows = session.connection().execute(query).all()
        members = [Member(row.id, row.username, row.email, TeamRole(row.role), row.since) for row in rows]
        return sorted(members, key=lambda member: (_RANK[member.role], member.username, member.user_id))

    @off_the_loop
    def put_member(self, tenant: str, team_id: str, user_id: str, role: TeamRole, *, at: int) -> None:
        """See TeamStore. Nothing is logged, but under the log's lock nobody leaves the team, or for good, meanwhile."""
        with writing(self._engine) as session:
            locked_log(session)
            locked_team(session, tenant, team_id)
            user_in(session, tenant, user_id)
            member = session.get(TeamMemberRow, (tenant, team_id, user_id))
            if member is None:
                session.add(TeamMemberRow(tenant=tenant, team_id=team_id, user_id=user_id, role=role, since=at))
                return
            if role is not TeamRole.OWNER:
                check_an_owner_stays(session, member)
            member.role = role

    @off_the_loop
    def remove_member(self, tenant: str, team_id: str, user_id: str, *, at: int) -> tuple[int, int]:
        """See TeamStore."""
        with writing(self._engine) as session:
            before = locked_log(session)
            locked_team(session, tenant, team_id)
            member = session.get(TeamMemberRow, (tenant, team_id, user_id))
            if member is None:
                raise NotFoundError(f'team "{team_id}": "{user_id}" is no member of it')
            check_an_owner_stays(session, member)
            user = user_in(session, tenant, user_id)
            session.delete(member)
            theirs = (KEYS.c.tenant == tenant) & (KEYS.c.owner_issuer == user.issuer) & (KEYS.c.owner_subject == user.subject)
            revoked, _ = revoke_where(session.connection(), theirs & (KEYS.c.team == team_id), at=at, revision=before + 1)
            if not revoked:
                return 0, before
            return revoked, logged(session, self._history, [Change(Kind.USER, tenant, f"{user.issuer}|{user.subject}")])

    @off_the_loop
    def roles_of(self, tenant: str, user: str) -> Mapping[str, TeamRole]:
        """See TeamStore."""
        issuer, _, subject = user.partition("|")
        query = (
            select(TeamMemberRow.team_id, TeamMemberRow.role)
            .join(UserRow, col(UserRow.id) == TeamMemberRow.user_id)
            .where(UserRow.tenant == tenant, UserRow.issuer == issuer, UserRow.subject == subject)
        )
        with Session(self._engine) as session:
            return {team_id: TeamRole(role) for team_id, role in session.exec(query)}

    def _logged(self, session: Session, team: Team) -> int:
        return logged(session, self._history, [Change(Kind.TEAM, team.tenant, team.id)])


def _as_read(team: Team) -> tuple[ColumnElement[bool], ...]:
    return col(TeamRow.tenant) == team.tenant, col(TeamRow.id) == team.id, col(TeamRow.revision) == team.revision


def _changed(team: Team) -> ConflictError:
    return ConflictError(f'team "{team.id}": it changed since it was read; read it again')
