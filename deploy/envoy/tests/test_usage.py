"""usage.lua finds what a model reports, however the answer is cut, and takes nothing else for it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CHAT = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "prompt_tokens_details": {"cached_tokens": 4}}
CHAT_COUNTS = {"input": "11", "output": "7", "total": "18", "cached": "4"}
RESPONSES = {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7, "total_tokens": 18}
FAKE = {"prompt_tokens": 666, "completion_tokens": 666, "total_tokens": 666, "input_tokens": 666, "output_tokens": 666}
LOOKALIKE = json.dumps({"usage": FAKE})
"""Text that reads like a report."""


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n\n" for event in events)


def chunk(content: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [] if content is None else [{"index": 0, "delta": {"content": content}, "finish_reason": None}]
    return {"id": "c", "object": "chat.completion.chunk", "choices": choices, **more}


CHAT_STREAM = sse(chunk("Hello", usage=None), chunk(LOOKALIKE, usage=None), chunk(usage=CHAT), b"[DONE]")
MESSAGES_STREAM = b"".join(
    b"event: " + event["type"].encode() + b"\n" + sse(event)
    for event in [
        {
            "type": "message_start",
            "message": {"content": [], "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}},
        },
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": LOOKALIKE}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "usage": FAKE}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
)
RESPONSES_STREAM = sse(
    {"type": "response.created", "response": {"output": [], "usage": None}},
    {"type": "response.output_text.delta", "delta": LOOKALIKE},
    {
        "type": "response.completed",
        "response": {"output": [{"text": LOOKALIKE, "usage": FAKE}], "usage": RESPONSES, "metadata": {"usage": FAKE}},
    },
)
STREAMS = {
    "chat": (CHAT_STREAM, CHAT_COUNTS | {"events": "4"}),
    "messages": (MESSAGES_STREAM, {"input": "13", "cached": "4", "output": "7", "events": "5"}),
    "responses": (RESPONSES_STREAM, CHAT_COUNTS | {"events": "3"}),
    "crlf": (CHAT_STREAM.replace(b"\n", b"\r\n"), CHAT_COUNTS | {"events": "4"}),
    "comments": (b': say "{\n\n' + CHAT_STREAM.replace(b"\n\n", b'\n: "{[\n\n'), CHAT_COUNTS | {"events": "4"}),
    "pretty": (b'data: {\ndata:  "usage":\ndata: ' + json.dumps(CHAT).encode() + b"\ndata: }\n\n", CHAT_COUNTS | {"events": "4"}),
    "broken event": (b'data: {"choices":[{"text":"\n\n' + CHAT_STREAM, CHAT_COUNTS | {"events": "5"}),
    "broken event, crlf": ((b'data: {"choices":[{"text":"\n\n' + CHAT_STREAM).replace(b"\n", b"\r\n"), CHAT_COUNTS | {"events": "5"}),
    "no last line end": (CHAT_STREAM.removesuffix(b"data: [DONE]\n\n").rstrip(), CHAT_COUNTS | {"events": "3"}),
}
WHOLE = {
    "chat": ({"id": "c", "choices": [{"message": {"content": LOOKALIKE}}], "usage": CHAT}, CHAT_COUNTS),
    "usage first": ({"usage": CHAT, "choices": [{"message": {"content": LOOKALIKE, "usage": FAKE}}]}, CHAT_COUNTS),
    "responses": ({"object": "response", "output": [{"usage": FAKE}], "usage": RESPONSES}, CHAT_COUNTS),
    "messages": (
        {
            "content": [{"type": "tool_use", "input": {"usage": FAKE}}],
            "usage": {"input_tokens": 9, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 4, "output_tokens": 7},
        },
        {"input": "113", "output": "7", "cached": "4"},
    ),
    "embeddings": ({"data": [{"embedding": [0.5, -1e-3]}], "usage": {"prompt_tokens": 8, "total_tokens": 8}}, {"input": "8", "total": "8"}),
    "no details": ({"usage": CHAT | {"prompt_tokens_details": None}}, {"input": "11", "output": "7", "total": "18"}),
    "numbers that are none": ({"usage": {"prompt_tokens": -1, "completion_tokens": 1.5, "total_tokens": "9"}}, {}),
    "null": ({"usage": None, "choices": []}, {}),
    "a name as a value": ({"kind": "usage", "other": FAKE}, {}),
    "in a list": (["usage", FAKE, {"usage": FAKE}], {}),
    "names in a list": ({"response": ["usage", FAKE]}, {}),
    "somewhere else": ({"result": {"usage": FAKE}, "choices": [{"usage": FAKE}], "response": {"x": {"usage": FAKE}}}, {}),
    "backslashes": ({"a\\": "\\", "b": '\\"usage":{', "usage": CHAT}, CHAT_COUNTS),
    "a long name": ({"usage" * 9: FAKE, "usage": CHAT}, CHAT_COUNTS),
    "too large": ({"usage": CHAT | {"x": "y" * 20_000}}, {}),
}


def cut(text: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[first:last] for first, last in pairwise(bounds) if first < last]


CUTS = st.lists(st.integers(0, 100_000), max_size=8)


@pytest.mark.parametrize("name", STREAMS)
def test_a_streamed_report_is_found_byte_by_byte(lua_usage, name):
    text, expected = STREAMS[name]
    assert lua_usage.read([bytes([byte]) for byte in text], stream=True) == expected


@EXAMPLES
@given(st.sampled_from(sorted(STREAMS)), CUTS)
def test_a_streamed_report_is_found_however_it_is_cut(lua_usage, name, places):
    text, expected = STREAMS[name]
    assert lua_usage.read(cut(text, places), stream=True) == expected


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_s_report_is_found_byte_by_byte(lua_usage, name, indent):
    value, expected = WHOLE[name]
    text = json.dumps(value, indent=indent).encode()
    assert lua_usage.read([bytes([byte]) for byte in text], stream=False) == expected


@EXAMPLES
@given(st.sampled_from(sorted(WHOLE)), CUTS)
def test_a_whole_answer_s_report_is_found_however_it_is_cut(lua_usage, name, places):
    value, expected = WHOLE[name]
    assert lua_usage.read(cut(json.dumps(value).encode(), places), stream=False) == expected


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([LOOKALIKE, "usage", '\\"usage":', "\\"])
NAMES = st.sampled_from(["usage", "choices", "response", "message", "a"]) | st.text(max_size=5)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8)


def reported(document: dict[str, Any]) -> dict[str, str]:
    """The total that a parser would find in the places where APIs report it; documents are written in this order."""
    found = {}
    for name, value in document.items():
        places = {"usage": value} if name == "usage" else value if name in {"response", "message"} and isinstance(value, dict) else {}
        usage = places.get("usage")
        if isinstance(usage, dict) and isinstance(usage.get("total_tokens"), int):
            found["total"] = str(usage["total_tokens"])
    return found


REPORTS = st.fixed_dictionaries({"total_tokens": st.integers(0, 10**9)})


@EXAMPLES
@given(st.dictionaries(NAMES, VALUES | REPORTS | st.fixed_dictionaries({"x": VALUES, "usage": REPORTS}), max_size=6), CUTS, st.booleans())
def test_what_a_parser_finds_is_found_and_nothing_else(lua_usage, document, places, ascii_only):
    text = json.dumps(document, ensure_ascii=ascii_only).encode()
    assert lua_usage.read(cut(text, places), stream=False) == reported(document)


def test_a_report_at_the_end_of_megabytes_is_found(lua_usage):
    text = json.dumps({"choices": [{"message": {"content": (LOOKALIKE + '\\" {[' + "x" * 1000) * 2700}}], "usage": CHAT}).encode()
    assert len(text) > 3_000_000
    assert lua_usage.read([text[at : at + 16_384] for at in range(0, len(text), 16_384)], stream=False) == CHAT_COUNTS


def test_an_aborted_anthropic_stream_leaves_the_output_to_the_estimate(lua_usage):
    begun = MESSAGES_STREAM[: MESSAGES_STREAM.index(b"event: message_delta")]
    assert lua_usage.read([begun], stream=True) == {"input": "13", "cached": "4", "events": "3"}


def test_each_piece_tells_only_what_is_new(lua_usage):
    pieces = [sse(chunk("a")), b": ping\n\n", sse(chunk(usage=CHAT))]
    feed = lua_usage._usage.reader(True)  # noqa: FBT003 - Lua has no named arguments
    assert [dict(feed(piece.decode())) for piece in pieces] == [{"events": "1"}, {}, {"events": "2"} | CHAT_COUNTS]


@EXAMPLES
@given(CUTS)
def test_a_report_that_nobody_asked_for_is_taken_out_however_it_is_cut(lua_usage, places):
    wanted = sse(chunk("Hello", usage=None), chunk(LOOKALIKE, usage=None), b"[DONE]")
    assert b"".join(lua_usage.without_report(cut(CHAT_STREAM, places))) == wanted


OTHER_STREAMS = {
    "messages": MESSAGES_STREAM,
    "responses": RESPONSES_STREAM,
    "no usage": sse(chunk("a"), chunk(), b"[DONE]"),
    "usage with choices": sse(chunk("a", usage=CHAT), b"[DONE]"),
    "an error at the end, unfinished": sse(chunk("a")) + b'data: {"error": {"message": "out of memory"}}',
    "usage with choices that hold none": sse({"choices": [{"delta": {"choices": []}}], "usage": CHAT}, b"[DONE]"),
    "filter results": sse(chunk(usage=None, prompt_filter_results=[]), chunk("a")),
    "not JSON": b"data: {choices:[]}\n\n" + sse(b"{}"),
    "large": sse(chunk("x" * 40_000), chunk("y" * 10)),
    "crlf": sse(chunk("a"), b"[DONE]").replace(b"\n", b"\r\n"),
    "other line ends": sse(chunk("a")).replace(b"\n", b"\r"),
}


@EXAMPLES
@given(st.sampled_from(sorted(OTHER_STREAMS)), CUTS)
def test_every_other_event_passes_unchanged(lua_usage, name, places):
    assert b"".join(lua_usage.without_report(cut(OTHER_STREAMS[name], places))) == OTHER_STREAMS[name]


def test_a_complete_event_is_not_held_back(lua_usage):
    events = [sse(chunk("a")), sse(chunk("b")), sse(b"[DONE]")]
    assert lua_usage.without_report(events) == [*events, b""]
