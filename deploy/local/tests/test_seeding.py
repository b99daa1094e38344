"""Seeding against the real sign-in and the real registry, without Envoy."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable

import grpc
import pytest
from maas.common.v1.limit_pb2 import Limit
from maas.registry.v1.models_pb2 import CreateModelRequest, DeleteModelRequest, GetModelRequest, UpdateModelRequest
from maas.registry.v1.models_pb2_grpc import ModelsServiceStub
from maas.registry.v1.tiers_pb2 import CreateTierRequest, DeleteTierRequest, GetTierRequest, UpdateTierRequest
from maas.registry.v1.tiers_pb2_grpc import TiersServiceStub
from maas_local.catalogue import Catalogue, read_catalogue
from maas_local.management import bearer, sign_in
from maas_local.people import read_people
from maas_local.sample_keys import tier_of
from maas_local.seeding import Seeded, seed_catalogue

URL = "http://127.0.0.1:8090/v1"
MOVED = "http://127.0.0.1:8091/v1"
LEVELS = itertools.count(1000)


class Registry:
    """The registry as an administrator sees it, and a sample catalogue of the test's own."""

    def __init__(self, suite, tmp_path) -> None:
        self.address = suite.settings.grpc_address("registry")
        self.token = sign_in(suite.settings.issuer_url, "admin", suite.secrets.password("admin").read_text())
        self.record = tmp_path / "seeded.json"
        self._metadata = bearer(self.token)
        self._channel = grpc.insecure_channel(self.address)
        self._tiers, self._models = TiersServiceStub(self._channel), ModelsServiceStub(self._channel)
        name = secrets.token_hex(4)
        self.tier = CreateTierRequest(
            name=f"tier-{name}", display_name="As seeded", level=next(LEVELS), limits=[Limit(metric="requests", amount=5, window="1m")]
        )
        self.model = CreateModelRequest(id=f"model-{name}", url=URL, tiers=[self.tier.name])

    def seed(self, url: str = URL) -> Seeded:
        model = CreateModelRequest()
        model.CopyFrom(self.model)
        model.url = url
        return seed_catalogue(self.address, self.token, Catalogue((self.tier,), (model,)), self.record)

    def call(self, method: Callable, request):
        return method(request, metadata=self._metadata, timeout=20)

    def get_tier(self):
        return self.call(self._tiers.GetTier, GetTierRequest(name=self.tier.name))

    def get_model(self):
        return self.call(self._models.GetModel, GetModelRequest(id=self.model.id))

    def create_tier(self, request):
        return self.call(self._tiers.CreateTier, request)

    def update_tier(self, **changes):
        return self.call(self._tiers.UpdateTier, UpdateTierRequest(name=self.tier.name, **changes))

    def update_model(self, **changes):
        return self.call(self._models.UpdateModel, UpdateModelRequest(id=self.model.id, **changes))

    def delete_tier(self, name):
        return self.call(self._tiers.DeleteTier, DeleteTierRequest(name=name))

    def delete_model(self):
        return self.call(self._models.DeleteModel, DeleteModelRequest(id=self.model.id))

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def registry(suite, tmp_path):
    opened = Registry(suite, tmp_path)
    yield opened
    opened.close()


def test_what_is_missing_is_created(registry):
    done = registry.seed()
    assert done == Seeded(created=[f"tier {registry.tier.name}", f"model {registry.model.id}"])
    assert registry.get_tier().limits[0].amount == 5
    assert list(registry.get_model().tiers) == [registry.tier.name]


def test_a_second_start_changes_nothing(registry):
    registry.seed()
    before = registry.get_tier(), registry.get_model()
    assert registry.seed() == Seeded()
    assert (registry.get_tier(), registry.get_model()) == before


def test_what_an_administrator_changed_stays(registry):
    registry.seed()
    registry.update_tier(display_name="Changed", limits=[Limit(metric="requests", amount=7, window="1m")])
    registry.update_model(description="Changed")
    assert registry.seed() == Seeded()
    assert (registry.get_tier().display_name, registry.get_tier().limits[0].amount) == ("Changed", 7)
    assert registry.get_model().description == "Changed"


def test_what_an_administrator_deleted_stays_deleted(registry):
    registry.seed()
    registry.create_tier(CreateTierRequest(name=f"other-{registry.tier.name}", level=next(LEVELS)))  # the last tier can't go
    registry.delete_model()
    registry.delete_tier(registry.tier.name)
    assert registry.seed() == Seeded()
    assert registry.seed() == Seeded()
    with pytest.raises(grpc.RpcError) as error:
        registry.get_model()
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_what_the_registry_refuses_is_told_and_tried_again(registry):
    taken = registry.create_tier(CreateTierRequest(name=f"taken-{registry.tier.name}", level=registry.tier.level))
    done = registry.seed()
    assert done.created == []
    assert [refusal.partition(":")[0] for refusal in done.refused] == [f"tier {registry.tier.name}", f"model {registry.model.id}"]
    assert taken.name in done.refused[0]

    registry.create_tier(CreateTierRequest(name=f"other-{registry.tier.name}", level=next(LEVELS)))
    registry.delete_tier(taken.name)

    assert registry.seed().created == [f"tier {registry.tier.name}", f"model {registry.model.id}"]


def test_a_model_follows_its_server_to_another_port(registry):
    registry.seed(URL)
    assert registry.seed(MOVED) == Seeded(moved=[f"model {registry.model.id}"])
    assert registry.get_model().url == MOVED
    assert registry.seed(MOVED) == Seeded()


def test_a_model_that_was_pointed_elsewhere_follows_nobody(registry):
    registry.seed(URL)
    registry.update_model(url="http://127.0.0.1:9999/v1")
    assert registry.seed(MOVED) == Seeded()
    assert registry.seed(URL) == Seeded()
    assert registry.get_model().url == "http://127.0.0.1:9999/v1"


def test_a_registry_that_does_not_let_us_in_is_an_error(registry):
    with pytest.raises(grpc.RpcError) as error:
        seed_catalogue(registry.address, "junk", Catalogue((), ()), registry.record)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_new_database_gets_everything_whatever_was_created_before(run_management, tmp_path):
    suite = run_management("issuer", "registry")
    settings = suite.settings
    tokens = {
        p.name: sign_in(settings.issuer_url, p.name, suite.secrets.password(p.name).read_text()) for p in read_people(settings.config)
    }
    catalogue = read_catalogue(settings.config, settings.model_url)
    record = tmp_path / "seeded.json"
    record.write_text(json.dumps({"tiers": [t.name for t in catalogue.tiers], "models": {m.id: m.url for m in catalogue.models}}))
    address = settings.grpc_address("registry")

    done = seed_catalogue(address, tokens["admin"], catalogue, record)

    assert len(done.created) == len(catalogue.tiers) + len(catalogue.models)
    tiers = {person.name: tier_of(address, person, tokens[person.name]) for person in read_people(settings.config)}
    assert tiers == {"admin": "free", "alice": "free", "bob": "premium", "carol": "enterprise", "dana": "free"}
