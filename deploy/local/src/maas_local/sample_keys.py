"""One working API key per sample person who is to have one: made when it is missing, expired or revoked, else kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, GetApiKeyRequest
from maas.keys.v1.api_keys_pb2_grpc import ApiKeysServiceStub
from maas.registry.v1.tiers_pb2 import LookupTierRequest
from maas.registry.v1.tiers_pb2_grpc import TiersServiceStub

from maas_local.management import bearer, channel
from maas_local.people import Person
from maas_local.state import write_private

_TIMEOUT_S = 30.0
_ACTIVE = "active"
_EVERYBODY_SIGNED_IN = "system:authenticated"


@dataclass(frozen=True, slots=True)
class SampleKey:
    """A whole key. Its text form leaves the secret out, so that no log gets it by accident."""

    id: str
    key: str

    def __repr__(self) -> str:
        return f"SampleKey({self.id})"


def ensure_sample_keys(keys_address: str, tokens: Iterable[tuple[Person, str]], path: Path) -> dict[str, SampleKey]:
    """A working key for each person, by name; `path` keeps them between runs. grpc.RpcError when keys can't be asked."""
    kept = read_sample_keys(path)
    with channel(keys_address) as opened:
        stub = ApiKeysServiceStub(opened)
        for person, token in tokens:
            if person.name not in kept or not _is_active(stub, kept[person.name], token):
                kept[person.name] = _create(stub, person, token)
                write_private(path, json.dumps({name: asdict(key) for name, key in kept.items()}, indent=2) + "\n")
    return kept


def read_sample_keys(path: Path) -> dict[str, SampleKey]:
    """The keys of the run before, by person."""
    if not path.exists():
        return {}
    return {name: SampleKey(**key) for name, key in json.loads(path.read_text()).items()}


def tier_of(registry: str, person: Person, token: str) -> str:
    """The name of a person's tier, "none" when they have none."""
    with channel(registry) as opened:
        request = LookupTierRequest(groups=[*person.groups, _EVERYBODY_SIGNED_IN])
        try:
            return TiersServiceStub(opened).LookupTier(request, metadata=bearer(token), timeout=_TIMEOUT_S).tier
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return "none"


def _is_active(stub: ApiKeysServiceStub, key: SampleKey, token: str) -> bool:
    try:
        found = stub.GetApiKey(GetApiKeyRequest(id=key.id), metadata=bearer(token), timeout=_TIMEOUT_S)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return found.status == _ACTIVE


def _create(stub: ApiKeysServiceStub, person: Person, token: str) -> SampleKey:
    request = CreateApiKeyRequest(name="sample", description=f"Made for {person.name} by the local run.")
    made = stub.CreateApiKey(request, metadata=bearer(token), timeout=_TIMEOUT_S)
    return SampleKey(made.id, made.key)
