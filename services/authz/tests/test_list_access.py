"""ListAccess: who may use what, and why."""

from __future__ import annotations

import grpc
import pytest
from maas.authz.v1 import authz_pb2

FREE = 'group "system:authenticated" gives tier "free"'


async def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details() or ""


def ask(world, who=None, **request):
    return world.list_access(authz_pb2.ListAccessRequest(**request), metadata=who or world.people.admin())


def shown(answer) -> list[tuple[str, str, bool, str]]:
    return [(each.username, each.model, each.allowed, each.reason) for each in answer.access]


def test_administrators_see_who_may_use_a_model_and_why(in_world):
    async def scenario(world):
        alice = world.peers.people.add("alice")
        world.peers.people.add("bob", "premium-users")
        answer = await ask(world, model="pro")
        assert shown(answer) == [
            ("alice", "pro", False, f'published to tiers "metered", "premium"; {FREE}'),
            ("bob", "pro", True, 'published to tier "premium", which group "premium-users" gives'),
        ]
        assert (answer.access[0].user, answer.access[0].tier, answer.access[0].group) == (alice, "free", "system:authenticated")
        assert [each[2:] for each in shown(await ask(world, model="small"))] == [
            (True, f"published to all tiers; {FREE}"),
            (True, 'published to all tiers; group "premium-users" gives tier "premium"'),
        ]
        assert {each[2:] for each in shown(await ask(world, model="draft"))} == {(False, "published to nobody")}
        assert (await refused(ask(world, model="none")))[0] is grpc.StatusCode.NOT_FOUND
        assert {each.tenant for each in world.peers.people.asked} == {"default"}

    in_world(scenario)


def test_model_owners_see_it_too(in_world):
    async def scenario(world):
        world.peers.people.add("alice")
        owner = world.people.bearer("dana", groups=("model-owners",))
        assert shown(await ask(world, owner, model="small", user="alice")) == [("alice", "small", True, f"published to all tiers; {FREE}")]

    in_world(scenario, model_owner_groups=["model-owners"])


def test_what_somebody_may_use_is_every_model_with_its_reason(in_world):
    async def scenario(world):
        for number in range(2_500):
            world.peers.people.add(f"user-{number}")
        alice = world.peers.people.add("alice", "metered-users")
        world.peers.people.add("alice", issuer="https://another.example.org")
        by_name = shown(await ask(world, user="alice"))
        assert [(model, allowed) for _, model, allowed, _ in by_name] == [
            ("draft", False),
            ("pro", True),
            ("small", True),
            ("draft", False),
            ("pro", False),
            ("small", True),
        ]
        answer = await ask(world, user=alice, model="pro")
        assert [(each.user, each.tier) for each in answer.access] == [(alice, "metered")]

    in_world(scenario)


def test_people_come_in_pages(in_world):
    async def scenario(world):
        for number in range(250):
            world.peers.people.add(f"user-{number}")
        seen, token = [], ""
        while True:
            answer = await ask(world, model="small", page_token=token)
            seen.append([each.username for each in answer.access])
            token = answer.next_page_token
            if not token:
                break
        assert [len(page) for page in seen] == [100, 100, 50]
        assert [name for page in seen for name in page] == [f"user-{number}" for number in range(250)]
        assert len((await ask(world, model="small", page_size=7)).access) == 7
        code, message = await refused(ask(world, model="small", page_token="nonsense"))
        assert (code, message.partition(":")[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "page_token")

    in_world(scenario)


def test_a_search_of_very_many_goes_on_where_it_ended(in_world):
    async def scenario(world):
        world.peers.people.add("somebody")
        world.peers.people.people *= 20_500
        world.peers.people.add("alice")
        answer = await ask(world, user="alice", model="small")
        assert (list(answer.access), answer.next_page_token) == ([], "20000")
        answer = await ask(world, user="alice", model="small", page_token=answer.next_page_token)
        assert [each.username for each in answer.access] == ["alice"]
        assert answer.next_page_token == ""

    in_world(scenario)


def test_others_see_their_own_access_only(in_world):
    async def scenario(world):
        world.peers.people.add("bob", "premium-users")
        alice = world.people.bearer("alice")
        own = [("alice", "small", True, f"published to all tiers; {FREE}")]
        assert shown(await ask(world, alice)) == own
        assert shown(await ask(world, alice, user="alice")) == own
        assert shown(await ask(world, alice, user=f"{world.people.url}|alice", model="small")) == own
        assert shown(await ask(world, alice, model="pro"))[0][2:] == (False, f'published to tiers "metered", "premium"; {FREE}')
        assert (await refused(ask(world, alice, model="draft")))[0] is grpc.StatusCode.NOT_FOUND
        code, message = await refused(ask(world, alice, user="bob"))
        assert (code, message) == (grpc.StatusCode.PERMISSION_DENIED, "alice may list their own access only; leave the user out")
        assert world.peers.people.asked == []

    in_world(scenario)


def test_ones_own_groups_are_those_of_the_token(in_world):
    async def scenario(world):
        bob = world.people.bearer("bob", groups=("premium-users", "maas-admins"))
        world.peers.people.add("bob", issuer=world.people.url)
        assert [each[2] for each in shown(await ask(world, bob, model="pro"))] == [True]
        assert [each[2] for each in shown(await ask(world, bob, model="pro", user=f"{world.people.url}|bob"))] == [True]

    in_world(scenario)


def test_without_tier_people_keys_or_catalogue_it_says_so(in_world):
    async def scenario(world):
        world.peers.people.add("alice")
        assert (await refused(ask(world)))[0] is grpc.StatusCode.INVALID_ARGUMENT
        code, message = await refused(ask(world, user="nobody"))
        assert (code, message.partition(";")[0]) == (grpc.StatusCode.NOT_FOUND, 'user "nobody" is not known')
        world.registry.feed.say(2, change={"deleted_tiers": ["free"]})
        await world.registry.feed.applied(2)
        assert shown(await ask(world, model="small")) == [("alice", "small", False, "none of their groups has a tier")]
        world.peers.people.failure = grpc.StatusCode.UNAVAILABLE
        code, message = await refused(ask(world, model="small"))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "told to fail" not in message
        world.clock.advance(301)
        assert (await refused(ask(world, model="small")))[0] is grpc.StatusCode.UNAVAILABLE

    in_world(scenario)


def test_models_published_to_tiers_that_are_gone_are_nobodys(in_world):
    async def scenario(world):
        world.peers.people.add("alice")
        world.registry.feed.say(
            2,
            change={
                "models": [
                    {"id": "orphan", "url": "http://h/v1", "published_to": "tiers"},
                    {"id": "one", "published_to": "tiers", "tiers": ["x"]},
                ]
            },
        )
        await world.registry.feed.applied(2)
        assert shown(await ask(world, model="orphan"))[0][3] == f"published to no tier; {FREE}"
        assert shown(await ask(world, model="one"))[0][3] == f'published to tier "x"; {FREE}'

    in_world(scenario)
