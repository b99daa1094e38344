from typing import Any

import pytest

from cli.tests.conftest import World
from cli.tests.fakes.keys import SECRET

FIRST = "Key000000000"
WHOLE = f"sk-maas-{FIRST}_{SECRET}"


def sent(world: World) -> Any:
    return world.management.requests[-1].json


def test_everything_that_a_key_may_carry_is_sent_as_the_rest_api_has_it(admin: World) -> None:
    options = ("--team", "search", "--limit", "requests=100/1m", "--limit", "concurrency=4 per user", "--budget", "50usd/month")
    options += ("--model", "smollm2", "--model", "tiny", "--agent", "helper", "--mcp-server", "files", "--vector-database", "docs")
    options += ("--allow-ip", "10.0.0.0/8", "--allow-ip", "2001:db8::/32", "--label", "env=prod", "--label", "note=a=b")
    options += ("--subscription", "premium", "--request-id", "r1", "--expires-in", "30d")
    options += ("--user", "nightly", "--owner-kind", "service_account", "--group", "batch")
    assert admin.run("keys", "create", "indexer", *options, "-q").exit_code == 0
    assert sent(admin) == {
        "name": "indexer",
        "expiresIn": "30d",
        "team": "search",
        "username": "nightly",
        "groups": ["batch"],
        "ownerKind": "service_account",
        "requestId": "r1",
        "labels": {"env": "prod", "note": "a=b"},
        "subscription": "premium",
        "scope": {"models": ["smollm2", "tiny"], "mcpServers": ["files"], "vectorDatabases": ["docs"], "agents": ["helper"]},
        "limits": [{"metric": "requests", "amount": "100", "window": "1m"}, {"metric": "concurrency", "amount": "4", "per": "user"}],
        "budget": {"amount": "50000000", "period": "month"},
        "allowedIps": ["10.0.0.0/8", "2001:db8::/32"],
    }


def test_a_key_is_shown_as_it_is_given(admin: World) -> None:
    limits = ("--limit", "requests=100/1m per key", "--limit", "concurrency=4 per user")
    admin.run("keys", "create", "indexer", *limits, "--budget", "50usd/month", "--model", "tiny", "--label", "env=prod", "-q")
    shown = admin.run("keys", "show", FIRST).stdout
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert lines["limits"].strip() == "requests=100/1m; concurrency=4 per user"
    assert lines["budget"].strip() == "50usd/month"
    assert lines["labels"].strip() == "env=prod"


@pytest.mark.parametrize("flag", ["--ephemeral", "--playground"])
def test_an_ephemeral_or_playground_key_needs_no_name(admin: World, flag: str) -> None:
    assert admin.run("keys", "create", flag, "-q").stdout == WHOLE + "\n"
    assert sent(admin) == ({"ephemeral": True} if flag == "--ephemeral" else {"name": "Playground", "kind": "playground"})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "want a name: maas keys create NAME"),
        (["x", "--owner-kind", "group"], "give --user too"),
        (["x", "--label", "env"], 'label "env": want NAME=VALUE'),
        (["x", "--label", "env=a", "--label", "env=b"], 'label "env=b": env is given as "a" too'),
        (["x", "--budget", "50"], 'budget "50": want dollars like 50usd'),
        (["x", "--budget", "0usd"], 'budget "0usd": amount 0: want a whole number from 1'),
        (["x", "--budget", "50usd/sliding 1m"], 'budget "50usd/sliding 1m": period "sliding 1m" has no end'),
        (["x", "--budget", "50usd/fortnight"], 'budget "50usd/fortnight": period "fortnight": want one of'),
        (["x", "--budget", "0.0000001usd"], "at most 6 decimals"),
    ],
)
def test_an_order_that_can_not_be_right_is_a_usage_error_and_not_sent(admin: World, arguments: list[str], complaint: str) -> None:
    result = admin.run("keys", "create", *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert not admin.management.requests


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ("50usd", {"amount": "50000000", "period": "total"}),
        ("0.5usd/7d", {"amount": "500000", "period": "7d"}),
        ("9.50usd/week from sunday in Europe/Berlin", {"amount": "9500000", "period": "week from sunday in Europe/Berlin"}),
    ],
)
def test_a_budget_is_dollars_and_a_period(admin: World, given: str, budget: dict[str, str]) -> None:
    admin.run("keys", "create", "x", "--budget", given, "-q")
    assert sent(admin)["budget"] == budget
    assert given.replace("9.50", "9.5") in admin.run("keys", "show", FIRST).stdout


def test_a_pending_key_says_what_it_waits_for(admin: World) -> None:
    admin.management.keys.pending_because = "its budget is above $100"
    result = admin.run("keys", "create", "big", "--budget", "500usd", "-q")
    assert result.stdout == WHOLE + "\n"
    assert "warning: it works once an administrator approves it: its budget is above $100" in result.stderr
    assert "its budget is above $100" in admin.run("keys", "show", FIRST).stdout


def test_the_personal_key_is_shown_once_and_then_only_told_of(admin: World) -> None:
    assert WHOLE in admin.run("keys", "personal", "--expires-in", "30d").stdout
    assert sent(admin) == {"expiresIn": "30d"}
    again = admin.run("keys", "personal")
    assert (again.exit_code, FIRST in again.stdout, WHOLE in again.stdout) == (0, True, False)
    assert "the key is not shown: it was there before" in again.stderr
    assert admin.run("keys", "personal", "-q").exit_code == 1


def test_the_caps_and_defaults_are_told(admin: World) -> None:
    config = admin.management.keys.config
    config.default_expiry, config.max_expiry, config.ephemeral_expiry, config.may_create = "90d", "90d", "1h", True
    config.approval_budget = 100_000_000
    config.playground_limits.add(metric="requests", amount=10, window="1m", id="requests-1m", per="key")
    shown = admin.run("keys", "config").stdout
    assert "$100.00" in shown
    assert "requests=10/1m" in shown
    assert admin.json("keys", "config")["maxExpiry"] == "90d"
