"""Who calls, and which keys they may see."""

from __future__ import annotations

from dataclasses import dataclass

from maas_common.errors import NotFoundError, PermissionDeniedError

from maas_keys.core.api_key import ApiKey, Owner, is_key_id
from maas_keys.core.text import check_line


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody signed in; as an owner, what a key of their own gets."""

    owner: Owner
    is_admin: bool = False

    def may_see(self, key: ApiKey) -> bool:
        """Administrators see every key, others those of their own identity."""
        mine = (key.owner.issuer, key.owner.subject) == (self.owner.issuer, self.owner.subject)
        return self.is_admin or mine


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys a list holds: those of an identity, those under a name, or all."""

    owner: Owner | None = None
    username: str = ""


def visible(key: ApiKey | None, key_id: str, caller: Caller) -> ApiKey:
    """The key, for a caller who may see it; NotFoundError that reads the same for one that is unknown and another's."""
    if key is None or not caller.may_see(key):
        if not is_key_id(key_id):
            raise NotFoundError("no API key has that id; an id is the 12 letters and digits between a key's prefix and its secret")
        raise NotFoundError(f'API key "{key_id}" does not exist', metadata={"id": key_id})
    return key


def listed(caller: Caller, username: str) -> KeyFilter:
    """Which keys to list: one's own, for administrators everybody's or those under a name."""
    if caller.is_admin:
        check_line("username", username)
        return KeyFilter(username=username)
    if username:
        raise PermissionDeniedError("username: only administrators list the keys of others; leave it out to list your own")
    return KeyFilter(owner=caller.owner)
