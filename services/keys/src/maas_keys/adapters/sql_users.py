"""People in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from maas_common.sql import last_revision, writing
from sqlalchemy import Engine, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from maas_keys.adapters.change_log import locked_log, logged
from maas_keys.adapters.off_the_loop import off_the_loop
from maas_keys.adapters.people_tables import UserGroupRow, UserRow
from maas_keys.adapters.tables import LOG, REVISIONS
from maas_keys.adapters.team_writes import user_in
from maas_keys.adapters.user_ends import end
from maas_keys.adapters.user_rows import user_of
from maas_keys.adapters.user_writes import Writes, planned, write
from maas_keys.core.api_key import OwnerKind
from maas_keys.core.changes import Change, Kind
from maas_keys.core.user import Imported, Person, User
from maas_keys.core.vouching import vouched

_FOUND_AT_MOST = 3
_MINUTE_S = 60


class SqlUserStore:
    """A UserStore on a migrated database. The change log keeps its newest `history` revisions."""

    def __init__(self, engine: Engine, *, history: int) -> None:
        """Connect to nothing yet."""
        self._engine = engine
        self._history = history

    @off_the_loop
    def seen(self, person: Person, *, at: int) -> User:
        """See UserStore. Whatever is new about a person is written under the log's lock; only that they were here again is not."""
        person, minute = _in_order(person), at - at % _MINUTE_S
        known = self._known(person)
        if known is None or vouched(known, person) != known:
            with writing(self._engine) as session:
                locked_log(session)
                writes = planned(session, [person], at=at, seen_at=minute)
                self._write(session, writes)
            return writes.pairs[0][1]
        if minute <= known.last_seen_at:
            return known
        later = update(UserRow).where(col(UserRow.id) == known.id, col(UserRow.last_seen_at) < minute).values(last_seen_at=minute)
        with writing(self._engine) as session:
            session.connection().execute(later)
        return replace(known, last_seen_at=minute)

    @off_the_loop
    def import_(self, people: Sequence[Person], *, at: int, dry_run: bool) -> tuple[Imported, int]:
        """See UserStore. An administrator's word is like a token of that time; of two about one person the later in `people` counts."""
        told = [_in_order(replace(person, groups_at=_vouched_at(person, at))) for person in people]
        if dry_run:
            with Session(self._engine) as session:
                return planned(session, told, at=at).counts, last_revision(session, REVISIONS, LOG)
        with writing(self._engine) as session:
            before = locked_log(session)
            writes = planned(session, told, at=at)
            return writes.counts, self._write(session, writes) or before

    @off_the_loop
    def get(self, tenant: str, user_id: str) -> User | None:
        """See UserStore."""
        with Session(self._engine) as session:
            row = session.exec(select(UserRow).where(UserRow.tenant == tenant, UserRow.id == user_id)).one_or_none()
            return user_of(row) if row else None

    @off_the_loop
    def find(self, tenant: str, name: str) -> Sequence[User]:
        """See UserStore. Each way of naming somebody is a look into an index of its own."""
        users = select(UserRow).where(UserRow.tenant == tenant)
        if "|" in name:
            issuer, _, subject = name.partition("|")
            queries = [users.where(UserRow.issuer == issuer, UserRow.subject == subject)]
        elif "@" in name:
            queries = [users.where(UserRow.email_folded == name.casefold())]
        else:
            queries = [users.where(UserRow.id == name), users.where(UserRow.username == name)]
        found: dict[str, User] = {}
        with Session(self._engine) as session:
            for query in queries:
                for row in session.exec(query.order_by(col(UserRow.id)).limit(_FOUND_AT_MOST)):
                    found.setdefault(row.id, user_of(row))
        return list(found.values())[:_FOUND_AT_MOST]

    @off_the_loop
    def delete(self, tenant: str, user_id: str, *, at: int) -> tuple[int, int]:
        """See UserStore. Under the log's lock, as whoever makes keys, members or users is."""
        with writing(self._engine) as session:
            revision = locked_log(session) + 1
            user = user_of(user_in(session, tenant, user_id))
            revoked = end(session, user, at=at, revision=revision)
            return revoked, logged(session, self._history, [Change(Kind.USER, tenant, user.person.user)])

    @off_the_loop
    def page(  # noqa: PLR0913 - filters, by name
        self, tenant: str, *, email: str = "", group: str = "", contains: str = "", after: str = "", size: int
    ) -> Sequence[User]:
        """See UserStore."""
        query = page_query(tenant, email=email, group=group, contains=contains, after=after, size=size)
        with Session(self._engine) as session:
            return [user_of(row) for row in session.exec(query)]

    def _known(self, person: Person) -> User | None:
        identity = (UserRow.tenant == person.tenant, UserRow.issuer == person.issuer, UserRow.subject == person.subject)
        with Session(self._engine) as session:
            row = session.exec(select(UserRow).where(*identity)).one_or_none()
            return user_of(row) if row else None

    def _write(self, session: Session, writes: Writes) -> int | None:
        """Write, and log what concerns keys; the log's revision then."""
        write(session, writes)
        return logged(session, self._history, writes.changes) if writes.changes else None


def page_query(  # noqa: PLR0913 - filters, by name
    tenant: str, *, email: str, group: str, contains: str, after: str, size: int
) -> SelectOfScalar[UserRow]:
    """A page by id. Of a group it is a stretch of the index of groups; else one of the index of emails, or of ids."""
    query = select(UserRow)
    in_order = col(UserRow.id)
    if group:
        in_order = col(UserGroupRow.user_id)
        query = query.join(UserGroupRow, col(UserRow.id) == in_order).where(UserGroupRow.tenant == tenant, UserGroupRow.group == group)
    else:
        query = query.where(UserRow.tenant == tenant)
    if email:
        query = query.where(UserRow.email_folded == email.casefold())
    if contains:
        text = contains.casefold()
        query = query.where(
            col(UserRow.username_folded).contains(text, autoescape=True) | col(UserRow.email_folded).contains(text, autoescape=True)
        )
    return query.where(in_order > after).order_by(in_order).limit(size)


def _in_order(person: Person) -> Person:
    return replace(person, groups=tuple(sorted(set(person.groups))))


def _vouched_at(person: Person, at: int) -> int:
    return 0 if person.kind is OwnerKind.SERVICE_ACCOUNT else at
