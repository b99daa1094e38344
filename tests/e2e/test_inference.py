"""What an application sees: models, completions, streams, rate headers."""

from __future__ import annotations

import json
import time

import httpx
import pytest


def events(answer: httpx.Response) -> list[dict]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def text_of(chunks: list[dict]) -> str:
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])


def test_the_model_list_is_that_of_the_callers_tier(stack, world):
    expected = {"alice": ["smollm2"], "bob": ["smollm2", "smollm2-pro"], "carol": ["smollm2", "smollm2-max", "smollm2-pro"]}
    for sample in stack.samples():
        answer = world.gateway.get("/v1/models", headers={"authorization": f"Bearer {sample.key.key}"})
        assert answer.status_code == 200
        body = answer.json()
        assert body["object"] == "list"
        assert [m["id"] for m in body["data"]] == expected[sample.person.name]
        for model in body["data"]:
            assert (model["object"], model["ready"], type(model["created"])) == ("model", True, int)
            assert model["owned_by"]


def test_listing_models_spends_nothing_and_works_when_the_quota_is_gone(world, customer):
    poor = customer([{"metric": "requests", "amount": 1, "window": "1h"}, {"metric": "total_tokens", "amount": 1, "window": "1h"}])
    assert poor.chat().status_code == 200
    assert poor.chat().status_code == 429
    before = poor.used()
    answer = world.gateway.get("/v1/models", headers=poor.headers)
    assert answer.status_code == 200
    assert "smollm2" in [m["id"] for m in answer.json()["data"]]
    assert poor.used() == before


def test_one_model_can_be_read_and_hidden_ones_can_not(world, customer):
    someone = customer()
    assert world.gateway.get("/v1/models/smollm2", headers=someone.headers).json()["id"] == "smollm2"
    for name in ("smollm2-max", "nonsense"):
        answer = world.gateway.get(f"/v1/models/{name}", headers=someone.headers)
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Model not found")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/llm/smollm2/v1/chat/completions"])
def test_a_real_completion_by_either_path(world, customer, path):
    someone = customer()
    body = {"model": "smollm2", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 24}
    answer = world.gateway.post(path, json=body, headers=someone.headers)
    assert answer.status_code == 200
    choice, usage = answer.json()["choices"][0], answer.json()["usage"]
    assert choice["message"]["content"].strip()
    assert choice["finish_reason"] in {"stop", "length"}
    assert someone.settled() == {"requests": 1, "total_tokens": usage["total_tokens"]}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_keys_come_in_the_headers_that_other_clients_use(world, customer, header):
    someone = customer()
    answer = world.gateway.get("/v1/models", headers={header: someone.key})
    assert answer.status_code == 200


@pytest.mark.parametrize("options", [None, {"include_usage": True}, {"include_usage": False}])
def test_a_stream_is_counted_to_the_token_with_and_without_stream_options(customer, options):
    someone = customer()
    whole = someone.chat().json()
    counted = someone.used()["total_tokens"]
    assert counted == whole["usage"]["total_tokens"]
    extra = {} if options is None else {"stream_options": options}
    answer = someone.chat(stream=True, **extra)
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = events(answer)
    assert text_of(chunks) == whole["choices"][0]["message"]["content"]
    if options == {"include_usage": True}:
        assert chunks[-1]["usage"]["total_tokens"] == whole["usage"]["total_tokens"]
    assert someone.settled()["total_tokens"] == 2 * whole["usage"]["total_tokens"]


def test_the_official_client_works_whole_and_streamed(stack, customer):
    from openai import OpenAI  # noqa: PLC0415 - two seconds that only this test should cost

    client = OpenAI(base_url=f"{stack.settings.gateway_url}/v1", api_key=customer().key)
    ask = {"model": "smollm2", "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 8, "temperature": 0}
    whole = client.chat.completions.create(**ask)
    streamed = "".join(c.choices[0].delta.content or "" for c in client.chat.completions.create(**ask, stream=True) if c.choices)
    assert streamed == whole.choices[0].message.content
    assert "smollm2" in [m.id for m in client.models.list()]


def test_a_client_that_hangs_up_mid_stream_is_still_counted(world, customer):
    someone = customer()
    body = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "Count to one thousand."}],
        "max_tokens": 400,
        "ignore_eos": True,
        "stream": True,
    }
    with world.gateway.stream("POST", "/v1/chat/completions", json=body, headers=someone.headers) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data: "))
        seen = [next(lines) for _ in range(10)]
    counted = someone.settled()
    assert counted["requests"] == 1
    assert len(seen) <= counted["total_tokens"] < 400


def test_rate_headers_stand_on_answers(customer):
    someone = customer([{"metric": "requests", "amount": 5, "window": "1h"}, {"metric": "total_tokens", "amount": 5000, "window": "1h"}])
    first, second = someone.chat(), someone.chat(stream=True)
    for answer, remaining in ((first, "4"), (second, "3")):
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("5", remaining)
        assert time.time() < int(answer.headers["x-ratelimit-reset"]) <= time.time() + 3600
    assert int(second.headers["x-ratelimit-remaining-tokens"]) < int(first.headers["x-ratelimit-remaining-tokens"]) < 5000
