"""Sample keys against the real sign-in and the real keys service."""

from __future__ import annotations

import json

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import GetApiKeyRequest, ListApiKeysRequest, RevokeApiKeyRequest
from maas.keys.v1.api_keys_pb2_grpc import ApiKeysServiceStub
from maas_local.management import bearer, sign_in
from maas_local.people import read_people
from maas_local.sample_keys import ensure_sample_keys, read_sample_keys


@pytest.fixture
def people(suite):
    return {
        person.name: (person, sign_in(suite.settings.issuer_url, person.name, suite.secrets.password(person.name).read_text()))
        for person in read_people(suite.settings.config)
        if person.sample_model
    }


@pytest.fixture
def keys(suite):
    with grpc.insecure_channel(suite.settings.grpc_address("keys")) as channel:
        yield ApiKeysServiceStub(channel)


@pytest.fixture
def ensure(suite, people, tmp_path):
    path = tmp_path / "sample-keys.json"
    return lambda: ensure_sample_keys(suite.settings.grpc_address("keys"), people.values(), path)


def test_each_person_has_a_key_of_their_own(people, keys, ensure):
    made = ensure()
    assert set(made) == {"alice", "bob", "carol"}
    for name, (_, token) in people.items():
        found = keys.GetApiKey(GetApiKeyRequest(id=made[name].id), metadata=bearer(token))
        assert (found.username, found.status, made[name].key.startswith(found.key_prefix)) == (name, "active", True)


def test_a_second_start_keeps_the_keys(ensure, people, keys):
    made = ensure()
    assert ensure() == made
    token = people["alice"][1]
    ids = [key.id for key in keys.ListApiKeys(ListApiKeysRequest(), metadata=bearer(token)).api_keys]
    assert ids.count(made["alice"].id) == 1


def test_a_revoked_key_is_made_anew_and_the_others_stay(ensure, people, keys):
    before = ensure()
    keys.RevokeApiKey(RevokeApiKeyRequest(id=before["bob"].id), metadata=bearer(people["bob"][1]))
    after = ensure()
    assert after["bob"].id != before["bob"].id
    assert {name for name in after if after[name] == before[name]} == {"alice", "carol"}


def test_a_key_that_the_service_does_not_know_is_made_anew(ensure, tmp_path):
    ensure()
    path = tmp_path / "sample-keys.json"
    kept = json.loads(path.read_text())
    kept["carol"] = {"id": "AAAAAAAAAAAA", "key": "of another database"}
    path.write_text(json.dumps(kept))
    assert ensure()["carol"].id != "AAAAAAAAAAAA"


def test_whole_keys_are_kept_for_their_owner_only(ensure, tmp_path):
    made = ensure()
    path = tmp_path / "sample-keys.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_sample_keys(path) == made


def test_a_key_does_not_print_its_secret(ensure):
    made = ensure()
    assert not any(key.key in repr(made) for key in made.values())
