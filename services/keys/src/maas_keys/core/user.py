"""People and service accounts, as they signed in or were imported."""

from __future__ import annotations

from dataclasses import dataclass

from maas_keys.core.api_key import Owner, OwnerKind


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody vouched for: a token at sign-in, or an administrator at import. Identity is (tenant, issuer, subject)."""

    tenant: str
    issuer: str
    subject: str
    username: str
    email: str
    groups: tuple[str, ...]
    groups_at: int
    """When that was, Unix seconds; 0 for service accounts, whose groups do not age."""
    kind: OwnerKind = OwnerKind.USER

    @property
    def user(self) -> str:
        """Whose counters and keys: `<issuer>|<subject>`."""
        return f"{self.issuer}|{self.subject}"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody known."""

    id: str
    """12 base62 characters."""
    person: Person
    created_at: int
    last_seen_at: int
    """0: never signed in."""

    @property
    def owner(self) -> Owner:
        """As the owner of a key."""
        person = self.person
        return Owner(person.issuer, person.subject, person.username, person.kind, person.groups, person.groups_at)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do."""

    created: int
    updated: int
    unchanged: int
