"""request.lua: what a decision learns of a body, and which bodies are refused because a server could read them differently."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = {"content-type": "application/json"}
READ = ("model", "stream", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "stream_options")


def told(request_filter, body, headers=JSON, method="POST"):
    passed = request_filter.request({":method": method, **headers}, body)
    assert passed.body == (body or b"")
    return passed.metadata.get("maas.request", {})


def test_the_fields_of_a_request_are_read(request_filter):
    body = b"""{
      "messages": [{"role": "user", "content": "\\"model\\": \\"other\\" }{][", "max_tokens": 9}], "model" : "smol",
      "stream":true, "max_tokens": 100 ,"max_completion_tokens":0,"max_output_tokens":7, "n":2, "best_of":3, "n_cmpl":4, "n_predict":-1,
      "prompt": ["a", [5, 6], "b"],
      "stream_options": { "include_usage" : false }, "seed": 9007199254740993
    }"""
    assert told(request_filter, body) == {
        "bytes": str(len(body)),
        "model": "smol",
        "stream": "true",
        "max_tokens": "100",
        "max_completion_tokens": "0",
        "max_output_tokens": "7",
        "n": "2",
        "best_of": "3",
        "n_cmpl": "4",
        "n_predict": "-1",
        "prompts": "3",
        "stream_options": '{ "include_usage" : false }',
    }


def test_a_field_that_is_null_counts_as_not_given(request_filter):
    body = b'{"model":"m","stream":null,"max_tokens":null,"n":null,"stream_options":null}'
    assert told(request_filter, body) == {"bytes": str(len(body)), "model": "m"}


@pytest.mark.parametrize("prompt", [b'"a"', b"[]", b'["a"]', b"[1,2]", b"[[1,2]]", b"null", b'{"a":1}', b"5", b'"' + b"x" * 2000 + b'"'])
def test_one_prompt_is_not_told_about(request_filter, prompt):
    body = b'{"prompt":' + prompt + b"}"
    assert told(request_filter, body) == {"bytes": str(len(body))}


def test_a_body_without_any_of_the_fields_tells_its_size(request_filter):
    assert told(request_filter, b"{}") == {"bytes": "2"}


NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
OTHERS = st.dictionaries(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters='"\\'), max_size=8).map("x".__add__), st.text()
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "model": NAMES,
        "stream": st.booleans(),
        "max_tokens": st.integers(0, 10**15 - 1),
        "n": st.integers(0, 9),
        "stream_options": st.dictionaries(st.sampled_from(["include_usage", "include_obfuscation"]), st.booleans()),
    },
)


@EXAMPLES
@given(FIELDS, OTHERS, st.booleans())
def test_what_a_parser_reads_is_what_is_told(request_filter, fields, others, ascii_only):
    body = json.dumps(others | fields, ensure_ascii=ascii_only).encode()
    facts = told(request_filter, body)
    assert facts.pop("bytes") == str(len(body))
    assert {name: value if name == "model" else json.loads(value) for name, value in facts.items()} == fields


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is empty; send a JSON object"),
        (None, "the body is empty; send a JSON object"),
        (b"[1]", "the body is not a JSON object"),
        (b'{"model":"a"} {"model":"b"}', "the JSON object ends at byte 13, but more follows it"),
        (b'{"model":"a","model":"b"}', 'the field "model" is there twice; send it once'),
        (b'{"model":"a","x":1,"x":2}', 'the field "x" is there twice; send it once'),
        (b'{"model":"a","\\u006dodel":"b"}', 'the field name "\\u006dodel" is written with an escape; write it plainly'),
        (b'{"Model":"a"}', 'the field "model" must be written in lower-case ASCII letters'),
        (b'{"model":"a","MODEL":"b"}', 'the field "model" must be written in lower-case ASCII letters'),
        ('{"model":"a","\u017ftream":true}'.encode(), 'the field "stream" must be written in lower-case ASCII letters'),
        ('{"max_to\u212aens":1}'.encode(), 'the field "max_tokens" must be written in lower-case ASCII letters'),
        *(
            (b'{"model":' + value + b"}", 'the field "model" must be the name of a model: a string of printable ASCII characters')
            for value in [
                b"5",
                b"null",
                b"[]",
                b'{"a":1}',
                b'""',
                b'"\\u0000"',
                b'"a\\nb"',
                b'"a\tb"',
                b'"\xc3\xa9"',
                b'"\\u00e9"',
                b'"\xff"',
            ]
        ),
        (b'{"model":"' + b"m" * 1023 + b'"}', 'the field "model" is longer than 1024 bytes'),
        *((b'{"stream":' + value + b"}", 'the field "stream" must be true or false') for value in [b'"true"', b"1", b"0", b"[]"]),
        *(
            (b'{"%s":%s}' % (name, value), f'the field "{name.decode()}" must be a whole number, 0 or more')
            for name in [b"max_tokens", b"max_completion_tokens", b"max_output_tokens", b"n", b"best_of", b"n_cmpl"]
            for value in [b'"9"', b"-1", b"1.0", b"1e3", b"true", b"[]", b"9999999999999999"]
        ),
        *((b'{"n_predict":' + value + b"}", 'the field "n_predict" must be a whole number') for value in [b'"9"', b"1.0", b"true"]),
        (b'{"Prompt":"a"}', 'the field "prompt" must be written in lower-case ASCII letters'),
        *((b'{"stream_options":' + value + b"}", 'the field "stream_options" must be an object') for value in [b"true", b"[]", b'"a"']),
        (b'{"stream_options":{"a":"\xff"}}', 'the field "stream_options" must be printable ASCII'),
        (
            b'{"stream_options":{"include_usage":true,"include_usage":false}}',
            'the field "stream_options" is not clear: the field "include_usage" is there twice; send it once',
        ),
    ],
)
def test_a_body_that_could_be_read_in_two_ways_is_refused_with_the_reason(request_filter, body, reason):
    assert told(request_filter, body) == {"malformed": reason}


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON", " application/json ; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_is_read_however_it_is_declared(request_filter, kind):
    assert told(request_filter, b'{"n":1}', {"content-type": kind}) == {"bytes": "7", "n": "1"}


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (None, "none"),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("application/jsonl", "application/jsonl"),
        ("application/json,text/plain", "application/json,text/plain"),
        ("application/json , text/plain", "application/json , text/plain"),
        ("multipart/form-data; boundary=x", "multipart/form-data; boundary=x"),
        ("text/\x80\x00plain", "text/??plain"),
        ("a" * 500, "a" * 128),
    ],
)
def test_another_kind_of_body_is_not_read_but_named(request_filter, kind, named):
    headers = {} if kind is None else {"content-type": kind}
    assert told(request_filter, b'{"model":"m"}', headers) == {"content_type": named}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"content-encoding": "gzip"}, "the body is compressed (content-encoding); send it as it is"),
        ({"content-type": "application/json; charset=utf-16"}, "the body has another charset than utf-8; send utf-8"),
        ({"content-type": "application/json; Charset = 'utf-7'"}, "the body has another charset than utf-8; send utf-8"),
    ],
)
def test_a_body_in_another_coding_is_refused_with_the_reason(request_filter, headers, reason):
    assert told(request_filter, b"{}", JSON | headers) == {"malformed": reason}


def test_a_body_that_is_coded_as_itself_is_read(request_filter):
    assert told(request_filter, b"{}", JSON | {"content-encoding": "identity"}) == {"bytes": "2"}


@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_request_without_a_body_is_told_nothing_about(request_filter, headers):
    assert told(request_filter, None, headers, method="GET") == {}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_that_says_it_is_json_is_read_whatever_the_method(request_filter, method):
    assert told(request_filter, b'{"n":1}', method=method) == {"bytes": "7", "n": "1"}
