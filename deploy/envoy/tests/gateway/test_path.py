"""The data path in order: read, decide, count, edit, pass on, settle."""

from __future__ import annotations

import threading

import pytest

pytestmark = pytest.mark.envoy

FACTS = {"tenant": "default", "key": "k1", "user": "iss|sub", "team": "-", "tier": "free", "group": "g", "model": "m"}
ADMIT = FACTS | {"plan": "1", "price": "-", "bytes": "13", "max_out": "64"}
UNSEEN = {"input": "-", "output": "-", "total": "-", "cached": "-", "events": "0"}
USAGE = b'{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}'
CHUNK = b'data: {"choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n'
REPORT = b'data: {"choices":[],"usage":' + USAGE + b"}\n\n"
DONE = b"data: [DONE]\n\n"


def facts_of(check):
    """What Lua told authz."""
    return dict(check.attributes.metadata_context.filter_metadata["maas.request"].items())


def test_a_request_is_read_decided_counted_passed_on_and_settled(gateway):
    services = gateway.services
    services.check = lambda *_: services.allow(bytes="13", max_out="64")
    answer = gateway.post()
    assert (answer.status_code, answer.content) == (200, b"{}")
    check = services.checks.get(timeout=10)
    assert facts_of(check) == {"model": "m", "bytes": "13"}
    assert check.attributes.request.http.headers["authorization"] == "Bearer k"
    order = ["kind", "rid", *ADMIT, *UNSEEN, "response_bytes", "code", "flags"]
    admit, settle = services.told("admit"), services.told("settle")
    assert list(admit.items()) == [("kind", "admit"), ("rid", services.rid), *ADMIT.items()]
    assert settle == {"kind": "settle", "rid": services.rid, **ADMIT, **UNSEEN, "response_bytes": "2", "code": "200", "flags": "0"}
    assert list(settle) == order


def test_the_gateway_shows_its_credential_to_every_service_and_to_nobody_else(gateway):
    gateway.post(x_maas_workload="forged")
    gateway.management.get("/v1/assets/models", headers={"x-maas-workload": "forged"})
    assert gateway.services.metadata.get("x-maas-workload") is None
    credentials = gateway.services.credentials
    assert {method: credentials[method] for method in ["ADS", "Check", "ShouldRateLimit"]} == dict.fromkeys(
        ["ADS", "Check", "ShouldRateLimit"], gateway.secret
    )
    assert "x-maas-workload" not in gateway.model.call().headers


def test_nothing_shows_the_workload_credential(gateway):
    assert gateway.secret not in gateway.admin.get("/config_dump?include_eds").text
    assert gateway.secret not in "".join(gateway.envoy.log)


def test_the_model_gets_neither_the_caller_s_credential_nor_what_is_the_gateway_s(gateway):
    gateway.post(x_api_key="k", api_key="k", accept_encoding="gzip", x_maas_tier="gold", x_forwarded_for="192.0.2.1", x_request_id="mine")
    call = gateway.model.call()
    assert not {"authorization", "x-api-key", "api-key", "accept-encoding", "x-forwarded-for"} & call.headers.keys()
    assert not [name for name in call.headers if name.startswith(("x-maas-", "x-envoy-"))]
    assert call.headers["x-request-id"] not in {"", "mine"}


@pytest.mark.parametrize("name", ["x-maas-cluster", "X-Maas-Tenant", "x-maas-workload", "x-envoy-original-path", "x_maas_cluster"])
def test_a_forged_header_reaches_no_decision(gateway, name):
    gateway.data.post("/v1/chat/completions", json={}, headers={name: "asset.m"})
    assert name.lower() not in gateway.services.checks.get(timeout=10).attributes.request.http.headers


def test_a_client_cannot_make_the_gateway_repeat_a_request(gateway):
    gateway.model.status = 503
    assert gateway.post(x_envoy_retry_on="5xx", x_envoy_max_retries="3").status_code == 503
    gateway.model.call()
    assert gateway.model.calls.empty()


def test_a_body_reaches_the_model_byte_for_byte(gateway):
    body = b' {"seed" : 9007199254740993, "messages":[{"content":"\\u00e9\\/ {"}], "model":"m" } '
    gateway.post(body)
    assert gateway.model.call().body == body


def test_the_edits_that_authz_asked_for_are_made_and_no_other(gateway):
    services = gateway.services
    services.check = lambda *_: services.allow(set_model="up/m:1", add_usage="1")

    def pieces():
        yield b' {"seed" : 9007199254740993, "mod'
        yield b'el" : "m" } '

    gateway.data.post("/v1/chat/completions", content=pieces(), headers={"content-type": "application/json"})
    call = gateway.model.call()
    assert call.body == b' {"stream_options":{"include_usage":true},"seed" : 9007199254740993, "model" : "up/m:1" } '
    assert call.headers["content-length"] == str(len(call.body))


def test_authz_chooses_the_path_and_the_host_that_the_model_sees(gateway):
    services = gateway.services
    headers = {"x-maas-cluster": "asset.m", ":path": "/base/v1/chat/completions?a=1", ":authority": "models.example.org"}
    services.check = lambda *_: services.allow(headers)
    gateway.post(path="/llm/m/v1/chat/completions")
    call = gateway.model.call()
    assert (call.path, call.headers["host"]) == ("/base/v1/chat/completions?a=1", "models.example.org")


def test_the_use_of_a_whole_answer_is_settled(gateway):
    text = b'{"choices":[{"message":{"content":"' + b"x" * 3_000_000 + b'"}}],"usage":' + USAGE + b"}"
    gateway.model.pieces = [text[:40], text[40:-50], text[-50:]]
    assert gateway.post().content == text
    settle = gateway.services.told("settle")
    assert {name: settle[name] for name in UNSEEN} == {"input": "3", "output": "2", "total": "5", "cached": "1", "events": "0"}
    assert settle["response_bytes"] == str(len(text))


def test_the_use_of_a_stream_is_settled_and_its_report_passed_on(gateway):
    gateway.model.stream(CHUNK, CHUNK[:20], CHUNK[20:], REPORT[:50], REPORT[50:] + DONE)
    assert gateway.post().content == CHUNK + CHUNK + REPORT + DONE
    settle = gateway.services.told("settle")
    assert {name: settle[name] for name in UNSEEN} == {"input": "3", "output": "2", "total": "5", "cached": "1", "events": "4"}


def test_a_report_that_only_the_gateway_asked_for_is_not_passed_on(gateway):
    services = gateway.services
    services.check = lambda *_: services.allow(add_usage="1")
    gateway.model.stream(CHUNK, REPORT[:50], REPORT[50:] + DONE)
    assert gateway.post().content == CHUNK + DONE
    assert services.told("settle")["total"] == "5"


def test_a_stream_arrives_while_it_is_made_and_one_that_is_left_is_settled_by_what_was_sent(gateway):
    left = threading.Event()
    gateway.model.stream(CHUNK, CHUNK, left, CHUNK)
    with gateway.data.stream("POST", "/v1/chat/completions", json={"model": "m"}) as answer:
        received = b""
        for piece in answer.iter_raw():
            received += piece
            if len(received) == 2 * len(CHUNK):
                break
    settle = gateway.services.told("settle")
    left.set()
    assert (settle["code"], settle["flags"]) == ("200", "16384")  # DC: the client closed the connection
    assert (settle["events"], settle["total"]) == ("2", "-")


def test_what_an_upstream_says_of_itself_and_of_its_own_limits_is_not_passed_on(gateway):
    gateway.model.headers |= {"x-ratelimit-limit-tokens": "9", "access-control-allow-credentials": "true"}
    answer = gateway.post(origin="https://page.example.org")
    assert not {"server", "x-ratelimit-limit-tokens", "access-control-allow-credentials"} & answer.headers.keys()


def test_the_access_log_names_the_request_and_no_secret(gateway):
    gateway.model.pieces = [b'{"usage":' + USAGE + b"}"]
    answer = gateway.post(path="/v1/chat/completions?api_key=hidden", authorization="Bearer hidden")
    line = gateway.envoy.access(answer)
    expected = {"status": 200, "path": "/v1/chat/completions", "key_id": "k1", "tier": "free", "model": "m", "rid": gateway.services.rid}
    assert expected.items() <= line.items()
    assert {"input_tokens": "3", "output_tokens": "2", "total_tokens": "5", "cached_tokens": "1"}.items() <= line.items()
    assert "hidden" not in str(line)
