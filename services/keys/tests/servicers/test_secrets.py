"""No secret leaves but in the one answer that is for it."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path

import grpc
import pytest
from maas.keys.v1.api_keys_pb2 import (
    CreateApiKeyRequest,
    CreatePersonalApiKeyRequest,
    GetApiKeyRequest,
    ImportApiKeysRequest,
    ListApiKeysRequest,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    SearchApiKeysRequest,
)
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import CreateTeamKeyRequest, CreateTeamRequest, ListTeamKeysRequest
from maas_common.apikey import Minted, foreign_key_id, mint
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET
from maas_common.testing.databases import postgres_database
from maas_keys.servicers import api_keys, key_making
from sqlalchemy import create_engine, text

PEPPER = "5a" * 32
FOREIGN = bytes(range(32, 64))
"""SHA-256 of a key that another system made."""


class Overheard:
    """Everything the service said, but the whole keys where they belong."""

    def __init__(self):
        self.words: list[str] = []

    async def call(self, call):
        """Keep an answer or an error with all that came with it."""
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            self.words += [repr(error), error.details() or "", repr(error.trailing_metadata()), str(error.debug_error_string())]
            return None
        self.words += [repr(await call.initial_metadata()), repr(await call.trailing_metadata())]
        if getattr(answer, "key", ""):
            answer.key = ""
        self.words += [str(answer), repr(answer.SerializeToString())]
        return answer


@pytest.fixture
def minted(monkeypatch) -> list[Minted]:
    """Every key that is minted, those of refused calls too."""
    made: list[Minted] = []

    def remembering(prefix, key_id=""):
        made.append(mint(prefix, key_id))
        return made[-1]

    for module in (api_keys, key_making):
        monkeypatch.setattr(module, "mint", remembering)
    return made


async def keys_made(heard, world, minted):
    """In every way that there is, and in ways that are refused."""
    for order in (
        {"name": "laptop", "request_id": "r-1"},
        {"name": "laptop", "request_id": "r-1"},
        {"name": "\x00"},
        {"name": "a", "expires_in": "99999d"},
        {"name": "a", "groups": ["g"]},
        {},
    ):
        await heard.call(world.keys.CreateApiKey(CreateApiKeyRequest(**order), metadata=world.alice))
    await heard.call(world.keys.CreatePersonalApiKey(CreatePersonalApiKeyRequest(), metadata=world.alice))
    await heard.call(world.teams.CreateTeam(CreateTeamRequest(id="red", name="Red"), metadata=world.admin))
    await heard.call(world.teams.CreateTeamKey(CreateTeamKeyRequest(id="red", alias="ours"), metadata=world.admin))
    await heard.call(world.teams.ListTeamKeys(ListTeamKeysRequest(id="red"), metadata=world.admin))
    for grace in ("1h", "0", "eternal"):
        await heard.call(world.keys.RotateApiKey(RotateApiKeyRequest(id=minted[0].id, grace=grace), metadata=world.alice))
    key = {"sha256": FOREIGN.hex(), "shown": "old-", "username": "carol", "name": "from there"}
    for imported in (key, key, key | {"sha256": "no hash"}, key | {"username": "\0"}):
        await heard.call(world.keys.ImportApiKeys(ImportApiKeysRequest(keys=[imported]), metadata=world.admin))


async def keys_given_as_ids(heard, world, whole):
    """Whole keys, and parts of them, where something else belongs."""
    for given in (whole.id, whole.text, whole.text[-49:]):
        search = SearchApiKeysRequest(filters={"username": given}, pagination={"page_token": given})
        for metadata in (world.alice, world.bob, None):
            await heard.call(world.keys.GetApiKey(GetApiKeyRequest(id=given), metadata=metadata))
            await heard.call(world.keys.ListApiKeys(ListApiKeysRequest(page_token=given), metadata=metadata))
            await heard.call(world.keys.SearchApiKeys(search, metadata=metadata))
            await heard.call(world.keys.RotateApiKey(RotateApiKeyRequest(id=given), metadata=metadata))
            await heard.call(world.keys.RevokeApiKey(RevokeApiKeyRequest(id=given), metadata=metadata))
        await heard.call(world.lookup.LookupApiKey(LookupApiKeyRequest(id=given), metadata=WORKLOAD))
    await heard.call(world.lookup.LookupApiKey(LookupApiKeyRequest(id=whole.id), metadata=(("x-maas-workload", whole.text),)))


def test_nothing_said_logged_or_stored_holds_a_key_or_a_pepper(keys_service, postgres, minted, capfd):
    heard = Overheard()

    async def scenario(url):
        async with keys_service(database_url=url) as world:
            await keys_made(heard, world, minted)
            await keys_given_as_ids(heard, world, minted[0])
            database = create_engine(url)
            with database.begin() as connection:
                heard.words += [repr(row) for row in connection.execute(text("SELECT * FROM api_keys"))]
                connection.execute(text("DROP TABLE key_changes"))
            database.dispose()
            broken = CreateApiKeyRequest(name="the database is broken now")
            await heard.call(world.keys.CreateApiKey(broken, metadata=world.alice))
            page = f"http://127.0.0.1:{world.running.metrics_port}/metrics"
            heard.words.append(await asyncio.to_thread(lambda: urllib.request.urlopen(page).read().decode()))

    with postgres_database(postgres) as url:
        asyncio.run(scenario(url))
    logged = "".join(capfd.readouterr())
    assert "api key created" in logged
    assert "call refused" in logged
    assert 'relation "key_changes" does not exist' in logged
    assert minted[0].id in logged
    everything = "\n".join([logged, *heard.words, repr(minted)])
    assert foreign_key_id(FOREIGN) in everything
    assert len(minted) >= 10
    for key in minted:
        assert key.text not in everything
        assert key.text.rpartition("_")[2][:43] not in everything
    for pepper in (PEPPER, repr(bytes.fromhex(PEPPER))[2:-1], WORKLOAD_SECRET):
        assert pepper not in everything


def test_the_database_file_holds_no_key_and_is_for_its_owner_only(keys_service, minted, tmp_path):
    folder = tmp_path / "state" / "deep"

    async def scenario():
        async with keys_service(database_url=f"sqlite:///{folder}/keys.db") as world:
            await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)

    asyncio.run(scenario())
    files = sorted(folder.iterdir())
    stored = b"".join(Path(file).read_bytes() for file in files)
    assert minted[0].id.encode() in stored
    assert minted[0].text.rpartition("_")[2].encode() not in stored
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
