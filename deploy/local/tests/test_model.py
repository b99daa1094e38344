from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from maas_local.model import MODEL_NAME

pytestmark = pytest.mark.model

QUESTION = {"model": MODEL_NAME, "messages": [{"role": "user", "content": "Count from one to five."}], "max_tokens": 12, "temperature": 0}
ENDLESS = QUESTION | {"stream": True, "max_tokens": 3000, "ignore_eos": True}
LISTENING = "listening on "


@contextmanager
def running_model(port: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [str(Path(sys.executable).with_name("maas-local")), "model"]
    environment = dict(os.environ) | {"MAAS_LOCAL_MODEL_PORT": str(port)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield next(line.partition(LISTENING)[2].strip() for line in process.stdout if LISTENING in line), process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def model(free_port) -> Iterator[str]:
    with running_model(free_port()) as (url, _):
        yield url


def events(answer: httpx.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in answer.iter_lines() if line]


def test_a_whole_answer_says_what_it_used(model):
    answer = httpx.post(f"{model}/v1/chat/completions", json=QUESTION, timeout=60).json()
    assert answer["choices"][0]["message"]["content"]
    usage = answer["usage"]
    assert 0 < usage["completion_tokens"] <= 12
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_streamed_answer_ends_with_what_it_used_when_asked(model):
    asked = QUESTION | {"stream": True, "stream_options": {"include_usage": True}}
    with httpx.stream("POST", f"{model}/v1/chat/completions", json=asked, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        *chunks, last, done = events(answer)
    assert done == "[DONE]"
    assert (json.loads(last)["choices"], json.loads(last)["usage"]["completion_tokens"] > 0) == ([], True)
    assert len(chunks) > 2


def test_a_streamed_answer_keeps_its_use_to_itself_when_not_asked(model):
    with httpx.stream("POST", f"{model}/v1/chat/completions", json=QUESTION | {"stream": True}, timeout=60) as answer:
        assert not any("usage" in json.loads(event) for event in events(answer) if event != "[DONE]")


def test_the_model_is_listed_under_its_name(model):
    assert [entry["id"] for entry in httpx.get(f"{model}/v1/models").json()["data"]] == [MODEL_NAME]


def test_it_says_when_it_is_ready(model):
    assert httpx.get(f"{model}/health").json() == {"status": "ok"}


def test_told_to_stop_it_finishes_what_it_answers(free_port):
    with running_model(free_port()) as (url, process):
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=QUESTION | {"stream": True}, timeout=60) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("data: ")
            process.send_signal(signal.SIGTERM)
            assert [line for line in lines if line][-1] == "data: [DONE]"
        assert process.wait(timeout=20) == 0


def test_told_to_stop_it_does_not_wait_for_an_endless_answer(free_port):
    with running_model(free_port()) as (url, process):
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=ENDLESS, timeout=60) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("data: ")
            process.send_signal(signal.SIGTERM)
            with pytest.raises(httpx.RemoteProtocolError):
                list(lines)
        assert process.wait(timeout=20) == 0
