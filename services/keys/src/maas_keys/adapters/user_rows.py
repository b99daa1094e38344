"""Users to and from rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from maas_keys.adapters.people_tables import UserRow
from maas_keys.core.api_key import OwnerKind
from maas_keys.core.user import Person, User


def user_values(user: User) -> dict[str, Any]:
    """The row's columns."""
    person = user.person
    return {
        "id": user.id,
        "tenant": person.tenant,
        "kind": person.kind.value,
        "issuer": person.issuer,
        "subject": person.subject,
        "username": person.username,
        "username_folded": person.username.casefold(),
        "email": person.email,
        "email_folded": person.email.casefold(),
        "groups": list(person.groups),
        "groups_at": person.groups_at,
        "created_at": user.created_at,
        "last_seen_at": user.last_seen_at,
    }


def group_values(user: User) -> list[dict[str, str]]:
    """The rows of their groups."""
    return [{"tenant": user.person.tenant, "group": group, "user_id": user.id} for group in user.person.groups]


def user_of(row: UserRow | Row[Any]) -> User:
    """The user that a row keeps."""
    kind = OwnerKind(row.kind)
    person = Person(row.tenant, row.issuer, row.subject, row.username, row.email, tuple(row.groups), row.groups_at, kind)
    return User(row.id, person, row.created_at, row.last_seen_at)
