"""ShouldRateLimit as Envoy calls it, over gRPC, on both engines."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from maas_common.testing import WORKLOAD
from structlog.testing import capture_logs

REQUESTS = "1;tier/free/requests-1m:requests:2:1m:user"
TOKENS = "1;tier/free/tokens-1m:total_tokens:1000:1m:user"
FOUR = (
    "1;tier/free/requests-1d:requests:500:1d:user;tier/free/requests-1m:requests:10:1m:user"
    ";tier/free/tokens-1d:total_tokens:100000:1d:user;tier/free/tokens-1m:total_tokens:2000:1m:user"
)
RL, RLSE, DC, UF = "2048", "8192", "16384", "32"


async def refused(call) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def test_an_admitted_request_gets_its_headers(run):
    async def scenario(world) -> None:
        answer = await world.admit(1, FOUR)
        assert (answer.is_ok, answer.error) == (True, None)
        assert answer.headers == {
            "x-ratelimit-limit": "10",
            "x-ratelimit-remaining": "9",
            "x-ratelimit-reset": "1800000060",
            "x-ratelimit-limit-requests": "10",
            "x-ratelimit-remaining-requests": "9",
            "x-ratelimit-reset-requests": "30s",
            "x-ratelimit-limit-tokens": "2000",
            "x-ratelimit-remaining-tokens": "1800",
            "x-ratelimit-reset-tokens": "30s",
        }
        assert world.metric("admits_total", outcome="admitted") == 1

    run(scenario)


def test_envoy_is_told_the_limit_that_decides(run):
    async def scenario(world) -> None:
        plan = "1;b:requests:3:1h:user;c:requests:2:1m:user;t:total_tokens:500:1d:user"
        assert (await world.admit(1, plan)).limits == [("c", 2, 1, 30)]
        assert (await world.admit(2, plan)).limits == [("c", 2, 0, 30)]
        assert (await world.admit(3, plan)).limits == [("t", 500, 100, 57570)]  # refuses for longer than c
        assert (await world.settle(1, plan)).limits == [("", 0, 0, 0)]
        assert (await world.admit(4, "1;t:total_tokens:500:1d:user", user="ben")).limits == [("t", 500, 300, 57570)]
        assert (await world.admit(5, "1")).limits == [("", 0, 0, 0)]
        assert (await world.admit(6, "1;c:concurrency:2:-:user")).limits == [("", 0, 0, 0)]

    run(scenario)


def test_the_headers_are_those_of_the_setting(run):
    async def scenario(world) -> None:
        assert set((await world.admit(1, FOUR)).headers) == {"ratelimit", "ratelimit-policy"}

    run(scenario, headers=["ietf"])


def test_too_many_requests_are_told_so_and_pass_after_retry_after(run):
    async def scenario(world) -> None:
        await world.admit(1, REQUESTS)
        await world.admit(2, REQUESTS)
        answer = await world.admit(3, REQUESTS)
        assert not answer.is_ok
        message = "Rate limit exceeded. You have exceeded the maximum number of requests per minute for your tier."
        assert answer.error == {"message": message, "type": "rate_limit_error", "code": 429}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert world.metric("admits_total", outcome="refused") == 1
        world.clock.advance(int(answer.headers["retry-after"]) - 1)
        assert not (await world.admit(3, REQUESTS)).is_ok
        world.clock.advance(1)
        assert (await world.admit(3, REQUESTS)).is_ok

    run(scenario)


def test_too_many_tokens_are_told_so_with_the_window(run):
    async def scenario(world) -> None:
        plan = "1;t:total_tokens:300:5m:user"
        await world.admit(1, plan)
        answer = await world.admit(2, plan)
        message = "Token quota exceeded. You have consumed the maximum number of tokens allowed per 5 minutes for your tier."
        assert answer.error == {"message": message, "type": "quota_error", "code": 429}
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("300", "100")
        assert answer.headers["retry-after"] == "270"

    run(scenario)


def test_what_the_model_reported_is_what_is_counted(run):
    async def scenario(world) -> None:
        await world.admit(1, FOUR)
        assert await world.used(FOUR) == [(1, 0), (1, 0), (0, 200), (0, 200)]
        assert (await world.settle(1, FOUR, input="12", output="30", total="42", cached="8")).is_ok
        assert await world.used(FOUR) == [(1, 0), (1, 0), (42, 0), (42, 0)]
        assert world.metric("settles_total", outcome="measured") == 1
        assert world.metric("tokens_total", outcome="measured") == 42

    run(scenario)


def test_a_request_without_usage_is_charged_by_what_was_seen(run):
    endings = {
        "client gone mid-stream": ({"flags": DC, "events": "7"}, 107, "estimated"),
        "client gone before an answer": ({"flags": DC, "code": "0"}, 100, "estimated"),
        "no usage in a whole answer": ({"response_bytes": "240"}, 160, "estimated"),
        "usage that can not be read": ({"total": "junk", "events": "x", "flags": "-1"}, 100, "estimated"),
        "the model failed": ({"code": "500", "response_bytes": "240"}, 0, "nothing"),
        "the model was not reached": ({"code": "503", "flags": UF}, 0, "nothing"),
    }

    async def scenario(world) -> None:
        for number, (user, (seen, tokens, outcome)) in enumerate(endings.items()):
            before = world.metric("settles_total", outcome=outcome), world.metric("tokens_total", outcome="estimated")
            await world.admit(number, TOKENS, user=user)
            await world.settle(number, TOKENS, **seen)
            assert await world.used(TOKENS, user) == [(tokens, 0)], user
            after = world.metric("settles_total", outcome=outcome), world.metric("tokens_total", outcome="estimated")
            assert after == (before[0] + 1, before[1] + tokens), user

    run(scenario)


def test_a_settle_counts_once(run):
    async def scenario(world) -> None:
        await world.admit(1, TOKENS)
        for _ in range(2):
            await world.settle(1, TOKENS, total="42")
        assert await world.used(TOKENS) == [(42, 0)]
        assert world.metric("settles_total", outcome="duplicate") == 1
        assert world.metric("tokens_total", outcome="measured") == 42

    run(scenario)


def test_a_settle_after_a_restart_is_charged_with_its_request(run):
    async def scenario(world) -> None:
        await world.settle(1, FOUR, total="42")
        assert await world.used(FOUR) == [(1, 0), (1, 0), (42, 0), (42, 0)]
        assert world.metric("settles_total", outcome="late") == 1

    run(scenario)


def test_a_refused_requests_settle_counts_nothing(run):
    async def scenario(world) -> None:
        await world.admit(1, TOKENS, max_out="900")
        await world.admit(2, TOKENS)
        await world.settle(2, TOKENS, code="429", flags=RL)
        assert await world.used(TOKENS) == [(0, 1000)]
        assert world.metric("settles_total", outcome="nothing") == 1

    run(scenario)


def test_an_admission_whose_answer_came_too_late_for_envoy_is_undone(run):
    async def scenario(world) -> None:
        await world.admit(1, FOUR)
        await world.settle(1, FOUR, code="503", flags=RLSE)
        assert await world.used(FOUR) == [(0, 0)] * 4

    run(scenario)


def test_a_reservation_that_is_never_settled_ends_after_its_time(run):
    async def scenario(world) -> None:
        await world.admit(1, "1;r:requests:9:1d:user;t:total_tokens:500:1d:user")
        world.clock.advance(600)
        assert await world.used("1;r:requests:9:1d:user;t:total_tokens:500:1d:user") == [(1, 0), (0, 0)]
        assert world.metric("reservations_expired_total") == 1
        assert world.metric("reservations") == 0

    run(scenario, reservation_ttl_s=600)


def test_estimates_follow_what_the_model_reports(run):
    async def scenario(world) -> None:
        for number in range(100):
            await world.settle(number, "1", input="800", output="40", total="840")
        await world.admit(1000, FOUR, max_out="-")
        assert [reserved for _, reserved in await world.used(FOUR)][2:] == [841, 841]  # both estimates are rounded up
        await world.admit(1001, FOUR, max_out="-", model="other")
        assert [reserved for _, reserved in await world.used(FOUR)][2:] == [841 + 356, 841 + 356]

    run(scenario)


def test_a_generous_max_tokens_does_not_lock_a_small_tier_out(run):
    async def scenario(world) -> None:
        assert (await world.admit(1, TOKENS, max_out="1000000")).is_ok
        assert await world.used(TOKENS) == [(0, 1000)]

    run(scenario)


def test_users_are_counted_apart(run):
    async def scenario(world) -> None:
        for number, user in enumerate(["ann", "ann", "ben", "ben"]):
            assert (await world.admit(number, REQUESTS, user=user)).is_ok
        assert not (await world.admit(4, REQUESTS, user="ann")).is_ok

    run(scenario)


def test_a_repeated_admission_counts_once(run):
    async def scenario(world) -> None:
        answers = [await world.admit(1, REQUESTS) for _ in range(5)]
        assert all(answer.is_ok for answer in answers)
        assert await world.used(REQUESTS) == [(1, 0)]
        assert world.metric("admits_total", outcome="repeated") == 4

    run(scenario)


def test_an_id_that_has_ended_does_not_admit_again(run):
    async def scenario(world) -> None:
        await world.settle(1, TOKENS, total="42")
        assert (await refused(world.admit(1, TOKENS))).code() is grpc.StatusCode.INVALID_ARGUMENT

    run(scenario)


def test_what_can_not_be_read_is_refused_and_logged(run):
    wrongs = [
        ({"rid": "-"}, '"rid" is "-"'),
        ({"plan": "-"}, '"plan" is missing'),
        ({"user": ""}, '"user" is missing'),
        ({"plan": "7"}, 'plan version "7" is not known'),
        ({"plan": "1;a:requests:0:1m:user"}, 'amount "0"'),
        ({"bytes": "many"}, '"bytes" is "many"'),
        ({"kind": "peek"}, '"kind" is "peek"; want admit or settle'),
        ({"kind": "settle", "rid": "7"}, '"rid" is "7"'),
        ({"kind": "settle", "plan": "7"}, "has no account to charge"),
        ({"kind": "settle", "user": ""}, "has no account to charge"),
        ({"price": "1/2"}, '"price" is "1/2"'),
    ]

    async def scenario(world) -> None:
        for wrong, message in wrongs:
            with capture_logs() as logs:
                error = await refused(world.admit(1, FOUR, **wrong))
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert message in error.details()
            assert [(log["event"], log["error"]) for log in logs] == [("rate limit request refused", error.details())]
        assert world.metric("invalid_total") == len(wrongs)
        assert await world.used(FOUR) == [(0, 0)] * 4

    run(scenario)


def test_a_request_without_exactly_one_descriptor_is_refused(run, wire):
    async def scenario(world) -> None:
        for descriptors in ([], [wire["admit"](1, REQUESTS), wire["admit"](2, REQUESTS)]):
            assert (await refused(world.send(*descriptors))).code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (await refused(world.call(b"\xff", metadata=WORKLOAD))).code() is grpc.StatusCode.INVALID_ARGUMENT

    run(scenario)


def test_a_settle_whose_plan_can_not_be_read_releases_what_was_reserved_and_is_reported(run):
    async def scenario(world) -> None:
        plan = f"{TOKENS};u:concurrency:5:-:user;v:requests:5:1m:user"
        await world.admit(1, plan)
        with capture_logs() as logs:
            error = await refused(world.settle(1, plan, plan="junk", total="42"))
        assert (error.code(), "has no account to charge" in error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, True)
        assert [log["event"] for log in logs] == ["rate limit request refused"]
        assert await world.used(plan) == [(0, 0), (0, 0), (1, 0)]
        assert world.metric("invalid_total") == 1
        assert world.metric("tokens_total", outcome="measured") == 0

    run(scenario)


def test_other_domains_go_on(run):
    async def scenario(world) -> None:
        answer = await world.send({"remote_address": "10.0.0.1"}, {"generic_key": "x"}, domain="edge")
        assert (answer.is_ok, answer.codes, answer.headers) == (True, [1, 1], {})

    run(scenario)


def test_a_full_store_refuses_with_unavailable(run):
    async def scenario(world) -> None:
        await world.admit(1, FOUR)
        with capture_logs() as logs:
            errors = [await refused(world.admit(number, FOUR, user="ben")) for number in (2, 3)]
        assert {error.code() for error in errors} == {grpc.StatusCode.UNAVAILABLE}
        assert [(log["event"], log["what"], log["at_most"]) for log in logs] == [("counter store is full", "counters", 4)]  # told once
        assert world.metric("turned_away_total") == 2
        assert world.metric("counters") == 4

    run(scenario, max_counters=4)


def test_only_the_workload_may_count(run, wire):
    async def scenario(world) -> None:
        for metadata in (None, (("x-maas-workload", "wrong"),), world.people.admin()):
            error = await refused(world.send(wire["admit"](1, REQUESTS), metadata=metadata))
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await world.used(REQUESTS) == [(0, 0)]

    run(scenario)


def test_200_clients_at_once_get_exactly_as_many_requests_as_the_limit_has(run):
    plan = "1;tier/free/requests-1d:requests:1000:1d:user;tier/free/tokens-1d:total_tokens:10000000:1d:user"

    async def scenario(world) -> None:
        async def client(series: int) -> int:
            answers = [await world.admit(number, plan) for number in range(series, 2000, 200)]
            return sum(answer.is_ok for answer in answers)

        assert sum(await asyncio.gather(*map(client, range(200)))) == 1000
        assert await world.used(plan) == [(1000, 0), (0, 200_000)]

    run(scenario)


EVERY_METRIC = (
    "1;a:requests:9:1d:user;b:total_tokens:9000:1d:user;c:input_tokens:9000:1d:user;d:output_tokens:9000:1d:user"
    ";e:cost:9000:1d:user;f:concurrency:9:-:user"
)
PRICE = "1000000/2000000/500000"
"""Micro-dollars: 1 for a token of input, 2 for one of output, half of one for a cached one."""


def test_every_metric_is_reserved_and_settled_by_itself(run):
    async def scenario(world) -> None:
        await world.admit(1, EVERY_METRIC, price=PRICE)
        assert await world.used(EVERY_METRIC) == [(1, 0), (0, 200), (0, 100), (0, 100), (0, 300), (0, 1)]
        await world.settle(1, EVERY_METRIC, price=PRICE, input="30", output="7", total="38", cached="11")
        assert await world.used(EVERY_METRIC) == [(1, 0), (38, 0), (30, 0), (7, 0), (19 + 14 + 6, 0), (0, 0)]  # 5.5 is rounded up

    run(scenario)


def test_a_late_settle_is_charged_of_every_metric_but_holds_nothing(run):
    async def scenario(world) -> None:
        await world.settle(1, EVERY_METRIC, price=PRICE, input="30", output="7")
        assert await world.used(EVERY_METRIC) == [(1, 0), (37, 0), (30, 0), (7, 0), (44, 0), (0, 0)]

    run(scenario)


def test_a_model_without_a_price_spends_nothing_of_a_budget_that_is_used_up(run):
    async def scenario(world) -> None:
        plan = "1;e:cost:300:month:user"
        await world.admit(1, plan, price=PRICE)
        answer = await world.admit(2, plan, price=PRICE)
        said = "Budget exceeded. You have spent the maximum amount allowed per month for your tier."
        assert answer.error == {"message": said, "type": "quota_error", "code": 429}
        assert (await world.admit(3, plan)).is_ok
        await world.settle(3, plan, input="30", output="7")
        assert await world.used(plan) == [(0, 300)]

    run(scenario)


@pytest.mark.parametrize(
    ("metric", "kind", "said"),
    [
        ("requests", "rate_limit_error", "number of requests per hour"),
        ("total_tokens", "quota_error", "number of tokens allowed per hour"),
        ("input_tokens", "quota_error", "number of input tokens allowed per hour"),
        ("output_tokens", "quota_error", "number of output tokens allowed per hour"),
        ("cost", "quota_error", "maximum amount allowed per hour"),
    ],
)
def test_each_metric_refuses_by_its_name(run, metric, kind, said):
    async def scenario(world) -> None:
        plan = f"1;a:{metric}:1:1h:user"
        assert (await world.admit(1, plan, price=PRICE)).is_ok
        answer = await world.admit(2, plan, price=PRICE)
        assert answer.error["type"] == kind
        assert said in answer.error["message"]
        assert answer.headers["retry-after"] == "3570"

    run(scenario)


OTHER = {"key": "k2", "user": "ben", "team": "red", "tier": "premium", "tenant": "acme", "model": "large"}


@pytest.mark.parametrize(
    ("per", "whose"),
    [
        ("key", {"key"}),
        ("user", {"user"}),
        ("team", {"team"}),
        ("tier", {"tier"}),
        ("model", {"model"}),
        ("tenant", set()),
        ("policy", set()),
        ("user+model", {"user", "model"}),
        ("key+team+tier", {"key", "team", "tier"}),
    ],
)
def test_those_who_share_the_scope_share_the_counter(run, per, whose):
    async def scenario(world) -> None:
        plan = f"1;a:requests:1:1h:{per}"
        ann = {"key": "k1", "team": "blue"}
        assert (await world.admit(1, plan, **ann)).is_ok
        others = {name: await world.admit(number, plan, **ann | {name: OTHER[name]}) for number, name in enumerate(OTHER, 2)}
        assert {name for name, answer in others.items() if answer.is_ok} == whose | {"tenant"}

    run(scenario)


def test_past_a_soft_limit_requests_go_on_by_its_second_counter_and_the_model_is_told(run):
    async def scenario(world) -> None:
        plan = "1;tier/free/r:requests:2:1m:user:soft 50;z:total_tokens:9000:1m:user"
        answers = [await world.admit(number, plan) for number in range(4)]
        assert [answer.is_ok for answer in answers] == [True, True, True, False]
        assert [answer.upstream for answer in answers[:3]] == [{}, {}, {"x-maas-throttled": "tier/free/r"}]
        assert answers[2].headers["x-ratelimit-remaining"] == "0"
        assert answers[3].headers["retry-after"] == "30"
        assert world.metric("throttled_total") == 1
        assert (await world.used(plan))[1] == (0, 600)

    run(scenario)


def test_past_a_shadow_limit_requests_go_on_and_it_is_counted(run):
    async def scenario(world) -> None:
        plan = "1;tier/free/r:requests:1:1m:user:shadow"
        answers = [await world.admit(number, plan) for number in range(3)]
        assert [(answer.is_ok, answer.upstream, answer.headers) for answer in answers] == [(True, {}, {})] * 3
        assert await world.used(plan) == [(3, 0)]
        assert world.metric("shadow_exceeded_total", limit="tier/free/r") == 2
        assert world.metric("admits_total", outcome="admitted") == 3

    run(scenario)


def test_a_shadow_limit_is_counted_also_when_another_refuses(run):
    async def scenario(world) -> None:
        plan = "1;a:requests:1:1m:user:shadow;b:requests:1:1h:user"
        answers = [await world.admit(number, plan) for number in range(2)]
        assert [answer.is_ok for answer in answers] == [True, False]
        assert answers[1].headers["x-ratelimit-reset"] == "1800003600"
        assert world.metric("shadow_exceeded_total", limit="a") == 1
        assert await world.used(plan) == [(1, 0), (1, 0)]

    run(scenario)


STRICT = "1 strict;t:total_tokens:1000:1m:user"


def test_a_strict_request_is_told_how_much_it_may_put_out(run):
    async def scenario(world) -> None:
        first = await world.admit(1, STRICT, max_out="-")
        assert (first.is_ok, first.metadata) == (True, {"max_output": "600"})  # of 1000, less a token for each of 400 bytes
        await world.settle(1, STRICT, input="90", output="10")
        asked = await world.admit(2, STRICT, max_out="50")
        assert asked.metadata == {"max_output": "50"}
        assert await world.used(STRICT) == [(100, 450)]
        last = await world.admit(3, STRICT, max_out="500")
        assert last.metadata == {"max_output": "50"}  # what is left
        assert await world.used(STRICT) == [(100, 900)]
        assert not (await world.admit(4, STRICT, max_out="500")).is_ok

    run(scenario)


def test_a_strict_request_that_names_no_cap_gets_the_settings(run):
    async def scenario(world) -> None:
        assert (await world.admit(1, STRICT, max_out="-")).metadata == {"max_output": "70"}
        assert await world.used(STRICT) == [(0, 470)]

    run(scenario, strict_output_tokens=70)


def test_other_requests_are_told_nothing_of_their_output(run):
    async def scenario(world) -> None:
        answer = await world.admit(1, EVERY_METRIC)
        assert (answer.is_ok, answer.metadata, answer.upstream) == (True, {}, {})

    run(scenario)


def test_a_strict_request_that_can_never_fit_is_a_400_and_takes_nothing(run):
    async def scenario(world) -> None:
        answer = await world.admit(1, f"{STRICT};u:requests:9:1m:user", bytes="1000")
        assert (answer.is_ok, answer.metadata) == (False, {"status": "400"})
        said = "The request is too large: it needs at least 1001 tokens, and your limit is 1000 per minute."
        assert answer.error == {"message": said, "type": "invalid_request_error", "code": 400}
        assert answer.headers == {"content-type": "application/json"}
        assert await world.used(f"{STRICT};u:requests:9:1m:user") == [(0, 0), (0, 0)]
        assert world.metric("admits_total", outcome="too_large") == 1

    run(scenario)


def test_too_many_at_once_are_refused_without_a_time_and_pass_when_one_has_ended(run):
    async def scenario(world) -> None:
        plan = "1;c:concurrency:1:-:user"
        await world.admit(1, plan)
        answer = await world.admit(2, plan)
        said = "Rate limit exceeded. You have reached the maximum number of concurrent requests for your tier."
        assert answer.error == {"message": said, "type": "rate_limit_error", "code": 429}
        assert not {"retry-after", "x-ratelimit-reset"} & set(answer.headers)
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("1", "0")
        await world.settle(1, plan, total="5")
        assert (await world.admit(2, plan)).is_ok

    run(scenario)


@pytest.mark.parametrize(
    ("window", "retry_after"),
    [("1m", "30"), ("1h", "3570"), ("sliding 1m", "60"), ("sliding-log 1m", "60"), ("gcra 1m", "30"), ("day", "57570")],
)
def test_the_request_passes_after_retry_after_and_not_a_second_before(run, window, retry_after):
    async def scenario(world) -> None:
        plan = f"1;r:requests:2:{window}:user"
        for number in (1, 2):
            assert (await world.admit(number, plan)).is_ok
        answer = await world.admit(3, plan)
        assert (answer.is_ok, answer.headers["retry-after"]) == (False, retry_after)
        world.clock.advance(int(retry_after) - 1)
        assert not (await world.admit(3, plan)).is_ok
        world.clock.advance(1)
        assert (await world.admit(3, plan)).is_ok

    run(scenario)


def test_of_several_limits_that_refuse_the_last_to_let_it_pass_is_waited_for(run):
    async def scenario(world) -> None:
        plan = "1;a:requests:1:1m:user;b:requests:1:1h:user;c:total_tokens:9000:1d:user"
        await world.admit(1, plan)
        answer = await world.admit(2, plan)
        assert (answer.headers["retry-after"], answer.headers["x-ratelimit-reset"]) == ("3570", "1800003600")

    run(scenario)


def test_other_domains_and_nothing_to_count_go_on(run):
    async def scenario(world) -> None:
        for descriptors in ([], [{"kind": "admit"}], [{"kind": "admit", "rid": "junk", "plan": "junk"}] * 3):
            answer = await world.send(*descriptors, domain="maas2")
            assert (answer.is_ok, answer.codes) == (True, [1] * len(descriptors))
        answer = await world.admit(1, "1")
        assert (answer.is_ok, answer.headers) == (True, {})
        assert (await world.settle(1, "1", total="7")).is_ok

    run(scenario)
