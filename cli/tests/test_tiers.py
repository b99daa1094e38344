import pytest

from cli.tests.conftest import World
from cli.tests.fakes.management import CREATED_S


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
    assert lines[1].split(maxsplit=3)[3].strip() == "requests=20/1m, total_tokens=10000/1d"


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        ("requests:20", "want metric=amount/window, like requests=20/1m"),
        ("requests=20", "want metric=amount/window"),
        ("tokens=20/1m", '"tokens" is not counted; want requests or total_tokens'),
        ("requests=0/1m", 'amount "0": want a whole number from 1'),
        ("requests=-5/1m", 'amount "-5"'),
        ("requests=1e3/1m", 'amount "1e3"'),
        ("requests=٣/1m", "want a whole number"),
        ("requests=9000000000000001/1m", "to 9000000000000000"),
        ("requests=20/minute", 'window "minute": want a whole number'),
        ("requests=20/0m", 'window "0m"'),
        ("requests=20/367d", "longer than 366 days"),
    ],
)
def test_a_limit_that_is_none_is_a_usage_error_that_says_what_is_right(admin: World, limit: str, complaint: str) -> None:
    before = len(admin.management.requests)
    result = admin.run("tiers", "create", "gold", "--level", "5", "--limit", limit)
    assert result.exit_code == 2
    assert f'error: limit "{limit}"' in result.stderr
    assert complaint in result.stderr
    assert len(admin.management.requests) == before


def test_one_metric_limited_twice_per_window_is_a_usage_error(admin: World) -> None:
    result = admin.run("tiers", "create", "gold", "--level", "5", "--limit", "requests=1/1m", "--limit", "requests=2/1m")
    assert result.exit_code == 2
    assert "limited twice" in result.stderr


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
