"""Takes over keys that other systems made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from maas_common.watch import Enforced

from maas_keys.core.api_key import ApiKey, Owner
from maas_keys.core.caller import Caller
from maas_keys.core.details import Details, Ground
from maas_keys.core.importing import ForeignKey, TakenOver, check_foreign, foreign_key, place
from maas_keys.core.key_owner import OwnerDraft, owner_of
from maas_keys.core.tenant_people import TenantPeople
from maas_keys.core.user import Person
from maas_keys.core.violations import Violations
from maas_keys.ports import KeyStore
from maas_keys.servicers.feed import ChangeFeed
from maas_keys.servicers.key_grounds import KeyGrounds
from maas_keys.servicers.key_owners import KeyOwners

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """An owner, what is to be kept of them first, and what decides about their keys."""

    owner: Owner
    newcomer: Person | None
    ground: Ground


class KeyImporting:
    """Takes over all of some keys or none."""

    def __init__(self, store: KeyStore, owners: KeyOwners, grounds: KeyGrounds, feed: ChangeFeed, people: TenantPeople) -> None:
        self._store = store
        self._owners = owners
        self._grounds = grounds
        self._feed = feed
        self._people = people

    async def take_over(self, keys: Sequence[ForeignKey], caller: Caller, *, dry_run: bool) -> tuple[TakenOver, Enforced | None]:
        """Keep those that are new, or only say how many that are."""
        check_foreign(keys, caller, self._people, self._grounds.clock.now())
        for team in {key.team for key in keys}:
            await self._owners.check_team(team, caller)
        owners = await self._owners_of(keys, caller)
        wanted = _wanted(keys, owners, caller)
        ids = tuple(key.id for key in wanted)
        if dry_run:
            known = [found for found, _ in [await self._store.lookup(key_id) for key_id in ids] if found]
            return TakenOver(len(ids) - len(known), len(known), ids), None
        newcomers = {each.newcomer.user: each.newcomer for each in owners.values() if each.newcomer}
        count, revision = await asyncio.shield(self._keep(wanted, [*newcomers.values()], caller))
        return TakenOver(count, len(ids) - count, ids), await self._feed.enforced(revision) if count else None

    async def _owners_of(self, keys: Sequence[ForeignKey], caller: Caller) -> dict[str, _Known]:
        """By username. Groups are those of newcomers: of who is known, more is known than an older system's word."""
        now, wrong = int(self._grounds.clock.now()), Violations()
        groups = {key.username: key.groups for key in keys if key.groups}
        bound = {key.username: key.subscription for key in keys if key.subscription}
        owners: dict[str, _Known] = {}
        for position, key in enumerate(keys):
            if key.username in owners:
                continue
            here = Violations(place(position))
            with here:
                owner, newcomer = await self._owners.find(OwnerDraft(key.username), caller, now)
                if newcomer and key.username in groups:
                    owner, newcomer = owner_of(OwnerDraft(key.username, groups=groups[key.username]), (), caller, now)
                ground = await self._grounds.of(Details(subscription=bound.get(key.username)), owner, caller)
                owners[key.username] = _Known(owner, newcomer, ground)
            with wrong:
                here.refuse()
        wrong.refuse()
        return owners

    async def _keep(self, wanted: Sequence[ApiKey], newcomers: Sequence[Person], caller: Caller) -> tuple[int, int]:
        """Store and log. Shielded: a caller who leaves does not stop the write, so its line must not be lost."""
        await self._owners.keep(newcomers, int(self._grounds.clock.now()))
        count, revision = await self._store.add_foreign(wanted)
        log.info("api keys imported", count=count, known=len(wanted) - count, actor=caller.name)
        return count, revision


def _wanted(keys: Sequence[ForeignKey], owners: Mapping[str, _Known], caller: Caller) -> list[ApiKey]:
    wanted, wrong = [], Violations()
    for position, key in enumerate(keys):
        here, known = Violations(place(position)), owners[key.username]
        with here:
            wanted.append(foreign_key(key, known.owner, caller, known.ground))
        with wrong:
            here.refuse()
    wrong.refuse()
    return wanted
