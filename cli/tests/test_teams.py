from typing import Any

import pytest

from cli.tests.conftest import World
from cli.tests.fakes.keys import SECRET

KEY = "Key000000000"
WHOLE = f"sk-maas-{KEY}_{SECRET}"


@pytest.fixture
def search(admin: World) -> World:
    made = admin.run("teams", "create", "Search", "--budget", "500usd/month", "--limit", "requests=600/1m", "--owner", "bob@example.org")
    assert made.exit_code == 0, made.output
    return admin


def sent(world: World) -> Any:
    return world.management.requests[-1].json


def test_a_team_is_made_with_limits_a_budget_and_an_owner(search: World) -> None:
    assert sent(search) == {
        "name": "Search",
        "limits": [{"metric": "requests", "amount": "600", "window": "1m"}],
        "budget": {"amount": "500000000", "period": "month"},
        "owner_email": "bob@example.org",
    }
    lines = [line.split() for line in search.run("teams", "show", "search").stdout.splitlines()]
    assert ["budget", "500usd/month"] in lines
    assert ["MEMBER", "EMAIL", "ROLE", "USER", "ID"] in lines
    assert ["bob", "bob@example.org", "owner", "User00000000"] in lines


def test_the_list_reads_every_page(search: World) -> None:
    for name in ("Alpha", "Beta"):
        search.run("teams", "create", name, "--id", f"team-{name.lower()}")
    assert [team["id"] for team in search.json("teams", "list")] == ["search", "team-alpha", "team-beta"]
    header, *rows = search.run("teams", "list").stdout.splitlines()
    assert header.split() == ["ID", "NAME", "YOUR", "ROLE", "BUDGET", "LIMITS"]
    assert rows[0].split() == ["search", "Search", "-", "500usd/month", "requests=600/1m"]


def test_an_update_replaces_what_is_given_and_takes_away_what_is_said_to(search: World) -> None:
    team = search.json("teams", "update", "search", "--name", "Search and find", "--no-limits", "--budget", "800usd/month", "--etag", "1")
    assert sent(search) == {
        "name": "Search and find",
        "budget": {"amount": "800000000", "period": "month"},
        "update_mask": "limits",
        "etag": "1",
    }
    assert (team["name"], team["limits"], team["budget"]["amount"]) == ("Search and find", [], "800000000")
    assert search.run("teams", "update", "search", "--no-budget").exit_code == 0
    assert not search.management.teams.kept["search"].HasField("budget")
    assert search.run("teams", "update", "search", "--limit", "requests=1/1m", "--no-limits").exit_code == 2


def test_deleting_a_team_wants_a_yes_and_says_how_many_keys_went(search: World) -> None:
    assert search.run("teams", "delete", "search").exit_code == 2
    assert "search" in search.management.teams.kept
    result = search.run("teams", "delete", "search", "--yes", "--etag", "1")
    assert (result.exit_code, result.stdout) == (0, "Deleted team search; keys revoked: 3.\n")
    assert "enforced everywhere" in result.stderr
    assert search.management.requests[-1].query == {"etag": "1"}
    assert search.run("teams", "show", "search").exit_code == 4


def test_members_come_and_go(search: World) -> None:
    result = search.run("teams", "add-member", "search", "carol@example.org", "--role", "viewer")
    assert ["carol", "carol@example.org", "viewer", "-"] in [line.split() for line in result.stdout.splitlines()]
    assert sent(search) == {"user_email": "carol@example.org", "role": "viewer"}
    assert search.run("teams", "remove-member", "search", "carol@example.org").exit_code == 2
    result = search.run("teams", "remove-member", "search", "carol@example.org", "--yes")
    assert result.stdout == "carol@example.org is no member of team search any more; keys revoked: 2.\n"
    assert "enforced everywhere" in result.stderr
    assert [member.username for member in search.management.teams.kept["search"].members] == ["bob"]
    assert search.run("teams", "add-member", "search", "carol@example.org", "--role", "king").exit_code == 2


def test_a_key_of_a_team_is_shown_once_and_listed(search: World) -> None:
    result = search.run("teams", "create-key", "search", "indexer", "--model", "tiny", "--budget", "0.1usd", "--expires-in", "30d")
    assert result.stdout.count(WHOLE) == 1
    assert "enforced everywhere" in result.stderr
    assert sent(search) == {"alias": "indexer", "models": ["tiny"], "budget_usd": 0.1, "expires_in": "30d"}
    header, row = search.run("teams", "keys", "search").stdout.splitlines()
    assert header.split() == ["ID", "NAME", "OWNER", "STATUS", "MODELS", "BUDGET", "EXPIRES"]
    assert row.split() == [KEY, "indexer", "-", "active", "tiny", "$0.10", "-"]


def test_a_pending_key_of_a_team_says_what_it_waits_for(search: World) -> None:
    search.management.teams.pending_because = "its budget is above $100"
    result = search.run("teams", "create-key", "search", "big", "-q")
    assert result.stdout == WHOLE + "\n"
    assert "its budget is above $100" in result.stderr


def test_a_keys_budget_here_is_once_and_for_all(search: World) -> None:
    result = search.run("teams", "create-key", "search", "indexer", "--budget", "5usd/month")
    assert (result.exit_code, "maas keys create --team takes a period too" in result.stderr) == (2, True)
