import pytest

from cli.tests.conftest import World


def test_every_filter_is_sent_as_the_rest_api_has_it(admin: World) -> None:
    options = ["--name", "ci", "--user", "bob", "--team", "search", "--owner-kind", "user", "--status", "active", "--status", "disabled"]
    options += ["--label", "env=prod", "--ephemeral", "--sort", "expires_at", "--order", "asc", "--limit", "7"]
    options += ["--created-after", "2026-01-31", "--created-before", "2026-02-01T12:00:00+02:00", "--expires-after", "2026-03-01"]
    options += ["--expires-before", "2026-04-01T00:00:00", "--used-after", "2026-05-01", "--used-before", "2026-06-01"]
    assert admin.json("keys", "search", *options) == []
    assert admin.management.requests[-1].json == {
        "filters": {
            "nameContains": "ci",
            "username": "bob",
            "team": "search",
            "ownerKind": "user",
            "status": ["active", "disabled"],
            "labelsContain": {"env": "prod"},
            "ephemeral": True,
            "includeEphemeral": True,
            "createdAfter": "2026-01-31T00:00:00Z",
            "createdBefore": "2026-02-01T10:00:00Z",
            "expiresAfter": "2026-03-01T00:00:00Z",
            "expiresBefore": "2026-04-01T00:00:00Z",
            "lastUsedAfter": "2026-05-01T00:00:00Z",
            "lastUsedBefore": "2026-06-01T00:00:00Z",
        },
        "sort": {"by": "expires_at", "order": "asc"},
        "pagination": {"limit": 7},
    }


@pytest.mark.parametrize(("option", "sent"), [("--with-ephemeral", {"includeEphemeral": True}), ("--no-ephemeral", {"ephemeral": False})])
def test_ephemeral_keys_are_found_when_asked_for(admin: World, option: str, sent: dict[str, bool]) -> None:
    admin.run("keys", "search", option)
    assert admin.management.requests[-1].json["filters"] == sent


def test_every_page_is_read(admin: World) -> None:
    for number in range(5):
        admin.run("keys", "create", f"key-{number}", "-q")
    assert [key["name"] for key in admin.json("keys", "search", "--name", "key")] == [f"key-{number}" for number in range(5)]
    assert [request.json["pagination"].get("pageToken") for request in admin.management.requests[-3:]] == [None, "2", "4"]


def test_nothing_found_is_empty(admin: World) -> None:
    result = admin.run("keys", "search", "--name", "nothing")
    assert (result.exit_code, result.stdout, "no such keys" in result.stderr) == (0, "", True)


def test_a_time_that_is_none_is_a_usage_error(admin: World) -> None:
    result = admin.run("keys", "search", "--used-before", "yesterday")
    assert result.exit_code == 2
    assert '--used-before "yesterday": want a day like 2027-01-31' in result.stderr
    assert not admin.management.requests


def test_a_list_can_be_of_a_team_and_of_some_statuses(admin: World) -> None:
    admin.run("keys", "create", "a", "--team", "search", "-q")
    admin.run("keys", "create", "b", "--team", "search", "-q")
    admin.run("keys", "create", "c", "-q")
    admin.run("keys", "disable", "Key000000001")
    assert [key["name"] for key in admin.json("keys", "list", "--team", "search")] == ["b", "a"]
    assert [key["name"] for key in admin.json("keys", "list", "--status", "disabled", "--status", "revoked")] == ["b"]
    assert admin.management.requests[-1].queries["status"] == ["disabled", "revoked"]
