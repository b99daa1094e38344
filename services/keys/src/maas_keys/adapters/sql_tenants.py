"""Tenants in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maas_common.errors import AlreadyExistsError, ConflictError, FailedPreconditionError
from maas_common.sql import writing
from sqlalchemy import ColumnElement, Engine, delete, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from maas_keys.adapters.change_log import logged
from maas_keys.adapters.key_tables import ApiKeyRow
from maas_keys.adapters.key_writes import delete_keys_of
from maas_keys.adapters.limit_json import limits_of_json, limits_to_json
from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.people_tables import RoleAssignmentRow, TeamRow, TenantRow, UserGroupRow, UserRow
from maas_keys.core.changes import Change, Kind
from maas_keys.core.tenant import Tenant


class SqlTenantStore:
    """A TenantStore on a migrated database. The change log keeps its newest `history` revisions."""

    def __init__(self, engine: Engine, *, history: int) -> None:
        """Connect to nothing yet."""
        self._engine = engine
        self._history = history

    @off_the_loop
    def add(self, tenant: Tenant) -> Tenant:
        """See TenantStore. The log's lock keeps two from taking one name."""
        with writing(self._engine) as session:
            values = _values(tenant, self._logged(session, tenant))
            if session.get(TenantRow, tenant.name):
                raise AlreadyExistsError(f'tenant "{tenant.name}": there is one of that name already; pick another')
            row = TenantRow(**values)
            session.add(row)
            return _tenant_of(row)

    @off_the_loop
    def get(self, name: str) -> Tenant | None:
        """See TenantStore."""
        with Session(self._engine) as session:
            row = session.get(TenantRow, name)
            return _tenant_of(row) if row else None

    @off_the_loop
    def put(self, tenant: Tenant) -> Tenant:
        """See TenantStore."""
        with writing(self._engine) as session:
            values = _values(tenant, self._logged(session, tenant))
            if not session.connection().execute(update(TenantRow).where(*_as_read(tenant)).values(values)).rowcount:
                raise _changed(tenant)
            return _tenant_of(TenantRow(**values))

    @off_the_loop
    def delete(self, tenant: Tenant) -> None:
        """See TenantStore. The roles that were given in it are no more than words about it, as its administrators are: they go with it.

        One user may be left: an administrator deletes all others, but not themselves. Whoever adds keys, teams or people takes the log's
        lock too, so that none comes between the look and the end.
        """
        with writing(self._engine) as session:
            self._logged(session, tenant)
            standing = (col(ApiKeyRow.tenant) == tenant.name) & col(ApiKeyRow.revoked_at).is_(None)
            _check_at_most(session, 0, select(ApiKeyRow.id).where(standing), tenant, "API keys that are not revoked")
            _check_at_most(session, 0, select(TeamRow.id).where(TeamRow.tenant == tenant.name), tenant, "teams")
            _check_at_most(session, 1, select(UserRow.id).where(UserRow.tenant == tenant.name), tenant, "users")
            connection = session.connection()
            delete_keys_of(connection, tenant.name)
            for row in (RoleAssignmentRow, UserGroupRow, UserRow):
                connection.execute(delete(row).where(col(row.tenant) == tenant.name))
            if not connection.execute(delete(TenantRow).where(*_as_read(tenant))).rowcount:
                raise _changed(tenant)

    @off_the_loop
    def page(self, *, after: str, size: int) -> Sequence[Tenant]:
        """See TenantStore."""
        query = select(TenantRow).where(TenantRow.name > after).order_by(TenantRow.name).limit(size)
        with Session(self._engine) as session:
            return [_tenant_of(row) for row in session.exec(query)]

    def _logged(self, session: Session, tenant: Tenant) -> int:
        return logged(session, self._history, [Change(Kind.TENANT, tenant.name, tenant.name)])


def _check_at_most(session: Session, number: int, belongings: SelectOfScalar[str], tenant: Tenant, what: str) -> None:
    if len(session.exec(belongings.limit(number + 1)).all()) > number:
        left = "one is left: the last administrator" if number else "none are left"
        raise FailedPreconditionError(f'tenant "{tenant.name}": {what} belong to it; it can go when {left}')


def _as_read(tenant: Tenant) -> tuple[ColumnElement[bool], ...]:
    return col(TenantRow.name) == tenant.name, col(TenantRow.revision) == tenant.revision


def _changed(tenant: Tenant) -> ConflictError:
    return ConflictError(f'tenant "{tenant.name}": it changed since it was read; read it again')


def _values(tenant: Tenant, revision: int) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "display_name": tenant.display_name,
        "description": tenant.description,
        "default_limits": limits_to_json(tenant.default_limits),
        "admin_groups": list(tenant.admin_groups),
        "admin_users": list(tenant.admin_users),
        "created_at": tenant.created_at,
        "updated_at": tenant.updated_at,
        "revision": revision,
    }


def _tenant_of(row: TenantRow) -> Tenant:
    return Tenant(
        name=row.name,
        display_name=row.display_name,
        description=row.description,
        default_limits=limits_of_json(row.default_limits),
        admin_groups=tuple(row.admin_groups),
        admin_users=tuple(row.admin_users),
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
