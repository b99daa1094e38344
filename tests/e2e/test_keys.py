"""A key's whole life through the gateway: managed by REST, obeyed by the very next request."""

from __future__ import annotations

import hashlib
import secrets

import pytest


@pytest.fixture
def works(world):
    """Whether a request with a key passes."""

    def asked(key: str, **headers: str) -> int:
        return world.gateway.get("/v1/models", headers={"authorization": f"Bearer {key}"} | headers).status_code

    return asked


def test_a_key_is_made_found_and_ended_with_the_names_that_clients_know(world, works):
    token = world.stack.token("bob")
    name = f"life-{secrets.token_hex(4)}"
    answer = world.manage("POST", "/v1/api-keys", {"name": name, "expiresIn": "30d", "labels": {"app": name}}, token)
    made = answer.json()
    assert answer.status_code == 201
    assert {"key", "keyPrefix", "id", "name", "createdAt", "expiresAt", "ephemeral", "subscription"} <= made.keys()
    assert works(made["key"]) == 200
    sought = {"filters": {"labelsContain": {"app": name}, "status": ["active"]}, "sort": {"by": "created_at", "order": "desc"}}
    found = world.manage("POST", "/v1/api-keys/search", sought | {"pagination": {"limit": 1, "offset": 0}}, token).json()
    assert (found["object"], [key["id"] for key in found["data"]], found["has_more"]) == ("list", [made["id"]], False)
    shown = world.manage("GET", f"/v1/api-keys/{made['id']}", token=token).json()
    assert {"username", "groups", "creationDate", "expirationDate", "status", "ephemeral", "labels"} <= shown.keys()
    assert (shown["status"], shown["labels"], made["key"] in str(shown)) == ("active", {"app": name}, False)
    assert world.manage("GET", f"/v1/api-keys/{made['id']}", token=world.stack.token("alice")).status_code == 404
    revoked = world.manage("DELETE", f"/v1/api-keys/{made['id']}", token=token).json()
    assert (revoked["status"], revoked["enforcement"]["enforced"], works(made["key"])) == ("revoked", True, 401)


def test_health_is_open_and_the_configuration_tells_the_caps(world):
    assert world.rest.get("/health").json() == {"status": "healthy"}
    config = world.manage("GET", "/v1/api-keys/config", token=world.stack.token("alice")).json()
    assert (config["maxExpiry"], config["ephemeralExpiry"], config["mayCreate"]) == ("90d", "1h", True)


def test_both_secrets_work_during_the_grace_of_a_rotation_and_none_after_a_revocation(world, works):
    made = world.admin("POST", "/v1/api-keys", {"name": "turning"})
    rotated = world.admin("POST", f"/v1/api-keys/{made['id']}/rotate", {"grace": "1h"})
    assert rotated["apiKey"]["id"] == made["id"]
    assert (works(made["key"]), works(rotated["key"])) == (200, 200)
    at_once = world.admin("POST", f"/v1/api-keys/{made['id']}/rotate", {"grace": "0"})
    assert (works(made["key"]), works(rotated["key"]), works(at_once["key"])) == (401, 401, 200)
    world.admin("DELETE", f"/v1/api-keys/{made['id']}")
    assert works(at_once["key"]) == 401


def test_a_disabled_key_is_refused_until_it_is_enabled(world, works):
    made = world.admin("POST", "/v1/api-keys", {"name": "resting"})
    for _ in range(5):
        assert world.admin("POST", f"/v1/api-keys/{made['id']}/disable", {})["status"] == "disabled"
        assert works(made["key"]) == 401
        assert world.admin("POST", f"/v1/api-keys/{made['id']}/enable", {})["status"] == "active"
        assert works(made["key"]) == 200
    world.admin("POST", f"/v1/api-keys/{made['id']}/delete")
    assert (works(made["key"]), world.manage("GET", f"/v1/api-keys/{made['id']}").status_code) == (401, 404)


def test_a_change_of_scope_is_obeyed_by_the_very_next_request(world, customer, model):
    someone = customer()
    assert someone.chat(model).status_code == 200
    world.admin("PATCH", f"/v1/api-keys/{someone.key_id}", {"scope": {"models": ["smollm2"]}})
    refused = someone.chat(model)
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "authorization_error")
    world.admin("PATCH", f"/v1/api-keys/{someone.key_id}", {"scope": {"models": ["smollm2", model]}})
    assert someone.chat(model).status_code == 200
    world.admin("PATCH", f"/v1/api-keys/{someone.key_id}", {"updateMask": "scope"})
    assert someone.chat(model).status_code == 200


def test_a_key_s_own_limit_applies_beside_its_tier_s(world, customer, model):
    someone = customer()
    world.admin("PATCH", f"/v1/api-keys/{someone.key_id}", {"limits": [{"metric": "requests", "amount": 2, "window": "1h"}]})
    assert [someone.chat(model).status_code for _ in range(3)] == [200, 200, 429]
    refused = someone.chat(model).json()["error"]
    assert refused["message"].endswith("per hour for your API key.")


def test_a_budget_once_spent_stays_spent(world, customer, model):
    someone = customer()
    price = {"input": 1_000_000, "output": 1_000_000}  # a dollar for a million: 7 micro-dollars an answer
    world.admin("PATCH", f"/v1/assets/models/{model}", {"pricing": price})
    world.admin("PATCH", f"/v1/api-keys/{someone.key_id}", {"budget": {"amount": 10, "period": "total"}})
    answers = [someone.chat(model) for _ in range(3)]
    someone.settled()
    refused = someone.chat(model)
    assert (answers[0].status_code, refused.status_code) == (200, 429)
    assert refused.json()["error"]["message"] == "Budget exceeded. You have spent the maximum amount allowed in total for your API key."
    assert "retry-after" not in refused.headers


def test_a_key_is_refused_from_elsewhere_whatever_the_client_claims(world, works):
    inside = world.admin("POST", "/v1/api-keys", {"name": "inside", "allowedIps": ["127.0.0.0/8", "::1/128"]})
    outside = world.admin("POST", "/v1/api-keys", {"name": "outside", "allowedIps": ["198.51.100.0/24"]})
    assert works(inside["key"]) == 200
    assert works(outside["key"]) == 403
    assert works(outside["key"], **{"x-forwarded-for": "198.51.100.7"}) == 403
    assert works(outside["key"], **{"x-envoy-external-address": "198.51.100.7", "forwarded": "for=198.51.100.7"}) == 403


def test_an_imported_key_goes_on_working_with_its_own_secret(world, works):
    foreign = f"sk-oai-{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(foreign.encode()).hexdigest()
    assert works(foreign) == 401
    order = {"keys": [{"sha256": digest, "shown": "sk-oai-", "name": "old", "username": "alice"}]}
    assert world.admin("POST", "/v1/api-keys/import", order | {"dryRun": True})["imported"] == 1
    assert works(foreign) == 401
    imported = world.admin("POST", "/v1/api-keys/import", order)
    assert (imported["imported"], imported["enforcement"]["enforced"], works(foreign)) == (1, True, 200)
    assert world.admin("POST", "/v1/api-keys/import", order)["known"] == 1
    world.admin("DELETE", f"/v1/api-keys/{imported['ids'][0]}")
    assert works(foreign) == 401


def test_a_person_s_keys_are_ended_together(world, works):
    name = f"leaver-{secrets.token_hex(4)}"
    keys = [world.admin("POST", "/v1/api-keys", {"name": f"k{number}", "username": name})["key"] for number in range(5)]
    counted = world.admin("POST", "/v1/api-keys/bulk-revoke", {"username": name, "dryRun": True})
    assert (counted["revokedCount"], counted["dryRun"], {works(key) for key in keys}) == (5, True, {200})
    ended = world.admin("POST", "/v1/api-keys/bulk-revoke", {"username": name})
    assert (ended["revokedCount"], ended["enforcement"]["enforced"], {works(key) for key in keys}) == (5, True, {401})
    others = world.manage("POST", "/v1/api-keys/bulk-revoke", {"username": name}, world.stack.token("alice"))
    assert others.status_code == 403


def test_last_use_is_shown_without_a_write_for_each_request(world, works):
    """authz tells at its pace, at most a minute late; a stop tells at once."""
    made = world.admin("POST", "/v1/api-keys", {"name": "used"})
    assert "lastUsedAt" not in {name for name, value in world.admin("GET", f"/v1/api-keys/{made['id']}").items() if value}
    assert works(made["key"]) == 200
    world.stack.restart("authz")
    assert world.admin("GET", f"/v1/api-keys/{made['id']}")["lastUsedAt"]


def test_a_playground_key_is_free_and_has_limits_of_its_own(world, model):
    token = world.stack.token("carol")
    made = world.manage("POST", "/v1/api-keys", {"name": "play", "kind": "playground"}, token).json()
    again = world.manage("POST", "/v1/api-keys", {"name": "play", "kind": "playground"}, token).json()
    assert (made["kind"], again["id"], again["key"]) == ("playground", made["id"], "")
    explained = world.manage("POST", "/v1/explain", {"keyId": made["id"], "model": model}, token).json()
    assert {limit["id"].partition("/")[0] for limit in explained["limits"]} == {"key"}
    world.manage("DELETE", f"/v1/api-keys/{made['id']}", token=token)
