"""Users from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError

from maas_keys.core.api_key import NO_ISSUER, OwnerKind
from maas_keys.core.groups import kept_groups
from maas_keys.core.tenant_people import TenantPeople
from maas_keys.core.text import check_line
from maas_keys.core.user import Person
from maas_keys.core.violations import Violations

MAX_ROWS = 10_000
_LENGTHS = {"issuer": 256, "subject": 255, "username": 256, "email": 256}
_GROUP_LENGTH = 256
_MAX_GROUPS = 256


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as somebody hands them in. `place` is where they stand there: `users[3]`, `csv[line 4]`."""

    place: str
    subject: str
    issuer: str = ""
    username: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """How users are handed in: to which tenant, with which issuer where a row names none, when, and who they may be."""

    tenant: str
    issuer: str
    at: int
    people: TenantPeople


def people_of(rows: Iterable[UserRow], handed_in: HandedIn) -> list[Person]:
    """The people; InvalidArgumentError with what is wrong of each, when anything is."""
    people: list[Person] = []
    places: dict[str, str] = {}
    wrong = Violations()
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise InvalidArgumentError.of("users", f"are more than {MAX_ROWS}; import them in parts")
        person = _person(row, handed_in)
        with wrong:
            _check(row, handed_in)
        with wrong:
            if place := places.get(person.user):
                raise InvalidArgumentError.of(f"{row.place}.subject", f'"{person.user}" is in {place} already; leave one of them out')
        places[person.user] = row.place
        people.append(person)
    wrong.refuse()
    return people


def _person(row: UserRow, handed_in: HandedIn) -> Person:
    is_account = row.kind == OwnerKind.SERVICE_ACCOUNT
    return Person(
        tenant=handed_in.tenant,
        issuer=NO_ISSUER[OwnerKind.SERVICE_ACCOUNT] if is_account else row.issuer or handed_in.issuer,
        subject=row.subject,
        username=row.username or row.subject,
        email=row.email,
        groups=kept_groups(row.groups),
        groups_at=0 if is_account else handed_in.at,
        kind=OwnerKind.SERVICE_ACCOUNT if is_account else OwnerKind.USER,
    )


def _check(row: UserRow, handed_in: HandedIn) -> None:
    wrong = Violations(f"{row.place}.")
    for name, longest in _LENGTHS.items():
        with wrong:
            _check_text(name, getattr(row, name), longest)
    for position, group in enumerate(row.groups[:_MAX_GROUPS]):
        with wrong:
            _check_text(f"groups[{position}]", group, _GROUP_LENGTH)
            if group:
                handed_in.people.check_group(f"groups[{position}]", group, handed_in.tenant)
    for check in (_check_subject, _check_issuer, _check_email, _check_groups, _check_kind):
        with wrong:
            check(row, handed_in)
    wrong.refuse()


def _check_text(field: str, text: str, longest: int) -> None:
    check_line(field, text)
    if len(text) > longest:
        raise InvalidArgumentError.of(field, f"has {len(text)} characters; want at most {longest}")


def _check_subject(row: UserRow, _: HandedIn) -> None:
    if not row.subject:
        raise InvalidArgumentError.of("subject", "is missing; it is the issuer's own name for them")


def _check_issuer(row: UserRow, handed_in: HandedIn) -> None:
    if row.kind == OwnerKind.SERVICE_ACCOUNT:
        if row.issuer not in {"", NO_ISSUER[OwnerKind.SERVICE_ACCOUNT]}:
            raise InvalidArgumentError.of("issuer", "a service account has none; leave it out")
    elif row.issuer in NO_ISSUER.values() or "|" in row.issuer:
        raise InvalidArgumentError.of("issuer", f'"{row.issuer}" is no issuer of users; want the URL that their tokens name')
    elif row.issuer:
        handed_in.people.check_issuer("issuer", row.issuer, handed_in.tenant)


def _check_email(row: UserRow, _: HandedIn) -> None:
    if row.email and (row.email.count("@") != 1 or " " in row.email):
        raise InvalidArgumentError.of("email", f'"{row.email}" is no email address; want one like ann@example.com, or nothing')


def _check_groups(row: UserRow, _: HandedIn) -> None:
    if len(row.groups) > _MAX_GROUPS:
        raise InvalidArgumentError.of("groups", f"are {len(row.groups)}; want at most {_MAX_GROUPS}")
    if "" in row.groups:
        raise InvalidArgumentError.of(f"groups[{row.groups.index('')}]", "is empty; leave it out")


def _check_kind(row: UserRow, _: HandedIn) -> None:
    if row.kind not in {"", OwnerKind.USER, OwnerKind.SERVICE_ACCOUNT}:
        raise InvalidArgumentError.of("kind", f'"{row.kind}": want {OwnerKind.USER} or {OwnerKind.SERVICE_ACCOUNT}')
