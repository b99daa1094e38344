"""What a model server sees, and how what it answers is counted."""

from __future__ import annotations

import gzip
import json


def post(someone, model, body: bytes, **headers):
    sent = someone.headers | {"content-type": "application/json"} | headers
    return someone.world.gateway.post(f"/llm/{model}/v1/chat/completions", content=body, headers=sent)


def test_every_byte_reaches_the_model_but_the_edits_asked_for(customer, upstream, model):
    odd = (
        b'{ "z":9007199254740993, "messages":[{"content":"\\u00e9 \xc3\xa9 \\"model\\": {[","role":"user"}],\n\t"model" : "%s" ,"a":1e400}'
    )
    assert post(customer(), model, odd % model.encode()).status_code == 200
    path, _, body = upstream.last
    assert path == "/v1/chat/completions"
    assert body == odd % b"real-name"


def test_usage_is_asked_for_on_streams_and_nothing_else_changes(customer, upstream, model):
    def answer(handler, _body):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        for chunk in (
            '{"choices":[{"delta":{"content":"a"}}],"usage":null}',
            '{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}',
            "[DONE]",
        ):
            handler.wfile.write(f"data: {chunk}\n\n".encode())
        handler.close_connection = True

    upstream.answer = answer
    someone = customer()
    assert post(someone, model, b'{"model":"x","stream":true}').status_code == 200
    assert json.loads(upstream.last[2]) == {"model": "real-name", "stream": True, "stream_options": {"include_usage": True}}
    assert post(someone, model, b'{"model":"x","stream":true,"stream_options":{"include_usage":false,"k":1}}').status_code == 200
    assert json.loads(upstream.last[2])["stream_options"] == {"include_usage": True, "k": 1}
    assert someone.settled() == {"requests": 2, "total_tokens": 22}


def test_forged_headers_and_the_callers_key_never_reach_the_model(customer, upstream, model):
    someone = customer()
    forged = {"x-maas-cluster": "keys", "x-maas-tier": "enterprise", "X-MAAS-Workload": "x", "x-maas-anything": "x"}
    assert post(someone, model, b'{"model":"x"}', **forged).status_code == 200
    _, headers, _ = upstream.last
    assert "authorization" not in headers
    assert someone.key not in json.dumps(headers)
    for name in forged:
        assert headers.get(name.lower()) not in {"keys", "enterprise", "x"}


def test_forged_headers_change_no_decision(world, customer):
    someone = customer()
    forged = {"x-maas-cluster": "asset.smollm2-max", "x-maas-tier": "enterprise", "x-maas-tenant": "other"}
    assert [m["id"] for m in world.gateway.get("/v1/models", headers=someone.headers | forged).json()["data"]] == [
        m["id"] for m in world.gateway.get("/v1/models", headers=someone.headers).json()["data"]
    ]
    assert world.gateway.get("/nowhere", headers=someone.headers | forged).status_code == 404
    assert world.gateway.get("/v1/models", headers=forged).status_code == 401


def test_an_upstream_error_is_passed_on_and_costs_no_tokens(customer, upstream, model):
    upstream.answer = lambda handler, _body: upstream.send_json(handler, b'{"error":{"message":"overloaded"}}', 529)
    someone = customer()
    answer = post(someone, model, b'{"model":"x"}')
    assert (answer.status_code, answer.json()["error"]["message"]) == (529, "overloaded")
    assert someone.settled() == {"requests": 1, "total_tokens": 0}


def test_an_answer_without_usage_is_estimated(customer, upstream, model):
    silent = json.dumps({"choices": [{"message": {"content": "word " * 100}}]}).encode()
    upstream.answer = lambda handler, _body: upstream.send_json(handler, silent)
    someone = customer()
    assert post(someone, model, b'{"model":"x"}').status_code == 200
    assert someone.settled()["total_tokens"] > 20


def test_the_model_is_not_asked_for_a_compressed_answer(customer, upstream, model):
    def answer(handler, _body):
        body = b'{"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
        packed = "gzip" in (handler.headers.get("accept-encoding") or "")
        upstream.send_json(handler, gzip.compress(body) if packed else body)

    upstream.answer = answer
    someone = customer()
    assert post(someone, model, b'{"model":"x"}', **{"accept-encoding": "gzip"}).status_code == 200
    assert someone.settled()["total_tokens"] == 2


def test_a_model_that_is_gone_is_a_503_and_costs_nothing(world, customer):
    someone = customer()
    world.admin("POST", "/v1/assets/models", {"id": "gone", "url": "http://127.0.0.1:1/v1", "publishedTo": "all"})
    try:
        answer = someone.chat("gone")
        assert answer.status_code == 503
        assert answer.json()["error"]["type"] == "server_error"
        assert someone.settled()["total_tokens"] == 0
    finally:
        world.admin("DELETE", "/v1/assets/models/gone")
