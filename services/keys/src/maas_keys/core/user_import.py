"""Users from elsewhere, as rows of a request or lines of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from maas_common.auth.principal import EVERYBODY_SIGNED_IN
from maas_common.errors import FieldViolation, InvalidArgumentError

from maas_keys.core.api_key import NO_ISSUER, OwnerKind
from maas_keys.core.text import check_line
from maas_keys.core.user import Person

COLUMNS = ("issuer", "subject", "username", "email", "groups", "kind")
MAX_ROWS = 10_000
_LENGTHS = {"issuer": 256, "subject": 255, "username": 256, "email": 256}
_GROUP_LENGTH = 256
_MAX_GROUPS = 256
_SHOWN = 20
"""Of the wrong fields of an import, so many are told at once."""


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as somebody hands them in. `place` is where they stand there: `users[3]`, `csv line 4`."""

    place: str
    subject: str
    issuer: str = ""
    username: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """How users are handed in: to which tenant, with which issuer where a row names none, and when."""

    tenant: str
    issuer: str
    at: int


def csv_rows(text: str) -> list[UserRow]:
    """The rows of a CSV whose first line names its columns, in any order; InvalidArgumentError names the line that is wrong."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        _check_head(head)
        return list(_lines(head, reader))
    except csv.Error as error:
        raise InvalidArgumentError.of("csv", f"line {reader.line_num}: {error}") from None


def _check_head(head: list[str]) -> None:
    unknown = [name for name in head if name not in COLUMNS]
    if unknown or "subject" not in head or len(set(head)) != len(head):
        raise InvalidArgumentError.of(
            "csv", f"line 1: want the names of the columns: subject, and of {', '.join(COLUMNS)} those that follow, each once"
        )


def _lines(head: list[str], reader: Iterator[list[str]]) -> Iterator[UserRow]:
    start = 2
    for cells in reader:
        place, start = f"csv line {start}", reader.line_num + 1  # type: ignore[attr-defined] # of csv's reader
        if not cells:
            continue
        if len(cells) != len(head):
            raise InvalidArgumentError.of(
                "csv", f"line {place.rpartition(' ')[2]}: has {len(cells)} values; want {len(head)}, as line 1 has"
            )
        row = {name: cell.strip() for name, cell in zip(head, cells, strict=True)}
        groups = tuple(group.strip() for group in row.pop("groups", "").split(";") if group.strip())
        yield UserRow(place, groups=groups, **row)


def people_of(rows: Iterable[UserRow], handed_in: HandedIn) -> list[Person]:
    """The people; InvalidArgumentError with what is wrong of each, when anything is."""
    people: list[Person] = []
    places: dict[str, str] = {}
    wrong: list[FieldViolation] = []
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise InvalidArgumentError(f"more than {MAX_ROWS} users at once; import them in parts")
        violations = list(_wrong_with(row))
        person = _person(row, handed_in)
        if person.user in places:
            violations.append(FieldViolation(f"{row.place}.subject", f'"{person.user}" is in {places[person.user]} already; leave one out'))
        places[person.user] = row.place
        wrong += violations
        people.append(person)
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise InvalidArgumentError("; ".join(f"{v.field}: {v.description}" for v in wrong[:_SHOWN]) + more, violations=wrong[:_SHOWN])
    return people


def _person(row: UserRow, handed_in: HandedIn) -> Person:
    is_account = row.kind == OwnerKind.SERVICE_ACCOUNT
    return Person(
        tenant=handed_in.tenant,
        issuer=NO_ISSUER[OwnerKind.SERVICE_ACCOUNT] if is_account else row.issuer or handed_in.issuer,
        subject=row.subject,
        username=row.username or row.subject,
        email=row.email,
        groups=tuple(group for group in dict.fromkeys(row.groups) if group != EVERYBODY_SIGNED_IN),
        groups_at=0 if is_account else handed_in.at,
        kind=OwnerKind.SERVICE_ACCOUNT if is_account else OwnerKind.USER,
    )


def _wrong_with(row: UserRow) -> Iterator[FieldViolation]:
    for name, longest in _LENGTHS.items():
        yield from _wrong_line(f"{row.place}.{name}", getattr(row, name), longest)
    for position, group in enumerate(row.groups):
        yield from _wrong_line(f"{row.place}.groups[{position}]", group, _GROUP_LENGTH, is_needed=True)
    if len(row.groups) > _MAX_GROUPS:
        yield FieldViolation(f"{row.place}.groups", f"are {len(row.groups)}; want at most {_MAX_GROUPS}")
    if not row.subject:
        yield FieldViolation(f"{row.place}.subject", "is missing; it is the issuer's own name for them")
    if row.email and (row.email.count("@") != 1 or " " in row.email):
        yield FieldViolation(f"{row.place}.email", f'"{row.email}" is no email address; want one like ann@example.com, or nothing')
    if row.kind not in {"", OwnerKind.USER, OwnerKind.SERVICE_ACCOUNT}:
        yield FieldViolation(f"{row.place}.kind", f'"{row.kind}": want {OwnerKind.USER} or {OwnerKind.SERVICE_ACCOUNT}')
    account = NO_ISSUER[OwnerKind.SERVICE_ACCOUNT]
    if row.kind == OwnerKind.SERVICE_ACCOUNT and row.issuer not in {"", account}:
        yield FieldViolation(f"{row.place}.issuer", "a service account has none; leave it out")
    if row.kind != OwnerKind.SERVICE_ACCOUNT and (row.issuer in NO_ISSUER.values() or "|" in row.issuer):
        yield FieldViolation(f"{row.place}.issuer", f'"{row.issuer}" is no issuer of users; want the URL that their tokens name')


def _wrong_line(field: str, text: str, longest: int, *, is_needed: bool = False) -> Iterator[FieldViolation]:
    try:
        check_line(field, text)
    except InvalidArgumentError as error:
        yield from error.violations
    if len(text) > longest:
        yield FieldViolation(field, f"has {len(text)} characters; want at most {longest}")
    if is_needed and not text:
        yield FieldViolation(field, "is empty; leave it out")
