import json
from pathlib import Path
from typing import Any

import pytest

from cli.tests.conftest import World
from cli.tests.fakes.keys import SECRET
from cli.tests.fakes.terminal import Terminal

KEY = "Key000000000"
WHOLE = f"sk-maas-{KEY}_{SECRET}"


@pytest.fixture
def world_with_key(admin: World) -> World:
    made = admin.run("keys", "create", "ci", "--budget", "5usd", "--limit", "requests=9/1m", "--label", "env=prod", "-q")
    assert made.exit_code == 0, made.output
    return admin


def sent(world: World) -> Any:
    return world.management.requests[-1].json


def test_an_update_replaces_what_is_given_and_leaves_the_rest(world_with_key: World) -> None:
    result = world_with_key.run("keys", "update", KEY, "--name", "nightly", "--limit", "requests=20/1m", "--model", "tiny", "--etag", "1")
    assert result.exit_code == 0, result.output
    assert "enforced everywhere" in result.stderr
    assert sent(world_with_key) == {
        "name": "nightly",
        "limits": [{"metric": "requests", "amount": "20", "window": "1m"}],
        "scope": {"models": ["tiny"]},
        "etag": "1",
    }
    key = world_with_key.json("keys", "show", KEY)
    assert (key["name"], key["budget"]["amount"], key["labels"]) == ("nightly", "5000000", {"env": "prod"})


def test_an_update_takes_away_what_is_said_to(world_with_key: World) -> None:
    options = ("--no-limits", "--no-budget", "--no-scope", "--no-allowed-ips", "--no-subscription", "--no-labels")
    key = world_with_key.json("keys", "update", KEY, *options)
    assert sent(world_with_key) == {"updateMask": "limits,budget,scope,allowedIps,subscription,labels"}
    assert (key["limits"], key.get("budget"), key["labels"]) == ([], None, {})


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], f"key {KEY}: nothing to change"),
        (["--etag", "1"], "nothing to change"),
        (["--budget", "1usd", "--no-budget"], "budget: given and taken away at once"),
        (["--model", "tiny", "--no-scope"], "scope: given and taken away at once"),
    ],
)
def test_an_update_that_says_nothing_or_contradicts_itself_is_a_usage_error(
    world_with_key: World, options: list[str], complaint: str
) -> None:
    before = len(world_with_key.management.requests)
    result = world_with_key.run("keys", "update", KEY, *options)
    assert (result.exit_code, complaint in result.stderr) == (2, True)
    assert len(world_with_key.management.requests) == before


def test_an_etag_that_is_not_current_is_refused(world_with_key: World) -> None:
    result = world_with_key.run("keys", "update", KEY, "--name", "x", "--etag", "0")
    assert result.exit_code == 1
    assert "etag 0 is not the current one" in result.stderr


def test_a_rotated_key_is_shown_once(world_with_key: World) -> None:
    result = world_with_key.run("keys", "rotate", KEY, "--grace", "1h", "--etag", "1")
    assert result.stdout.count(WHOLE) == 1
    assert sent(world_with_key) == {"grace": "1h", "etag": "1"}
    assert "enforced everywhere" in result.stderr
    assert world_with_key.run("keys", "rotate", KEY, "-q").stdout == WHOLE + "\n"
    assert sent(world_with_key) == {}


@pytest.mark.parametrize("grace", ["0", "0s", "00m"])
def test_to_end_the_old_secret_at_once_wants_a_yes(world_with_key: World, grace: str) -> None:
    before = len(world_with_key.management.requests)
    assert world_with_key.run("keys", "rotate", KEY, "--grace", grace).exit_code == 2
    assert len(world_with_key.management.requests) == before
    assert world_with_key.run("keys", "rotate", KEY, "--grace", grace, "--yes", "-q").stdout == WHOLE + "\n"


@pytest.mark.parametrize(
    ("command", "status", "body"),
    [
        (["disable", KEY, "--etag", "1"], "disabled", {"etag": "1"}),
        (["enable", KEY], "active", {}),
        (["approve", KEY, "--etag", "1"], "active", {"etag": "1"}),
        (["reject", KEY, "--yes"], "revoked", {}),
    ],
)
def test_a_switch_shows_what_the_key_is_now(world_with_key: World, command: list[str], status: str, body: dict[str, str]) -> None:
    result = world_with_key.run("keys", *command)
    assert result.exit_code == 0, result.output
    assert ["status", status] in [line.split() for line in result.stdout.splitlines()]
    assert "enforced everywhere" in result.stderr
    assert sent(world_with_key) == body
    assert world_with_key.management.keys.kept[KEY].status == status


def test_a_deleted_key_is_gone(world_with_key: World) -> None:
    result = world_with_key.run("keys", "delete", KEY, "--yes", "--etag", "1")
    assert (result.exit_code, result.stdout) == (0, f"Deleted key {KEY}.\n")
    assert sent(world_with_key) == {"etag": "1"}
    assert not world_with_key.management.keys.kept
    assert world_with_key.run("keys", "delete", KEY, "--yes").exit_code == 4


@pytest.mark.parametrize("command", [["delete", KEY], ["reject", KEY], ["bulk-revoke"]])
def test_what_is_for_ever_wants_a_terminal_or_a_yes(world_with_key: World, command: list[str]) -> None:
    before = len(world_with_key.management.requests)
    result = world_with_key.run("keys", *command, stdin=f"{KEY}\n")
    assert (result.exit_code, "--yes" in result.stderr) == (2, True)
    assert len(world_with_key.management.requests) == before


def test_a_bulk_revoke_is_counted_first_and_then_done(world_with_key: World) -> None:
    assert world_with_key.run("keys", "bulk-revoke", "--user", "admin", "--dry-run").stdout == "1 keys\n"
    assert sent(world_with_key) == {"username": "admin", "dryRun": True}
    assert world_with_key.management.keys.kept[KEY].status == "active"
    answer = world_with_key.json("keys", "bulk-revoke", "--team", "search", "--label", "env=prod", "--yes")
    assert sent(world_with_key) == {"team": "search", "labels": {"env": "prod"}}
    assert (answer["revokedCount"], answer["dryRun"]) == (1, False)
    assert world_with_key.management.keys.kept[KEY].status == "revoked"


def test_revoking_all_ones_own_keys_asks_for_ones_name(world_with_key: World) -> None:
    with Terminal(("keys", "bulk-revoke"), world_with_key.environment) as terminal:
        terminal.wait_for("To revoke all keys of admin, type its name again: ")
        terminal.type("admin\n")
        assert terminal.ended() == 0
    assert world_with_key.management.keys.kept[KEY].status == "revoked"


def test_keys_of_another_system_are_taken_over_from_a_file(admin: World, tmp_path: Path) -> None:
    keys = [{"sha256": "ab" * 32, "username": "bob", "shown": "old-12", "expiresAt": "2030-01-01T00:00:00Z", "labels": {"from": "old"}}]
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(keys))
    result = admin.run("keys", "import", str(file), "--dry-run")
    assert result.exit_code == 0, result.output
    assert "dry run" in result.stdout
    assert sent(admin) == {"keys": keys, "dryRun": True}
    answer = json.loads(admin.run("keys", "import", "-", "-o", "json", stdin=json.dumps({"keys": keys})).stdout)
    assert (answer["imported"], answer["dryRun"]) == (1, False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "no JSON"),
        ("[]", "with at least one"),
        ('{"keys": [1]}', "a list of objects"),
        (json.dumps([{}] * 1001), "at most 1000 at once"),
    ],
)
def test_a_file_of_something_else_is_a_usage_error(admin: World, text: str, complaint: str) -> None:
    result = admin.run("keys", "import", "-", stdin=text)
    assert (result.exit_code, complaint in result.stderr) == (2, True)
    assert not admin.management.requests


def test_a_file_that_is_not_there_is_a_usage_error(admin: World) -> None:
    result = admin.run("keys", "import", "nowhere.json")
    assert (result.exit_code, "nowhere.json can't be read" in result.stderr) == (2, True)
