import json

import pytest
import yaml

from cli.tests.conftest import World
from cli.tests.fakes.keys import SECRET

FIRST = "Key000000000"
WHOLE = f"sk-maas-{FIRST}_{SECRET}"


def test_a_new_key_is_shown_once_and_said_to_be(admin: World) -> None:
    result = admin.run("keys", "create", "laptop", "--description", "mine", "--expires-in", "30d")
    assert result.exit_code == 0
    assert result.stdout.count(WHOLE) == 1
    assert WHOLE in result.stdout.splitlines()
    assert "only this once" in result.stdout
    assert "enforced everywhere" in result.stderr
    assert WHOLE not in result.stderr
    assert admin.management.requests[-1].json == {"name": "laptop", "description": "mine", "expiresIn": "30d"}


def test_a_quiet_create_prints_the_key_and_nothing_else(admin: World) -> None:
    result = admin.run("keys", "create", "ci", "-q")
    assert result.stdout == WHOLE + "\n"
    assert result.stderr == ""


def test_create_as_json_is_the_whole_answer(admin: World) -> None:
    answer = admin.json("keys", "create", "ci")
    assert answer["key"] == WHOLE
    assert answer["id"] == FIRST
    assert answer["expiresAt"] == "2026-01-02T00:00:00Z"
    assert answer["enforcement"] == {"enforced": True, "revision": "7", "lagging": []}


def test_quiet_and_json_contradict_each_other(admin: World) -> None:
    result = admin.run("keys", "create", "ci", "-q", "-o", "json")
    assert result.exit_code == 2
    assert not admin.management.keys.kept


def test_an_administrator_makes_a_key_for_somebody_else(admin: World) -> None:
    admin.run("keys", "create", "nightly", "--user", "bob", "--group", "premium-users", "--group", "qa")
    shown = admin.json("keys", "show", FIRST)
    assert (shown["username"], shown["groups"]) == ("bob", ["premium-users", "qa"])


def test_groups_without_a_user_are_a_usage_error(admin: World) -> None:
    result = admin.run("keys", "create", "nightly", "--group", "qa")
    assert result.exit_code == 2
    assert "--user" in result.stderr


def test_a_refused_field_is_named(admin: World) -> None:
    result = admin.run("keys", "create", "x", "--expires-in", "soon")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["error: the request is not valid", '  expires_in: "soon": want a number and m, h or d']
    assert "Traceback" not in result.output


def test_a_lagging_enforcement_is_a_warning_that_names_who_lags(admin: World) -> None:
    admin.management.house.lagging = ["authz-1", "authz-2"]
    result = admin.run("keys", "create", "ci", "-q")
    assert result.exit_code == 0
    assert result.stdout == WHOLE + "\n"
    assert "warning: done, but not yet enforced by authz-1, authz-2" in result.stderr
    result = admin.run("keys", "revoke", FIRST, "--yes", "-o", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["enforcement"]["lagging"] == ["authz-1", "authz-2"]
    assert "authz-1, authz-2" in result.stderr


def test_lists_read_every_page(admin: World) -> None:
    for number in range(5):
        admin.run("keys", "create", f"key-{number}", "-q")
    names = [key["name"] for key in admin.json("keys", "list")]
    assert names == ["key-4", "key-3", "key-2", "key-1", "key-0"]
    assert [request.query.get("pageToken") for request in admin.management.requests[-3:]] == [None, "2", "4"]


def test_a_list_stops_at_its_limit_and_reads_no_page_too_many(admin: World) -> None:
    for number in range(5):
        admin.run("keys", "create", f"key-{number}", "-q")
    before = len(admin.management.requests)
    assert len(admin.json("keys", "list", "--limit", "3")) == 3
    assert [request.query["pageSize"] for request in admin.management.requests[before:]] == ["3", "1"]


def test_a_list_of_one_users_keys(admin: World) -> None:
    admin.run("keys", "create", "a", "--user", "bob", "-q")
    admin.run("keys", "create", "b", "-q")
    assert [key["name"] for key in admin.json("keys", "list", "--user", "bob")] == ["a"]


def test_a_table_has_a_line_per_key_whole_even_when_piped(admin: World) -> None:
    admin.run("keys", "create", "n" * 120, "-q")
    header, line = admin.run("keys", "list").stdout.splitlines()
    assert header.split() == ["ID", "NAME", "OWNER", "TEAM", "STATUS", "EXPIRES", "LAST", "USED"]
    assert line.split() == [FIRST, "n" * 120, "admin", "-", "active", "2026-01-02", "-"]


def test_an_empty_list_is_empty_in_every_format(admin: World) -> None:
    table = admin.run("keys", "list")
    assert table.stdout == ""
    assert "maas keys create" in table.stderr
    assert admin.json("keys", "list") == []
    assert yaml.safe_load(admin.run("keys", "list", "-o", "yaml").stdout) == []


def test_a_name_can_not_steer_the_terminal_or_style_the_table(admin: World) -> None:
    admin.run("keys", "create", "[red]evil[/] \x1b[2J\x07", "-q")
    shown = admin.run("keys", "show", FIRST).stdout
    assert "[red]evil[/] [2J" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_yaml_is_the_same_as_json(admin: World) -> None:
    admin.run("keys", "create", "ci", "-q")
    shown = admin.run("keys", "show", FIRST, "-o", "yaml")
    assert yaml.safe_load(shown.stdout) == admin.json("keys", "show", FIRST)


def test_an_unknown_key_is_exit_4(admin: World) -> None:
    for command in (["keys", "show", "nope"], ["keys", "revoke", "nope", "--yes"]):
        result = admin.run(*command)
        assert result.exit_code == 4
        assert 'error: key "nope" not found' in result.stderr


def test_revoking_with_yes_says_that_it_is_enforced(admin: World) -> None:
    admin.run("keys", "create", "ci", "-q")
    result = admin.run("keys", "revoke", FIRST, "--yes")
    assert result.exit_code == 0
    assert result.stdout == f"Revoked key {FIRST} (ci).\n"
    assert "enforced everywhere" in result.stderr
    assert admin.management.keys.kept[FIRST].status == "revoked"


def test_revoking_without_a_terminal_or_yes_is_a_usage_error_and_revokes_nothing(admin: World) -> None:
    admin.run("keys", "create", "ci", "-q")
    result = admin.run("keys", "revoke", FIRST, stdin=f"{FIRST}\n")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert admin.management.keys.kept[FIRST].status == "active"


@pytest.mark.parametrize("given", [FIRST, f"sk-maas-{FIRST}", WHOLE, f"my_own_{FIRST}_{SECRET}"])
def test_a_key_pasted_whole_is_found_by_its_id_and_its_secret_stays_here(admin: World, given: str) -> None:
    admin.run("keys", "create", "ci", "-q")
    assert admin.json("keys", "show", given)["id"] == FIRST
    assert admin.management.requests[-1].path == f"/v1/api-keys/{FIRST}"


def test_a_key_pasted_in_part_is_refused_without_being_sent_or_shown(admin: World) -> None:
    before = len(admin.management.requests)
    result = admin.run("keys", "show", WHOLE[:-3])
    assert result.exit_code == 2
    assert len(admin.management.requests) == before
    assert SECRET[:20] not in result.output


@pytest.mark.parametrize("command", [("keys", "show"), ("keys", "revoke", "--yes"), ("teams", "remove-member", "--yes", "research")])
@pytest.mark.parametrize("name", ["..", ".", ""])
def test_an_id_that_would_lead_up_the_path_is_not_sent(admin: World, command: tuple[str, ...], name: str) -> None:
    before = len(admin.management.requests)
    assert admin.run(*command, name).exit_code == 2
    assert len(admin.management.requests) == before


def test_an_id_with_a_slash_reaches_no_other_resource(admin: World) -> None:
    admin.run("keys", "show", "../tiers")
    assert admin.management.requests[-1].path == "/v1/api-keys/..%2Ftiers"
