"""A page on another origin may call both doors."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.envoy

PAGE = "https://page.example.org"
SENT = ["authorization", "x-api-key", "api-key", "content-type", "x-stainless-lang", "x-stainless-retry-count", "openai-beta"]
SHOWN = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-remaining-tokens", "retry-after", "x-request-id"]


def names(header):
    return [name.strip() for name in header.split(",")]


@pytest.mark.parametrize(("door", "path"), [("data", "/v1/chat/completions"), ("management", "/v1/api-keys")])
def test_a_preflight_needs_no_key(gateway, door, path):
    asked = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": ", ".join(SENT)}
    answer = getattr(gateway, door).options(path, headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert {"GET", "POST", "PATCH", "DELETE"} <= set(names(answer.headers["access-control-allow-methods"]))
    assert set(SENT) <= set(names(answer.headers["access-control-allow-headers"]))
    assert "access-control-allow-credentials" not in answer.headers
    assert gateway.services.checks.empty()


def test_a_page_may_read_the_answer_and_what_is_left(gateway):
    answer = gateway.post(origin=PAGE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert set(SHOWN) <= set(names(answer.headers["access-control-expose-headers"]))


def test_a_page_may_read_a_refusal(gateway):
    services = gateway.services
    services.check = lambda *_: services.refuse(401, "{}")
    answer = gateway.post(origin=PAGE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, PAGE)


def test_an_options_request_that_is_no_preflight_is_decided_like_any_other(gateway):
    gateway.data.options("/v1/chat/completions", headers={"origin": PAGE})
    assert gateway.services.checks.get(timeout=10).attributes.request.http.method == "OPTIONS"
