"""People, tenants and roles over REST: the names that clients see, and what each change does."""

from __future__ import annotations

import secrets

import pytest


def refused(answer, status: int, field: str = "") -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    fields = [violation["field"] for detail in error["details"] for violation in detail.get("fieldViolations", [])]
    assert fields == ([field] if field else [])


def test_everybody_sees_themselves(world):
    alice = world.manage("GET", "/v2/users/me", token=world.stack.token("alice")).json()
    assert (alice["username"], alice["email"], alice["tenant"], alice["roles"]) == (
        "alice",
        "alice@example.org",
        "default",
        ["model-consumer"],
    )
    assert alice["groups_at"] < alice["groups_until"]
    assert world.admin("GET", f"/v2/users/{alice['id']}")["username"] == "alice"
    refused(world.manage("GET", f"/v2/users/{alice['id']}", token=world.stack.token("bob")), 404)
    refused(world.manage("GET", "/v2/users", token=world.stack.token("bob")), 403)


def test_users_are_imported_and_listed(world):
    mark = secrets.token_hex(4)
    csv = f"subject,email,groups\n{mark}-a,{mark}-a@example.org,{mark};staff\n{mark}-b,,{mark}\n"
    counted = world.admin("POST", "/v2/users/import", {"csv": csv, "dry_run": True})
    assert counted == {"created": 2, "updated": 0, "unchanged": 0, "dry_run": True}
    assert world.admin("POST", "/v2/users/import", {"csv": csv})["created"] == 2
    assert world.admin("POST", "/v2/users/import", {"csv": csv})["unchanged"] == 2
    first = world.admin("GET", f"/v2/users?group={mark}&page_size=1")
    rest = world.admin("GET", f"/v2/users?group={mark}&page_size=1&page_token={first['next_page_token']}")
    assert {page["users"][0]["subject"] for page in (first, rest)} == {f"{mark}-a", f"{mark}-b"}
    assert rest["next_page_token"] == ""
    refused(world.manage("POST", "/v2/users/import", {"csv": "subject\n\n,\n"}), 400, "csv")
    refused(world.manage("POST", "/v2/users/import", {"users": [{"subject": "a", "email": "x"}]}), 400, "users[0].email")


def test_who_is_deleted_loses_their_keys(world):
    mark = secrets.token_hex(4)
    imported = world.admin("POST", "/v2/users/import", {"users": [{"subject": mark, "email": f"{mark}@example.org"}]})
    assert (imported["created"], imported["enforcement"]["enforced"]) == (1, True)
    key = world.admin("POST", "/v1/api-keys", {"name": mark, "username": mark})
    assert world.gateway.get("/v1/models", headers={"x-api-key": key["key"]}).status_code == 200
    (user,) = world.admin("GET", f"/v2/users?email={mark}@example.org")["users"]
    refused(world.manage("DELETE", f"/v2/users/{user['id']}", token=world.stack.token("bob")), 403)
    deleted = world.admin("DELETE", f"/v2/users/{user['id']}")
    assert (deleted["revoked_count"], deleted["enforcement"]["enforced"]) == (1, True)
    assert world.gateway.get("/v1/models", headers={"x-api-key": key["key"]}).status_code == 401
    assert world.admin("GET", f"/v1/api-keys/{key['id']}")["status"] == "revoked"
    refused(world.manage("GET", f"/v2/users/{user['id']}"), 404)
    me = world.admin("GET", "/v2/users/me")
    refused(world.manage("DELETE", f"/v2/users/{me['id']}"), 400)


def test_a_tenant_is_made_changed_and_deleted(world):
    name = f"t-{secrets.token_hex(4)}"
    limits = [{"metric": "requests", "amount": 10, "window": "1m"}]
    answer = world.manage("POST", "/v1/tenants", {"name": name, "defaultLimits": limits, "adminGroups": ["g"]})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["displayName"], made["adminGroups"], made["defaultLimits"][0]["id"]) == (name, ["g"], "requests-1m")
    refused(world.manage("POST", "/v1/tenants", {"name": name}), 409)
    changed = world.admin("PATCH", f"/v1/tenants/{name}", {"displayName": "T", "etag": made["etag"]})
    assert (changed["displayName"], changed["enforcement"]["enforced"]) == ("T", True)
    refused(world.manage("PATCH", f"/v1/tenants/{name}", {"displayName": "U", "etag": made["etag"]}), 409)
    assert {"default", name} <= {tenant["name"] for tenant in world.admin("GET", "/v1/tenants")["tenants"]}
    world.admin("DELETE", f"/v1/tenants/{name}")
    refused(world.manage("GET", f"/v1/tenants/{name}"), 404)
    refused(world.manage("DELETE", "/v1/tenants/default"), 400)
    refused(world.manage("POST", "/v1/tenants", {"name": "x", "adminUsers": ["ann"]}), 400, "admin_users[0]")


@pytest.fixture
def model_owner(world):
    """Carol, as long as she has the role."""
    world.manage("GET", "/v2/users/me", token=world.stack.token("carol"))
    body = {"role": "model-owner", "memberKind": "user", "member": "carol@example.org"}
    given = world.admin("POST", "/v1/role-assignments", body)
    yield given
    world.manage("DELETE", f"/v1/role-assignments/{given['id']}")


def test_a_role_counts_in_every_service_until_it_is_taken_away(world, model_owner):
    carol = world.stack.token("carol")
    assert model_owner["member"].endswith("|carol")
    assert model_owner["id"] in {each["id"] for each in world.admin("GET", "/v1/role-assignments")["assignments"]}
    assert _comes_to(world, carol, "/v1/assets/models", 200)
    world.admin("DELETE", f"/v1/role-assignments/{model_owner['id']}")
    refused(world.manage("DELETE", f"/v1/role-assignments/{model_owner['id']}"), 404)
    assert _comes_to(world, carol, "/v1/assets/models", 403)
    assert world.manage("GET", "/v2/users/me", token=carol).json()["roles"] == ["model-consumer"]


def _comes_to(world, token, path, status) -> bool:
    """Roles are remembered for a second or two; the test's own time limit ends the asking."""
    while world.manage("GET", path, token=token).status_code != status:
        pass
    return True


def test_health_is_open(world):
    answer = world.rest.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})
