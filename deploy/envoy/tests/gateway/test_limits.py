"""What the rate limit service says beyond yes and no: to the model's server, to the body, to the client."""

from __future__ import annotations

import json

import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from google.protobuf import json_format

pytestmark = pytest.mark.envoy

JSON = {"content-type": "application/json", "authorization": "Bearer k"}
ERROR = b'{"error":{"message":"The request is too large.","type":"invalid_request_error","code":400}}'
LARGE = 100 * 1024
NONE_LEFT = "Token quota exceeded. You have consumed the maximum number of tokens allowed for your tier."


def answering(gateway, code, body=b"", headers=(), upstream=(), **facts):
    """Every admission is answered so; a settle as any."""
    answer = rls_pb2.RateLimitResponse(overall_code=code, raw_body=body)
    for name, value in headers:
        answer.response_headers_to_add.add(key=name, value=value)
    for name, value in upstream:
        answer.request_headers_to_add.add(key=name, value=value)
    json_format.ParseDict(facts, answer.dynamic_metadata)
    fine = rls_pb2.RateLimitResponse(overall_code=rls_pb2.RateLimitResponse.OK)
    gateway.services.limit = lambda entries, _: answer if entries["kind"] == "admit" else fine


def admitting(gateway, **answer):
    answering(gateway, rls_pb2.RateLimitResponse.OK, **answer)


def refusing(gateway, **answer):
    answering(gateway, rls_pb2.RateLimitResponse.OVER_LIMIT, **answer)


def bodies(size=0):
    """A body of at least so many bytes: what comes before the fields that matter, and after them."""
    return b'{"model":"m", "messages":[{"content":"' + b"x\\u00e9" * (size // 7 + 1) + b'"}], "seed" : 9007199254740993', b" } "


def in_pieces(body):
    for start in range(0, len(body), 8000):
        yield body[start : start + 8000]


def test_the_model_is_told_that_a_request_is_throttled(gateway):
    admitting(gateway, upstream=[("x-maas-throttled", "tier/free/tokens-1h")])
    assert gateway.post().status_code == 200
    assert gateway.model.call().headers["x-maas-throttled"] == "tier/free/tokens-1h"


def test_a_client_cannot_say_that_its_request_is_throttled(gateway):
    gateway.post(x_maas_throttled="forged")
    assert "x-maas-throttled" not in gateway.model.call().headers
    admitting(gateway, upstream=[("x-maas-throttled", "a")])
    gateway.post(x_maas_throttled="forged")
    assert gateway.model.call().headers["x-maas-throttled"] == "a"


@pytest.mark.parametrize("send", [(0, bytes), (LARGE, bytes), (LARGE, in_pieces)])
@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("/v1/chat/completions", b', "max_tokens" : 5000', b', "max_tokens" : 123'),
        ("/v1/chat/completions?a=1", b', "max_tokens" : 123', b', "max_tokens" : 123'),
        ("/v1/chat/completions", b', "max_tokens":5000, "max_completion_tokens":124', b', "max_tokens":123, "max_completion_tokens":123'),
        ("/v1/chat/completions", b', "max_completion_tokens":200, "n":2', b', "max_completion_tokens":61, "n":2'),
        ("/base/v1/completions?a=1", b', "max_tokens":9, "prompt":["a", [1]], "n":10', b', "max_tokens":6, "prompt":["a", [1]], "n":10'),
        ("/v1/responses", b', "max_output_tokens":200', b', "max_output_tokens":123'),
    ],
)
def test_the_cap_that_a_client_gave_is_lowered_to_what_was_reserved(gateway, path, before, after, send):
    admitting(gateway, max_output="123")
    gateway.services.check = lambda *_: gateway.services.allow({"x-maas-cluster": "asset.m", ":path": path})
    size, content = send
    first, last = bodies(size)
    assert gateway.data.post("/v1/chat/completions", content=content(first + before + last), headers=JSON).status_code == 200
    call = gateway.model.call()
    assert call.body == first + after + last
    assert call.headers.get("content-length", str(len(call.body))) == str(len(call.body))  # none: it came in chunks and needed no edit


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/chat/completions", b"max_tokens"), ("/v1/completions", b"max_tokens"), ("/v1/responses", b"max_output_tokens")],
)
@pytest.mark.parametrize("size", [0, LARGE])
def test_a_cap_is_put_into_a_body_without_one(gateway, path, field, size):
    admitting(gateway, max_output="123")
    gateway.services.check = lambda *_: gateway.services.allow({"x-maas-cluster": "asset.m", ":path": path}, set_model="up", add_usage="1")
    first, last = bodies(size)
    gateway.post(first + last, path=path)
    named = first.replace(b'"model":"m"', b'"model":"up"')
    expected = b'{"' + field + b'":123,"stream_options":{"include_usage":true},' + named.removeprefix(b"{") + last
    assert gateway.model.call().body == expected


def test_embeddings_need_no_cap(gateway):
    admitting(gateway, max_output="0")
    gateway.services.check = lambda *_: gateway.services.allow({"x-maas-cluster": "asset.m", ":path": "/v1/embeddings"})
    body = b'{"input":"a", "max_tokens":9}'
    gateway.post(body)
    assert gateway.model.call().body == body


@pytest.mark.parametrize("size", [0, LARGE])
def test_a_cap_that_leaves_no_token_for_each_choice_is_refused_and_nothing_is_charged(gateway, size):
    admitting(gateway, max_output="3", headers=[("x-ratelimit-remaining-tokens", "3")])
    first, last = bodies(size)
    answer = gateway.post(first + b', "n":4' + last)
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/json")
    assert answer.json() == {"error": {"message": NONE_LEFT, "type": "quota_error", "code": 429}}
    assert answer.headers.get_list("x-ratelimit-remaining-tokens") == ["3"]
    assert gateway.model.calls.empty()
    settle = gateway.services.told("settle")
    assert (settle["code"], settle["flags"], settle["total"]) == ("429", "0", "-")


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        (
            [{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}}],
            {"input": "9", "output": "2", "total": "-", "cached": "4"},
        ),
        (
            [
                {
                    "response": {
                        "usage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11, "input_tokens_details": {"cached_tokens": 4}}
                    }
                }
            ],
            {"input": "9", "output": "2", "total": "11", "cached": "4"},
        ),
        (
            [
                {
                    "message": {
                        "usage": {"input_tokens": 3, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 4, "output_tokens": 1}
                    }
                },
                {"usage": {"output_tokens": 2}},
            ],
            {"input": "9", "output": "2", "total": "-", "cached": "4"},  # Anthropic's input_tokens are those that no cache has to do with
        ),
    ],
)
def test_the_settle_has_the_price_and_what_was_read_from_a_cache(gateway, events, counts):
    gateway.services.check = lambda *_: gateway.services.allow(price="3000000/15000000/300000")
    gateway.model.stream(*[b"data: " + json.dumps(event).encode() + b"\n\n" for event in events])
    gateway.post()
    settle = gateway.services.told("settle")
    assert {name: settle[name] for name in counts} == counts
    assert settle["price"] == "3000000/15000000/300000"


def test_a_capped_stream_is_read_as_any_other(gateway):
    admitting(gateway, max_output="2")
    usage = b'{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
    stream = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: {"choices":[],"usage":' + usage + b"}\n\n"
    gateway.model.stream(stream[:30], stream[30:])
    assert gateway.post(b'{"model":"m","stream":true}').content == stream
    assert json.loads(gateway.model.call().body) == {"model": "m", "stream": True, "max_tokens": 2}
    settle = gateway.services.told("settle")
    assert (settle["total"], settle["events"]) == ("5", "2")


@pytest.mark.parametrize("size", [0, LARGE])
def test_a_request_that_can_never_fit_is_answered_with_the_status_that_ratelimit_names(gateway, size):
    refusing(gateway, body=ERROR, headers=[("content-type", "application/json"), ("x-ratelimit-limit", "9")], status="400")
    answer = gateway.post(b"".join(bodies(size)))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (400, ERROR, "application/json")
    assert answer.headers["x-ratelimit-limit"] == "9"
    assert not [name for name in answer.headers if name.startswith(("x-maas-", "x-envoy-")) or name == "retry-after"]
    assert gateway.model.calls.empty()
    line = gateway.envoy.access(answer)
    settle = gateway.services.told("settle")
    assert (line["status"], line["flags"], line["details"]) == (400, "RL", "request_rate_limited")
    assert (settle["code"], settle["flags"]) == ("400", "2048")


def test_a_model_cannot_change_the_status_of_its_own_answer(gateway):
    gateway.model.status = 429
    gateway.model.headers |= {"x-maas-status": "200", "retry-after": "3"}
    answer = gateway.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
