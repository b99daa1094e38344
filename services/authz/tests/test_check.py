"""Check as Envoy asks it, on each engine, between peers that do as they are told."""

from __future__ import annotations

import asyncio
import json

import grpc
import pytest
import structlog
from google.protobuf.json_format import MessageToDict
from maas_common.apikey import mint

CHAT = "/v1/chat/completions"


def metadata(response) -> dict[str, str]:
    return MessageToDict(response.dynamic_metadata)


def headers(options) -> dict[str, str]:
    return {option.header.key: option.header.value for option in options}


def test_an_admission_names_upstream_and_plan_and_removes_the_credential(in_world):
    async def scenario(world):
        key = world.mint(groups=("premium-users",))
        response = await world.ask(
            key.text, path="/llm/small/v1/chat/completions?a=b%20c", bytes="412", model="other", stream="true", max_tokens="7", n="2"
        )
        assert response.status.code == 0
        assert headers(response.ok_response.headers) == {
            ":path": "/v1/chat/completions?a=b%20c",
            ":authority": "127.0.0.1:8090",
            "x-maas-cluster": "asset.small",
        }
        assert list(response.ok_response.headers_to_remove) == ["authorization", "x-api-key", "api-key", "accept-encoding"]
        told = metadata(response)
        rid = told.pop("rid")
        assert len(rid) == 32
        assert int(rid, 16) > 0
        assert told == {
            "decided": "1",
            "tenant": "default",
            "key": key.id,
            "user": f"{world.people.url}|alice",
            "team": "-",
            "tier": "premium",
            "group": "premium-users",
            "model": "small",
            "plan": "1;tier/premium/requests-1m:requests:60:1m:user",
            "price": "-",
            "bytes": "412",
            "max_out": "14",
            "set_model": "Small-135M",
            "add_usage": "1",
        }

    in_world(scenario)


def test_requests_from_one_template_do_not_leak_into_each_other(in_world):
    async def scenario(world):
        alice, bob = world.mint(user="alice"), world.mint(user="bob")
        first = await world.ask(alice.text, path=CHAT + "?x=1", stream="true")
        second = await world.ask(bob.text, path=CHAT, model="small", max_tokens="5")
        assert headers(second.ok_response.headers)[":path"] == CHAT
        assert metadata(second)["user"].endswith("|bob")
        assert "add_usage" not in metadata(second)
        assert metadata(first)["rid"] != metadata(second)["rid"]

    in_world(scenario)


def test_the_model_list_goes_to_the_registry_and_has_nothing_to_count(in_world):
    async def scenario(world):
        for path in ("/v1/models", "/v1/models/small"):
            response = await world.ask(world.mint().text, method="GET", path=path)
            assert headers(response.ok_response.headers) == {
                "x-maas-cluster": "maas.models",
                "x-maas-tenant": "default",
                "x-maas-tier": "free",
            }
            assert list(response.ok_response.headers_to_remove) == ["authorization", "x-api-key", "api-key"]
            assert metadata(response) == {"decided": "1"}

    in_world(scenario)


def test_each_header_that_clients_use_carries_the_key(in_world):
    async def scenario(world):
        key = world.mint().text
        for shown in (
            {"authorization": f"bearer  {key} "},
            {"x-api-key": key},
            {"api-key": key},
            {"authorization": "Basic YQ==", "api-key": key},
        ):
            assert await world.status(headers=shown) == 200
        for shown in (
            {},
            {"authorization": key},
            {"authorization": "Bearer "},
            {"x-api-key": ""},
            {"authorization": "Bearer junk", "api-key": key},
        ):
            assert await world.status(headers=shown) == 401

    in_world(scenario)


def test_refused_keys_all_read_the_same_and_are_json(in_world):
    async def scenario(world):
        wrong = mint(random_bytes=lambda size: b"\1" * size)
        right = world.mint()
        world.keys.records[wrong.id] = world.keys.records[right.id]
        refused = [
            "",
            "junk",
            right.text[:-1] + ("0" if right.text[-1] != "0" else "1"),
            mint().text,
            wrong.text,
            world.mint(status="revoked").text,
            world.mint(expires_in=-1).text,
        ]
        answers = [await world.ask(key) for key in refused]
        for answer in answers:
            denied = answer.denied_response
            assert denied.status.code == 401
            assert json.loads(denied.body) == {
                "error": {"message": "Invalid or expired token", "type": "authentication_error", "code": 401}
            }
            assert headers(denied.headers) == {"content-type": "application/json", "www-authenticate": "Bearer"}
            assert metadata(answer) == {"decided": "1"}
            assert answer.status.code == grpc.StatusCode.UNAUTHENTICATED.value[0]

    in_world(scenario)


def test_a_key_expires_by_the_clock_though_it_is_remembered(in_world):
    async def scenario(world):
        key = world.mint(expires_in=60)
        assert await world.status(key.text) == 200
        world.clock.advance(60)
        assert await world.status(key.text) == 401

    in_world(scenario)


def test_a_known_key_costs_one_look_up_however_many_ask_at_once(in_world):
    async def scenario(world):
        key = world.mint()
        world.keys.gate.clear()
        asking = [asyncio.ensure_future(world.status(key.text)) for _ in range(20)]
        await world.keys.asked.wait()
        assert await world.status("junk") == 401  # others are answered meanwhile
        world.keys.gate.set()
        assert await asyncio.gather(*asking) == [200] * 20
        assert await world.status(key.text) == 200
        assert world.keys.lookups == [key.id]

    in_world(scenario)


def test_an_unknown_key_is_looked_up_once_and_junk_never(in_world):
    async def scenario(world):
        unknown = mint()
        assert [await world.status(key) for key in (unknown.text, unknown.text, "sk-maas-junk", unknown.text + "x")] == [401] * 4
        assert world.keys.lookups == [unknown.id]

    in_world(scenario)


def test_the_unknown_are_asked_for_again_after_a_while(in_world):
    async def scenario(world):
        unknown = mint()
        assert await world.status(unknown.text) == 401
        world.clock.advance(31)
        assert await world.status(unknown.text) == 401
        assert world.keys.lookups == [unknown.id, unknown.id]

    in_world(scenario)


def test_well_formed_junk_runs_into_a_budget_that_good_keys_do_not_use_up(in_world):
    async def scenario(world):
        for _ in range(10):
            assert await world.status(world.mint().text) == 200
        assert [await world.status(mint().text) for _ in range(3)] == [401, 401, 503]
        remembered = world.mint()
        assert await world.status(remembered.text) == 503
        world.clock.advance(1)
        assert await world.status(remembered.text) == 200

    in_world(scenario, unknown_key_lookups_burst=2, unknown_key_lookups_per_s=1.0)


def test_a_key_that_is_good_no_more_does_not_use_up_the_budget(in_world):
    async def scenario(world):
        for _ in range(3):
            assert await world.status(world.mint(status="revoked").text) == 401
            assert await world.status(world.mint(expires_in=-1).text) == 401
        assert await world.status(world.mint().text) == 200

    in_world(scenario, unknown_key_lookups_burst=1, unknown_key_lookups_per_s=0.001)


def test_a_wrong_secret_costs_the_budget_once_and_then_nothing(in_world):
    async def scenario(world):
        right, wrong = world.mint(), mint(random_bytes=lambda size: b"\1" * size)
        world.keys.records[wrong.id] = world.keys.records.pop(right.id)
        assert [await world.status(wrong.text) for _ in range(3)] == [401] * 3
        assert await world.status(world.mint().text) == 503
        assert world.keys.lookups == [wrong.id]

    in_world(scenario, unknown_key_lookups_burst=1, unknown_key_lookups_per_s=0.001)


@pytest.mark.parametrize("failure", ["error", "timeout", "gone"])
def test_with_keys_out_of_reach_the_known_pass_and_the_unknown_get_503(in_world, failure):
    async def scenario(world):
        known = world.mint()
        assert await world.status(known.text) == 200
        if failure == "error":
            world.keys.failing = True
        elif failure == "timeout":
            world.keys.gate.clear()
        else:
            await world.peers.stop("keys")
        answer = await world.ask(world.mint().text)
        assert answer.denied_response.status.code == 503
        assert json.loads(answer.denied_response.body)["error"]["type"] == "server_error"
        assert answer.status.code == grpc.StatusCode.UNAVAILABLE.value[0]
        assert await world.status(known.text) == 200
        assert await world.status("junk") == 401
        world.keys.gate.set()

    in_world(scenario, key_lookup_timeout_s=0.2)


def test_what_is_known_of_keys_ends_when_nobody_confirms_it_any_more(in_world):
    async def scenario(world):
        key = world.mint()
        assert await world.status(key.text) == 200
        world.clock.advance(300)
        world.registry.feed.say(1, heartbeat={})
        await world.registry.feed.applied(1)
        assert await world.status(key.text) == 200
        world.clock.advance(1)
        assert await world.status(key.text) == 503
        assert await world.status("junk") == 401
        world.keys.feed.say(1, heartbeat={})
        await world.keys.feed.until(lambda: len(world.keys.feed.acks) == 2)
        assert await world.status(key.text) == 200

    in_world(scenario)


def test_what_is_known_of_the_catalogue_ends_when_nobody_confirms_it_any_more(in_world):
    async def scenario(world):
        key = world.mint()
        world.clock.advance(301)
        world.keys.feed.say(1, heartbeat={})
        await world.keys.feed.until(lambda: len(world.keys.feed.acks) == 2)
        assert await world.status(key.text) == 503
        assert await world.status(key.text, method="GET", path="/v1/models") == 503
        assert await world.status(key.text, path="/metrics") == 404
        assert await world.status(key.text, malformed="no JSON", bytes=None) == 400
        world.registry.feed.say(1, heartbeat={})
        await world.registry.feed.until(lambda: len(world.registry.feed.acks) == 2)
        assert await world.status(key.text) == 200

    in_world(scenario)


def test_until_both_watches_have_begun_it_answers_503(in_world):
    async def scenario(world):
        key = world.mint()
        assert world.service.readiness.missing == ("catalogue", "keys")
        assert await world.status(key.text) == 503
        assert await world.status() == 401
        await world.keys.feed.until(lambda: world.keys.feed.starts)
        world.keys.feed.say(4, reset={})
        await world.keys.feed.applied(4)
        assert world.service.readiness.missing == ("catalogue",)
        world.keys.revision = 4
        assert await world.status(key.text) == 503

    in_world(scenario, ready=False, greeted_by=())


def test_what_is_no_check_request_is_refused(in_world):
    async def scenario(world):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await world.channel.unary_unary("/envoy.service.auth.v3.Authorization/Check")(
                b"\xff", metadata=(("x-maas-workload", "workload-secret-for-tests"),)
            )
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    in_world(scenario)


def test_decisions_are_logged_at_debug_level_only_and_without_the_key(in_world):
    def scenario_at(level):
        async def scenario(world):
            key = world.mint()
            with structlog.testing.capture_logs() as lines:
                assert await world.status(key.text) == 200
                assert await world.status(key.text, method="GET", path="/v1/models") == 200
                assert await world.status(key.text, model="pro") == 403
                assert await world.status(mint().text) == 401
            events = [line["event"] for line in lines]
            assert events == (["request admitted", "models listed", "request refused", "request refused"] if level == "debug" else [])
            assert key.text not in repr(lines)

        return scenario

    in_world(scenario_at("debug"), log_level="debug")
    in_world(scenario_at("info"), log_level="info")


def test_a_caller_that_leaves_does_not_spoil_the_look_up_for_others(in_world):
    async def scenario(world):
        key = world.mint()
        world.keys.gate.clear()
        leaving = world.ask(key.text)
        await world.keys.asked.wait()
        staying = asyncio.ensure_future(world.status(key.text))
        leaving.cancel()
        world.keys.gate.set()
        assert await staying == 200
        assert world.keys.lookups == [key.id]

    in_world(scenario)
