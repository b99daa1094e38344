"""Whose a key will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maas_common.errors import InvalidArgumentError, PermissionDeniedError

from maas_keys.core.api_key import NO_ISSUER, Owner, OwnerKind
from maas_keys.core.caller import Caller
from maas_keys.core.groups import kept_groups
from maas_keys.core.tenant_people import TenantPeople
from maas_keys.core.text import check_line
from maas_keys.core.user import Person, User
from maas_keys.core.user_search import the_user


@dataclass(frozen=True, slots=True)
class OwnerDraft:
    """Whom an administrator makes a key for; the default: oneself."""

    username: str = ""
    kind: OwnerKind = OwnerKind.USER
    groups: tuple[str, ...] = ()


SELF = OwnerDraft()


def check_owner(draft: OwnerDraft, caller: Caller, people: TenantPeople) -> None:
    """PermissionDeniedError for who is no administrator, InvalidArgumentError for a draft of nobody, or of nobody of the tenant."""
    if draft == SELF:
        return
    if not caller.is_admin:
        raise PermissionDeniedError("username, groups, owner_kind: only administrators make keys for others; leave them out for your own")
    if not draft.username:
        raise InvalidArgumentError.of("username", "is missing; groups and owner_kind are given together with whom they are about")
    if draft.username != draft.username.strip():
        raise InvalidArgumentError.of("username", "has white space around it; leave that out")
    check_line("username", draft.username)
    for position, group in enumerate(draft.groups):
        check_line(f"groups[{position}]", group)
        people.check_group(f"groups[{position}]", group, caller.tenant)
    if draft.kind is not OwnerKind.GROUP:
        return
    if draft.groups:
        raise InvalidArgumentError.of("groups", "a group is in no groups but itself; leave them out")
    people.check_group("username", draft.username, caller.tenant)


def name_to_find(draft: OwnerDraft) -> str:
    """By which name the user or service account is looked for."""
    return _identity(NO_ISSUER[draft.kind], draft.username) if draft.kind is OwnerKind.SERVICE_ACCOUNT else draft.username


def group_owner(name: str) -> Owner:
    """A group that owns keys."""
    return Owner(NO_ISSUER[OwnerKind.GROUP], name, name, OwnerKind.GROUP, groups=(name,))


def owner_of(draft: OwnerDraft, found: Sequence[User], caller: Caller, now: int) -> tuple[Owner, Person | None]:
    """The user or service account that is meant, and what is to be kept of them: groups that are given, or that they exist.

    `found`: who is known by `name_to_find`. An unknown name is a new one at the administrator's own issuer, or `<issuer>|<subject>`.
    """
    known = [user for user in found if user.person.kind is draft.kind]
    if not known:
        person = _newcomer(draft, caller, now)
        return _owner(person), person
    user = the_user("username", name_to_find(draft), known)
    if not draft.groups:
        return user.owner, None
    person = Person(
        tenant=caller.tenant,
        issuer=user.person.issuer,
        subject=user.person.subject,
        username=user.person.username,
        email=user.person.email,
        groups=kept_groups(draft.groups),
        groups_at=_vouched_at(draft, now),
        kind=draft.kind,
    )
    return _owner(person), person


def _newcomer(draft: OwnerDraft, caller: Caller, now: int) -> Person:
    issuer, bar, subject = draft.username.partition("|")
    if draft.kind is OwnerKind.SERVICE_ACCOUNT:
        issuer, subject = NO_ISSUER[draft.kind], draft.username
    elif not bar:
        issuer, subject = caller.user.person.issuer, draft.username
    elif issuer in NO_ISSUER.values() or not (issuer and subject):
        raise InvalidArgumentError.of("username", f'"{draft.username}" is no user; want a username, or <issuer>|<subject>')
    return Person(caller.tenant, issuer, subject, subject, "", kept_groups(draft.groups), _vouched_at(draft, now), draft.kind)


def _vouched_at(draft: OwnerDraft, now: int) -> int:
    return 0 if draft.kind is OwnerKind.SERVICE_ACCOUNT else now


def _owner(person: Person) -> Owner:
    return Owner(person.issuer, person.subject, person.username, person.kind, person.groups, person.groups_at)


def _identity(issuer: str, subject: str) -> str:
    return f"{issuer}|{subject}"
