"""Builders of catalogues."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from maas_registry.core.catalogue import Catalogue
from maas_registry.core.model import Audience, Model
from maas_registry.core.tier import Tier


def tier(name: str, level: int, *groups: str) -> Tier:
    return Tier(name, name.title(), "", level, groups, (), created=1, updated=1, revision=1)


def model(model_id: str, published_to: str = "nobody", *tiers: str) -> Model:
    return Model(
        model_id,
        model_id,
        "",
        f"http://{model_id}.example/v1",
        model_id,
        "maas",
        Audience(published_to),
        tiers,
        created=1,
        updated=1,
        revision=1,
    )


@pytest.fixture
def catalogue() -> Callable[..., Catalogue]:
    """A catalogue of these tiers and models, nothing in its log."""

    def build(*resources: Tier | Model) -> Catalogue:
        tiers = {each.name: each for each in resources if isinstance(each, Tier)}
        models = {each.id: each for each in resources if isinstance(each, Model)}
        return Catalogue(1, models, tiers, (), 1)

    return build


@pytest.fixture
def a_tier() -> Callable[..., Tier]:
    """Name, level, groups."""
    return tier


@pytest.fixture
def a_model() -> Callable[..., Model]:
    """Id, audience, tiers."""
    return model


@pytest.fixture
def standard(catalogue) -> Catalogue:
    """The sample tiers and a model for each kind of audience."""
    return catalogue(
        tier("free", 0, "system:authenticated"),
        tier("premium", 1, "premium-users"),
        tier("enterprise", 2, "enterprise-users", "board"),
        model("for-all", "all"),
        model("for-nobody", "nobody", "premium"),
        model("for-paying", "tiers", "premium", "enterprise"),
        model("for-premium", "tiers", "premium"),
    )
