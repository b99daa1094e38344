"""Bringing users up to date, thousands at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Any, TypeVar

from maas_common.apikey import ALPHABET
from sqlalchemy import Connection, Executable, bindparam, delete, insert, select, update
from sqlmodel import Session, col

from maas_keys.adapters.people_tables import USERS, UserGroupRow, UserRow
from maas_keys.adapters.user_rows import group_values, user_of, user_values
from maas_keys.core.changes import Change, Kind
from maas_keys.core.user import Imported, Person, User
from maas_keys.core.vouching import concerns_keys, is_news, vouched

_AT_ONCE = 500
_LOGGED_AT_MOST = 1000
"""Of more users the tenant's change is logged instead: watchers forget all of it in one step."""
_ID_LENGTH = 12
_RANDOM = SystemRandom()
_VOUCHED = ("groups_at", "last_seen_at")
_SAID = ("username", "username_folded", "email", "email_folded", "groups")

_VOUCH_ANEW = update(UserRow).where(col(UserRow.id) == bindparam("of_id")).values({name: bindparam(name) for name in _VOUCHED})
_SAY_ANEW = _VOUCH_ANEW.values({name: bindparam(name) for name in _SAID})
T = TypeVar("T")
Identity = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Writes:
    """What bringing people up to date takes: each with what is known of them, None of the new, and what is to be kept."""

    pairs: tuple[tuple[User | None, User], ...]

    @property
    def counts(self) -> Imported:
        """How many are new, different, and the same."""
        created = sum(before is None for before, _ in self.pairs)
        updated = sum(before is not None and is_news(before.person, after.person) for before, after in self.pairs)
        return Imported(created, updated, len(self.pairs) - created - updated)

    @property
    def changes(self) -> Sequence[Change]:
        """What concerns keys: those of new users there are none."""
        changed = [after.person for before, after in self.pairs if before and concerns_keys(before.person, after.person)]
        if len(changed) > _LOGGED_AT_MOST:
            return [Change(Kind.TENANT, tenant, tenant) for tenant in sorted({person.tenant for person in changed})]
        return [Change(Kind.USER, person.tenant, person.user) for person in changed]


def planned(session: Session, people: Iterable[Person], *, at: int, seen_at: int = 0) -> Writes:
    """What it takes; the rows of those who are known are locked."""
    told = {_identity(person): person for person in people}
    known = _known(session, told)
    return Writes(tuple((before := known.get(each), _kept(before, person, at, seen_at)) for each, person in told.items()))


def write(session: Session, writes: Writes) -> None:
    """Do it, under the log's lock: of two who bring in the same new person at once the second finds them known."""
    connection = session.connection()
    new = [after for before, after in writes.pairs if before is None]
    news = [after for before, after in writes.pairs if before and is_news(before.person, after.person)]
    regrouped = [after for before, after in writes.pairs if before and before.person.groups != after.person.groups]
    same = [after for before, after in writes.pairs if before and before != after and not is_news(before.person, after.person)]
    _each(connection, insert(UserRow), map(user_values, new))
    _each(connection, _SAY_ANEW, map(_by_id, news))
    _each(connection, _VOUCH_ANEW, map(_by_id, same))
    for some in _some(regrouped):
        connection.execute(delete(UserGroupRow).where(col(UserGroupRow.user_id).in_([user.id for user in some])))
    _each(connection, insert(UserGroupRow), (values for user in (*new, *regrouped) for values in group_values(user)))


def _each(connection: Connection, statement: Executable, rows: Iterable[Mapping[str, Any]]) -> None:
    if values := list(rows):
        connection.execute(statement, values)


def _by_id(user: User) -> dict[str, Any]:
    return user_values(user) | {"of_id": user.id}


def _kept(known: User | None, person: Person, at: int, seen_at: int) -> User:
    if known is None:
        return User(_new_id(), person, created_at=at, last_seen_at=seen_at)
    return replace(vouched(known, person), last_seen_at=max(known.last_seen_at, seen_at))


def _known(session: Session, told: Mapping[Identity, Person]) -> Mapping[Identity, User]:
    subjects = defaultdict(list)
    for tenant, issuer, subject in told:
        subjects[tenant, issuer].append(subject)
    known = {}
    for (tenant, issuer), all_of_them in subjects.items():
        for some in _some(all_of_them):
            theirs = select(*USERS.c).where(USERS.c.tenant == tenant, USERS.c.issuer == issuer, USERS.c.subject.in_(some))
            for row in session.connection().execute(theirs.with_for_update()):
                user = user_of(row)
                known[_identity(user.person)] = user
    return known


def _identity(person: Person) -> Identity:
    return person.tenant, person.issuer, person.subject


def _some(every: Sequence[T]) -> Iterator[Sequence[T]]:
    """Stretches that fit a statement."""
    return (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))


def _new_id() -> str:
    return "".join(_RANDOM.choices(ALPHABET, k=_ID_LENGTH))
