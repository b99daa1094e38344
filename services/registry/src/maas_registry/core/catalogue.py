"""The catalogue at one revision: every model, every tier, and the log of what changed before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from maas_common.errors import NotFoundError

from maas_registry.core.model import Model
from maas_registry.core.tier import Tier


class Kind(StrEnum):
    """What a log entry is about."""

    MODEL = "model"
    TIER = "tier"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """That revision made, changed or removed this resource."""

    revision: int
    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Change:
    """Resources as they are after it."""

    models: tuple[Model, ...] = ()
    deleted_models: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()
    deleted_tiers: tuple[str, ...] = ()

    def entries(self, revision: int) -> list[LogEntry]:
        """How the log tells of it."""
        models = [*(model.id for model in self.models), *self.deleted_models]
        tiers = [*(tier.name for tier in self.tiers), *self.deleted_tiers]
        return [*(LogEntry(revision, Kind.MODEL, name) for name in models), *(LogEntry(revision, Kind.TIER, name) for name in tiers)]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An immutable value; never changed in place."""

    revision: int
    models: Mapping[str, Model]
    """By id, in the order of the ids."""
    tiers: Mapping[str, Tier]
    """By name, in the order of the levels."""
    log: tuple[LogEntry, ...]
    """Oldest first."""
    log_after: int
    """The log has every entry past this revision."""

    def model(self, model_id: str) -> Model:
        """The model of that id; NotFoundError when there is none."""
        if (found := self.models.get(model_id)) is None:
            raise NotFoundError(f'model "{model_id}" does not exist', metadata={"model": model_id})
        return found

    def tier(self, name: str) -> Tier:
        """The tier of that name; NotFoundError when there is none."""
        if (found := self.tiers.get(name)) is None:
            raise NotFoundError(f'tier "{name}" does not exist', metadata={"tier": name})
        return found

    def tiers_of(self, groups: Iterable[str]) -> list[Tier]:
        """The tiers that these groups give, the highest level first: that one is theirs."""
        theirs = set(groups)
        return [tier for tier in self.tiers.values() if not theirs.isdisjoint(tier.groups)][::-1]

    def available_to(self, tier: str) -> list[Model]:
        """What members of that tier may use, by id; nothing when there is no such tier."""
        return [model for model in self.models.values() if model.is_open_to(tier)] if tier in self.tiers else []

    def since(self, revision: int) -> Change | None:
        """What changed after that revision, as it is now; None when the log does not say: too old, or from another log."""
        if not self.log_after <= revision <= self.revision:
            return None
        entries = [entry for entry in self.log if entry.revision > revision]
        models = dict.fromkeys(entry.name for entry in entries if entry.kind is Kind.MODEL)
        tiers = dict.fromkeys(entry.name for entry in entries if entry.kind is Kind.TIER)
        return Change(
            models=tuple(self.models[name] for name in models if name in self.models),
            deleted_models=tuple(name for name in models if name not in self.models),
            tiers=tuple(self.tiers[name] for name in tiers if name in self.tiers),
            deleted_tiers=tuple(name for name in tiers if name not in self.tiers),
        )


Decide = Callable[[Catalogue, int], Change]
"""A rule of changing: the catalogue as it is and the revision that the change will have → the change, or a DomainError."""
