"""Creates the sample catalogue in the registry. Each tier and model once: what administrators change or delete later stays so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from maas.registry.v1.models_pb2 import ListModelsRequest, Model, UpdateModelRequest
from maas.registry.v1.models_pb2_grpc import ModelsServiceStub
from maas.registry.v1.tiers_pb2 import ListTiersRequest, Tier
from maas.registry.v1.tiers_pb2_grpc import TiersServiceStub

from maas_local.catalogue import Catalogue
from maas_local.management import bearer, channel
from maas_local.state import write_private

_TIMEOUT_S = 30.0
_PAGE = 500
REFUSALS = {
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
}
"""Answers after which the rest can be seeded all the same."""


@dataclass(slots=True)
class Seeded:
    """What seeding did. `refused` has what a service did not take, with its reason: usually an administrator's change is in the way."""

    created: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, other: Seeded) -> None:
        """What was done elsewhere too."""
        self.created += other.created
        self.moved += other.moved
        self.refused += other.refused


@dataclass(slots=True)
class _Record:
    """Names of tiers seeded, and ids of models with the URL they were seeded with."""

    tiers: list[str] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)


class Seeder:
    """Talks to the registry as an administrator; keeps in `record` what it created in earlier runs."""

    def __init__(self, opened: grpc.Channel, token: str, record: Path) -> None:
        self._tiers = TiersServiceStub(opened)
        self._models = ModelsServiceStub(opened)
        self._metadata = bearer(token)
        self._record_file = record
        self._done = Seeded()

    def seed(self, catalogue: Catalogue) -> Seeded:
        """Create what was never created before. grpc.RpcError when the registry can't be asked."""
        tiers, models = self._list_tiers(), self._list_models()
        # The last tier can't be deleted, so none means a new database, whatever the record says.
        before = self._read_record() if tiers else _Record()
        now = _Record()
        for tier in catalogue.tiers:
            if tier.name in tiers or tier.name in before.tiers or self._create(f"tier {tier.name}", self._tiers.CreateTier, tier):
                now.tiers.append(tier.name)
        for model in catalogue.models:
            seeded_url = before.models.get(model.id)
            if model.id in models:
                self._follow(models[model.id], seeded_url, model.url)
            elif seeded_url is None and not self._create(f"model {model.id}", self._models.CreateModel, model):
                continue
            now.models[model.id] = model.url
        write_private(self._record_file, json.dumps({"tiers": now.tiers, "models": now.models}, indent=2) + "\n")
        return self._done

    def _follow(self, model: Model, seeded_url: str | None, url: str) -> None:
        """Point a model to where its server listens now, unless an administrator has pointed it elsewhere."""
        if seeded_url == model.url != url:
            request = UpdateModelRequest(id=model.id, url=url, etag=model.etag)
            self._models.UpdateModel(request, metadata=self._metadata, timeout=_TIMEOUT_S)
            self._done.moved.append(f"model {model.id}")

    def _create(self, what: str, call: Callable[..., object], request: object) -> bool:
        try:
            call(request, metadata=self._metadata, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() not in REFUSALS:
                raise
            self._done.refused.append(f"{what}: {error.details()}")
            return False
        self._done.created.append(what)
        return True

    def _list_tiers(self) -> dict[str, Tier]:
        found: dict[str, Tier] = {}
        request = ListTiersRequest(page_size=_PAGE)
        while True:
            page = self._tiers.ListTiers(request, metadata=self._metadata, timeout=_TIMEOUT_S)
            found |= {tier.name: tier for tier in page.tiers}
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    def _list_models(self) -> dict[str, Model]:
        found: dict[str, Model] = {}
        request = ListModelsRequest(page_size=_PAGE)
        while True:
            page = self._models.ListModels(request, metadata=self._metadata, timeout=_TIMEOUT_S)
            found |= {model.id: model for model in page.models}
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    def _read_record(self) -> _Record:
        if not self._record_file.exists():
            return _Record()
        return _Record(**json.loads(self._record_file.read_text()))


def seed_catalogue(registry: str, token: str, catalogue: Catalogue, record: Path) -> Seeded:
    """Seed the registry at host:port; see Seeder."""
    with channel(registry) as opened:
        return Seeder(opened, token, record).seed(catalogue)
