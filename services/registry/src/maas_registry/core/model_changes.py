"""The rules of registering, changing and removing models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maas_common.errors import AlreadyExistsError, InvalidArgumentError, PermissionDeniedError

from maas_registry.core.catalogue import Catalogue, Change
from maas_registry.core.endpoint import Endpoint
from maas_registry.core.etag import check_etag
from maas_registry.core.model import Audience, Model, Pricing
from maas_registry.core.text import check_line, check_texts

DEFAULT_OWNER = "maas"


@dataclass(frozen=True, slots=True)
class ModelDraft:
    """A model as somebody asks for it; all but id and endpoint may be empty."""

    id: str
    endpoint: Endpoint
    display_name: str = ""
    description: str = ""
    upstream_name: str = ""
    owned_by: str = ""
    published_to: str = ""
    tiers: tuple[str, ...] = ()
    pricing: Pricing | None = None


@dataclass(frozen=True, slots=True)
class ModelPatch:
    """What to change of a model; None leaves a field as it is."""

    endpoint: Endpoint | None = None
    display_name: str | None = None
    description: str | None = None
    upstream_name: str | None = None
    owned_by: str | None = None
    published_to: str | None = None
    tiers: tuple[str, ...] | None = None
    pricing: Pricing | None = None
    is_free: bool = False
    """Takes the pricing away."""
    etag: str = ""


def create_model(catalogue: Catalogue, draft: ModelDraft, *, owner: str, revision: int, now: int) -> Change:
    """The new model of that owner. AlreadyExistsError or InvalidArgumentError when it can't be."""
    if draft.id in catalogue.models:
        raise AlreadyExistsError(f'model "{draft.id}" is already registered; update it, or pick another id', metadata={"model": draft.id})
    model = Model(
        id=draft.id,
        display_name=draft.display_name or draft.id,
        description=draft.description,
        url=draft.endpoint.url,
        upstream_name=draft.upstream_name or draft.id,
        owned_by=draft.owned_by or DEFAULT_OWNER,
        published_to=_audience(draft.published_to or ("tiers" if draft.tiers else "nobody")),
        tiers=draft.tiers,
        created=now,
        updated=now,
        revision=revision,
        pricing=draft.pricing,
        owner=owner,
    )
    _check_audience(catalogue, model, named=draft.tiers)
    _check_texts(model)
    return Change(models=(model,))


def update_model(  # noqa: PLR0913 - what is known when it is decided, by name
    catalogue: Catalogue, model_id: str, patch: ModelPatch, *, only_of: str | None, revision: int, now: int
) -> Change:
    """The changed model, of the owner `only_of` when that is given.

    NotFoundError, PermissionDeniedError, ConflictError or InvalidArgumentError when it can't be.
    """
    before = model = _model(catalogue, model_id, only_of)
    check_etag(f'model "{model_id}"', current=model.etag, given=patch.etag)
    if patch.endpoint is not None:
        model = replace(model, url=patch.endpoint.url)
    if patch.display_name is not None:
        model = replace(model, display_name=patch.display_name or model_id)
    if patch.description is not None:
        model = replace(model, description=patch.description)
    if patch.upstream_name is not None:
        model = replace(model, upstream_name=patch.upstream_name or model_id)
    if patch.owned_by is not None:
        model = replace(model, owned_by=patch.owned_by or DEFAULT_OWNER)
    if patch.published_to is not None:
        model = replace(model, published_to=_audience(patch.published_to))
    if patch.tiers is not None:
        model = replace(model, tiers=patch.tiers)
    if patch.pricing is not None or patch.is_free:
        model = replace(model, pricing=patch.pricing)
    if (model.published_to, model.tiers) != (before.published_to, before.tiers):
        _check_audience(catalogue, model, named=patch.tiers if patch.published_to is not None else ())
    _check_texts(model)
    return Change(models=(replace(model, updated=now, revision=revision),))


def delete_model(catalogue: Catalogue, model_id: str, *, only_of: str | None, etag: str) -> Change:
    """The model gone, of the owner `only_of` when that is given. NotFoundError, PermissionDeniedError or ConflictError when it can't be."""
    model = _model(catalogue, model_id, only_of)
    check_etag(f'model "{model_id}"', current=model.etag, given=etag)
    return Change(deleted_models=(model_id,))


def _model(catalogue: Catalogue, model_id: str, only_of: str | None) -> Model:
    model = catalogue.model(model_id)
    if only_of is not None and model.owner != only_of:
        raise PermissionDeniedError(
            f'model "{model_id}" was registered by somebody else; a model owner changes only their own, an administrator any',
            metadata={"model": model_id},
        )
    return model


def _audience(text: str) -> Audience:
    try:
        return Audience(text)
    except ValueError:
        raise InvalidArgumentError.of("published_to", f'is "{text}"; want all, tiers or nobody') from None


def _check_audience(catalogue: Catalogue, model: Model, *, named: Sequence[str] | None) -> None:
    """`named`: the tiers that the same request lists; a list contradicts an audience that makes no use of it."""
    for position, name in enumerate(model.tiers):
        if name not in catalogue.tiers:
            known = ", ".join(catalogue.tiers) or "none"
            raise InvalidArgumentError.of(f"tiers[{position}]", f'tier "{name}" does not exist; there are: {known}')
    if model.published_to is Audience.TIERS and not model.tiers:
        raise InvalidArgumentError.of("tiers", 'is empty; list the tiers that may use the model, or publish it to "nobody"')
    if model.published_to is not Audience.TIERS and named:
        raise InvalidArgumentError.of(
            "tiers", f'contradicts published_to "{model.published_to}"; leave the tiers out, or publish to "tiers"'
        )


def _check_texts(model: Model) -> None:
    check_texts(display_name=model.display_name, description=model.description)
    check_line("owned_by", model.owned_by)
