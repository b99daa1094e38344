"""Management over REST: nothing open, one error shape, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def error_of(answer, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json()["error"]
    assert set(error) == {"code", "status", "message", "type", "details"}
    assert error["code"] == status
    return error


PATHS = [
    ("GET", "/v1/api-keys"),
    ("POST", "/v1/api-keys"),
    ("POST", "/v1/api-keys/search"),
    ("GET", "/v1/api-keys/config"),
    ("POST", "/v1/api-keys/bulk-revoke"),
    ("POST", "/v1/api-keys/import"),
    ("GET", "/v1/access"),
    ("GET", "/v1/tenants"),
    ("GET", "/v1/role-assignments"),
    ("GET", "/v2/users/me"),
    ("GET", "/v2/users"),
    ("GET", "/v2/teams"),
    ("POST", "/v2/teams"),
    ("GET", "/v1/assets/models"),
    ("POST", "/v1/assets/models"),
    ("GET", "/v1/tiers"),
    ("POST", "/v1/tiers"),
    ("POST", "/v1/tiers/lookup"),
    ("GET", "/v1/models"),
    ("POST", "/v1/explain"),
    ("GET", "/v1/quota"),
    ("POST", "/v1/limits/peek"),
    ("GET", "/v1/limits/counters"),
    ("POST", "/v1/limits/counters:reset"),
    ("GET", "/v1/limits/estimates"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_is_open(world, method, path):
    for headers in ({}, {"authorization": "Bearer junk"}, {"x-maas-workload": world.stack.workload_secret()}):
        answer = world.rest.request(method, path, headers=headers, json={} if method == "POST" else None)
        assert error_of(answer, 401)["status"] == "UNAUTHENTICATED"


def test_services_and_their_inner_methods_are_not_reachable_by_rest(world):
    for path in (
        "/maas.keys.v1.KeyLookupService/LookupApiKey",
        "/maas.keys.v1.PeopleLookupService/LookupRoles",
        "/maas.registry.v1.CatalogService/WatchCatalog",
        "/nonsense",
    ):
        assert world.manage("POST", path, {}).status_code in {403, 404, 401}
        error_of(world.manage("POST", path, {}), world.manage("POST", path, {}).status_code)


def test_errors_have_one_shape(world):
    assert error_of(world.manage("GET", "/v1/tiers/nonsense"), 404)["type"] == "not_found_error"
    taken = error_of(world.manage("POST", "/v1/tiers", {"name": "gold", "level": 2}), 409)
    assert '"enterprise"' in taken["message"]
    wrong = error_of(world.manage("POST", "/v1/tiers", {"name": "UPPER", "level": 7}), 400)
    assert any(v["field"] == "name" for d in wrong["details"] for v in d.get("fieldViolations", []))
    broken = world.rest.post("/v1/tiers", content=b"{", headers={"authorization": f"Bearer {world.stack.token('admin')}"})
    assert error_of(broken, 400)["type"] == "invalid_request_error"


def test_users_see_their_own_keys_only_and_no_admin_methods(world):
    alice, bob = world.stack.token("alice"), world.stack.token("bob")
    made = world.manage("POST", "/v1/api-keys", {"name": "mine"}, token=alice)
    assert made.status_code == 201
    assert made.json()["key"].startswith("sk-maas-")
    key_id = made.json()["id"]
    assert "key" not in world.manage("GET", f"/v1/api-keys/{key_id}", token=alice).json()
    other = error_of(world.manage("GET", f"/v1/api-keys/{key_id}", token=bob), 404)
    unknown = error_of(world.manage("GET", "/v1/api-keys/000000000000", token=bob), 404)
    assert other["message"].replace(key_id, "X") == unknown["message"].replace("000000000000", "X")
    assert error_of(world.manage("POST", "/v1/tiers", {"name": "x", "level": 9}, token=alice), 403)
    assert world.manage("POST", "/v1/tiers/lookup", {"groups": ["premium-users"]}, token=alice).json() == {
        "tier": "premium",
        "displayName": "Premium",
        "tiers": ["premium"],
    }
    assert [m["id"] for m in world.manage("GET", "/v1/models", token=bob).json()["data"]] == ["smollm2", "smollm2-pro"]


class Shell:
    """`maas`, as a person types it."""

    def __init__(self, world, home) -> None:
        settings = world.stack.settings
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "MAAS_URL": settings.rest_url,
            "MAAS_GATEWAY_URL": settings.gateway_url,
            "MAAS_ISSUER": settings.issuer_url,
        }

    def __call__(self, *words: str, code: int = 0, **environment: str) -> str:
        done = subprocess.run(
            [str(ROOT / ".venv/bin/maas"), *words], env=self.environment | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def maas(world, tmp_path):
    shell = Shell(world, tmp_path)
    shell("login", "admin", MAAS_PASSWORD=world.stack.password("admin"))
    return shell


def test_the_command_line_manages_and_talks(world, maas, upstream):
    key = json.loads(maas("keys", "create", "cli", "-o", "json", "--user", "zoe", "--group", "premium-users"))
    assert [k["id"] for k in json.loads(maas("keys", "list", "-o", "json")) if k["name"] == "cli"] == [key["id"]]
    assert "cli" in maas("keys", "show", key["id"])
    maas("models", "add", "cli-model", "--url", upstream.url, "--tier", "premium")
    assert "cli-model" in maas("models", "list")
    maas("tiers", "create", "cli-tier", "--level", "77", "--group", "cli-group", "--limit", "requests=3/1m")
    assert "cli-tier" in maas("tiers", "lookup", "cli-group")
    maas("tiers", "update", "cli-tier", "--limit", "requests=5/1m")
    explained = json.loads(maas("explain", "--key", key["id"], "--model", "smollm2-pro", "-o", "json"))
    assert (explained["allowed"], explained["tier"]) == (True, "premium")
    said = maas("chat", "smollm2", "Say hi.", "--max-tokens", "8", MAAS_API_KEY=key["key"])
    assert said.strip()
    maas("models", "remove", "cli-model", "--yes")
    maas("keys", "revoke", key["id"], "--yes")
    assert world.gateway.get("/v1/models", headers={"x-api-key": key["key"]}).status_code == 401
    maas("chat", "smollm2", "Say hi.", MAAS_API_KEY=key["key"], code=3)


def test_administrators_see_and_reset_what_was_used(maas, customer, model):
    someone = customer([{"metric": "requests", "amount": 1, "window": "1d"}])
    assert [someone.chat(model).status_code for _ in range(2)] == [200, 429]
    of_theirs = ("--limit", f"tier/{someone.tier}/requests-1d", "--subject", someone.user)
    assert [counter["used"] for counter in json.loads(maas("counters", "list", *of_theirs, "-o", "json"))] == ["1"]
    assert maas("counters", "reset", *of_theirs, "--reason", "paid", "--yes") == "Counters reset: 1\n"
    assert [counter["used"] for counter in json.loads(maas("counters", "list", *of_theirs, "-o", "json"))] in ([], ["0"])
    assert someone.chat(model).status_code == 200
    assert model in [estimate["model"] for estimate in json.loads(maas("estimates", "-o", "json"))]


def test_the_command_line_says_who_must_sign_in(world, tmp_path):
    Shell(world, tmp_path)("keys", "list", code=3)
