"""upstream.lua: the edits that authz asked for and no other byte, and the token use of the answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SSE = {"content-type": "text/event-stream; charset=utf-8"}
USAGE = b'{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
CHUNK = b'data: {"choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n'
REPORT = b'data: {"choices":[],"usage":' + USAGE + b"}\n\n"
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("decided", "before", "after"),
    [
        (
            {"set_model": "up/m:1"},
            b' {"a":1, "model" :  "m" , "b":9007199254740993}',
            b' {"a":1, "model" :  "up/m:1" , "b":9007199254740993}',
        ),
        ({"set_model": "up"}, b'{"messages":[{"model":"m"}]}', b'{"model":"up","messages":[{"model":"m"}]}'),
        ({"set_model": "up"}, b"{ }", b'{"model":"up" }'),
        ({"set_model": 'a"b\\c'}, b'{"model":"m"}', b'{"model":"a\\u0022b\\u005cc"}'),
        ({"add_usage": "1"}, b'{"stream":true}', b'{"stream_options":{"include_usage":true},"stream":true}'),
        ({"add_usage": "1"}, b'{"stream_options":null}', b'{"stream_options":{"include_usage":true}}'),
        ({"add_usage": "1"}, b'{"stream_options":{ }}', b'{"stream_options":{"include_usage":true }}'),
        ({"add_usage": "1"}, b'{"stream_options":{"x":[1]}}', b'{"stream_options":{"include_usage":true,"x":[1]}}'),
        ({"add_usage": "1"}, b'{"stream_options":{"x":1,"include_usage": false }}', b'{"stream_options":{"x":1,"include_usage": true }}'),
        (
            {"set_model": "up", "add_usage": "1"},
            b'{"stream_options":{"include_usage":null},"z":"\\u00e9","model":"m"}',
            b'{"stream_options":{"include_usage":true},"z":"\\u00e9","model":"up"}',
        ),
        ({"set_model": "up", "add_usage": "1"}, b'{"z":1}', b'{"model":"up","stream_options":{"include_usage":true},"z":1}'),
    ],
)
def test_only_what_was_asked_for_is_changed(upstream_filter, decided, before, after):
    passed = upstream_filter.request({"content-length": "0"}, before, decided)
    assert (passed.body, passed.headers["content-length"]) == (after, str(len(after)))


@pytest.mark.parametrize("decided", [None, {}, {"rid": "1", "model": "m"}])
def test_a_body_that_needs_no_edit_is_not_touched(upstream_filter, decided):
    passed = upstream_filter.request({"content-length": "x"}, b'{"model":"m"}', decided)
    assert (passed.body, passed.headers["content-length"]) == (b'{"model":"m"}', "x")


def test_a_request_without_a_body_has_nothing_to_edit(upstream_filter):
    assert upstream_filter.request({}, None, {"set_model": "up"}).body == b""


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc", "Cs"]))


@EXAMPLES
@given(
    st.dictionaries(NAMES, st.none() | st.integers() | st.text() | st.lists(st.text(), max_size=3), max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_the_edited_body_says_the_same_but_for_the_edits(upstream_filter, others, has_model, has_options):
    given_fields = {"model": "m"} if has_model else {}
    given_fields |= {"stream_options": {"x": 1}} if has_options else {}
    body = json.dumps(others | given_fields, ensure_ascii=False).encode()
    passed = upstream_filter.request({}, body, {"set_model": "up", "add_usage": "1"})
    options = {"include_usage": True} | ({"x": 1} if has_options else {})
    assert json.loads(passed.body) == others | {"model": "up", "stream_options": options}


def test_the_use_that_an_answer_reports_is_told(upstream_filter):
    body = b'{"choices":[],"usage":' + USAGE + b"}"
    passed = upstream_filter.response({"content-type": "application/json"}, [body[:40], body[40:], b""])
    assert (passed.body, passed.metadata) == (body, {"maas.usage": {"input": "3", "output": "2", "total": "5"}})


def test_the_use_that_a_stream_reports_is_told_with_its_events(upstream_filter):
    passed = upstream_filter.response(SSE, [CHUNK, CHUNK, REPORT, DONE, b""])
    assert passed.body == CHUNK + CHUNK + REPORT + DONE
    assert passed.metadata == {"maas.usage": {"input": "3", "output": "2", "total": "5", "events": "4"}}


def test_a_report_that_the_client_did_not_ask_for_is_counted_but_not_passed_on(upstream_filter):
    passed = upstream_filter.response(SSE, [CHUNK, REPORT[:30], REPORT[30:] + DONE, b""], {"add_usage": "1"})
    assert passed.body == CHUNK + DONE
    assert passed.metadata["maas.usage"] == {"input": "3", "output": "2", "total": "5", "events": "3"}


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/html"}, {"content-type": "application/json", "content-encoding": "br"}])
def test_an_answer_that_cannot_hold_a_report_passes(upstream_filter, headers):
    passed = upstream_filter.response(headers, [b'{"usage":' + USAGE + b"}"])
    assert (passed.body, passed.metadata) == (b'{"usage":' + USAGE + b"}", {})


@pytest.mark.parametrize(
    ("status", "ratelimit", "expected"),
    [("429", {"status": "400"}, "400"), ("429", {}, "429"), ("429", None, "429"), ("200", {"status": "400"}, "200")],
)
def test_a_refusal_has_the_status_that_ratelimit_names(upstream_filter, status, ratelimit, expected):
    passed = upstream_filter.response({":status": status, "content-type": "application/json"}, [b"{}"], ratelimit=ratelimit)
    assert (passed.headers[":status"], passed.body) == (expected, b"{}")
