"""Teams through the gateway: their limits and budgets reach every key, their members come and go."""

from __future__ import annotations

import secrets

import pytest


@pytest.fixture
def team(world):
    name = f"team-{secrets.token_hex(4)}"
    answer = world.manage("POST", "/v2/teams", {"name": name, "owner_email": "bob@example.org"})
    assert answer.status_code == 201, answer.text
    yield answer.json()
    world.manage("DELETE", f"/v2/teams/{name}")


@pytest.fixture(autouse=True)
def _everybody_has_signed_in(world):
    for person in ("alice", "bob", "carol"):
        assert world.manage("GET", "/v2/users/me", token=world.stack.token(person)).json()["email"] == f"{person}@example.org"


def chat(world, key, model):
    body = {"model": model, "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 4}
    return world.gateway.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})


def test_a_team_s_limit_is_shared_by_its_keys_and_changes_at_once(world, team, model):
    world.admin("PATCH", f"/v2/teams/{team['id']}", {"limits": [{"metric": "requests", "amount": 3, "window": "1h"}]})
    bob = world.stack.token("bob")
    added = world.manage("POST", f"/v2/teams/{team['id']}/members", {"user_email": "alice@example.org", "role": "member"}, bob)
    assert {(member["username"], member["role"]) for member in added.json()["members"]} == {("bob", "owner"), ("alice", "member")}
    keys = []
    for person in ("bob", "alice"):
        answer = world.manage("POST", f"/v2/teams/{team['id']}/keys", {"alias": person, "models": [model]}, world.stack.token(person))
        assert answer.status_code == 201, answer.text
        keys.append(answer.json()["key"])
    assert [chat(world, keys[number % 2], model).status_code for number in range(4)] == [200, 200, 200, 429]
    world.admin("PATCH", f"/v2/teams/{team['id']}", {"limits": [{"metric": "requests", "amount": 5, "window": "1h"}]})
    assert [chat(world, keys[number % 2], model).status_code for number in range(3)] == [200, 200, 429]
    assert world.manage("PATCH", f"/v2/teams/{team['id']}", {"budget_usd": 100}, bob).status_code == 403


def test_who_leaves_a_team_leaves_their_keys_there_behind(world, team):
    bob, alice = world.stack.token("bob"), world.stack.token("alice")
    world.manage("POST", f"/v2/teams/{team['id']}/members", {"user_email": "alice@example.org"}, bob)
    key = world.manage("POST", f"/v2/teams/{team['id']}/keys", {"alias": "hers"}, alice).json()["key"]
    headers = {"authorization": f"Bearer {key}"}
    assert world.gateway.get("/v1/models", headers=headers).status_code == 200
    gone = world.manage("DELETE", f"/v2/teams/{team['id']}/members/alice@example.org", token=bob).json()
    assert gone["revoked_count"] == 1
    assert world.gateway.get("/v1/models", headers=headers).status_code == 401
    assert world.manage("GET", f"/v2/teams/{team['id']}", token=alice).status_code == 404
    assert world.manage("DELETE", f"/v2/teams/{team['id']}/members/bob@example.org", token=bob).status_code == 400


def test_a_removed_team_takes_its_keys_with_it(world, team):
    bob = world.stack.token("bob")
    made = world.manage("POST", f"/v2/teams/{team['id']}/keys", {"alias": "last", "budget_usd": 0.5}, bob).json()
    assert made["budget_usd"] == 0.5
    stopped = world.manage("PATCH", f"/v2/keys/{made['id']}", {"status": "disabled", "budget": 1.5}, bob).json()
    assert (stopped["status"], stopped["budget_usd"]) == ("disabled", 1.5)
    assert world.manage("PATCH", f"/v2/keys/{made['id']}", {"status": "active"}, bob).json()["status"] == "active"
    headers = {"authorization": f"Bearer {made['key']}"}
    assert world.gateway.get("/v1/models", headers=headers).status_code == 200
    assert world.admin("DELETE", f"/v2/teams/{team['id']}")["revoked_count"] == 1
    assert world.gateway.get("/v1/models", headers=headers).status_code == 401


def test_access_says_who_may_use_a_model_and_why(world):
    told = world.admin("GET", "/v1/access?model=smollm2-max")["access"]
    by_name = {each["username"]: each for each in told}
    assert (by_name["carol"]["allowed"], by_name["carol"]["group"]) == (True, "enterprise-users")
    assert by_name["alice"]["allowed"] is False
    assert by_name["alice"]["reason"]
    own = world.manage("GET", "/v1/access?model=smollm2-max", token=world.stack.token("alice")).json()["access"]
    assert {each["username"] for each in own} == {"alice"}
