"""Whoever refuses on the data path, the answer is JSON in the one shape, and nothing behind the refusal is asked."""

from __future__ import annotations

import json
import shutil
import subprocess

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2

pytestmark = pytest.mark.envoy


def error_of(answer):
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def down(request, context):
    context.abort(grpc.StatusCode.UNAVAILABLE, "going down")


def test_what_authz_refuses_is_answered_in_its_words_and_not_counted(gateway):
    services = gateway.services
    body = '{"error":{"message":"Invalid or expired token","type":"authentication_error","code":401}}'
    services.check = lambda *_: services.refuse(401, body)
    answer = gateway.post()
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (401, body, "application/json")
    assert gateway.envoy.access(answer)["flags"] == "UAEX"
    assert not services.is_counted()
    assert gateway.model.calls.empty()


def test_nothing_passes_while_authz_is_down(gateway):
    gateway.services.check = down
    answer = gateway.post()
    assert answer.status_code == 503
    message = "Credentials cannot be checked right now. Try again shortly."
    assert error_of(answer) == {"message": message, "type": "server_error", "code": 503}
    assert not gateway.services.is_counted()
    assert gateway.model.calls.empty()


def test_what_ratelimit_refuses_is_answered_in_its_words_and_settled(gateway):
    over = rls_pb2.RateLimitResponse(overall_code=rls_pb2.RateLimitResponse.OVER_LIMIT, raw_body=b'{"error":{"code":429}}')
    over.response_headers_to_add.add(key="content-type", value="application/json")
    over.response_headers_to_add.add(key="retry-after", value="7")
    gateway.services.limit = lambda *_: over
    answer = gateway.post()
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (429, '{"error":{"code":429}}', "7")
    assert gateway.services.told("settle")["flags"] == "2048"
    assert gateway.model.calls.empty()


def test_the_headers_that_ratelimit_gives_reach_the_client(gateway):
    fine = rls_pb2.RateLimitResponse(overall_code=rls_pb2.RateLimitResponse.OK)
    fine.response_headers_to_add.add(key="x-ratelimit-remaining", value="4")
    gateway.services.limit = lambda *_: fine
    assert gateway.post().headers.get_list("x-ratelimit-remaining") == ["4"]


def test_nothing_passes_while_ratelimit_is_down(gateway):
    gateway.services.limit = down
    answer = gateway.post()
    assert answer.status_code == 503
    message = "Limits cannot be checked right now. Try again shortly."
    assert error_of(answer) == {"message": message, "type": "server_error", "code": 503}
    assert gateway.model.calls.empty()


def http1(gateway, body):
    answer = gateway.post(body)
    return answer.status_code, answer.text


def http2(gateway, body):
    command = ["curl", "-s", "--http2-prior-knowledge", "-w", "\n%{http_code}", "-H", "content-type: application/json"]
    command += ["--data-binary", "@-", f"{gateway.data.base_url}/v1/chat/completions"]
    text, code = subprocess.run(command, input=body, capture_output=True, check=True).stdout.decode().rsplit("\n", 1)
    return int(code), text


@pytest.mark.parametrize(
    "send", [http1, pytest.param(http2, marks=pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl, which speaks HTTP/2"))]
)
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(gateway, send):
    largest = b'{"a":"' + b"x" * (gateway.body_limit - 8) + b'"}'
    assert send(gateway, largest)[0] == 200
    gateway.services.reset()
    status, text = send(gateway, largest + b" ")
    message = f"The request's body is larger than {gateway.body_limit} bytes."
    assert (status, json.loads(text)) == (413, {"error": {"message": message, "type": "invalid_request_error", "code": 413}})
    assert gateway.services.checks.empty()


UNREACHABLE = {"message": "The model cannot be reached right now. Try again shortly.", "type": "server_error", "code": 503}
NOT_FOUND = {"message": "Not found", "type": "not_found_error", "code": 404}


@pytest.mark.parametrize(
    ("headers", "facts", "error"),
    [
        ({"x-maas-cluster": "asset.none"}, {}, UNREACHABLE),
        ({"x-maas-cluster": "asset.dead"}, {}, UNREACHABLE),
        ({"x-other": "x"}, {}, NOT_FOUND),
        ({"x-maas-cluster": "ratelimit.workload"}, {}, NOT_FOUND),
        ({"x-maas-cluster": "asset.m"}, {"rid": ""}, NOT_FOUND),
    ],
)
def test_a_request_whose_model_cannot_be_reached_is_answered_in_the_one_shape(gateway, headers, facts, error):
    services = gateway.services
    services.check = lambda *_: services.allow(headers, **facts)
    answer = gateway.post()
    assert (answer.status_code, error_of(answer)) == (error["code"], error)
    assert gateway.model.calls.empty()


def test_an_answer_that_is_no_http_is_answered_in_the_one_shape(gateway):
    gateway.model.headers = {"content-length": "x"}
    answer = gateway.post()
    assert error_of(answer) == {"message": "The model's answer cannot be read.", "type": "server_error", "code": 502}


@pytest.mark.parametrize(
    ("path", "headers", "status", "message"),
    [
        ("/llm/a%2fb/v1", {}, 400, "The request's path or headers are not valid here: no escaped slashes, no malformed escapes."),
        ("/v1", {"x": "y" * 100_000}, 431, "Request Header Fields Too Large"),
        ("/v1", {"connection": "upgrade", "upgrade": "websocket"}, 403, "Connections cannot be upgraded here."),
    ],
)
def test_what_is_no_request_for_this_gateway_is_answered_in_the_one_shape(gateway, path, headers, status, message):
    answer = gateway.data.get(path, headers=headers)
    assert answer.status_code == status
    assert error_of(answer) == {"message": message, "type": "invalid_request_error", "code": status}
    assert gateway.services.checks.empty()
