"""What an application is told when it may not, must wait, or asked wrongly; Envoy's own errors included."""

from __future__ import annotations

import time

import pytest

QUESTION = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
JUNK = "sk-maas-000000000000_" + "0" * 43 + "000000"


def error_of(answer, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code"}
    assert error["code"] == status
    return error


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer junk"}, {"x-api-key": JUNK}, {"authorization": "Basic YTpi"}])
def test_no_key_and_junk_read_the_same(world, headers):
    error = error_of(world.gateway.post("/v1/chat/completions", json={"model": "smollm2"} | QUESTION, headers=headers), 401)
    assert error == {"message": "Invalid or expired token", "type": "authentication_error", "code": 401}


def test_a_revoked_key_reads_like_junk(world, customer):
    someone = customer()
    assert someone.chat().status_code == 200
    assert world.admin("DELETE", f"/v1/api-keys/{someone.key_id}")["status"] == "revoked"
    assert error_of(someone.chat(), 401) == {"message": "Invalid or expired token", "type": "authentication_error", "code": 401}


def test_an_expired_key_reads_like_junk(world, customer):
    someone = customer()
    made = world.admin(
        "POST", "/v1/api-keys", {"name": "short", "expiresIn": "1s", "username": someone.username, "groups": [someone.group]}
    )
    headers = {"authorization": f"Bearer {made['key']}"}
    deadline = time.monotonic() + 20
    while (answer := world.gateway.get("/v1/models", headers=headers)).status_code == 200:
        assert time.monotonic() < deadline, "the key never expired"
    assert error_of(answer, 401)["message"] == "Invalid or expired token"


def test_a_model_of_another_tier_is_refused(customer):
    error = error_of(customer().chat("smollm2-max"), 403)
    assert error["type"] == "authorization_error"
    assert error["message"] == "Access denied. Your tier does not have permission to access this model."


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/llm/nonsense/v1/chat/completions"])
def test_an_unknown_model_is_not_found(world, customer, path):
    answer = world.gateway.post(path, json={"model": "nonsense"} | QUESTION, headers=customer().headers)
    assert error_of(answer, 404) == {"message": "Model not found", "type": "not_found_error", "code": 404}


def test_unknown_paths_and_a_model_servers_own_endpoints_are_not_found(world, customer):
    headers = customer().headers
    for path in (
        "/",
        "/nonsense",
        "/llm/smollm2/slots",
        "/llm/smollm2/v1/../slots",
        "/llm/smollm2/metrics",
        "/maas.keys.v1.KeyLookupService/LookupApiKey",
    ):
        answer = world.gateway.request("GET", path, headers=headers)
        assert answer.status_code in {400, 404}, path
        error_of(answer, answer.status_code)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", ""),
        (b"[]", "object"),
        (b'{"model":"smollm2","model":"smollm2-max"}', "model"),
        (b'{"mod\\u0065l":"smollm2"}', ""),
        (b'{"model":1}', "model"),
        (b'{"messages":[]}', "model"),
        (b"", ""),
    ],
)
def test_malformed_requests_are_refused_with_the_reason(world, customer, body, reason):
    headers = customer().headers | {"content-type": "application/json"}
    error = error_of(world.gateway.post("/v1/chat/completions", content=body, headers=headers), 400)
    assert error["type"] == "invalid_request_error"
    assert reason in error["message"]


def test_a_body_that_is_too_large_is_refused(world, customer):
    body = b'{"model":"smollm2","messages":[{"role":"user","content":"' + b"x" * 40_000_000 + b'"}]}'
    headers = customer().headers | {"content-type": "application/json"}
    error = error_of(world.gateway.post("/v1/chat/completions", content=body, headers=headers), 413)
    assert error["type"] == "invalid_request_error"


def test_too_many_requests_name_the_window_and_when_to_come_back(customer):
    someone = customer([{"metric": "requests", "amount": 2, "window": "1m"}])
    answers = [someone.chat() for _ in range(5)]  # a minute may begin in between
    assert [a.status_code for a in answers[:2]] == [200, 200]
    refused = next(a for a in answers if a.status_code == 429)
    error = error_of(refused, 429)
    assert error["type"] == "rate_limit_error"
    assert error["message"] == "Rate limit exceeded. You have exceeded the maximum number of requests per minute for your tier."
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-remaining"] == "0"


def test_too_many_tokens_name_the_window(customer):
    someone = customer([{"metric": "total_tokens", "amount": 10, "window": "1d"}])
    assert someone.chat().status_code == 200
    error = error_of(someone.chat(), 429)
    assert error["type"] == "quota_error"
    assert error["message"] == "Token quota exceeded. You have consumed the maximum number of tokens allowed per day for your tier."


def test_after_retry_after_the_call_passes(customer):
    someone = customer([{"metric": "requests", "amount": 1, "window": "3s"}])
    while (refused := someone.chat()).status_code == 200:
        pass
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 3
    resume = time.monotonic() + wait
    while time.monotonic() < resume:
        someone.world.gateway.get("/v1/models", headers=someone.headers)  # spends nothing
    assert someone.chat().status_code == 200


def test_a_refused_request_is_not_counted(customer):
    someone = customer([{"metric": "requests", "amount": 1, "window": "1d"}, {"metric": "total_tokens", "amount": 100_000, "window": "1d"}])
    used = someone.chat().json()["usage"]["total_tokens"]
    for _ in range(3):
        assert someone.chat().status_code == 429
    assert someone.used() == {"requests": 1, "total_tokens": used}


def test_a_browser_on_another_origin_may_call(world, customer):
    asking = {"origin": "https://app.example", "access-control-request-method": "POST"}
    preflight = world.gateway.options(
        "/v1/chat/completions", headers=asking | {"access-control-request-headers": "authorization,content-type"}
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] in {"*", "https://app.example"}
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    someone = customer()
    answer = world.gateway.post(
        "/v1/chat/completions", json={"model": "smollm2"} | QUESTION, headers=someone.headers | {"origin": "https://app.example"}
    )
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert all(name in exposed for name in ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"))
    refused = world.gateway.post("/v1/chat/completions", json=QUESTION, headers={"origin": "https://app.example"})
    assert refused.headers["access-control-allow-origin"] in {"*", "https://app.example"}
