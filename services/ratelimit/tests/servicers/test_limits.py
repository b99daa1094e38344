"""LimitsService: counters and estimates as administrators see them."""

from __future__ import annotations

import asyncio
import threading

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from maas.ratelimit.v1 import limits_pb2 as pb
from maas_common.auth.principal import Principal, bind_principal
from maas_common.errors import UnavailableError
from maas_common.testing import WORKLOAD, FakeClock
from maas_ratelimit.core.counting import CounterState
from maas_ratelimit.core.estimates import Estimates
from maas_ratelimit.servicers.limits import LimitsServicer
from structlog.testing import capture_logs

ANN = "https://issuer.example|ann"
BEN = "https://issuer.example|ben"
REQUESTS = "tier/free/requests-1m"
TOKENS = "tier/free/tokens-1d"
PLAN = f"1;{REQUESTS}:requests:10:1m:user;{TOKENS}:total_tokens:300:1d:user"
MINUTE_END, DAY_END = 1_800_000_060, 1_800_057_600
NEVER = 9_999_999_999  # time is the clock's here: tokens of the machine's today would have ended


def admin(world):
    return world.people.bearer("admin", groups=("maas-admins",), exp=NEVER)


async def peek(world, plan: str = PLAN, /, **who: str) -> list[pb.LimitState]:
    return list((await world.limits.Peek(pb.PeekRequest(plan=plan, **({"user": ANN} | who)), metadata=WORKLOAD)).limits)


async def listed(world, **which) -> list[pb.Counter]:
    answer = await world.limits.ListCounters(pb.ListCountersRequest(**which), metadata=admin(world))
    assert not answer.next_page_token
    return sorted(answer.counters, key=lambda each: (each.limit_id, each.throttled, each.subject))


async def reset(world, **which: str) -> int:
    return (await world.limits.ResetCounters(pb.ResetCountersRequest(**which), metadata=admin(world))).counters


def wrong_fields(refused) -> list[str]:
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = status_pb2.Status.FromString(dict(refused.value.trailing_metadata())["grpc-status-details-bin"])
    wrong = error_details_pb2.BadRequest()
    status.details[1].Unpack(wrong)
    return [violation.field for violation in wrong.field_violations]


def test_peek_shows_every_limit_of_the_plan_and_counts_nothing(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        await world.settle(1, PLAN, total="250")
        await world.admit(2, PLAN, max_out="0", bytes="160")
        for _ in range(2):
            requests = {"id": REQUESTS, "metric": "requests", "window": "1m", "amount": 10, "used": 2, "remaining": 8}
            tokens = {"id": TOKENS, "metric": "total_tokens", "window": "1d", "amount": 300, "used": 250, "reserved": 40, "remaining": 10}
            assert await peek(world) == [
                pb.LimitState(**requests, reset=MINUTE_END, per="user", over="hard"),
                pb.LimitState(**tokens, reset=DAY_END, per="user", over="hard"),
            ]

    run(scenario)


def test_peek_tells_what_was_overdrawn_as_nothing_left(run):
    async def scenario(world) -> None:
        await world.settle(1, PLAN, total="5000")
        tokens = (await peek(world))[1]
        assert (tokens.used, tokens.remaining) == (5000, 0)

    run(scenario)


def test_what_was_overdrawn_for_longer_than_can_be_said_is_shown_all_the_same(run):
    plan = "1;g:total_tokens:1000:gcra 1d:user"

    async def scenario(world) -> None:
        await world.settle(1, plan, total="999999999999999")
        (state,) = await peek(world, plan)
        assert (state.remaining, state.reset) == (0, 2**32 - 1)

    run(scenario)


def test_peek_finds_the_counters_of_a_key_a_team_a_tier_and_a_model(run):
    plan = "1;k:requests:9:1m:key;m:requests:9:1m:model;t:requests:9:1m:team:shadow;tm:requests:9:1m:tier+model;v:requests:9:1m:tier"

    async def scenario(world) -> None:
        await world.admit(1, plan, key="key1", team="red", tier="gold", model="big")

        async def used(**who: str) -> list[int]:
            return [limit.used for limit in await peek(world, plan, **who)]

        assert await used(key="key1", team="red", tier="gold", model="big") == [1, 1, 1, 1, 1]
        assert await used(key="key2", team="red", tier="gold", model="small") == [0, 0, 1, 0, 1]
        assert await used() == [0, 0, 0, 0, 0]
        assert [(limit.per, limit.over) for limit in await peek(world, plan)][2:4] == [("team", "shadow"), ("tier+model", "hard")]

    run(scenario)


def test_who_has_no_key_and_no_team_is_peeked_at_as_they_are_counted(run):
    plan = "1;k:requests:9:1m:key;t:requests:9:1m:team"

    async def scenario(world) -> None:
        await world.admit(1, plan, key="-", team="-")
        assert [limit.used for limit in await peek(world, plan)] == [1, 1]

    run(scenario)


def test_the_default_tenant_is_meant_when_none_is_named(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        assert [(await peek(world, tenant=tenant))[0].used for tenant in ("", "default", "acme")] == [1, 1, 0]
        assert [len(await listed(world, tenant=tenant)) for tenant in ("", "default", "acme")] == [2, 2, 0]

    run(scenario)


@pytest.mark.parametrize(
    ("field", "value", "said"), [("plan", "7", 'version "7" is not known'), ("user", "", "user"), ("plan", "", "plan")]
)
def test_what_is_wrong_with_a_peek_is_named(run, field, value, said):
    async def scenario(world) -> None:
        with pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
            await world.limits.Peek(pb.PeekRequest(**({"plan": PLAN, "user": ANN} | {field: value})), metadata=WORKLOAD)
        assert wrong_fields(refused) == [field]

    run(scenario)


def test_administrators_may_do_all_workloads_may_peek_and_nobody_else_anything(run):
    async def scenario(world) -> None:
        methods = {
            world.limits.Peek: pb.PeekRequest(plan=PLAN, user=ANN),
            world.limits.ListCounters: pb.ListCountersRequest(),
            world.limits.ResetCounters: pb.ResetCountersRequest(limit_id=REQUESTS),
            world.limits.ListEstimates: pb.ListEstimatesRequest(),
        }
        await world.admit(1, PLAN)
        for metadata in (world.people.bearer("ann", exp=NEVER), WORKLOAD, None):
            for method, request in methods.items():
                if (metadata, method) == (WORKLOAD, world.limits.Peek):
                    await method(request, metadata=metadata)
                    continue
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await method(request, metadata=metadata)
                assert refused.value.code() in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
        assert (await peek(world))[0].used == 1, "nothing was reset"
        for method, request in methods.items():
            await method(request, metadata=admin(world))

    run(scenario)


def test_every_live_counter_is_listed_with_whose_it_is(run):
    plan = "1;calls:requests:9:1h:user+model;held:concurrency:5:-:key;soft:requests:2:1m:tenant:soft 50;tok:total_tokens:900:1d:user"

    async def scenario(world) -> None:
        for number in range(3):
            await world.admit(number, plan, key="key1", model="big")
        await world.settle(0, plan, key="key1", model="big", total="70")
        hour = 1_800_000_000 // 3600 * 3600 + 3600
        assert await listed(world) == [
            pb.Counter(limit_id="calls", metric="requests", window="1h", per="user+model", subject=f"{ANN}+big", used=3, reset=hour),
            pb.Counter(limit_id="held", metric="concurrency", window="-", per="key", subject="key1", reserved=2),
            pb.Counter(limit_id="soft", metric="requests", window="1m", per="tenant", subject="-", used=2, reset=MINUTE_END),
            pb.Counter(
                limit_id="soft", metric="requests", window="1m", per="tenant", subject="-", used=1, reset=MINUTE_END, throttled=True
            ),
            pb.Counter(limit_id="tok", metric="total_tokens", window="1d", per="user", subject=ANN, used=70, reserved=400, reset=DAY_END),
        ]

    run(scenario)


def test_counters_of_windows_that_are_over_are_not_listed(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        await world.settle(1, PLAN, total="50")
        world.clock.advance(60)
        assert [counter.limit_id for counter in await listed(world)] == [TOKENS]

    run(scenario)


def test_the_list_is_filtered_by_limit_and_by_subject(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        await world.admit(2, PLAN, user=BEN)

        async def found(**which: str) -> list[tuple[str, str]]:
            return [(counter.limit_id, counter.subject) for counter in await listed(world, **which)]

        assert await found(limit_id=TOKENS) == [(TOKENS, ANN), (TOKENS, BEN)]
        assert await found(subject=BEN) == [(REQUESTS, BEN), (TOKENS, BEN)]
        assert await found(limit_id=REQUESTS, subject=ANN) == [(REQUESTS, ANN)]
        assert await found(limit_id="tier/free") == [], "a limit is named whole"
        assert await found(subject="https://issuer.example") == [], "and so is a subject"

    run(scenario)


def test_subjects_of_combined_scopes_are_asked_for_as_they_are_shown(run):
    """A plus of a user's own is no mark that parts them: where two look the same, both are meant."""
    plan = "1;both:requests:9:1m:user+model;one:requests:9:1m:user"

    async def scenario(world) -> None:
        await world.admit(1, plan, user="iss|a", model="b+c")
        await world.admit(2, plan, user="iss|a+b", model="c")
        await world.admit(3, plan, user="iss|a+b+c", model="d")
        found = await listed(world, subject="iss|a+b+c")
        assert [(counter.limit_id, counter.subject, counter.used) for counter in found] == [
            ("both", "iss|a+b+c", 1),
            ("both", "iss|a+b+c", 1),
            ("one", "iss|a+b+c", 1),
        ]
        assert [counter.subject for counter in await listed(world, limit_id="both", subject="iss|a+b+c+d")] == ["iss|a+b+c+d"]
        assert await reset(world, limit_id="both", subject="iss|a+b+c") == 2
        assert [counter.used for counter in await listed(world, subject="iss|a+b+c")] == [0, 0, 1]

    run(scenario)


def test_pages_together_hold_every_counter_once(run):
    async def scenario(world) -> None:
        users = {f"iss|{number}" for number in range(23)}
        for number, user in enumerate(sorted(users)):
            await world.admit(number, PLAN, user=user)
        seen, token = [], ""
        while True:
            asked = pb.ListCountersRequest(limit_id=REQUESTS, page_size=5, page_token=token)
            page = await world.limits.ListCounters(asked, metadata=admin(world))
            assert len(page.counters) <= 5
            seen += [counter.subject for counter in page.counters]
            token = page.next_page_token
            if not token:
                break
        assert sorted(seen) == sorted(users)

    run(scenario)


@pytest.mark.parametrize("method", ["Counters", "Estimates"])
@pytest.mark.parametrize(("field", "value"), [("page_token", "nonsense"), ("page_size", 501)])
def test_a_page_that_can_not_be_is_refused_by_its_field(run, method, field, value):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(world.limits, f"List{method}")(getattr(pb, f"List{method}Request")(**{field: value}), metadata=admin(world))
        assert wrong_fields(refused) == [field]

    run(scenario)


def test_a_reset_forgets_what_was_used_keeps_what_is_in_flight_and_is_audited(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        await world.settle(1, PLAN, total="250")
        await world.admit(2, PLAN, max_out="0", bytes="160")
        await world.admit(3, PLAN, user=BEN, max_out="0", bytes="160")
        with capture_logs() as logs:
            assert await reset(world, subject=ANN, reason="a bill was paid") == 2
        assert [(limit.used, limit.reserved) for limit in await peek(world)] == [(0, 0), (0, 40)]
        assert [(limit.used, limit.reserved) for limit in await peek(world, user=BEN)] == [(1, 0), (0, 40)]
        who = {"actor": f"{world.people.url}|admin", "tenant": "default"}
        assert [line for line in logs if line["log_level"] != "debug"] == [
            {"event": "counters reset", "log_level": "info", "limit_id": "", "subject": ANN, "reason": "a bill was paid", "counters": 2}
            | who
        ]
        await world.settle(2, PLAN, total="30")
        assert [(limit.used, limit.reserved) for limit in await peek(world)] == [(0, 0), (30, 0)]

    run(scenario)


@pytest.mark.parametrize("window", ["1m", "day in Europe/Berlin", "sliding 1m", "sliding-log 1m", "gcra 1m burst 5"])
def test_a_reset_leaves_the_whole_limit_whatever_its_window(run, window):
    plan = f"1;r:requests:5:{window}:user"

    async def scenario(world) -> None:
        for number in range(3):
            await world.admit(number, plan)
        assert await reset(world, limit_id="r", subject=ANN) == 1
        assert [(limit.used, limit.remaining) for limit in await peek(world, plan)] == [(0, 5)]

    run(scenario)


def test_a_reset_of_a_sliding_limit_forgets_the_bucket_before_too(run):
    plan = "1;r:requests:5:sliding 1m:user"

    async def scenario(world) -> None:
        for number in range(5):
            await world.admit(number, plan)
        world.clock.advance(31)
        assert (await peek(world, plan))[0].remaining == 0
        await reset(world, subject=ANN)
        assert (await peek(world, plan))[0].remaining == 5

    run(scenario)


def test_a_reset_of_a_limit_is_everybody_s(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        await world.admit(2, PLAN, user=BEN)
        assert await reset(world, limit_id=REQUESTS) == 2
        assert [(await peek(world, user=user))[0].used for user in (ANN, BEN)] == [0, 0]
        assert await reset(world, limit_id="unknown") == 0

    run(scenario)


def test_a_reset_of_everything_is_refused_and_both_fields_are_named(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        with pytest.raises(grpc.aio.AioRpcError, match="name a limit, a subject or both") as refused:
            await world.limits.ResetCounters(pb.ResetCountersRequest(tenant="default", reason="why not"), metadata=admin(world))
        assert wrong_fields(refused) == ["limit_id", "subject"]
        assert (await peek(world))[0].used == 1

    run(scenario)


def test_nothing_of_another_tenant_is_listed_or_reset(run):
    async def scenario(world) -> None:
        await world.admit(1, PLAN)
        await world.admit(2, PLAN, tenant="acme", user=ANN)
        await world.admit(3, PLAN, tenant="acme", user=BEN)
        assert {counter.subject for counter in await listed(world)} == {ANN}
        assert {counter.subject for counter in await listed(world, tenant="acme")} == {ANN, BEN}
        assert await reset(world, limit_id=REQUESTS) == 1
        assert await reset(world, subject=BEN) == 0
        assert [(await peek(world, tenant=tenant))[0].used for tenant in ("default", "acme")] == [0, 1]
        assert await reset(world, subject=ANN, tenant="acme") == 2
        assert (await peek(world, tenant="acme", user=BEN))[0].used == 1

    run(scenario)


def test_estimates_are_listed_by_model_in_pages(run):
    async def scenario(world) -> None:
        for number, model in enumerate(("mid", "big", "small", "big")):
            await world.admit(number, PLAN, model=model)
            await world.settle(number, PLAN, model=model, input="400", output="300", total="700")

        async def page(**which) -> pb.ListEstimatesResponse:
            return await world.limits.ListEstimates(pb.ListEstimatesRequest(page_size=2, **which), metadata=admin(world))

        first = await page()
        assert [(each.model, each.samples) for each in first.estimates] == [("big", 2), ("mid", 1)]
        assert first.estimates[0].tokens_per_byte > first.estimates[1].tokens_per_byte > 0.25
        assert first.estimates[0].output_mean > first.estimates[1].output_mean > 256
        second = await page(page_token=first.next_page_token)
        assert [each.model for each in second.estimates] == ["small"]
        assert not second.next_page_token
        whole = await world.limits.ListEstimates(pb.ListEstimatesRequest(), metadata=admin(world))
        assert ([each.model for each in whole.estimates], whole.next_page_token) == (["big", "mid", "small"], "")

    run(scenario)


class Slow:
    """A store that waits, until the test has seen that the event loop does not."""

    waits = True

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self.failure: Exception | None = None

    def _wait(self) -> None:
        self.begun.set()
        assert self.go_on.wait(30), "the event loop waits for the store"

    def read(self, account, *, now):
        self._wait()
        return (CounterState(1, 0, 9, 60),)

    def list_counters(self, which, *, page_size, page_token, now):
        self._wait()
        return [], ""

    def reset_counters(self, which, *, now):
        self._wait()
        self.ended.set()
        if self.failure:
            raise self.failure
        return 7


def alone(scenario) -> None:
    """Runs a scenario with the servicer alone, called by an administrator."""

    async def main() -> None:
        bind_principal(Principal("iss", "root", "root"))
        store = Slow()
        await scenario(LimitsServicer(store, store, Estimates(), FakeClock()), store)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("Peek", pb.PeekRequest(plan="1;r:requests:10:1m:user", user=ANN)),
        ("ListCounters", pb.ListCountersRequest()),
        ("ResetCounters", pb.ResetCountersRequest(limit_id="r")),
    ],
)
def test_a_store_that_waits_keeps_nobody_else_waiting(method, request_):
    async def scenario(limits, store) -> None:
        call = asyncio.ensure_future(getattr(limits, method)(request_, None))
        await asyncio.to_thread(store.begun.wait)
        store.go_on.set()
        await call

    alone(scenario)


def test_a_reset_whose_caller_hangs_up_is_audited_all_the_same():
    async def scenario(limits, store) -> None:
        call = asyncio.ensure_future(limits.ResetCounters(pb.ResetCountersRequest(limit_id="r"), None))
        await asyncio.to_thread(store.begun.wait)
        call.cancel()
        await asyncio.wait([call])
        store.go_on.set()
        await asyncio.get_running_loop().shutdown_default_executor()
        assert store.ended.is_set()

    with capture_logs() as logs:
        alone(scenario)
    assert [(line["event"], line["actor"], line["counters"]) for line in logs] == [("counters reset", "iss|root", 7)]


def test_a_reset_that_the_store_breaks_off_is_audited_as_such():
    async def scenario(limits, store) -> None:
        store.go_on.set()
        store.failure = UnavailableError("the store is gone")
        with pytest.raises(UnavailableError):
            await limits.ResetCounters(pb.ResetCountersRequest(subject="s", reason="why"), None)

    with capture_logs() as logs:
        alone(scenario)
    said = {"event": "counters not reset, or not all", "log_level": "warning", "error": "the store is gone"}
    assert logs == [said | {"actor": "iss|root", "tenant": "default", "limit_id": "", "subject": "s", "reason": "why"}]
