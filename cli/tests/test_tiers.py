import re
from pathlib import Path
from typing import Any

import pytest
from maas_cli.commands import tiers
from maas_cli.limits import limits_text, parse_limit

from cli.tests.conftest import World
from cli.tests.fakes.house import CREATED_S


def make(world: World, name: str, level: int, *more: str) -> None:
    result = world.run("tiers", "create", name, "--level", str(level), "--group", f"{name}-users", *more)
    assert result.exit_code == 0, result.output


def test_a_tier_is_made_with_groups_and_limits(admin: World) -> None:
    make(admin, "gold", 5, "--group", "vip", "--limit", "requests=20/1m", "--limit", "total_tokens=10000/1m")
    tier = admin.json("tiers", "show", "gold")
    assert tier["groups"] == ["gold-users", "vip"]
    assert [(limit["metric"], limit["amount"], limit["window"]) for limit in tier["limits"]] == [
        ("requests", "20", "1m"),
        ("total_tokens", "10000", "1m"),
    ]
    assert tier["created"] == CREATED_S


def test_the_list_writes_limits_as_they_are_given(admin: World) -> None:
    make(admin, "gold", 5, "--limit", "requests=20/1m", "--limit", "total_tokens=10000/1d")
    make(admin, "free", 0)
    header, *lines = admin.run("tiers", "list").stdout.splitlines()
    assert header.split() == ["NAME", "LEVEL", "GROUPS", "LIMITS"]
    assert lines[0].split() == ["free", "0", "free-users", "none"]
    assert lines[1].split(maxsplit=3)[3].strip() == "requests=20/1m; total_tokens=10000/1d"


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ("requests=20/1m", {"metric": "requests", "amount": "20", "window": "1m"}),
        ("requests=020/1m", {"metric": "requests", "amount": "20", "window": "1m"}),
        ("concurrency=4", {"metric": "concurrency", "amount": "4"}),
        (
            "cost=50usd/month from 15 in Europe/Berlin per team, notify 50/80/100",
            {
                "metric": "cost",
                "amount": "50000000",
                "window": "month from 15 in Europe/Berlin",
                "per": "team",
                "notify": [50, 80, 100],
            },
        ),
        ("cost=0.000001usd/1d", {"metric": "cost", "amount": "1", "window": "1d"}),
        ("cost=250000/1d", {"metric": "cost", "amount": "250000", "window": "1d"}),
        (
            "requests=60/gcra 1m burst 20 per user+model, soft 20, id steady",
            {
                "metric": "requests",
                "amount": "60",
                "window": "gcra 1m burst 20",
                "per": "user+model",
                "over": "soft 20",
                "id": "steady",
            },
        ),
        ("input_tokens=9/sliding 1m,shadow", {"metric": "input_tokens", "amount": "9", "window": "sliding 1m", "over": "shadow"}),
        ("output_tokens=9/week, hard", {"metric": "output_tokens", "amount": "9", "window": "week", "over": "hard"}),
    ],
)
def test_a_limit_is_sent_with_the_parts_that_were_given(admin: World, limit: str, sent: dict[str, Any]) -> None:
    make(admin, "gold", 5, "--limit", limit)
    assert admin.management.requests[-1].json["limits"] == [sent]


@pytest.mark.parametrize(
    "limit",
    [
        "requests=20/1m",
        "concurrency=4 per key",
        "cost=0.25usd/month in Europe/Berlin per team, notify 50/80/100",
        "total_tokens=9/7d per user+model, soft 20, notify 50, id odd",
        "requests=60/gcra 1m burst 20, shadow",
    ],
)
def test_a_limit_is_shown_as_it_is_given(limit: str) -> None:
    assert limits_text([parse_limit(limit)]) == limit


DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("text", [tiers.create.__doc__ or "", tiers.update.__doc__ or "", (DOCS / "limits.md").read_text()])
def test_the_limits_in_the_help_and_the_guide_are_limits(text: str) -> None:
    found = re.findall(r'--limit (?:"([^"]+)"|([^\s"]+=\S+))', text)
    assert found
    for quoted, plain in found:
        assert parse_limit(quoted or plain)


def test_what_is_a_default_is_not_shown() -> None:
    whole = {"id": "requests-1m", "metric": "requests", "amount": "20", "window": "1m", "per": "user", "over": "hard", "notify": []}
    assert limits_text([whole, whole | {"id": "other"}]) == "requests=20/1m; requests=20/1m, id other"
    assert limits_text([whole | {"id": "tier/free/requests-1m"}]) == "requests=20/1m"
    assert limits_text([whole | {"id": "tier/free/steady"}]) == "requests=20/1m, id steady"
    held = {"id": "concurrency", "metric": "concurrency", "amount": "4", "window": "-", "per": "user", "over": "hard"}
    assert limits_text([held]) == "concurrency=4"
    assert limits_text([]) == "none"


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        ("requests:20", "want metric=amount/window, like requests=20/1m"),
        ("requests=", "want metric=amount/window"),
        ("", "want metric=amount/window"),
        ("requests=20", 'window "-": only concurrency has none; requests want one, like 1m'),
        ("concurrency=4/1m", 'window "1m": concurrency has none'),
        ("tokens=20/1m", 'metric "tokens": want one of requests, total_tokens'),
        ("requests=0/1m", "amount 0: want a whole number from 1"),
        ("requests=-5/1m", 'amount "-5": want a whole number'),
        ("requests=1e3/1m", 'amount "1e3"'),
        ("requests=٣/1m", 'amount "٣": want a whole number'),
        ("requests=9000000000000001/1m", "to 9000000000000000"),
        (f"requests={'9' * 30}/1m", "to 9000000000000000"),
        ("requests=1,000,000/1m", "want its amount without commas, like 1000000"),
        ("requests=50usd/1m", 'amount "50usd": want a whole number'),
        ("cost=$50/1m", 'amount "$50": want a whole number, or dollars like 50usd'),
        ("cost=0.0000001usd/1m", 'amount "0.0000001": want dollars, like 50 or 0.15, with at most 6 decimals'),
        ("requests=20/minute", 'window "minute": want one of: 1m'),
        ("requests=20/0m", 'window "0m"'),
        ("requests=20/367d", "longer than 366 days"),
        ("requests=20/1m per planet", 'per "planet": want one of key, user'),
        ("requests=20/1m per model+user", 'write it as "user+model"'),
        ("requests=20/1m, soft", 'over "soft": want hard, shadow, or soft'),
        ("requests=20/1m, soft 20, shadow", 'give one of "soft 20" and "shadow"'),
        ("requests=20/1m, id a, id b", 'give one of "id a" and "id b"'),
        ("requests=20/1m, softly", '"softly": want soft 20, shadow, notify 50/80/100 or id NAME'),
        ("requests=20/1m,", '"": want soft 20'),
        ("requests=20/1m, notify", '"notify": want soft 20'),
        ("requests=20/1m, notify 50,80", '"80": want soft 20'),
        ("requests=20/1m, notify 50-80", 'notify "50-80": want percentages like 50/80/100'),
        ("requests=20/1m, notify 80/50", "notify 80/50: want percentages from 1 to 100, ascending"),
        ("requests=20/sliding 1m, notify 50", "has no end at which it would start anew"),
        ("requests=20/1m, id Gold", 'id "Gold": want 1 to 63 of a-z 0-9 -'),
    ],
)
def test_a_limit_that_is_none_is_a_usage_error_that_says_what_is_right(admin: World, limit: str, complaint: str) -> None:
    before = len(admin.management.requests)
    result = admin.run("tiers", "create", "gold", "--level", "5", "--limit", limit)
    assert result.exit_code == 2
    assert f'error: limit "{limit}"' in result.stderr
    assert complaint in result.stderr
    assert len(admin.management.requests) == before


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("requests=1/1m", "requests=2/1m per team", "requests-1m"),
        ("cost=1/day in Etc/GMT+5", "cost=1/day in Etc/GMT-5", "cost-day-in-etc-gmt-5"),
        ("requests=1/1h, id requests-1m", "requests=2/1m", "requests-1m"),
    ],
)
def test_two_limits_of_one_id_are_a_usage_error_and_an_id_parts_them(admin: World, one: str, other: str, name: str) -> None:
    result = admin.run("tiers", "create", "gold", "--level", "5", "--limit", one, "--limit", other)
    assert result.exit_code == 2
    assert f'limit "{other}": "{one}" has the id "{name}" too; give one of them another: ", id {name}-2"' in result.stderr
    make(admin, "gold", 5, "--limit", one, "--limit", f"{other}, id {name}-2")


def test_a_tier_is_strict_while_it_is_said_to_be(admin: World) -> None:
    make(admin, "gold", 5, "--strict")
    make(admin, "free", 0)
    assert [admin.json("tiers", "show", name)["strict"] for name in ("gold", "free")] == [True, False]
    assert ["strict", "yes"] in [line.split() for line in admin.run("tiers", "show", "gold").stdout.splitlines()]
    assert admin.json("tiers", "update", "gold", "--level", "6")["strict"] is True
    assert admin.json("tiers", "update", "gold", "--no-strict")["strict"] is False
    assert admin.management.requests[-1].json == {"strict": False}


def test_a_level_that_is_taken_is_exit_1_with_the_servers_reason(admin: World) -> None:
    make(admin, "gold", 5)
    result = admin.run("tiers", "create", "silver", "--level", "5")
    assert result.exit_code == 1
    assert 'tier "silver": level 5 is taken by "gold"; pick another' in result.stderr


def test_an_update_replaces_what_is_given_and_leaves_the_rest(admin: World) -> None:
    make(admin, "gold", 5, "--limit", "requests=20/1m", "--limit", "total_tokens=10000/1m")
    tier = admin.json("tiers", "update", "gold", "--limit", "requests=30/1m", "--level", "6")
    assert [limit["amount"] for limit in tier["limits"]] == ["30"]
    assert (tier["level"], tier["groups"]) == (6, ["gold-users"])
    assert admin.management.requests[-1].json == {"level": 6, "limits": [{"metric": "requests", "amount": "30", "window": "1m"}]}


def test_an_update_can_empty_the_lists(admin: World) -> None:
    make(admin, "gold", 5, "--limit", "requests=20/1m")
    tier = admin.json("tiers", "update", "gold", "--no-groups", "--no-limits")
    assert (tier["groups"], tier["limits"]) == ([], [])
    assert admin.management.requests[-1].json == {"updateMask": "groups,limits"}


@pytest.mark.parametrize(
    "options", [[], ["--group", "a", "--no-groups"], ["--limit", "requests=1/1m", "--no-limits"], ["--etag", "x"], ["--level", "-1"]]
)
def test_an_update_that_says_nothing_or_contradicts_itself_is_a_usage_error(admin: World, options: list[str]) -> None:
    make(admin, "gold", 5)
    before = len(admin.management.requests)
    assert admin.run("tiers", "update", "gold", *options).exit_code == 2
    assert len(admin.management.requests) == before


def test_deleting_says_which_models_were_published_to_it(admin: World) -> None:
    make(admin, "gold", 5)
    make(admin, "free", 0)
    admin.run("models", "add", "llama", "--url", "http://host/v1", "--tier", "gold")
    result = admin.run("tiers", "delete", "gold", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Deleted tier gold.\n")
    assert "no longer published to it: llama" in result.stderr
    assert "enforced everywhere" in result.stderr


def test_the_last_tier_stays_and_the_reason_is_told(admin: World) -> None:
    make(admin, "free", 0)
    result = admin.run("tiers", "delete", "free", "--yes")
    assert result.exit_code == 1
    assert "is the last one" in result.stderr


def test_deleting_as_json_is_the_answer(admin: World) -> None:
    make(admin, "gold", 5)
    make(admin, "free", 0)
    assert admin.json("tiers", "delete", "gold", "--yes")["affectedModels"] == []


def test_lookup_finds_the_highest_level(admin: World) -> None:
    make(admin, "free", 0)
    make(admin, "gold", 5)
    assert admin.json("tiers", "lookup", "free-users", "gold-users")["tier"] == "gold"
    assert admin.run("tiers", "lookup", "free-users").stdout.split()[:2] == ["tier", "free"]


def test_lookup_of_groups_without_a_tier_is_exit_4(admin: World) -> None:
    result = admin.run("tiers", "lookup", "nobody")
    assert result.exit_code == 4
    assert "no tier has any of the groups nobody" in result.stderr
