"""What authz follows: changes obeyed once confirmed, races that must not let an old answer live, ends and new beginnings."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas.common.v1 import limit_pb2
from maas.registry.v1 import catalog_pb2, models_pb2, tiers_pb2
from maas_common.apikey import mint


def test_a_revoked_key_is_refused_as_soon_as_the_revocation_is_confirmed(in_world):
    async def scenario(world):
        key = world.mint()
        assert await world.status(key.text) == 200
        world.keys.records[key.id].status = "revoked"
        world.keys.revision = 2
        world.keys.feed.say(2, changed={"ids": [key.id]})
        await world.keys.feed.applied(2)
        assert await world.status(key.text) == 401

    in_world(scenario)


def test_only_the_keys_that_changed_are_looked_up_again(in_world):
    async def scenario(world):
        changed, other = world.mint(), world.mint()
        for key in (changed, other):
            assert await world.status(key.text) == 200
        world.keys.revision = 2
        world.keys.feed.say(2, changed={"ids": [changed.id, "nobody-had-it"]})
        await world.keys.feed.applied(2)
        for key in (changed, other):
            assert await world.status(key.text) == 200
        assert world.keys.lookups == [changed.id, other.id, changed.id]

    in_world(scenario)


def test_news_of_a_change_that_a_record_already_has_does_not_drop_it(in_world):
    async def scenario(world):
        key = world.mint()
        world.keys.revision = 5
        assert await world.status(key.text) == 200
        world.keys.feed.say(5, changed={"ids": [key.id]})
        await world.keys.feed.applied(5)
        assert await world.status(key.text) == 200
        assert world.keys.lookups == [key.id]

    in_world(scenario)


def test_a_key_that_was_unknown_works_once_it_is_made(in_world):
    async def scenario(world):
        key = world.mint()
        record = world.keys.records.pop(key.id)
        assert await world.status(key.text) == 401
        world.keys.records[key.id] = record
        world.keys.revision = 2
        world.keys.feed.say(2, changed={"ids": [key.id]})
        await world.keys.feed.applied(2)
        assert await world.status(key.text) == 200

    in_world(scenario)


def test_a_look_up_overtaken_by_a_change_of_its_key_is_made_again(in_world):
    async def scenario(world):
        key = world.mint()
        world.keys.gate.clear()
        asking = asyncio.ensure_future(world.status(key.text))
        await world.keys.asked.wait()  # the old answer is read, and held back
        world.keys.records[key.id].status = "revoked"
        world.keys.revision = 2
        world.keys.feed.say(2, changed={"ids": [key.id]})
        await world.keys.feed.applied(2)
        world.keys.gate.set()
        assert await asking == 401
        assert await world.status(key.text) == 401
        assert world.keys.lookups == [key.id, key.id]

    in_world(scenario)


def test_a_look_up_overtaken_by_a_reset_is_made_again(in_world):
    async def scenario(world):
        key = world.mint()
        world.keys.revision = 50
        world.keys.gate.clear()
        asking = asyncio.ensure_future(world.status(key.text))
        await world.keys.asked.wait()
        world.keys.records.clear()  # another database, with a log of its own
        world.keys.revision = 3
        world.keys.feed.say(3, reset={})
        await world.keys.feed.applied(3)
        world.keys.gate.set()
        assert await asking == 401
        assert world.keys.lookups == [key.id, key.id]

    in_world(scenario)


def test_a_change_of_another_key_does_not_disturb_a_look_up(in_world):
    async def scenario(world):
        key = world.mint()
        world.keys.gate.clear()
        asking = asyncio.ensure_future(world.status(key.text))
        await world.keys.asked.wait()
        world.keys.feed.say(2, changed={"ids": ["another"]})
        await world.keys.feed.applied(2)
        world.keys.gate.set()
        assert await asking == 200
        assert world.keys.lookups == [key.id]

    in_world(scenario)


@pytest.mark.parametrize(
    "change", [{"users": ["{user}"]}, {"teams": [{"tenant": "default", "id": "physics"}]}, {"tenants": ["default"]}], ids=str
)
def test_a_change_of_owner_team_or_tenant_is_a_change_of_all_their_keys(in_world, change):
    async def scenario(world):
        changed = [world.mint(team="physics"), world.mint(team="physics")]
        other = world.mint(user="bob", team="physics", tenant="other")
        for key in (*changed, other):
            assert await world.status(key.text) == 200
        for key in (*changed, other):
            world.keys.records[key.id].groups.append("premium-users")
        world.keys.revision = 2
        users = [user.format(user=f"{world.people.url}|alice") for user in change.get("users", ())]
        world.keys.feed.say(2, changed=change | ({"users": users} if users else {}))
        await world.keys.feed.applied(2)
        assert [(await world.ask(key.text)).dynamic_metadata["tier"] for key in (*changed, other)] == ["premium", "premium", "free"]
        assert world.keys.lookups == [changed[0].id, changed[1].id, other.id, changed[0].id, changed[1].id]

    in_world(scenario)


@pytest.mark.parametrize(
    "change", [{"users": ["whoever"]}, {"teams": [{"tenant": "default", "id": "whichever"}]}, {"tenants": ["whichever"]}], ids=str
)
def test_a_look_up_overtaken_by_a_change_that_may_concern_its_key_is_made_again(in_world, change):
    async def scenario(world):
        key = world.mint()
        world.keys.gate.clear()
        asking = asyncio.ensure_future(world.status(key.text))
        await world.keys.asked.wait()
        world.keys.records[key.id].status = "disabled"
        world.keys.revision = 2
        world.keys.feed.say(2, changed=change)
        await world.keys.feed.applied(2)
        world.keys.gate.set()
        assert await asking == 401
        assert world.keys.lookups == [key.id, key.id]

    in_world(scenario)


def test_answers_older_than_what_is_confirmed_are_never_used(in_world):
    async def scenario(world):
        key = world.mint()
        world.keys.feed.say(9, heartbeat={})
        await world.keys.feed.applied(9)
        assert await world.status(key.text) == 503  # a laggard answers, at revision 1
        assert set(world.keys.lookups) == {key.id}
        world.keys.revision = 9
        assert await world.status(key.text) == 200

    in_world(scenario)


def test_a_reset_forgets_every_key(in_world):
    async def scenario(world):
        key, unknown = world.mint(), mint()
        assert await world.status(key.text) == 200
        assert await world.status(unknown.text) == 401
        world.keys.feed.say(1, reset={})
        await world.keys.feed.until(lambda: world.keys.feed.acks == [1, 1])
        assert await world.status(key.text) == 200
        assert await world.status(unknown.text) == 401
        assert world.keys.lookups == [key.id, unknown.id] * 2

    in_world(scenario)


def test_a_message_of_a_kind_not_known_is_taken_for_a_reset(in_world):
    async def scenario(world):
        key = world.mint()
        assert await world.status(key.text) == 200
        world.keys.feed.say(1)
        await world.keys.feed.until(lambda: world.keys.feed.acks == [1, 1])
        assert await world.status(key.text) == 200
        assert world.keys.lookups == [key.id, key.id]

    in_world(scenario)


def test_watches_begin_with_nothing_and_resume_after_the_last_revision(in_world):
    async def scenario(world):
        for peer, news in ((world.keys, {"changed": {"ids": ["k"]}}), (world.registry, {"change": {}})):
            name, resumed_after = peer.feed.starts[0]
            assert name.startswith("authz-")
            assert resumed_after == 0
            peer.feed.say(7, **news)
            await peer.feed.applied(7)
            peer.feed.on_start = []
            peer.feed.hang_up()
            await peer.feed.until(lambda peer=peer: len(peer.feed.starts) == 2)
            assert peer.feed.starts[1] == (name, 7)

    in_world(scenario)


def test_a_peer_that_comes_back_is_followed_again_and_what_was_known_still_is(in_world):
    async def scenario(world):
        key = world.mint()
        assert await world.status(key.text) == 200
        await world.peers.stop("keys")
        await world.peers.stop("registry")
        assert await world.status(key.text) == 200
        await world.peers.start("keys")
        await world.peers.start("registry")
        for peer in (world.keys, world.registry):
            await peer.feed.until(lambda peer=peer: len(peer.feed.starts) == 2)
        assert await world.status(world.mint().text) == 200

    in_world(scenario)


def test_who_stops_says_farewell_and_hears_that_it_was_heard(in_world):
    async def scenario(world):
        for peer in (world.keys, world.registry):
            peer.feed.lets_go = False
        for task in world.following:
            task.cancel()
        for peer, task in zip((world.keys, world.registry), world.following[:2], strict=True):
            await peer.feed.until(lambda peer=peer: peer.feed.farewells == 1)
            peer.feed.hang_up()
            await asyncio.wait([task])
            assert task.cancelled()
            await peer.feed.until(lambda peer=peer: peer.feed.endings)
            assert peer.feed.endings == ["ended"]

    in_world(scenario)


def test_a_farewell_that_nobody_hears_ends_all_the_same(in_world):
    async def scenario(world):
        world.keys.feed.lets_go = False
        for task in world.following:
            task.cancel()
        async with asyncio.timeout(20):
            await asyncio.wait(world.following)
        await world.keys.feed.until(lambda: world.keys.feed.endings)
        assert world.keys.feed.endings == ["cancelled"]

    in_world(scenario)


def test_a_catalogue_that_changes_before_it_is_known_is_asked_for_anew(in_world):
    async def scenario(world):
        await world.registry.feed.until(lambda: world.registry.feed.starts)
        world.registry.feed.on_start = [catalog_pb2.WatchCatalogResponse(revision=1, snapshot={})]
        world.registry.feed.say(3, heartbeat={})
        async with asyncio.timeout(20):
            await world.service.readiness.wait()
        assert [after for _, after in world.registry.feed.starts] == [0, 0]
        await world.registry.feed.applied(1)

    in_world(scenario, ready=False, greeted_by=("keys",))


def test_changes_of_the_catalogue_are_obeyed_once_confirmed(in_world):
    async def scenario(world):
        key = world.mint()
        feed = world.registry.feed
        assert await world.status(key.text, model="pro") == 403

        feed.say(2, change={"models": [models_pb2.Model(id="pro", url="http://h/v1", published_to="all")]})
        await feed.applied(2)
        assert await world.status(key.text, model="pro") == 200

        feed.say(3, change={"deleted_models": ["pro"]})
        await feed.applied(3)
        assert await world.status(key.text, model="pro") == 404

        feed.say(4, change={"tiers": [tiers_pb2.Tier(name="free", level=0, groups=["nobody"])]})
        await feed.applied(4)
        assert await world.status(key.text) == 403

        feed.say(5, change={"tiers": [tiers_pb2.Tier(name="gold", level=5, groups=["system:authenticated"])], "deleted_tiers": ["free"]})
        await feed.applied(5)
        response = await world.ask(key.text)
        assert response.dynamic_metadata["tier"] == "gold"
        assert response.dynamic_metadata["plan"] == "1"

    in_world(scenario)


def test_what_cannot_be_applied_of_the_catalogue_is_refused_and_the_rest_works(in_world):
    async def scenario(world):
        feed = world.registry.feed
        wish = limit_pb2.Limit(id="x", metric="wishes", amount=3, window="1m")
        feed.say(
            2,
            change={
                "models": [models_pb2.Model(id="odd", url="ftp://h/v1", published_to="all")],
                "tiers": [tiers_pb2.Tier(name="strange", level=9, groups=["strange"], limits=[wish])],
            },
        )
        await feed.applied(2)
        assert await world.status(world.mint().text, model="odd") == 503
        assert await world.status(world.mint(groups=("strange",)).text) == 503
        assert await world.status(world.mint().text) == 200

    in_world(scenario)


@pytest.mark.parametrize(
    "limit",
    [
        {"metric": "wishes", "window": "1m"},
        {"metric": "requests", "window": "often"},
        {"metric": "requests", "window": "1m", "per": "somebody"},
        {"metric": "requests", "window": "1m", "over": "soft"},
        {"metric": "requests", "window": "sliding 1m", "notify": [50]},
        {"metric": "requests"},
    ],
)
def test_a_tier_with_a_limit_that_cannot_be_read_lets_nobody_through(in_world, limit):
    async def scenario(world):
        key = world.mint(groups=("strange",))
        strange = tiers_pb2.Tier(name="strange", level=9, groups=["strange"], limits=[{"id": "x", "amount": 3} | limit])
        world.registry.feed.say(2, change={"tiers": [strange]})
        await world.registry.feed.applied(2)
        assert await world.status(key.text) == 503

    in_world(scenario)


def test_limits_prices_and_strictness_reach_the_rate_limiter(in_world):
    async def scenario(world):
        key = world.mint(groups=("metered-users",))
        told = (await world.ask(key.text, model="pro")).dynamic_metadata
        assert told["price"] == "150000/600000/150000"
        assert told["plan"] == (
            "1 strict;tier/metered/at-once:concurrency:4:-:key:shadow;"
            "tier/metered/model-spend:cost:1000000:month in Europe/Berlin:user+model;"
            "tier/metered/spend:cost:5000000:month in Europe/Berlin:user:hard:50/100"
        )
        assert (await world.ask(key.text, model="small")).dynamic_metadata["price"] == "-"
        cached = models_pb2.Model(id="pro", url="http://h/v1", published_to="all", pricing={"input": 9, "output": 7, "cached": 0})
        world.registry.feed.say(2, change={"models": [cached]})
        await world.registry.feed.applied(2)
        assert (await world.ask(key.text, model="pro")).dynamic_metadata["price"] == "9/7/0"

    in_world(scenario)


def test_a_workload_credential_is_shown_and_a_refusal_of_it_makes_nothing_known(in_world):
    async def scenario(world):
        async def refuse(requests, context):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the workload credential is wrong")
            yield

        world.keys.feed.serve = refuse
        key = world.mint()
        assert await world.status(key.text) == 200
        world.keys.feed.hang_up()
        world.clock.advance(301)
        world.registry.feed.say(1, heartbeat={})
        await world.registry.feed.until(lambda: world.registry.feed.acks == [1, 1])
        assert await world.status(key.text) == 503

    in_world(scenario)
