from __future__ import annotations

from pathlib import Path

import pytest
from maas.registry.v1.models_pb2 import CreateModelRequest
from maas.registry.v1.tiers_pb2 import CreateTierRequest
from maas_common.limit_messages import read_limit
from maas_local.catalogue import read_catalogue
from maas_local.people import read_people
from protovalidate import Validator

SAMPLES = Path(__file__).parents[3] / "config"
MODEL_URL = "http://127.0.0.1:1234/v1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("tiers.yaml", "models.yaml", "people.yaml"):
        (tmp_path / name).write_text((SAMPLES / name).read_text())
    return tmp_path


def test_the_samples_are_what_the_contracts_want():
    catalogue = read_catalogue(SAMPLES, MODEL_URL)
    for request in (*catalogue.tiers, *catalogue.models):
        Validator().validate(request)
    for tier in catalogue.tiers:
        assert [read_limit(limit).amount for limit in tier.limits]


def test_what_is_limited_by_cost_costs_something():
    catalogue = read_catalogue(SAMPLES, MODEL_URL)
    budgeted = {tier.name for tier in catalogue.tiers if any(limit.metric == "cost" for limit in tier.limits)}
    priced = {tier for model in catalogue.models if model.pricing.output for tier in model.tiers}
    assert budgeted
    assert budgeted <= priced


def test_the_sample_models_are_on_the_local_server():
    assert {model.url for model in read_catalogue(SAMPLES, MODEL_URL).models} == {MODEL_URL}


def test_every_tier_has_a_person_whose_sample_model_is_published_to_it():
    catalogue = read_catalogue(SAMPLES, MODEL_URL)
    tier_of_group = {group: tier for tier in catalogue.tiers for group in tier.groups}
    models = {model.id: model for model in catalogue.models}
    seen = set()
    for person in read_people(SAMPLES):
        if person.sample_model:
            tier = max((tier_of_group[g] for g in ("system:authenticated", *person.groups)), key=lambda t: t.level)
            model = models[person.sample_model]
            assert model.published_to == "all" or tier.name in model.tiers
            seen.add(tier.name)
    assert seen == {tier.name for tier in catalogue.tiers}


def test_a_limit_of_the_free_tier_is_within_reach_by_hand():
    (free,) = (tier for tier in read_catalogue(SAMPLES, MODEL_URL).tiers if tier.name == "free")
    assert ("requests", 10, "1m") in [(limit.metric, limit.amount, limit.window) for limit in free.limits]


def test_a_url_of_ones_own_stays(config):
    (config / "models.yaml").write_text("[{id: m, url: 'https://models.example.org/v1?a=$b'}]")
    (model,) = read_catalogue(config, MODEL_URL).models
    assert model == CreateModelRequest(id="m", url="https://models.example.org/v1?a=$b")


def test_fields_are_read_as_the_contract_names_them(config):
    (config / "tiers.yaml").write_text("[{name: gold, level: 3, strict: true, limits: [{metric: cost, amount: 5, over: soft 20}]}]")
    limits = [{"metric": "cost", "amount": 5, "over": "soft 20"}]
    assert read_catalogue(config, MODEL_URL).tiers == (CreateTierRequest(name="gold", level=3, strict=True, limits=limits),)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("tiers.yaml", "[{name: gold, levle: 3}]", 'tiers.yaml: gold: .*"levle"'),
        ("models.yaml", "[{id: m, tiers: premium}]", "models.yaml: m: "),
        ("models.yaml", "models: []", "models.yaml: want a list of entries"),
        ("tiers.yaml", "[", "tiers.yaml: while parsing"),
    ],
)
def test_what_is_wrong_in_the_catalogue_is_named(config, file, text, message):
    (config / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_catalogue(config, MODEL_URL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{name: ../alice, email: a@example.org}]", "people.yaml: .*name"),
        ("[{name: alice, email: a@example.org, group: x}]", "people.yaml: .*group"),
        ("[{name: a, email: x}, {name: a, email: y}]", "people.yaml: a is there twice"),
        ("[", "people.yaml: while parsing"),
    ],
)
def test_what_is_wrong_with_the_people_is_named(config, text, message):
    (config / "people.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        read_people(config)
