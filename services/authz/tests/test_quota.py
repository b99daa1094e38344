"""GetQuota: people see what is left of their own limits, counted nowhere but in ratelimit."""

from __future__ import annotations

import asyncio

import grpc
import pytest
import structlog
from maas.authz.v1 import authz_pb2
from maas.ratelimit.v1 import limits_pb2
from maas_authz.adapters.counters import GrpcCounters
from maas_authz.core.catalogue import Catalogue, Model, Tier
from maas_authz.core.keys import Caller
from maas_authz.core.quota import quota_of
from maas_authz.core.refusals import CATALOGUE_STALE, TIER_UNUSABLE
from maas_common.channels import connect
from maas_common.errors import UnavailableError
from maas_common.limits import Limit
from maas_common.testing import WORKLOAD, WORKLOAD_SECRET

NOW = 1_800_000_000.0
REQUESTS = Limit.parse(id="requests-1m", metric="requests", amount=10, window="1m")
ALICE = Caller("default", "i|alice", ("g",))
ALL_OF_FREE = "1;tier/free/requests-1m:requests:10:1m:user;tier/free/total-tokens-1m:total_tokens:2000:1m:user"


async def refused(call) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def test_people_see_their_tiers_limits_as_ratelimit_counts_them(in_world):
    async def scenario(world):
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(), metadata=world.people.bearer("alice"))
        user = f"{world.people.url}|alice"
        assert (answer.tier, answer.group, answer.user) == ("free", "system:authenticated", user)
        assert [(each.id, each.amount, each.used, each.reserved, each.remaining, each.reset) for each in answer.limits] == [
            ("tier/free/requests-1m", 10, 3, 1, 6, 1_800_000_060),
            ("tier/free/total-tokens-1m", 2000, 3, 1, 1996, 1_800_000_060),
        ]
        assert world.ratelimit.asked == [limits_pb2.PeekRequest(plan=ALL_OF_FREE, user=user, tenant="default", tier="free")]

    in_world(scenario)


def test_the_groups_of_the_token_give_the_tier(in_world):
    async def scenario(world):
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(), metadata=world.people.bearer("bob", groups=("premium-users",)))
        assert (answer.tier, answer.group) == ("premium", "premium-users")

    in_world(scenario)


def test_limits_per_model_are_shown_for_the_model_that_is_named(in_world):
    async def scenario(world):
        who = world.people.bearer("carol", groups=("metered-users",))
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(), metadata=who)
        assert [each.id for each in answer.limits] == ["tier/metered/at-once", "tier/metered/spend"]
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(model="pro"), metadata=who)
        assert [each.id for each in answer.limits] == ["tier/metered/at-once", "tier/metered/model-spend", "tier/metered/spend"]
        assert [each.model for each in world.ratelimit.asked] == ["", "pro"]
        assert [(each.per, each.over) for each in answer.limits] == [("key", "shadow"), ("user+model", "hard"), ("user", "hard")]

    in_world(scenario)


def test_one_of_their_keys_is_asked_about_with_its_own_groups(in_world):
    async def scenario(world):
        key = world.mint(user="alice", groups=("premium-users",))
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.id), metadata=world.people.bearer("alice"))
        assert (answer.tier, answer.user) == ("premium", f"{world.people.url}|alice")
        assert world.ratelimit.asked[0].key == key.id
        assert world.ratelimit.asked[0].plan == (await world.ask(key.text)).dynamic_metadata["plan"]

    in_world(scenario)


def test_the_limits_of_a_key_its_team_and_tenant_are_among_them(in_world):
    async def scenario(world):
        limits = [
            {"id": "key/requests-1m", "metric": "requests", "amount": 5, "window": "1m", "per": "key"},
            {"id": "team/budget", "metric": "cost", "amount": 900, "window": "month", "per": "team"},
            {"id": "tenant/model", "metric": "requests", "amount": 90, "window": "1d", "per": "user+model"},
        ]
        key = world.mint(limits=limits, team="physics")
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.id), metadata=world.people.bearer("alice"))
        of_tier = ["tier/free/requests-1m", "tier/free/total-tokens-1m"]
        assert [each.id for each in answer.limits] == ["key/requests-1m", "team/budget", *of_tier]
        assert (world.ratelimit.asked[0].team, world.ratelimit.asked[0].key) == ("physics", key.id)
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.id, model="small"), metadata=world.people.bearer("alice"))
        assert [each.id for each in answer.limits] == ["key/requests-1m", "team/budget", "tenant/model", *of_tier]

    in_world(scenario)


def test_many_long_limits_are_asked_about_in_parts_that_ratelimit_reads(in_world):
    async def scenario(world):
        window = "month from 15 in America/Argentina/ComodRivadavia"
        limits = [
            {
                "id": f"key/{'x' * 90}-{number}",
                "metric": "total_tokens",
                "amount": 9 * 10**15,
                "window": window,
                "per": "key+user+team+model",
            }
            for number in range(60)
        ]
        key = world.mint(limits=limits)
        answer = await world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.id, model="small"), metadata=world.people.bearer("alice"))
        told = [each.id for each in answer.limits]
        assert len(told) == 62
        assert told == sorted(told)
        assert max(len(asked.plan) for asked in world.ratelimit.asked) <= 8192

    in_world(scenario)


def test_a_quota_is_refused_by_what_its_key_says_of_itself(in_world):
    async def scenario(world):
        async def asked(model="", **record):
            key = world.mint(**record)
            return await refused(
                world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.id, model=model), metadata=world.people.bearer("alice"))
            )

        error = await asked("small", scope={"models": ["pro"]})
        assert error.details() == "Access denied. This API key may not be used for this model."
        error = await asked(subscription="premium")
        assert error.details() == "Access denied. None of your groups has the tier that this API key is bound to."
        error = await asked(limits=[{"id": "key/x", "metric": "wishes", "amount": 1, "window": "1m", "per": "key"}])
        assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "The limits of this API key can't be applied.")

    in_world(scenario)


def test_other_peoples_keys_are_not_found_not_even_by_administrators(in_world):
    async def scenario(world):
        key = world.mint(user="bob")
        for who in (world.people.bearer("alice"), world.people.admin()):
            error = await refused(world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.id), metadata=who))
            assert error.code() is grpc.StatusCode.NOT_FOUND
        whole = await refused(world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.text[:64]), metadata=world.people.bearer("bob")))
        assert whole.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert key.text[20:60] not in (whole.details() or "")
        assert world.ratelimit.asked == []

    in_world(scenario)


def test_it_is_refused_in_the_words_that_a_request_would_be(in_world):
    async def scenario(world):
        async def asks(who="alice", groups=(), **request):
            return await refused(world.get_quota(authz_pb2.GetQuotaRequest(**request), metadata=world.people.bearer(who, groups=groups)))

        for model in ("none", "draft"):
            error = await asks(model=model)
            assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "Model not found")
        error = await asks(model="pro")
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert error.details() == "Access denied. Your tier does not have permission to access this model."
        world.registry.feed.say(2, change={"deleted_tiers": ["free"]})
        await world.registry.feed.applied(2)
        error = await asks()
        assert (error.code(), error.details()) == (grpc.StatusCode.PERMISSION_DENIED, "Access denied. None of your groups has a tier.")
        assert world.ratelimit.asked == []

    in_world(scenario)


def test_nobody_has_a_quota_without_signing_in(in_world):
    async def scenario(world):
        for metadata in (None, WORKLOAD):
            error = await refused(world.get_quota(authz_pb2.GetQuotaRequest(), metadata=metadata))
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED

    in_world(scenario)


def test_with_ratelimit_out_of_reach_it_says_so_and_requests_are_decided_as_before(in_world):
    async def scenario(world):
        await world.peers.stop("ratelimit")
        with structlog.testing.capture_logs() as lines:
            error = await refused(world.get_quota(authz_pb2.GetQuotaRequest(), metadata=world.people.bearer("alice")))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "the ratelimit service, or where it counts, can't be reached" in (error.details() or "")
        assert "127.0.0.1" not in (error.details() or "")
        assert "limits not read" in [line["event"] for line in lines]
        assert await world.status(world.mint().text) == 200

    in_world(scenario)


def test_an_answer_that_ratelimit_should_not_give_is_an_internal_error(in_world):
    async def scenario(world):
        world.ratelimit.failure = grpc.StatusCode.INVALID_ARGUMENT
        error = await refused(world.get_quota(authz_pb2.GetQuotaRequest(), metadata=world.people.bearer("alice")))
        assert error.code() is grpc.StatusCode.INTERNAL
        assert "told to fail" not in (error.details() or "")

    in_world(scenario)


def test_ratelimit_is_not_waited_for_past_the_deadline(peers):
    async def main() -> None:
        async with peers() as all_of_them, connect(all_of_them.address("ratelimit")) as channel:
            all_of_them.ratelimit.gate.clear()
            quota = quota_of(ALICE, "", Catalogue.compile([], [Tier.compile("free", 0, ["g"], [REQUESTS])]), NOW)
            with pytest.raises(UnavailableError):
                await GrpcCounters(channel, workload_secret=WORKLOAD_SECRET, timeout_s=0.1).peek(quota)

    asyncio.run(main())


def test_without_a_catalogue_or_with_limits_that_cannot_be_applied_there_is_no_quota():
    assert quota_of(ALICE, "", None, NOW) is CATALOGUE_STALE
    unusable = Catalogue.compile([], [Tier.unusable("odd", 0, ["g"])])
    assert quota_of(ALICE, "", unusable, NOW) is TIER_UNUSABLE


def test_a_quota_is_shown_for_a_model_that_cannot_be_routed_to():
    model = Model("m", "m", None, is_published=True, tiers=None)
    quota = quota_of(ALICE, "m", Catalogue.compile([model], [Tier.compile("free", 0, ["g"], [REQUESTS])]), NOW)
    assert [each.id for each in quota.limits] == ["tier/free/requests-1m"]
