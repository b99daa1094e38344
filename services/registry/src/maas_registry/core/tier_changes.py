"""The rules of creating, changing and deleting tiers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from maas_common.errors import AlreadyExistsError, FailedPreconditionError, InvalidArgumentError
from maas_common.limit_drafts import LimitDraft

from maas_registry.core.catalogue import Catalogue, Change
from maas_registry.core.etag import check_etag
from maas_registry.core.limits import limits_of
from maas_registry.core.model import Audience
from maas_registry.core.text import check_line, check_texts
from maas_registry.core.tier import Tier

_NAME_LENGTH = 63


@dataclass(frozen=True, slots=True)
class TierDraft:
    """A tier as somebody asks for it; the name may be empty when there is a display name."""

    name: str = ""
    display_name: str = ""
    description: str = ""
    level: int = 0
    groups: tuple[str, ...] = ()
    limits: tuple[LimitDraft, ...] = ()
    is_strict: bool = False


@dataclass(frozen=True, slots=True)
class TierPatch:
    """What to change of a tier; None leaves a field as it is."""

    display_name: str | None = None
    description: str | None = None
    level: int | None = None
    groups: tuple[str, ...] | None = None
    limits: tuple[LimitDraft, ...] | None = None
    is_strict: bool | None = None
    etag: str = ""


def create_tier(catalogue: Catalogue, draft: TierDraft, *, revision: int, now: int) -> Change:
    """The new tier. InvalidArgumentError or AlreadyExistsError when it can't be."""
    name = draft.name or _name_from(draft.display_name)
    if name in catalogue.tiers:
        hint = "update it, or pick another name" if draft.name else "give a name, or another display name"
        raise AlreadyExistsError(f'tier "{name}" already exists; {hint}', metadata={"tier": name})
    _check_level(catalogue, name, draft.level)
    check_texts(display_name=draft.display_name, description=draft.description)
    _check_groups(draft.groups)
    tier = Tier(
        name=name,
        display_name=draft.display_name or name,
        description=draft.description,
        level=draft.level,
        groups=draft.groups,
        limits=limits_of(name, draft.limits),
        created=now,
        updated=now,
        revision=revision,
        is_strict=draft.is_strict,
    )
    return Change(tiers=(tier,))


def update_tier(catalogue: Catalogue, name: str, patch: TierPatch, *, revision: int, now: int) -> Change:
    """The changed tier. NotFoundError, ConflictError, InvalidArgumentError or AlreadyExistsError when it can't be."""
    tier = catalogue.tier(name)
    check_etag(f'tier "{name}"', current=tier.etag, given=patch.etag)
    if patch.level is not None:
        _check_level(catalogue, name, patch.level)
        tier = replace(tier, level=patch.level)
    if patch.display_name is not None:
        tier = replace(tier, display_name=patch.display_name or name)
    if patch.description is not None:
        tier = replace(tier, description=patch.description)
    check_texts(display_name=tier.display_name, description=tier.description)
    if patch.groups is not None:
        _check_groups(patch.groups)
        tier = replace(tier, groups=patch.groups)
    if patch.limits is not None:
        tier = replace(tier, limits=limits_of(name, patch.limits))
    if patch.is_strict is not None:
        tier = replace(tier, is_strict=patch.is_strict)
    return Change(tiers=(replace(tier, updated=now, revision=revision),))


def delete_tier(catalogue: Catalogue, name: str, *, etag: str, revision: int, now: int) -> Change:
    """The tier gone, and gone from the models that list it. NotFoundError, ConflictError or FailedPreconditionError."""
    tier = catalogue.tier(name)
    check_etag(f'tier "{name}"', current=tier.etag, given=etag)
    if len(catalogue.tiers) == 1:
        raise FailedPreconditionError(f'tier "{name}" is the last one and can\'t be deleted; create another first', reason="LAST_TIER")
    models = tuple(
        replace(model, tiers=tuple(each for each in model.tiers if each != name), updated=now, revision=revision)
        for model in catalogue.models.values()
        if name in model.tiers
    )
    return Change(deleted_tiers=(name,), models=models)


def models_withdrawn(change: Change) -> list[str]:
    """Of a tier's deletion: the models that its members could use by it."""
    return [model.id for model in change.models if model.published_to is Audience.TIERS]


def slug(text: str) -> str:
    """`Gold Plus` → `gold-plus`; empty when nothing of it can be in a name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_NAME_LENGTH].rstrip("-")


def _name_from(display_name: str) -> str:
    if not display_name:
        raise InvalidArgumentError.of("name", "is missing; give a name, or a display name to make it from")
    if not (name := slug(display_name)):
        raise InvalidArgumentError.of(
            "name", f'can\'t be made from display name "{display_name}": no letter a-z or digit is in it; give a name'
        )
    return name


def _check_level(catalogue: Catalogue, name: str, level: int) -> None:
    for other in catalogue.tiers.values():
        if other.level == level and other.name != name:
            raise AlreadyExistsError(f'tier "{name}": level {level} is taken by "{other.name}"; pick another', reason="LEVEL_TAKEN")


def _check_groups(groups: Sequence[str]) -> None:
    for position, group in enumerate(groups):
        check_line(f"groups[{position}]", group)
