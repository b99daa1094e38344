"""Taking over keys that another system made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from maas_common.apikey import foreign_key_id
from maas_common.errors import InvalidArgumentError

from maas_keys.core.api_key import NO_LABELS, ApiKey, KeyHash, Owner
from maas_keys.core.caller import Caller
from maas_keys.core.details import Ground, checked_subscription
from maas_keys.core.key_owner import OwnerDraft, check_owner
from maas_keys.core.labels import checked_labels
from maas_keys.core.tenant_people import TenantPeople
from maas_keys.core.text import check_line, check_name
from maas_keys.core.violations import Violations


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A key that another system made, as somebody hands it in. Times are Unix seconds; None: as for a key made now."""

    sha256: bytes
    username: str
    shown: str = ""
    name: str = ""
    description: str = ""
    groups: tuple[str, ...] = ()
    expires_at: int | None = None
    created_at: int | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    subscription: str = ""
    team: str = ""

    @property
    def owner(self) -> OwnerDraft:
        """Whose it is."""
        return OwnerDraft(self.username, groups=self.groups)


@dataclass(frozen=True, slots=True)
class TakenOver:
    """How many keys were new and how many known, and the ids of all, in their order."""

    imported: int
    known: int
    ids: tuple[str, ...]


def place(position: int) -> str:
    """Where in the request a key stands, before the name of a field."""
    return f"keys[{position}]."


def check_foreign(keys: Sequence[ForeignKey], caller: Caller, people: TenantPeople, now: float) -> None:
    """InvalidArgumentError with all that is wrong with them by themselves."""
    wrong = Violations()
    places: dict[bytes, int] = {}
    groups: dict[str, tuple[str, ...]] = {}
    for position, key in enumerate(keys):
        here = Violations(place(position))
        first = places.setdefault(key.sha256, position)
        with here:
            if first != position:
                raise InvalidArgumentError.of("sha256", f"is that of keys[{first}] too; leave one out")
        with here:
            check_owner(key.owner, caller, people)
        with here:
            if key.groups and groups.setdefault(key.username, key.groups) != key.groups:
                raise InvalidArgumentError.of("groups", f'are others than before for "{key.username}"; give each user\'s the same')
        for rule in (_check_texts, _check_begin, _check_end):
            with here:
                rule(key, now)
        with wrong:
            here.refuse()
    wrong.refuse()


def foreign_key(key: ForeignKey, owner: Owner, caller: Caller, ground: Ground) -> ApiKey:
    """The key to store; InvalidArgumentError when its owner does not have the tier."""
    now, key_id = int(ground.now), foreign_key_id(key.sha256)
    return ApiKey(
        id=key_id,
        prefix=key.shown,
        tenant=caller.tenant,
        name=key.name or f"imported {key.shown or key_id}",
        description=key.description,
        owner=owner,
        created_by=caller.name,
        request_id="",
        hashes=(KeyHash("", key.sha256),),
        created_at=now if key.created_at is None else key.created_at,
        updated_at=now,
        expires_at=now + ground.terms.lifetimes.default.seconds if key.expires_at is None else key.expires_at,
        team=key.team,
        subscription=checked_subscription(key.subscription, ground.tiers),
        labels=checked_labels("labels", key.labels),
    )


def _check_texts(key: ForeignKey, _now: float) -> None:
    if key.name:
        check_name("name", key.name)
    check_line("shown", key.shown)
    check_line("team", key.team)
    check_line("description", key.description, allowed="\t\r\n")
    checked_labels("labels", key.labels)


def _check_begin(key: ForeignKey, now: float) -> None:
    if key.created_at is not None and not 0 < key.created_at <= now:
        raise InvalidArgumentError.of("created_at", "is no time that has passed; leave it out for now")


def _check_end(key: ForeignKey, now: float) -> None:
    if key.expires_at is not None and key.expires_at <= now:
        raise InvalidArgumentError.of("expires_at", "has passed; leave out keys that have ended")
