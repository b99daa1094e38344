"""Explain: the decision with its reasons, for those who may know."""

from __future__ import annotations

import grpc
import pytest
import structlog
from maas.authz.v1 import authz_pb2
from maas_common.testing import WORKLOAD


def steps(answer) -> list[tuple[str, str]]:
    return [(step.check, step.outcome) for step in answer.steps]


async def refused(call) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


def test_people_see_how_their_own_key_would_be_decided(in_world):
    async def scenario(world):
        key = world.mint(user="alice")
        answer = await world.explain(authz_pb2.ExplainRequest(key_id=key.id, model="small"), metadata=world.people.bearer("alice"))
        assert (answer.allowed, answer.code, answer.type, answer.message) == (True, 200, "", "")
        assert (answer.tier, answer.group, answer.model) == ("free", "system:authenticated", "small")
        assert answer.user == f"{world.people.url}|alice"
        assert [(each.id, each.amount) for each in answer.limits] == [("tier/free/requests-1m", 10), ("tier/free/total-tokens-1m", 2000)]
        assert answer.plan == (await world.ask(key.text)).dynamic_metadata["plan"]
        assert steps(answer) == [(check, "pass") for check in ("credential", "key", "request", "model", "tier", "access", "plan")]

    in_world(scenario)


def test_a_refusal_is_explained_at_the_step_where_it_happens(in_world):
    async def scenario(world):
        async def explain(key, **request):
            return await world.explain(authz_pb2.ExplainRequest(key_id=key.id, **request), metadata=world.people.bearer("alice"))

        answer = await explain(world.mint(), model="pro")
        assert (answer.allowed, answer.code, answer.type) == (False, 403, "authorization_error")
        assert steps(answer)[-1] == ("access", "refuse")
        assert '"free"' in answer.steps[-1].detail
        answer = await explain(world.mint(), path="/llm/draft/v1/completions")
        assert (answer.code, answer.steps[-1].detail) == (404, "published to nobody")
        answer = await explain(world.mint(status="revoked"), model="small")
        assert (answer.code, answer.steps[-1].check, answer.steps[-1].detail) == (401, "key", "revoked")
        answer = await explain(world.mint(expires_in=-1), model="small")
        assert answer.steps[-1].detail.startswith("expired at 20")
        answer = await explain(world.mint())
        assert (answer.code, answer.steps[-1].check) == (400, "request")
        answer = await explain(world.mint(), path="/v1/models")
        assert (answer.code, answer.tier, answer.model, len(answer.limits)) == (200, "free", "", 0)

    in_world(scenario)


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        ({"status": "pending"}, "pending: an administrator has to approve it"),
        ({"status": "disabled"}, "disabled: it can be enabled again"),
        ({"status": "revoked"}, "revoked"),
        ({"status": "revoked", "expires_in": -1}, "revoked"),
        ({"status": "disabled", "expires_in": -1}, "expired at 20"),
        ({"status": "something-new"}, "something-new"),
    ],
)
def test_a_key_that_is_good_for_nothing_is_so_for_a_reason_that_its_owner_learns_here_only(in_world, record, detail):
    async def scenario(world):
        key = world.mint(**record)
        answer = await world.explain(authz_pb2.ExplainRequest(key_id=key.id, model="small"), metadata=world.people.bearer("alice"))
        assert (answer.code, answer.message) == (401, "Invalid or expired token")
        assert answer.steps[-1].detail.startswith(detail)
        assert await world.ask(key.text) == await world.ask("junk")

    in_world(scenario)


def test_what_a_key_says_of_itself_is_looked_at_step_by_step(in_world):
    async def scenario(world):
        limit = {"id": "key/requests-1m", "metric": "requests", "amount": 5, "window": "1m", "per": "key"}
        until = int(world.clock.now()) + 60
        given = {"scope": {"models": ["small"]}, "subscription": "premium", "allowed_ips": ["10.0.0.0/8"], "groups_until": until}
        key = world.mint(groups=("premium-users",), limits=[limit], team="physics", **given)

        async def explain(**request):
            return await world.explain(authz_pb2.ExplainRequest(key_id=key.id, **request), metadata=world.people.bearer("alice"))

        answer = await explain(model="small")
        order = ("credential", "key", "address", "request", "model", "scope", "groups", "subscription", "access", "plan")
        assert steps(answer) == [(check, "pass") for check in order]
        said = {step.check: step.detail for step in answer.steps}
        assert said["address"] == "an explanation comes from nowhere; requests are let through from 10.0.0.0/8"
        assert said["subscription"] == 'the key is bound to tier "premium", which group "premium-users" gives'
        assert said["groups"].startswith("relied on until 20")
        assert [each.id for each in answer.limits] == ["key/requests-1m", "tier/premium/requests-1m"]
        assert answer.plan == (await world.ask(key.text, peer="10.0.0.1")).dynamic_metadata["plan"]

        answer = await explain(model="pro")
        assert (answer.code, answer.steps[-1].check, answer.steps[-1].detail) == (403, "scope", "the key is for small")
        world.clock.advance(61)
        answer = await explain(model="small")
        assert (answer.code, answer.steps[-1].check) == (403, "subscription")
        assert answer.steps[-1].detail == 'none of the groups has tier "premium": system:authenticated'
        assert answer.steps[-2].detail.endswith("now they count no more")

    in_world(scenario)


def test_keys_of_another_tenant_do_not_exist_whoever_asks(in_world):
    async def scenario(world):
        key = world.mint(user="alice", tenant="other")
        request = authz_pb2.ExplainRequest(key_id=key.id, model="small")
        for who in (world.people.bearer("alice"), world.people.admin()):
            assert await refused(world.explain(request, metadata=who)) is grpc.StatusCode.NOT_FOUND
            quota = world.get_quota(authz_pb2.GetQuotaRequest(key_id=key.id), metadata=who)
            assert await refused(quota) is grpc.StatusCode.NOT_FOUND

    in_world(scenario)


def test_a_teams_key_is_explained_to_its_owner_and_administrators_only(in_world):
    async def scenario(world):
        key = world.mint(user="bob", team="physics")
        world.mint(user="alice", team="physics")
        request = authz_pb2.ExplainRequest(key_id=key.id, model="small")
        assert await refused(world.explain(request, metadata=world.people.bearer("alice"))) is grpc.StatusCode.NOT_FOUND
        for who in (world.people.bearer("bob"), world.people.admin()):
            assert (await world.explain(request, metadata=who)).allowed

    in_world(scenario)


def test_other_peoples_keys_are_not_found_but_for_administrators(in_world):
    async def scenario(world):
        key = world.mint(user="bob", groups=("premium-users",))
        request = authz_pb2.ExplainRequest(key_id=key.id, model="pro")
        assert await refused(world.explain(request, metadata=world.people.bearer("alice"))) is grpc.StatusCode.NOT_FOUND
        assert (await world.explain(request, metadata=world.people.admin())).tier == "premium"
        unknown = authz_pb2.ExplainRequest(key_id="nobody000000", model="pro")
        for who in (world.people.bearer("alice"), world.people.admin()):
            assert await refused(world.explain(unknown, metadata=who)) is grpc.StatusCode.NOT_FOUND

    in_world(scenario)


def test_a_whole_key_is_not_taken_for_an_id_nor_sent_on(in_world):
    async def scenario(world):
        key = world.mint()
        secret = key.text.partition("_")[2]
        for more_than_an_id in (key.text, secret, key.text[:30], key.id + "_"):
            request = authz_pb2.ExplainRequest(key_id=more_than_an_id, model="small")
            with structlog.testing.capture_logs() as lines, pytest.raises(grpc.aio.AioRpcError) as caught:
                await world.explain(request, metadata=world.people.admin())
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert secret[:5] not in f"{caught.value.details()} {lines}"
        assert world.keys.lookups == []

    in_world(scenario)


def test_administrators_explain_groups_and_nobody_else(in_world):
    async def scenario(world):
        request = authz_pb2.ExplainRequest(groups=["premium-users"], model="pro")
        answer = await world.explain(request, metadata=world.people.admin())
        assert (answer.code, answer.tier, answer.group, answer.user) == (200, "premium", "premium-users", "")
        assert await refused(world.explain(request, metadata=world.people.bearer("alice"))) is grpc.StatusCode.PERMISSION_DENIED
        for neither in (authz_pb2.ExplainRequest(model="pro"), authz_pb2.ExplainRequest(model="pro", key_id="k", groups=["g"])):
            assert await refused(world.explain(neither, metadata=world.people.admin())) is grpc.StatusCode.INVALID_ARGUMENT
        answer = await world.explain(authz_pb2.ExplainRequest(groups=["none"], model="small"), metadata=world.people.admin())
        assert (answer.code, answer.steps[-1].check) == (403, "tier")

    in_world(scenario)


def test_nobody_explains_without_signing_in(in_world):
    async def scenario(world):
        for metadata in (None, WORKLOAD):
            call = world.explain(authz_pb2.ExplainRequest(key_id="k"), metadata=metadata)
            assert await refused(call) is grpc.StatusCode.UNAUTHENTICATED

    in_world(scenario)


def test_without_keys_or_catalogue_it_says_so(in_world):
    async def scenario(world):
        key = world.mint()
        request = authz_pb2.ExplainRequest(key_id=key.id, model="small")
        world.keys.failing = True
        assert await refused(world.explain(request, metadata=world.people.admin())) is grpc.StatusCode.UNAVAILABLE
        world.keys.failing = False
        assert await world.status(key.text) == 200
        assert (await world.explain(request, metadata=world.people.admin())).allowed
        world.clock.advance(301)
        assert await refused(world.explain(request, metadata=world.people.admin())) is grpc.StatusCode.UNAVAILABLE
        world.keys.feed.say(1, heartbeat={})
        await world.keys.feed.until(lambda: world.keys.feed.acks == [1, 1])
        answer = await world.explain(request, metadata=world.people.admin())
        assert (answer.code, answer.steps[-1].check) == (503, "model")
        answer = await world.explain(authz_pb2.ExplainRequest(key_id=key.id, path="/v1/models"), metadata=world.people.admin())
        assert (answer.code, answer.steps[-1].check) == (503, "tier")

    in_world(scenario)


def test_explaining_counts_nothing_of_the_budget_for_unknown_keys(in_world):
    async def scenario(world):
        for number in range(5):
            unknown = authz_pb2.ExplainRequest(key_id=f"nobody{number:06}", model="small")
            assert await refused(world.explain(unknown, metadata=world.people.bearer("alice"))) is grpc.StatusCode.NOT_FOUND
        assert await world.status(world.mint().text) == 200

    in_world(scenario, unknown_key_lookups_burst=1, unknown_key_lookups_per_s=0.001)
