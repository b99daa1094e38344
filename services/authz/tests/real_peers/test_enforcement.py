"""What a management call changes is obeyed when it returns."""

from __future__ import annotations

from maas.keys.v1 import api_keys_pb2
from maas.registry.v1 import models_pb2, tiers_pb2

REQUESTS = {"metric": "requests", "amount": 10, "window": "1m"}


def test_a_new_key_works_and_a_revoked_one_does_not(in_suite):
    async def scenario(suite):
        request = api_keys_pb2.CreateApiKeyRequest(name="laptop")
        made = await suite.keys.CreateApiKey(request, metadata=suite.people.bearer("alice"))
        answer = await suite.ask(made.key)
        told = answer.dynamic_metadata
        assert (told["key"], told["user"], told["tier"]) == (made.id, f"{suite.people.url}|alice", "free")
        assert told["plan"] == "1;tier/free/requests-1m:requests:10:1m:user"
        revoked = await suite.keys.RevokeApiKey(api_keys_pb2.RevokeApiKeyRequest(id=made.id), metadata=suite.people.bearer("alice"))
        assert revoked.enforcement.enforced
        assert await suite.status(made.key) == 401

    in_suite(scenario)


def test_every_key_of_a_person_works_and_a_damaged_one_does_not(in_suite):
    async def scenario(suite):
        request = api_keys_pb2.CreateApiKeyRequest(name="laptop")
        made = [await suite.keys.CreateApiKey(request, metadata=suite.people.bearer("alice")) for _ in range(3)]
        assert [await suite.status(each.key) for each in made] == [200, 200, 200]
        assert await suite.status(made[0].key[:-6] + "000000") == 401

    in_suite(scenario)


def test_changes_of_tiers_and_models_are_obeyed_when_they_return(in_suite):
    async def scenario(suite):
        made = await suite.keys.CreateApiKey(api_keys_pb2.CreateApiKeyRequest(name="laptop"), metadata=suite.people.bearer("alice"))
        assert await suite.status(made.key) == 200

        raised = tiers_pb2.UpdateTierRequest(name="free", limits=[REQUESTS | {"amount": 50}])
        await suite.as_admin(suite.tiers.UpdateTier, raised)
        assert (await suite.ask(made.key)).dynamic_metadata["plan"] == "1;tier/free/requests-1m:requests:50:1m:user"

        await suite.as_admin(suite.models.UpdateModel, models_pb2.UpdateModelRequest(id="small", published_to="nobody"))
        assert await suite.status(made.key) == 404

        gold = tiers_pb2.CreateTierRequest(name="gold", level=3, groups=["gold-users"])
        await suite.as_admin(suite.tiers.CreateTier, gold)
        await suite.as_admin(suite.models.UpdateModel, models_pb2.UpdateModelRequest(id="small", published_to="tiers", tiers=["gold"]))
        assert await suite.status(made.key) == 403

        await suite.as_admin(suite.tiers.UpdateTier, tiers_pb2.UpdateTierRequest(name="gold", groups=["system:authenticated"]))
        assert await suite.status(made.key) == 200

        await suite.as_admin(suite.models.DeleteModel, models_pb2.DeleteModelRequest(id="small"))
        assert await suite.status(made.key) == 404

        new = models_pb2.CreateModelRequest(id="new", url="http://127.0.0.1:8090/v1", published_to="all")
        await suite.as_admin(suite.models.CreateModel, new)
        assert await suite.status(made.key, "new") == 200

    in_suite(scenario)


def test_a_quota_is_what_the_requests_of_their_callers_have_left(in_suite):
    async def scenario(suite):
        limits = [
            {"id": "requests", "metric": "requests", "amount": 10, "window": "month"},
            {"id": "tokens", "metric": "total_tokens", "amount": 100_000, "window": "month in Europe/Berlin"},
            {"id": "spend", "metric": "cost", "amount": 1_000_000, "window": "month", "per": "user+model"},
            {"id": "of-all", "metric": "requests", "amount": 100, "window": "month", "per": "tier"},
            {"id": "of-key", "metric": "requests", "amount": 5, "window": "month", "per": "key"},
            {"id": "at-once", "metric": "concurrency", "amount": 2},
        ]
        await suite.as_admin(suite.tiers.UpdateTier, tiers_pb2.UpdateTierRequest(name="free", limits=limits))
        priced = models_pb2.UpdateModelRequest(id="small", pricing={"input": 1_000_000, "output": 2_000_000})
        await suite.as_admin(suite.models.UpdateModel, priced)
        made = await suite.keys.CreateApiKey(api_keys_pb2.CreateApiKeyRequest(name="laptop"), metadata=suite.people.bearer("alice"))

        admission = await suite.ask(made.key)
        await suite.count("admit", admission)
        quota = await suite.quota("alice", key_id=made.id, model="small")
        assert (quota["requests"], quota["of-key"], quota["at-once"]) == ((1, 0, 9), (1, 0, 4), (0, 1, 1))
        used, reserved, left = quota["tokens"]
        assert (used, left) == (0, 100_000 - reserved)
        assert reserved > 0

        seen = {"input": "100", "output": "20", "total": "120", "cached": "-", "events": "1", "response_bytes": "9", "code": "200"}
        await suite.count("settle", admission, **seen)
        settled = {"requests": (1, 0, 9), "tokens": (120, 0, 99_880), "of-all": (1, 0, 99), "at-once": (0, 0, 2)}
        spent = {"spend": (140, 0, 999_860)}
        assert await suite.quota("alice", key_id=made.id, model="small") == settled | spent | {"of-key": (1, 0, 4)}
        assert await suite.quota("alice") == settled | {"of-key": (0, 0, 5)}
        untouched = {"requests": (0, 0, 10), "tokens": (0, 0, 100_000), "of-all": (1, 0, 99), "at-once": (0, 0, 2), "of-key": (0, 0, 5)}
        assert await suite.quota("bob") == untouched

    in_suite(scenario)
