"""Users, roles, tenants, and who may use what."""

import json
from pathlib import Path
from typing import Any

import pytest
from maas.authz.v1.authz_pb2 import Access
from maas.keys.v1.users_pb2 import User

from cli.tests.conftest import World


def sent(world: World) -> Any:
    return world.management.requests[-1].json


def lines(world: World, *arguments: str) -> list[list[str]]:
    result = world.run(*arguments)
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.splitlines()]


def test_one_sees_oneself_with_roles_and_teams(admin: World) -> None:
    shown = lines(admin, "users", "me")
    assert ["roles", "admin,", "model-consumer"] in shown
    assert ["teams", "search", "(owner)"] in shown
    assert not any(line[0] == "email" for line in shown), "what is not known is left out"
    assert admin.json("users", "me")["teams"][0]["id"] == "search"


def test_users_are_listed_by_page_and_filter(admin: World) -> None:
    admin.management.tenancy.users = [User(id=f"User{n:08d}", username=f"u{n}", groups=["even"] if n % 2 == 0 else []) for n in range(5)]
    assert [user["username"] for user in admin.json("users", "list", "--group", "even")] == ["u0", "u2", "u4"]
    admin.management.tenancy.users[0].groups.append("system:authenticated")
    assert lines(admin, "users", "list", "--group", "even")[1] == ["User00000000", "u0", "-", "even", "-"]
    admin.run("users", "list", "--email", "a@b.c", "--contains", "smith")
    assert admin.management.requests[-1].query == {"email": "a@b.c", "contains": "smith", "pageSize": "100"}
    assert ["id", "User00000003"] in lines(admin, "users", "show", "User00000003")
    assert admin.run("users", "show", "nobody").exit_code == 4


def test_users_come_from_json_or_csv(admin: World, tmp_path: Path) -> None:
    people = [{"subject": "ann", "email": "ann@example.org", "groups": ["qa"]}, {"subject": "nightly", "kind": "service_account"}]
    file = tmp_path / "people.json"
    file.write_text(json.dumps(people))
    assert admin.json("users", "import", str(file))["created"] == 2
    assert sent(admin) == {"users": people}
    text = "subject,groups\nann,qa;ops\n"
    result = admin.run("users", "import", "-", "--dry-run", stdin=text)
    assert (result.exit_code, "dry run" in result.stdout, result.stderr) == (0, True, "")
    assert sent(admin) == {"csv": text, "dry_run": True}
    assert "enforced everywhere" in admin.run("users", "import", "-", stdin=text).stderr
    admin.management.house.lagging = ["authz-2"]
    assert "not yet enforced by authz-2" in admin.run("users", "import", "-", stdin=text).stderr


def test_a_user_is_deleted_by_id_or_by_an_email_that_only_they_have(admin: World) -> None:
    emails = ("a@b.c", "a@b.c", "d@b.c", "")
    admin.management.tenancy.users = [User(id=f"User{n:08d}", username=f"u{n}", email=email) for n, email in enumerate(emails)]
    assert admin.run("users", "delete", "d@b.c").exit_code == 2, "there is no terminal to confirm on"
    assert not admin.management.requests
    result = admin.run("users", "delete", "d@b.c", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Deleted user d@b.c; keys revoked: 3.\n")
    assert "enforced everywhere" in result.stderr
    assert admin.json("users", "delete", "User00000003", "--yes")["revoked_count"] == 3
    assert [user.id for user in admin.management.tenancy.users] == ["User00000000", "User00000001"]
    twice = admin.run("users", "delete", "a@b.c", "--yes")
    assert (twice.exit_code, "User00000000, User00000001" in twice.stderr) == (2, True)
    for nobody in ("x@b.c", "User00000003"):
        assert admin.run("users", "delete", nobody, "--yes").exit_code == 4
    assert len(admin.management.tenancy.users) == 2


def test_a_role_is_given_listed_and_taken_away(admin: World) -> None:
    admin.run("roles", "assign", "model-owner", "--user", "dana@example.org")
    assert sent(admin) == {"role": "model-owner", "memberKind": "user", "member": "dana@example.org"}
    admin.run("roles", "unassign", "Role00000000")
    admin.run("roles", "assign", "admin", "--group", "platform")
    header, row = lines(admin, "roles", "list")
    assert header == ["ID", "ROLE", "KIND", "MEMBER", "SINCE"]
    assert row == ["Role00000000", "admin", "group", "platform", "-"]
    assert admin.run("roles", "unassign", "Role00000000").stdout == "Took away Role00000000.\n"
    assert admin.run("roles", "unassign", "Role00000000").exit_code == 4


@pytest.mark.parametrize("options", [[], ["--user", "a", "--group", "b"]])
def test_a_role_is_given_to_a_user_or_a_group(admin: World, options: list[str]) -> None:
    assert admin.run("roles", "assign", "admin", *options).exit_code == 2
    assert admin.run("roles", "assign", "king", "--user", "a").exit_code == 2
    assert not admin.management.requests


def test_a_tenant_is_made_changed_and_deleted(admin: World) -> None:
    options = ("--limit", "requests=60/1m", "--admin-group", "acme:admins", "--admin-user", "https://sso|ann")
    assert admin.run("tenants", "create", "acme", *options).exit_code == 0
    assert sent(admin) == {
        "name": "acme",
        "defaultLimits": [{"metric": "requests", "amount": "60", "window": "1m"}],
        "adminGroups": ["acme:admins"],
        "adminUsers": ["https://sso|ann"],
    }
    tenant = admin.json("tenants", "update", "acme", "--no-limits", "--no-admin-users", "--display-name", "Acme", "--etag", "1")
    assert sent(admin) == {"displayName": "Acme", "updateMask": "defaultLimits,adminUsers", "etag": "1"}
    assert (tenant["defaultLimits"], tenant["adminUsers"], tenant["adminGroups"]) == ([], [], ["acme:admins"])
    assert lines(admin, "tenants", "list")[1] == ["acme", "Acme", "acme:admins", "none"]
    assert ["administrator", "groups", "acme:admins"] in lines(admin, "tenants", "show", "acme")
    assert admin.run("tenants", "delete", "acme").exit_code == 2
    assert admin.run("tenants", "delete", "acme", "--yes").stdout == "Deleted tenant acme.\n"
    assert admin.run("tenants", "show", "acme").exit_code == 4


def test_who_may_use_a_model_is_told_with_why(admin: World) -> None:
    reason = 'published to tier "premium", which group "premium-users" gives'
    admin.management.access = [
        Access(username="bob", model="pro", allowed=True, tier="premium", group="premium-users", reason=reason),
        Access(username="alice", model="pro", tier="free", reason='published to tier "premium"; theirs is "free"'),
        Access(username="bob", model="base", allowed=True, tier="premium"),
    ]
    header, *rows = lines(admin, "access", "--model", "pro")
    assert header == ["USER", "MODEL", "ALLOWED", "TIER", "WHY"]
    assert rows[0] == ["bob", "pro", "yes", "premium", *reason.split()]
    assert rows[1][:4] == ["alice", "pro", "no", "free"]
    assert [each["model"] for each in admin.json("access", "--user", "bob")] == ["pro", "base"]
