import json
import re
import time
from typing import Any

import pytest
from maas.authz.v1.authz_pb2 import GetQuotaResponse
from maas.ratelimit.v1.limits_pb2 import LimitState

from cli.tests.conftest import World
from cli.tests.fakes.terminal import Terminal

MONTH_END = 4102444800  # 2100-01-01 00:00:00Z
USER = "https://sso.example.org/realms/staff|3f6c2f7e"


def state(limit_id: str, metric: str = "requests", **values: Any) -> LimitState:
    usual: dict[str, Any] = {"window": "1m", "amount": 20, "used": 8, "reserved": 1, "remaining": 11, "per": "user", "over": "hard"}
    return LimitState(id=f"tier/free/{limit_id}", metric=metric, **(usual | values))


def shows(world: World, *limits: LimitState) -> list[list[str]]:
    """The table's rows, by cell."""
    world.management.quota = GetQuotaResponse(tier="free", group="system:authenticated", user=USER, limits=limits)
    result = world.run("quota")
    assert result.exit_code == 0, result.output
    _, _, table = result.stdout.partition("\n\n")
    header, *rows = table.splitlines()
    starts = [header.index(title) for title in ("LIMIT", "WINDOW", "PER", "USED", "RESERVED", "LEFT", "AMOUNT", "RESETS")]
    return [[row[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)] for row in rows]


@pytest.fixture
def alice(world: World) -> World:
    world.sign_in("alice")
    return world


def test_every_limit_is_a_line_under_whose_it_is(alice: World) -> None:
    rows = shows(
        alice,
        state("requests-1m", reset=1),
        state("tokens", "total_tokens", window="month in Europe/Berlin", amount=2_000_000, used=1_500_000, remaining=499_999),
    )
    assert rows == [
        ["requests-1m", "1m", "user", "8", "1", "11", "20", "now"],
        ["tokens", "month in Europe/Berlin", "user", "1,500,000", "1", "499,999", "2,000,000", "-"],
    ]
    lines = alice.run("quota").stdout.splitlines()
    assert [line.split(maxsplit=1)[0] for line in lines[:3]] == ["tier", "by", "counted"]
    assert lines[2].rstrip().endswith(USER)
    assert alice.management.requests[-1].query == {}


def test_cost_is_in_dollars_for_people_and_in_micro_dollars_for_scripts(alice: World) -> None:
    cost = state("spend", "cost", amount=5_000_000_000, used=1_234_567, reserved=4_200, remaining=0)
    assert shows(alice, cost)[0][3:7] == ["$1.23", "$0.0042", "$0.00", "$5,000.00"]
    limit = alice.json("quota")["limits"][0]
    assert (limit["used"], limit["reserved"], limit["amount"]) == ("1234567", "4200", "5000000000")


def test_what_does_not_refuse_says_so(alice: World) -> None:
    rows = shows(alice, state("a", over="soft 20"), state("b", "concurrency", window="-", over="shadow"))
    assert [row[:2] for row in rows] == [["a (soft 20)", "1m"], ["b (shadow)", "-"]]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(30, r"in \d+s"), (300, r"in [45]m"), (2 * 3600, r"in [12]h \d+m"), (None, "2100-01-01 00:00:00Z")]
)
def test_a_reset_is_near_in_seconds_and_far_as_a_date(alice: World, seconds: int | None, shown: str) -> None:
    reset = MONTH_END if seconds is None else int(time.time()) + seconds
    assert re.fullmatch(shown, shows(alice, state("a", reset=reset))[0][7])


def test_a_key_and_a_model_can_be_named_and_a_secret_is_not_sent(alice: World) -> None:
    alice.run("keys", "create", "ci", "-q")
    assert alice.run("quota", "--model", "smollm2", "--key", "sk-maas-Key000000000_" + "z" * 49).exit_code == 0
    assert alice.management.requests[-1].query == {"keyId": "Key000000000", "model": "smollm2"}


def test_without_limits_it_says_so(alice: World) -> None:
    alice.management.quota = GetQuotaResponse(tier="enterprise")
    result = alice.run("quota")
    assert result.exit_code == 0
    assert "use as much as you like" in result.stderr
    assert json.loads(alice.run("quota", "-o", "json").stdout)["limits"] == []


def test_somebody_elses_key_is_exit_4_and_nobody_is_exit_3(alice: World) -> None:
    assert alice.run("quota", "--key", "Key000000009").exit_code == 4
    alice.run("logout")
    assert alice.run("quota").exit_code == 3


def on_terminal(world: World, *limits: LimitState) -> list[str]:
    world.management.quota = GetQuotaResponse(tier="free", group="system:authenticated", user=USER, limits=limits)
    with Terminal(("quota",), world.environment | {"COLUMNS": "80"}) as terminal:
        assert terminal.ended() == 0
    _, _, table = terminal.screen.partition("LIMIT")
    return table.splitlines()[1:]


def usual() -> list[LimitState]:
    reset = int(time.time()) + 41
    tokens = {"amount": 2_000_000, "used": 1_204_816, "remaining": 795_183, "reset": reset}
    return [state("requests-1m", amount=1_000, reset=reset), state("total-tokens-1m", "total_tokens", **tokens)]


def test_usual_limits_take_a_line_each_on_a_terminal(alice: World) -> None:
    requests, tokens = on_terminal(alice, *usual())
    assert requests.startswith("requests-1m ")
    assert tokens.startswith("total-tokens-1m ")


def test_where_the_terminal_is_too_narrow_amounts_stay_whole(alice: World) -> None:
    spend = {"window": "month in Europe/Berlin", "amount": 50_000_000, "used": 12_345_678, "remaining": 37_000_000, "reset": MONTH_END}
    lines = on_terminal(alice, *usual(), state("spend", "cost", **spend))
    assert all(len(line) <= 80 for line in lines)
    for amounts in (["1,204,816", "1", "795,183", "2,000,000"], ["$12.35", "$0.000001", "$37.00", "$50.00"]):
        assert any(" ".join(amounts) in " ".join(line.split()) for line in lines)
